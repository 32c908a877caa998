package embedded_test

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/followthrough-go/followthrough/insforge/embedded"
)

var flips = flag.Int("flips", 300, "how many single bits TestAFlippedBitIsNoticed flips, one at a time")

// wholeFile is a file with branch pages, free pages, and two tables, one of
// them small enough to stand in its parent's page.
func wholeFile(t testing.TB) (content []byte, tables, rows string) {
	t.Helper()
	tables = strings.TrimSuffix(batchTables, "}") + `,"small":{"columns":[{"name":"id","type":"int","primary_key":true}],"rows":[{"id":1}]}}`
	path := filepath.Join(t.TempDir(), "whole.db")
	store, err := tryOpen(path, tables)
	require.NoError(t, err)
	for n := range 50 { // some of them stay in the log
		var body strings.Builder
		for i := range 25 {
			fmt.Fprintf(&body, `,{"batch":%d,"place":%d}`, n, i)
		}
		require.Equal(t, http.StatusCreated, do(store, http.MethodPost, "/batches", "["+body.String()[1:]+"]").Code)
	}
	require.Equal(t, http.StatusOK, do(store, http.MethodDelete, "/batches?batch=eq.3", "").Code)
	rows = allRows(store)
	require.NoError(t, store.Close())
	content, err = os.ReadFile(path)
	require.NoError(t, err)
	return content, tables, rows
}

func allRows(store *embedded.Store) string {
	return do(store, http.MethodGet, "/batches", "").Body.String() + do(store, http.MethodGet, "/small", "").Body.String()
}

// openDamaged opens a file that was tampered with. Either it is refused, left as
// it is, or nothing of what it held is missing.
func openDamaged(t *testing.T, path string, content []byte, tables, rows string) (refused bool) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, content, 0o600))
	store, err := tryOpen(path, tables)
	if err == nil {
		got := allRows(store)
		require.NoError(t, store.Close())
		require.Equal(t, rows, got)
		return false
	}
	require.ErrorIs(t, err, embedded.ErrForeignFile)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, content, after, "a refused file is left as it is")
	return true
}

// Half of the flips are among the first bytes of a page, where its structure is.
func TestAFlippedBitIsNoticed(t *testing.T) {
	t.Parallel()
	content, tables, rows := wholeFile(t)
	path := filepath.Join(t.TempDir(), "flipped.db")
	random := rand.New(rand.NewPCG(1, 2))
	pageSize := os.Getpagesize()
	refused := 0
	for n := range *flips {
		bit := random.IntN(8 * len(content))
		if n%2 == 0 {
			bit = 8*pageSize*random.IntN(len(content)/pageSize) + random.IntN(8*80)
		}
		bad := append([]byte(nil), content...)
		bad[bit/8] ^= 1 << (bit % 8)
		t.Logf("byte %d, bit %d", bit/8, bit%8) // shown if it fails
		if openDamaged(t, path, bad, tables, rows) {
			refused++
		}
	}
	require.Greater(t, refused, *flips/10, "the flips hit what matters")
}

// A page that a disk has lost, or put in the place of another, is noticed.
func TestALostPageIsNoticed(t *testing.T) {
	t.Parallel()
	content, tables, rows := wholeFile(t)
	path := filepath.Join(t.TempDir(), "lost.db")
	pageSize := os.Getpagesize()
	pages := len(content) / pageSize
	for lost := range pages {
		for _, other := range []int{-1, (lost*7 + 3) % pages} {
			bad := append([]byte(nil), content...)
			page := bad[lost*pageSize : (lost+1)*pageSize]
			if other < 0 {
				clear(page)
			} else {
				copy(page, content[other*pageSize:(other+1)*pageSize])
			}
			t.Logf("page %d in place of %d", other, lost)
			openDamaged(t, path, bad, tables, rows)
		}
	}
	for at := 0; at < len(content); at += 7 * pageSize / 2 {
		bad := content[:at]
		require.NoError(t, os.WriteFile(path, bad, 0o600))
		if at > 0 {
			t.Logf("cut at %d", at)
			openDamaged(t, path, bad, tables, rows)
		}
	}
}

// What is not a whole data file of ours is refused with the reason, and left as
// it is.
func TestOtherFilesAreRefused(t *testing.T) {
	t.Parallel()
	content, tables, _ := wholeFile(t)
	dir := t.TempDir()
	page := os.Getpagesize()
	beginning := filepath.Join(dir, "beginning.db")
	db, err := bbolt.Open(beginning, 0o600, nil)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	begun, err := os.ReadFile(beginning)
	require.NoError(t, err)
	zeroed := func(from, to int) []byte {
		out := append([]byte(nil), content...)
		clear(out[from:to])
		return out
	}
	edited := func(edit func(tx *bbolt.Tx) error) []byte {
		path := filepath.Join(dir, "edited.db")
		require.NoError(t, os.WriteFile(path, content, 0o600))
		db, err := bbolt.Open(path, 0o600, nil)
		require.NoError(t, err)
		require.NoError(t, db.Update(edit))
		require.NoError(t, db.Close())
		out, err := os.ReadFile(path)
		require.NoError(t, err)
		return out
	}
	for name, tt := range map[string]struct {
		content []byte
		want    string
	}{
		"text":                      {[]byte("Dear diary, today I did not write a database.\n"), "another format"},
		"long text":                 {[]byte(strings.Repeat("Dear diary, today I did not write a database.\n", 1000)), "another format"},
		"zeros":                     {make([]byte, 3*page), "interrupted"},
		"the first page of a start": {begun[:page], "interrupted"},
		"cut in half":               {content[:len(content)/2], "cut short"},
		"cut to one page":           {content[:page], "headers"},
		"both headers erased":       {zeroed(0, 2*page), "another format"},
		"the first header erased":   {zeroed(0, page), "headers"},
		"the second header erased":  {zeroed(page, 2*page), "headers"},
		"a later version": {edited(func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("followthrough")).Put([]byte("format"), []byte("3"))
		}), "newer version"},
		"emptied":           {edited(func(tx *bbolt.Tx) error { return emptied(tx) }), "another program"},
		"another program's": {edited(func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("followthrough")) }), "another program"},
		"a row added by hand": {edited(func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("rows")).Bucket([]byte("batches")).Put([]byte("12345678"), []byte("x"))
		}), "checksum"},
		"a table taken away": {edited(func(tx *bbolt.Tx) error { return tx.Bucket([]byte("rows")).DeleteBucket([]byte("batches")) }), "checksum"},
	} {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
		require.NoError(t, os.WriteFile(path, tt.content, 0o600))
		_, err := tryOpen(path, tables)
		require.ErrorIs(t, err, embedded.ErrForeignFile, name)
		require.ErrorContains(t, err, tt.want, name)
		require.ErrorContains(t, err, path, name)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, tt.content, after, "%s was changed", name)
	}
	_, err = tryOpen(dir, tables)
	require.ErrorIs(t, err, embedded.ErrForeignFile, "a directory")
	_, err = tryOpen(filepath.Join(dir, "no", "such", "directory.db"), tables)
	require.ErrorIs(t, err, os.ErrNotExist)
	for name, start := range map[string][]byte{"empty": nil, "begun": begun} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, start, 0o600))
		require.JSONEq(t, `[{"id":1}]`, do(openTables(t, path, tables), http.MethodGet, "/small", "").Body.String(), "%s counts as new", name)
	}
}

func emptied(tx *bbolt.Tx) error {
	return tx.ForEach(func(name []byte, _ *bbolt.Bucket) error { return tx.DeleteBucket(name) })
}

// A file of format 1, which had no checksum of the whole, is read, and is of
// format 2 from then on.
func TestTheFormerFormatIsRead(t *testing.T) {
	t.Parallel()
	content, tables, rows := wholeFile(t)
	path := filepath.Join(t.TempDir(), "former.db")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	change := func(format string, ready []byte) {
		db, err := bbolt.Open(path, 0o600, nil)
		require.NoError(t, err)
		require.NoError(t, db.Update(func(tx *bbolt.Tx) error {
			about := tx.Bucket([]byte("followthrough"))
			require.Equal(t, "2", string(about.Get([]byte("format"))))
			return errors.Join(about.Put([]byte("format"), []byte(format)), about.Delete([]byte("digest")), about.Put([]byte("ready"), ready))
		}))
		require.NoError(t, db.Close())
	}
	change("1", []byte{1})
	for range 2 {
		store, err := tryOpen(path, tables)
		require.NoError(t, err)
		require.Equal(t, rows, allRows(store))
		require.NoError(t, store.Close())
	}
	change("2", []byte{1})
	_, err := tryOpen(path, tables)
	require.ErrorIs(t, err, embedded.ErrForeignFile, "format 2 has a checksum")
}
