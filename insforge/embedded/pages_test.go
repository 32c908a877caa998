package embedded

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"
)

// The elements of a leaf stand behind its headers, one after the other: else a
// change of one would be a change of another.
func TestElementsThatOverlapAreRefused(t *testing.T) {
	t.Parallel()
	const headers = pageHeader + 2*elementHeader
	type element struct{ at, key, value int }
	for name, tt := range map[string]struct {
		elements [2]element
		want     bool
	}{
		"one after the other":             {[2]element{{headers, 1, 2}, {headers + 3, 1, 2}}, true},
		"with a gap":                      {[2]element{{headers, 1, 1}, {headers + 3, 1, 2}}, true},
		"a value that reaches the next":   {[2]element{{headers, 1, 3}, {headers + 3, 1, 2}}, false},
		"a key in the value before":       {[2]element{{headers, 1, 5}, {headers + 3, 1, 2}}, false},
		"in the headers":                  {[2]element{{pageHeader + elementHeader, 1, 2}, {headers + 3, 1, 2}}, false},
		"in the other order":              {[2]element{{headers + 3, 1, 2}, {headers, 1, 2}}, false},
		"beyond the end of what there is": {[2]element{{headers, 1, 2}, {headers + 3, 1, 3}}, false},
	} {
		page := append(make([]byte, headers), "abcabc"...)
		if tt.elements[0].at > tt.elements[1].at {
			copy(page[headers:], "babaxx") // whose keys are in order
		} else {
			page[headers+3] = 'b'
		}
		for i, e := range tt.elements {
			at := pageHeader + i*elementHeader
			binary.NativeEndian.PutUint32(page[at+4:], uint32(e.at-at))
			binary.NativeEndian.PutUint32(page[at+8:], uint32(e.key))
			binary.NativeEndian.PutUint32(page[at+12:], uint32(e.value))
		}
		bad := errors.New("refused")
		err := new(verifier).leaf(page, 2, nil, nil, bad)
		if tt.want {
			require.NoError(t, err, name)
		} else {
			require.ErrorIs(t, err, bad, name)
		}
	}
}

// A file that is cut short after it was examined and before it is read is let go
// of, although bbolt still holds the locks it had when it was interrupted.
func TestAFileCutShortWhileItIsReadIsReleased(t *testing.T) {
	t.Parallel()
	schema, err := ParseTables([]byte(`{"t":{"columns":[{"name":"id","type":"bigint","primary_key":true}]}}`))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "cut.db")
	store, err := Open(path, schema)
	require.NoError(t, err)
	require.NoError(t, store.Close())

	db, handle, err := openBolt(path, &bbolt.Options{})
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, int64(os.Getpagesize())))
	f := newFile(db, handle, store)
	require.ErrorIs(t, f.begin(false), ErrForeignFile)
	require.NoError(t, f.release())
	_, err = Open(path, schema)
	require.NotErrorIs(t, err, ErrLocked)
	require.ErrorIs(t, err, ErrForeignFile)
}
