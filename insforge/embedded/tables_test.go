package embedded_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/followthrough-go/followthrough/insforge/embedded"
)

// What is wrong with a tables file is said with the table, and the row or column.
func TestTablesFileSaysWhereItIsWrong(t *testing.T) {
	t.Parallel()
	for file, says := range map[string]string{
		``:                            "tables: the file is empty",
		`{"t":`:                       "tables: the file ends in the middle",
		`[]`:                          "tables: the file must be a JSON object of tables",
		`{"t":{"columns":[]},"t":{}}`: `tables: table "t" is declared twice`,
		`{"t":null}`:                  "tables: t: a table must be a JSON object",
		`{"t":{"row":[]}}`:            `tables: t: unknown key "row"`,
		`{"t":{"rows":[],"rows":[]}}`: `tables: t: the key "rows" stands there twice`,
		`{"t":{"columns":[{"name":"a","type":5}]}}`:                                        "tables: t: columns.type cannot be a JSON number",
		`{"t":{"columns":[{"name":"a","type":"int","type":"text"}]}}`:                      `tables: t: columns: the key "type" stands twice in name "a"`,
		`{"t":{"columns":[{"name":"a"}]}}`:                                                 `tables: t: column "a": it needs a type`,
		"{\n\"t\":{\"columns\":[],}}":                                                      "tables: line 2: invalid character '}' looking for beginning of object key string",
		`{"t":{"columns":[{"name":"a","type":"intt"}]}}`:                                   `tables: t: column "a": type "intt" does not exist`,
		`{"t":{"columns":[{"name":"a","type":"int"}],"checks":[{"column":"a"}]}}`:          `tables: t: checks: a: a check needs the values that are allowed, in "in"`,
		`{"t":{"columns":[{"name":"j","type":"json"}],"checks":[{"column":"j","in":[]}]}}`: "tables: t: checks: j: values of type json cannot be compared",
		`{"t":{"columns":[{"name":"a","type":"int","primary_key":true},{"name":"d","type":"date"}],"foreign_keys":[{"columns":["d"],"references":"t"}]}}`: `tables: t: foreign key: columns "d" and "a" are of incompatible types: date and integer`,
	} {
		_, err := embedded.ParseTables([]byte(file))
		require.EqualError(t, err, says, file)
	}
}

// Rows that do not fit are refused by their number in the file.
func TestTablesFileSaysWhichRowIsWrong(t *testing.T) {
	t.Parallel()
	const table = `{"t":{"columns":[{"name":"a","type":"int","primary_key":true},{"name":"d","type":"date"},{"name":"up","type":"int"}],
		"foreign_keys":[{"columns":["up"],"references":"t"}],"rows":[{"a":1},`
	for row, says := range map[string]string{
		`{"a":"x"}`:      `embedded: rows of table t: row 2: column "a": invalid input syntax for type integer: "x" (SQLSTATE 22P02)`,
		`{"a":1}`:        `embedded: rows of table t: row 2: duplicate key value violates unique constraint "t_pkey" (23505): Key (a)=(1) already exists.`,
		`{"a":2,"zz":1}`: `embedded: rows of table t: row 2: there is no column "zz"`,
		`{"a":2,"a":3}`:  `embedded: rows of table t: row 2: the key "a" stands there twice`,
		`[{"a":2}]`:      `embedded: rows of table t: row 2: it must be a JSON object: [{"a":2}]`,
		`{"d":"2026-01-01"}`: `embedded: rows of table t: row 2: null value in column "a" of relation "t" violates not-null constraint (23502): ` +
			`Failing row contains (null, 2026-01-01, null).`,
		`{"a":2,"up":9}`: `embedded: insert or update on table "t" violates foreign key constraint "t_up_fkey" (23503): Key (up)=(9) is not present in table "t".`,
	} {
		schema, err := embedded.ParseTables([]byte(table + row + `]}}`))
		require.NoError(t, err, row)
		_, err = embedded.Open(embedded.Memory, schema)
		require.EqualError(t, err, says, row)
	}
}

// A store in memory that was closed answers no more than one in a file.
func TestClosedStoreRefusesReads(t *testing.T) {
	t.Parallel()
	schema, err := embedded.ParseTables([]byte(`{"t":{"columns":[{"name":"a","type":"int"}]}}`))
	require.NoError(t, err)
	store, err := embedded.Open(embedded.Memory, schema)
	require.NoError(t, err)
	require.Equal(t, 200, do(store, "GET", "/t", "").Code)
	require.NoError(t, store.Close())
	require.Equal(t, 503, do(store, "GET", "/t", "").Code)
	require.Equal(t, 503, do(store, "POST", "/t", `{"a":1}`).Code)
}
