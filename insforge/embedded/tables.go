package embedded

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// A Schema is the tables of a store. It is made by [ParseTables] and does not
// change.
type Schema struct {
	source []byte
	tables map[string]*table
	order  []string
}

type table struct {
	name    string
	ordinal int
	columns []column
	byName  map[string]int
	layout  layout
	star    []output // what select=* prints
	primary *index   // nil: none
	indexes []*index // unique ones first, the primary key before all
	checks  []check
	foreign []*foreignKey // of this table's columns
	inbound []*foreignKey // that refer to this table
	seeds   []json.RawMessage
}

type column struct {
	name     string
	typ      filter.Type
	notNull  bool
	identity bool
	def      defaultValue
}

// defaultValue fills a column that an insert leaves out.
type defaultValue struct {
	kind  defaultKind
	value filter.Value
	text  string // as written, for descriptions
}

type defaultKind uint8

const (
	noDefault defaultKind = iota
	constantDefault
	nowDefault
	uuidDefault
	identityDefault
)

// An index keeps a table's rows in the order of some columns. A unique one is a
// constraint, too.
type index struct {
	name    string
	ordinal int
	columns []int
	unique  bool
	order   *order
}

type check struct {
	name   string
	column int
	in     []filter.Value
}

type foreignKey struct {
	name       string
	table      *table
	columns    []int
	references *table
	referenced []int
}

// tableFile and columnFile are the tables file's shape.
type tableFile struct {
	Columns     []columnFile      `json:"columns"`
	Unique      [][]string        `json:"unique"`
	Indexes     [][]string        `json:"indexes"`
	Checks      []checkFile       `json:"checks"`
	ForeignKeys []foreignKeyFile  `json:"foreign_keys"`
	Rows        []json.RawMessage `json:"rows"`
}

type columnFile struct {
	Name       string          `json:"name"`
	Type       string          `json:"type"`
	PrimaryKey bool            `json:"primary_key"`
	NotNull    bool            `json:"not_null"`
	Default    json.RawMessage `json:"default"`
	Generated  string          `json:"generated"`
}

type checkFile struct {
	Column string            `json:"column"`
	In     []json.RawMessage `json:"in"`
}

type foreignKeyFile struct {
	Columns           []string `json:"columns"`
	References        string   `json:"references"`
	ReferencedColumns []string `json:"referenced_columns"`
}

// ParseTables reads the declaration of tables:
//
//	{"leads": {
//	   "columns": [{"name": "id", "type": "bigint", "primary_key": true, "generated": "identity"},
//	               {"name": "email", "type": "text", "not_null": true},
//	               {"name": "created_at", "type": "timestamptz", "default": "now()"}],
//	   "unique": [["email"]],
//	   "rows": [{"email": "ann@example.com"}]}}
//
// A table may also have "indexes" (lists of columns), "checks" ({"column", "in"})
// and "foreign_keys" ({"columns", "references", "referenced_columns"}). Types are
// PostgreSQL's names. A default is a JSON value, or "now()" on a date or time
// column, or "gen_random_uuid()" on a uuid column. "rows" fill a new store. Keys
// it does not know are an error.
func ParseTables(data []byte) (*Schema, error) {
	names, declared, err := tableNames(data)
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		err = fmt.Errorf("line %d: %w", 1+bytes.Count(data[:syntax.Offset], []byte("\n")), err)
	}
	if err != nil {
		return nil, fmt.Errorf("tables: %w", err)
	}
	files := make(map[string]tableFile, len(names))
	for i, name := range names {
		if files[name], err = readTable(declared[i]); err != nil {
			return nil, fmt.Errorf("tables: %s: %w", name, err)
		}
	}
	s := &Schema{source: bytes.Clone(data), tables: map[string]*table{}, order: names}
	for i, name := range names {
		t, err := newTable(name, i, files[name])
		if err != nil {
			return nil, fmt.Errorf("tables: %s: %w", name, err)
		}
		s.tables[name] = t
	}
	for _, name := range names {
		for _, fk := range files[name].ForeignKeys {
			if err := s.link(s.tables[name], fk); err != nil {
				return nil, fmt.Errorf("tables: %s: %w", name, err)
			}
		}
	}
	return s, nil
}

// readTable reads what a file says of one table. A key that stands there twice is
// as much a mistake as one that is not known.
func readTable(raw json.RawMessage) (f tableFile, err error) {
	if len(raw) == 0 || raw[0] != '{' {
		return f, errors.New("a table must be a JSON object")
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return f, fmt.Errorf("%s cannot be a JSON %s", wrong.Field, wrong.Value)
		}
		return f, errors.New(strings.Replace(strings.TrimPrefix(err.Error(), "json: "), "unknown field", "unknown key", 1))
	}
	rows, _ := elements(raw)
	for _, key := range rows[0].repeated() {
		return f, fmt.Errorf("the key %q stands there twice", key)
	}
	for _, part := range rows[0] {
		if part.key == "rows" { // as they are inserted
			continue
		}
		items, _ := elements(part.value)
		for _, item := range items {
			for _, key := range item.repeated() {
				return f, fmt.Errorf("%s: the key %q stands twice in %s", part.key, key, item.first())
			}
		}
	}
	return f, nil
}

// tableNames returns the names in the order they stand in the file, and what it
// says of each.
func tableNames(data []byte) (names []string, declared []json.RawMessage, err error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	start, err := decoder.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("the file is empty")
		}
		return nil, nil, err
	}
	if start != json.Delim('{') {
		return nil, nil, errors.New("the file must be a JSON object of tables")
	}
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, nil, unfinished(err)
		}
		name, _ := token.(string)
		if name == "" {
			return nil, nil, errors.New("a table needs a name")
		}
		if slices.Contains(names, name) {
			return nil, nil, fmt.Errorf("table %q is declared twice", name)
		}
		names = append(names, name)
		var table json.RawMessage
		if err := decoder.Decode(&table); err != nil {
			return nil, nil, unfinished(err)
		}
		declared = append(declared, table)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, nil, unfinished(err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("something follows the JSON object")
	}
	return names, declared, nil
}

func unfinished(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the file ends in the middle")
	}
	return err
}

func newTable(name string, ordinal int, f tableFile) (*table, error) {
	t := &table{name: name, ordinal: ordinal, byName: map[string]int{}, seeds: f.Rows}
	var primary []string
	for _, c := range f.Columns {
		if err := t.addColumn(c); err != nil {
			return nil, fmt.Errorf("column %q: %w", c.Name, err)
		}
		if c.PrimaryKey {
			primary = append(primary, c.Name)
		}
	}
	t.layOut()
	if len(primary) > 0 {
		if err := t.addIndex(primary, true, name+"_pkey"); err != nil {
			return nil, err
		}
		t.primary = t.indexes[0]
	}
	for _, columns := range f.Unique {
		if err := t.addIndex(columns, true, name+"_"+strings.Join(columns, "_")+"_key"); err != nil {
			return nil, fmt.Errorf("unique: %w", err)
		}
	}
	for _, columns := range f.Indexes {
		if err := t.addIndex(columns, false, name+"_"+strings.Join(columns, "_")+"_idx"); err != nil {
			return nil, fmt.Errorf("indexes: %w", err)
		}
	}
	for _, c := range f.Checks {
		if err := t.addCheck(c); err != nil {
			return nil, fmt.Errorf("checks: %w", err)
		}
	}
	slices.SortStableFunc(t.checks, func(a, b check) int { return strings.Compare(a.name, b.name) })
	return t, nil
}

// layOut prepares for rows, once the columns are known.
func (t *table) layOut() {
	t.layout = newLayout(t.columns)
	for i, c := range t.columns {
		t.star = append(t.star, output{key: printedKey(c.name), name: c.name, column: i, typ: c.typ})
	}
}

// rowType is a table of which there are only rows, that a function returns.
func rowType(name string, columns []column) (*table, error) {
	t := &table{name: name, columns: columns, byName: map[string]int{}}
	for i, c := range columns {
		if _, ok := t.byName[c.name]; ok {
			return nil, fmt.Errorf("column %q is declared twice", c.name)
		}
		t.byName[c.name] = i
	}
	t.layOut()
	return t, nil
}

func (t *table) addColumn(f columnFile) error {
	if f.Name == "" {
		return errors.New("a column needs a name")
	}
	if _, ok := t.byName[f.Name]; ok {
		return errors.New("declared twice")
	}
	if f.Type == "" {
		return errors.New("it needs a type")
	}
	typ, err := filter.ParseType(f.Type)
	if err != nil {
		return err
	}
	c := column{name: f.Name, typ: typ, notNull: f.NotNull || f.PrimaryKey}
	switch f.Generated {
	case "":
		if strings.HasSuffix(strings.ToLower(f.Type), "serial") {
			f.Generated, c.identity, c.notNull = "identity", true, true
		}
	case "identity":
		if !typ.IsInteger() {
			return errors.New("identity column type must be smallint, integer, or bigint")
		}
		c.identity, c.notNull = true, true
	default:
		return fmt.Errorf("generated must be \"identity\", not %q", f.Generated)
	}
	if c.identity {
		if len(f.Default) > 0 {
			return errors.New("both default and identity specified")
		}
		c.def.kind = identityDefault
	}
	if err := c.setDefault(f.Default); err != nil {
		return fmt.Errorf("default: %w", err)
	}
	t.byName[f.Name] = len(t.columns)
	t.columns = append(t.columns, c)
	return nil
}

func (c *column) setDefault(raw json.RawMessage) error {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var word string
	if json.Unmarshal(raw, &word) == nil {
		switch strings.ToLower(word) {
		case "now()":
			if c.typ.IsTime() {
				c.def = defaultValue{kind: nowDefault, text: "now()"}
				return nil
			}
		case "gen_random_uuid()":
			if c.typ.IsUUID() {
				c.def = defaultValue{kind: uuidDefault, text: "gen_random_uuid()"}
				return nil
			}
		}
	}
	v, err := c.typ.ParseJSON(raw, filter.Session{})
	if err != nil {
		return err
	}
	c.def = defaultValue{kind: constantDefault, value: v, text: string(c.typ.AppendText(nil, v, filter.Session{}))}
	return nil
}

func (t *table) columnNumbers(names []string) ([]int, error) {
	if len(names) == 0 {
		return nil, errors.New("a list of columns is empty")
	}
	numbers := make([]int, len(names))
	for i, name := range names {
		n, ok := t.byName[name]
		if !ok {
			return nil, fmt.Errorf("there is no column %q", name)
		}
		if slices.Contains(numbers[:i], n) {
			return nil, fmt.Errorf("column %q is named twice", name)
		}
		numbers[i] = n
	}
	return numbers, nil
}

func (t *table) addIndex(names []string, unique bool, name string) error {
	numbers, err := t.columnNumbers(names)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if !t.columns[n].typ.Comparable() {
			return fmt.Errorf("column %q of type %s has no order", t.columns[n].name, t.columns[n].typ)
		}
	}
	for _, other := range t.indexes {
		if slices.Equal(other.columns, numbers) && (other.unique || !unique) {
			return nil // already there
		}
	}
	t.indexes = append(t.indexes, &index{
		name: name, ordinal: len(t.indexes), columns: numbers, unique: unique, order: t.orderBy(numbers),
	})
	return nil
}

// orderBy orders rows by columns, NULLs last, and by id where they are equal.
func (t *table) orderBy(columns []int) *order {
	return &order{
		rank: func(r *row) int64 { return t.rank(columns[0], t.layout.value(r.data(), columns[0])) },
		compare: func(a, b *row) int {
			for _, c := range columns {
				if d := t.compareColumn(c, a.data(), b.data()); d != 0 {
					return d
				}
			}
			return byID(a, b)
		},
	}
}

// rank is that of rows with a value in the first column they are ordered by.
func (t *table) rank(c int, v filter.Value) int64 {
	if v.IsNull() {
		return math.MaxInt64
	}
	return t.columns[c].typ.Rank(v)
}

func (t *table) compareColumn(c int, a, b string) int {
	return compareValues(t.columns[c].typ, t.layout.value(a, c), t.layout.value(b, c))
}

// compareValues orders values of a type, NULLs last and equal to each other.
func compareValues(typ filter.Type, a, b filter.Value) int {
	switch {
	case a.IsNull() && b.IsNull():
		return 0
	case a.IsNull():
		return 1
	case b.IsNull():
		return -1
	}
	return typ.Compare(a, b)
}

func (t *table) addCheck(f checkFile) error {
	n, ok := t.byName[f.Column]
	if !ok {
		return fmt.Errorf("there is no column %q", f.Column)
	}
	if f.In == nil {
		return fmt.Errorf("%s: a check needs the values that are allowed, in \"in\"", f.Column)
	}
	if !t.columns[n].typ.Comparable() {
		return fmt.Errorf("%s: values of type %s cannot be compared", f.Column, t.columns[n].typ)
	}
	c := check{name: t.name + "_" + f.Column + "_check", column: n}
	for number := 1; slices.ContainsFunc(t.checks, func(other check) bool { return other.name == c.name }); number++ {
		c.name = fmt.Sprintf("%s_%s_check%d", t.name, f.Column, number)
	}
	for _, raw := range f.In {
		v, err := t.columns[n].typ.ParseJSON(raw, filter.Session{})
		if err != nil {
			return fmt.Errorf("%s: %w", f.Column, err)
		}
		c.in = append(c.in, v)
	}
	t.checks = append(t.checks, c)
	return nil
}

func (s *Schema) link(t *table, f foreignKeyFile) error {
	target, ok := s.tables[f.References]
	if !ok {
		return fmt.Errorf("foreign key: there is no table %q", f.References)
	}
	columns, err := t.columnNumbers(f.Columns)
	if err != nil {
		return fmt.Errorf("foreign key: %w", err)
	}
	fk := &foreignKey{table: t, columns: columns, references: target}
	switch {
	case len(f.ReferencedColumns) > 0:
		if fk.referenced, err = target.columnNumbers(f.ReferencedColumns); err != nil {
			return fmt.Errorf("foreign key to %s: %w", target.name, err)
		}
	case target.primary != nil:
		fk.referenced = target.primary.columns
	default:
		return fmt.Errorf("foreign key: there is no primary key for referenced table %q", target.name)
	}
	if len(fk.referenced) != len(columns) {
		return errors.New("foreign key: number of referencing and referenced columns disagree")
	}
	if target.uniqueOn(fk.referenced) == nil {
		return fmt.Errorf("foreign key: there is no unique constraint matching given keys for referenced table %q", target.name)
	}
	for i, n := range columns {
		here, there := t.columns[n], target.columns[fk.referenced[i]]
		if here.typ.String() != there.typ.String() && !(here.typ.IsInteger() && there.typ.IsInteger()) && !(here.typ.IsText() && there.typ.IsText()) {
			return fmt.Errorf("foreign key: columns %q and %q are of incompatible types: %s and %s", here.name, there.name, here.typ, there.typ)
		}
	}
	base := t.name + "_" + strings.Join(f.Columns, "_") + "_fkey"
	fk.name = base
	for number := 1; slices.ContainsFunc(t.foreign, func(other *foreignKey) bool { return other.name == fk.name }); number++ {
		fk.name = fmt.Sprintf("%s%d", base, number)
	}
	// Deleting from the target asks who refers to it.
	if err := t.addIndex(f.Columns, false, t.name+"_"+strings.Join(f.Columns, "_")+"_idx"); err != nil {
		return fmt.Errorf("foreign key: %w", err)
	}
	t.foreign = append(t.foreign, fk)
	target.inbound = append(target.inbound, fk)
	return nil
}

// Types that are used whatever the tables' are.
var (
	bigint          = mustType("bigint")
	boolean         = mustType("boolean")
	jsonColumnType  = mustType("json")
	jsonbColumnType = mustType("jsonb")
	jsonInput       = mustType("json")
	jsonbInput      = mustType("jsonb")
)

func mustType(name string) filter.Type {
	t, err := filter.ParseType(name)
	if err != nil {
		panic(err) // not a type of this package's
	}
	return t
}

// uniqueOn finds the unique index on exactly these columns, in any order.
func (t *table) uniqueOn(columns []int) *index {
	wanted := slices.Sorted(slices.Values(columns))
	for _, ix := range t.indexes {
		if ix.unique && slices.Equal(slices.Sorted(slices.Values(ix.columns)), wanted) {
			return ix
		}
	}
	return nil
}

// Tables returns the names of the tables, sorted.
func (s *Schema) Tables() []string { return slices.Sorted(maps.Keys(s.tables)) }
