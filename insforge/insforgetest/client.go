package insforgetest

import (
	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/embedded"
)

// Client returns a client of the server, with its key and dialect set. Options
// given here come after those and win; one that is refused fails the test.
func (s *Server) Client(opts ...insforge.Option) *insforge.Client {
	s.tb.Helper()
	dialect := insforge.PostgREST
	if s.Dialect == embedded.InsForge {
		dialect = insforge.InsForge
	}
	all := []insforge.Option{insforge.WithDialect(dialect)}
	if s.APIKey != "" {
		all = append(all, insforge.WithAPIKey(s.APIKey))
	}
	client, err := insforge.New(s.URL, append(all, opts...)...)
	if err != nil {
		s.tb.Fatalf("insforgetest: %v", err)
	}
	return client
}
