package embedded

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// A txn is a transaction: it edits its own copy of the tables.
type txn struct {
	store   *Store
	session filter.Session
	edit    *edit
	before  *state // what the transaction found
	tables  []tableState
	changes []change
	numbers map[*table]int64 // identity numbers last given out
	written []written        // to check for foreign keys at the end, in order
}

// change is one row put into or taken out of the file.
type change struct {
	table *table
	row   *row
	gone  bool
}

type written struct {
	table *table
	row   *row
	gone  bool
}

func (tx *txn) state(t *table) *tableState { return &tx.tables[t.ordinal] }

// insert adds a row after checking everything but foreign keys.
func (tx *txn) insert(t *table, values []filter.Value) (*row, error) {
	if err := tx.validate(t, values); err != nil {
		return nil, err
	}
	r := newRow(tx.store.nextRow, t.layout.encode(values))
	tx.store.nextRow++
	if err := tx.unique(t, r, t.indexes); err != nil {
		return nil, err
	}
	tx.put(t, r)
	return r, nil
}

func (tx *txn) put(t *table, r *row) {
	st := tx.state(t)
	st.rows.insert(tx.edit, r, writingOrder)
	for i, ix := range t.indexes {
		st.indexes[i].insert(tx.edit, r, ix.order)
	}
	tx.wrote(t, r)
}

func (tx *txn) wrote(t *table, r *row) {
	tx.changes = append(tx.changes, change{t, r, false})
	if len(t.foreign) > 0 {
		tx.written = append(tx.written, written{t, r, false})
	}
}

// update replaces a row by a new version at the end of the table.
func (tx *txn) update(t *table, old *row, values []filter.Value) (*row, error) {
	if err := tx.validate(t, values); err != nil {
		return nil, err
	}
	r := newRow(tx.store.nextRow, t.layout.encode(values))
	tx.store.nextRow++
	st := tx.state(t)
	st.rows.remove(tx.edit, old, writingOrder)
	tx.took(t, old)
	moved := make([]*index, 0, len(t.indexes))
	for i, ix := range t.indexes {
		if !t.sameKey(ix, old, r) || !st.indexes[i].replace(tx.edit, old, r, ix.order) {
			st.indexes[i].remove(tx.edit, old, ix.order)
			moved = append(moved, ix)
		}
	}
	if err := tx.unique(t, r, moved); err != nil {
		return nil, err
	}
	st.rows.insert(tx.edit, r, writingOrder)
	for _, ix := range moved {
		st.indexes[ix.ordinal].insert(tx.edit, r, ix.order)
	}
	tx.wrote(t, r)
	return r, nil
}

func (t *table) sameKey(ix *index, a, b *row) bool {
	return !slices.ContainsFunc(ix.columns, func(c int) bool { return t.compareColumn(c, a.data(), b.data()) != 0 })
}

func (tx *txn) remove(t *table, r *row) {
	st := tx.state(t)
	st.rows.remove(tx.edit, r, writingOrder)
	for i, ix := range t.indexes {
		st.indexes[i].remove(tx.edit, r, ix.order)
	}
	tx.took(t, r)
}

func (tx *txn) took(t *table, r *row) {
	tx.changes = append(tx.changes, change{t, r, true})
	if len(t.inbound) > 0 {
		tx.written = append(tx.written, written{t, r, true})
	}
}

// validate checks NOT NULL in column order, then the checks by name.
func (tx *txn) validate(t *table, values []filter.Value) error {
	for i, c := range t.columns {
		if c.notNull && values[i].IsNull() {
			return &apiError{
				status: 400, code: "23502",
				message: fmt.Sprintf(`null value in column "%s" of relation "%s" violates not-null constraint`, c.name, t.name),
				details: tx.failingRow(t, values),
			}
		}
	}
	for _, c := range t.checks {
		if !c.allows(t.columns[c.column].typ, values[c.column]) {
			return &apiError{
				status: 400, code: "23514",
				message: fmt.Sprintf(`new row for relation "%s" violates check constraint "%s"`, t.name, c.name),
				details: tx.failingRow(t, values),
			}
		}
	}
	return nil
}

func (c check) allows(typ filter.Type, v filter.Value) bool {
	if v.IsNull() {
		return true
	}
	unknown := false
	for _, allowed := range c.in {
		if allowed.IsNull() {
			unknown = true
			continue
		}
		if typ.Compare(v, allowed) == 0 {
			return true
		}
	}
	return unknown
}

// failingRow describes a row as PostgreSQL does, long values cut.
func (tx *txn) failingRow(t *table, values []filter.Value) string {
	const longest = 64
	parts := make([]string, len(values))
	for i, v := range values {
		if v.IsNull() {
			parts[i] = "null"
			continue
		}
		s := string(t.columns[i].typ.AppendText(nil, v, tx.session))
		if len(s) > longest {
			cut := longest
			for !utf8.RuneStart(s[cut]) {
				cut--
			}
			s = s[:cut] + "..."
		}
		parts[i] = s
	}
	return "Failing row contains (" + strings.Join(parts, ", ") + ")."
}

// unique refuses a row whose key is taken in one of the indexes.
func (tx *txn) unique(t *table, r *row, indexes []*index) error {
	for _, ix := range indexes {
		if !ix.unique || tx.conflict(t, ix, r.data()) == nil {
			continue
		}
		return &apiError{
			status: 409, code: "23505",
			message: fmt.Sprintf(`duplicate key value violates unique constraint "%s"`, ix.name),
			details: "Key " + tx.describeKey(t, ix.columns, r.data(), quoteIdentifier) + " already exists.",
		}
	}
	return nil
}

// conflict finds the row that has the same key; a NULL in the key is equal to
// nothing.
func (tx *txn) conflict(t *table, ix *index, data string) *row {
	key, complete := keyOf(t, ix.columns, data)
	if !complete {
		return nil
	}
	return tx.lookup(t, ix, key)
}

func (tx *txn) lookup(t *table, ix *index, key []filter.Value) *row {
	return lookup(&tx.tables[t.ordinal], t, ix, key)
}

// lookup finds the first row whose leading index columns equal key.
func lookup(st *tableState, t *table, ix *index, key []filter.Value) *row {
	var found *row
	st.indexes[ix.ordinal].ascend(
		t.from(ix, key),
		func(r *row) bool {
			if t.compareKey(ix, r.data(), key) == 0 {
				found = r
			}
			return false
		})
	return found
}

// from is where the rows of an index begin whose leading columns equal key, or
// are beyond it.
func (t *table) from(ix *index, key []filter.Value) *bound {
	if len(key) == 0 {
		return nil
	}
	return &bound{
		rank:    t.rank(ix.columns[0], key[0]),
		reached: func(r *row) bool { return t.compareKey(ix, r.data(), key) >= 0 },
	}
}

// compareKey compares a row's leading index columns with a key.
func (t *table) compareKey(ix *index, data string, key []filter.Value) int {
	for i, v := range key {
		c := ix.columns[i]
		if d := compareValues(t.columns[c].typ, t.layout.value(data, c), v); d != 0 {
			return d
		}
	}
	return 0
}

// describeKey is "(names)=(values)"; a unique index quotes its names where
// need be, a foreign key does not.
func (tx *txn) describeKey(t *table, columns []int, data string, name func(string) string) string {
	names, texts := make([]string, len(columns)), make([]string, len(columns))
	for i, c := range columns {
		names[i] = name(t.columns[c].name)
		texts[i] = string(t.columns[c].typ.AppendText(nil, t.layout.value(data, c), tx.session))
	}
	return "(" + strings.Join(names, ", ") + ")=(" + strings.Join(texts, ", ") + ")"
}

func bare(name string) string { return name }

// quoteIdentifier quotes a name where PostgreSQL would print it quoted.
func quoteIdentifier(name string) string {
	plain := name != "" && (name[0] < '0' || name[0] > '9') && !keywords[name]
	for i := 0; i < len(name); i++ {
		c := name[i]
		plain = plain && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_')
	}
	if plain {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// checkForeignKeys runs at the end of the statement, as PostgreSQL's triggers do:
// row by row, and of an update what refers to the old row comes first.
func (tx *txn) checkForeignKeys() error {
	for _, w := range tx.written {
		check := tx.checkReferences
		if w.gone {
			check = tx.checkReferred
		}
		if err := check(w); err != nil {
			return err
		}
	}
	tx.written = nil
	return nil
}

// checkReferences refuses a new row that refers to nothing.
func (tx *txn) checkReferences(w written) error {
	if tx.state(w.table).rows.root == nil || !tx.stillThere(w) {
		return nil
	}
	for _, fk := range w.table.foreign {
		key, complete := keyOf(w.table, fk.columns, w.row.data())
		if complete && !tx.exists(fk.references, fk.referenced, key) {
			return &apiError{
				status: 409, code: "23503",
				message: fmt.Sprintf(`insert or update on table "%s" violates foreign key constraint "%s"`, w.table.name, fk.name),
				details: fmt.Sprintf(`Key %s is not present in table "%s".`, tx.describeKey(w.table, fk.columns, w.row.data(), bare), fk.references.name),
			}
		}
	}
	return nil
}

// checkReferred refuses that a row goes which others refer to.
func (tx *txn) checkReferred(w written) error {
	for _, fk := range w.table.inbound {
		key, complete := keyOf(w.table, fk.referenced, w.row.data())
		if complete && !tx.exists(w.table, fk.referenced, key) && tx.exists(fk.table, fk.columns, key) {
			return &apiError{
				status: 409, code: "23503",
				message: fmt.Sprintf(`update or delete on table "%s" violates foreign key constraint "%s" on table "%s"`, w.table.name, fk.name, fk.table.name),
				details: fmt.Sprintf(`Key %s is still referenced from table "%s".`, tx.describeKey(w.table, fk.referenced, w.row.data(), bare), fk.table.name),
			}
		}
	}
	return nil
}

func (tx *txn) stillThere(w written) bool {
	found := false
	tx.state(w.table).rows.ascend(
		&bound{rank: int64(w.row.id), reached: func(*row) bool { return true }},
		func(r *row) bool { found = r == w.row; return false })
	return found
}

func keyOf(t *table, columns []int, data string) (key []filter.Value, complete bool) {
	key = make([]filter.Value, len(columns))
	return key, t.readKey(key, columns, data)
}

// readKey fills a key with a row's columns and reports whether none is NULL.
func (t *table) readKey(key []filter.Value, columns []int, data string) (complete bool) {
	for i, c := range columns {
		key[i] = t.layout.value(data, c)
		if key[i].IsNull() {
			return false
		}
	}
	return true
}

// exists looks a key up through an index that starts with the columns.
func (tx *txn) exists(t *table, columns []int, key []filter.Value) bool {
	ix, permutation := t.indexOn(columns)
	ordered := make([]filter.Value, len(key))
	for i, p := range permutation {
		ordered[i] = key[p]
	}
	return tx.lookup(t, ix, ordered) != nil
}

// indexOn finds an index whose leading columns are these in any order, and
// which of them stands at each place. One exists for both sides of a foreign key.
func (t *table) indexOn(columns []int) (*index, []int) {
	for _, ix := range t.indexes {
		if len(ix.columns) < len(columns) {
			continue
		}
		permutation := make([]int, 0, len(columns))
		for _, c := range ix.columns[:len(columns)] {
			for p, wanted := range columns {
				if wanted == c {
					permutation = append(permutation, p)
				}
			}
		}
		if len(permutation) == len(columns) {
			return ix, permutation
		}
	}
	return nil, nil
}

// fill gives a column that an insert leaves out its default.
func (tx *txn) fill(t *table, i int) (filter.Value, error) {
	c := &t.columns[i]
	switch c.def.kind {
	case constantDefault:
		return c.def.value, nil
	case nowDefault:
		return c.typ.NowFor(tx.session), nil
	case uuidDefault:
		return filter.Text(newUUID()), nil
	case identityDefault:
		tx.store.sequences[t.ordinal]++
		n := tx.store.sequences[t.ordinal]
		tx.numbers[t] = n
		if limit := int64(1)<<(8*c.typ.Width()-1) - 1; n > limit || n <= 0 {
			return filter.Value{}, &apiError{status: 400, code: "2200H", message: fmt.Sprintf(
				`nextval: reached maximum value of sequence "%s" (%d)`, t.name+"_"+c.name+"_seq", limit)}
		}
		return filter.Int(n), nil
	default:
		return filter.Value{}, nil
	}
}

func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// seed inserts the rows a tables file gives for t; numbering goes on after the
// highest of them.
func (tx *txn) seed(t *table) error {
	for i, raw := range t.seeds {
		if err := tx.seedRow(t, raw); err != nil {
			return fmt.Errorf("row %d: %w", i+1, err)
		}
	}
	return nil
}

func (tx *txn) seedRow(t *table, raw []byte) error {
	payload, err := parseBody(raw)
	if err != nil || len(payload.rows) != 1 || bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) {
		return fmt.Errorf("it must be a JSON object: %s", raw)
	}
	for _, key := range payload.rows[0].repeated() {
		return fmt.Errorf("the key %q stands there twice", key)
	}
	for _, name := range payload.rows[0].keys() {
		if _, ok := t.byName[name]; !ok {
			return fmt.Errorf("there is no column %q", name)
		}
	}
	values := make([]filter.Value, len(t.columns))
	for i, c := range t.columns {
		cell, given := payload.rows[0].get(c.name)
		if given {
			values[i], err = c.typ.ParseJSON(cell, tx.session)
		} else {
			values[i], err = tx.fill(t, i)
		}
		if err != nil {
			return fmt.Errorf("column %q: %w", c.name, err)
		}
		if n, _ := values[i].Raw(); c.identity && n > tx.store.sequences[t.ordinal] {
			tx.store.sequences[t.ordinal] = n
			tx.numbers[t] = n
		}
	}
	_, err = tx.insert(t, values)
	return err
}
