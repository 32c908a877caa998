package main

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/followthrough-go/followthrough/insforge/embedded"
)

// fileStore is the embedded store as the service's HTTP transport. A store that
// could not write to its file goes no further, since what it has in memory and
// what is in the file may differ; it is then opened again from the file, again
// and again until there is room on the disk.
type fileStore struct {
	open func() (*embedded.Store, error)
	log  *slog.Logger

	mu     sync.Mutex
	store  *embedded.Store
	inside http.RoundTripper
	opened time.Time
}

// reopenEvery is the least time between two attempts to open the file.
const reopenEvery = time.Second

func openFileStore(log *slog.Logger, open func() (*embedded.Store, error)) (*fileStore, error) {
	store, err := open()
	if err != nil {
		return nil, err
	}
	return &fileStore{open: open, log: log, store: store, inside: store.Transport(embedded.PostgREST), opened: time.Now()}, nil
}

// RoundTrip implements http.RoundTripper.
func (f *fileStore) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	store, inside := f.store, f.inside
	f.mu.Unlock()
	resp, err := inside.RoundTrip(r)
	if err == nil && resp.StatusCode == http.StatusServiceUnavailable && errors.Is(store.Err(), embedded.ErrClosed) {
		f.reopen(store)
	}
	return resp, err
}

// reopen puts the store anew from its file in the place of one that gave up.
func (f *fileStore) reopen(gaveUp *embedded.Store) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.store != gaveUp || f.open == nil || time.Since(f.opened) < reopenEvery {
		return
	}
	f.opened = time.Now()
	if err := gaveUp.Close(); err != nil {
		f.log.Debug("closing a store that gave up", "error", err)
	}
	store, err := f.open()
	if err != nil {
		f.log.Warn("the data file cannot be opened again for now", "error", err)
		return
	}
	f.log.Warn("writing to the data file failed; it was opened again, as it was before")
	f.store, f.inside = store, store.Transport(embedded.PostgREST)
}

// Close releases the file for good.
func (f *fileStore) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.open = nil
	return f.store.Close()
}
