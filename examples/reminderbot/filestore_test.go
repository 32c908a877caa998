package main

import (
	"log/slog"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge"
	"github.com/followthrough-go/followthrough/insforge/embedded"
	"github.com/followthrough-go/followthrough/migrations"
)

// A store that gives up, as on a full disk, is opened again, with what it held.
func TestAStoreThatGaveUpIsOpenedAgain(t *testing.T) {
	t.Parallel()
	schema, err := embedded.ParseTables(migrations.Tables)
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "x.db")
	var latest *embedded.Store
	store, err := openFileStore(slog.New(slog.DiscardHandler), func() (*embedded.Store, error) {
		var err error
		latest, err = embedded.Open(file, schema)
		return latest, err
	})
	require.NoError(t, err)
	client, err := insforge.New("http://embedded", insforge.WithHTTPClient(&http.Client{Transport: store}), insforge.WithRetry(insforge.NoRetry()))
	require.NoError(t, err)
	add := func(name string) error {
		_, err := client.From("lead_registry").Insert(t.Context(), map[string]any{"telegram_id": 7, "prospect_name": name})
		return err
	}
	require.NoError(t, add("Jane"))
	first := latest
	require.NoError(t, first.Close())
	require.ErrorContains(t, add("lost"), embedded.ErrClosed.Error())
	require.Eventually(t, func() bool { return add("Joe") == nil }, patience, 100*time.Millisecond)
	require.NotSame(t, first, latest)
	leads, err := insforge.All[map[string]any](t.Context(), client.From("lead_registry"))
	require.NoError(t, err)
	require.Len(t, leads, 2)

	require.NoError(t, store.Close())
	time.Sleep(reopenEvery)
	require.Error(t, add("too late"))
	_, err = embedded.Open(file, schema)
	require.NoError(t, err, "what was closed for good stays closed")
}
