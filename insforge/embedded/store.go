package embedded

import (
	"net/http"
	"time"
)

const Memory = ":memory:"

type Schema struct{}

func ParseTables([]byte) (Schema, error) { return Schema{}, nil }

type Store struct{}

type Option func(*Store) error

func WithClock(now func() time.Time) Option { return func(*Store) error { return nil } }

func Open(path string, schema Schema, opts ...Option) (*Store, error) { return &Store{}, nil }

type HandlerOption func()

func WithAPIKey(key string) HandlerOption { return func() {} }

func (s *Store) Handler(d Dialect, opts ...HandlerOption) http.Handler {
	return http.NotFoundHandler()
}

func (s *Store) Transport(d Dialect) http.RoundTripper { return nil }

func (s *Store) Close() error { return nil }
