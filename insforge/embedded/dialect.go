package embedded

import "fmt"

// Dialect is the flavour of PostgREST that a handler speaks.
type Dialect int

const (
	// PostgREST is PostgREST 12 at the root of the URL.
	PostgREST Dialect = iota
	// InsForge is InsForge's proxy in front of PostgREST: tables under
	// /api/database/records, and its own bodies for what the proxy answers itself.
	InsForge
)

// String returns the name as it is written in configuration.
func (d Dialect) String() string {
	if d == InsForge {
		return "insforge"
	}
	return "postgrest"
}

// ParseDialect reads what [Dialect.String] writes.
func ParseDialect(name string) (Dialect, error) {
	switch name {
	case "postgrest":
		return PostgREST, nil
	case "insforge":
		return InsForge, nil
	}
	return 0, fmt.Errorf("unknown dialect %q: it is postgrest or insforge", name)
}
