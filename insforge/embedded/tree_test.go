package embedded

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A tree holds what was put in, in order, and no edit changes an older version.
func TestTreeIsASortedList(t *testing.T) {
	t.Parallel()
	// Rows of the same rank are told apart by what follows it, then by id.
	o := &order{
		rank:    func(r *row) int64 { return int64(r.data()[0]) },
		compare: func(a, b *row) int { return cmp.Or(strings.Compare(a.data(), b.data()), byID(a, b)) },
	}
	full := func(a, b *row) int { return o.compareEntries(o.entry(a), o.entry(b)) }
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.Custom(func(t *rapid.T) string {
			return fmt.Sprint(rapid.IntRange(0, 9).Draw(t, "rank"), rapid.IntRange(0, 2).Draw(t, "rest"))
		})
		var rows []*row
		next := uint64(1)
		fresh := func(data string) *row {
			next++
			return newRow(next, data)
		}
		var entries []entry
		for range rapid.IntRange(0, 3*maxItems).Draw(t, "rows at the start") {
			rows = append(rows, fresh(data.Draw(t, "data")))
		}
		slices.SortFunc(rows, full)
		for _, r := range rows {
			entries = append(entries, o.entry(r))
		}
		now := grown(entries)
		for range rapid.IntRange(1, 60).Draw(t, "edits") {
			before, held := now, slices.Clone(rows)
			by := &edit{}
			for range rapid.IntRange(1, 3).Draw(t, "in one edit") {
				action := rapid.SampledFrom([]string{"insert", "insert", "remove", "replace", "replace"}).Draw(t, "action")
				if action == "insert" || len(rows) == 0 {
					r := fresh(data.Draw(t, "data"))
					now.insert(by, r, o)
					rows = append(rows, r)
					slices.SortFunc(rows, full)
					continue
				}
				i := rapid.IntRange(0, len(rows)-1).Draw(t, "which")
				if action == "remove" {
					require.True(t, now.remove(by, rows[i], o))
					rows = slices.Delete(slices.Clone(rows), i, i+1)
					continue
				}
				r := fresh(rows[i].data()) // a row of the same key that comes after it
				fits := i == len(rows)-1 || full(r, rows[i+1]) < 0
				require.Equal(t, fits, now.replace(by, rows[i], r, o))
				if fits {
					rows = slices.Clone(rows)
					rows[i] = r
				}
			}
			require.True(t, slices.Equal(held, listed(&before)))
			require.True(t, slices.Equal(rows, listed(&now)))
			require.Equal(t, len(rows), now.size)
		}
		from := data.Draw(t, "from")
		at := &bound{rank: int64(from[0]), reached: func(r *row) bool { return r.data() >= from }}
		start, _ := slices.BinarySearchFunc(rows, from, func(r *row, from string) int { return strings.Compare(r.data(), from) })
		require.True(t, slices.Equal(rows[start:], walked(&now, at)))
	})
}

func listed(tr *tree) []*row { return walked(tr, nil) }

func walked(tr *tree, from *bound) (rows []*row) {
	tr.ascend(from, func(r *row) bool {
		rows = append(rows, r)
		return true
	})
	return rows
}
