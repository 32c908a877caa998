package embedded

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// declareFunction reads the declaration of a function: see [WithFunction].
func declareFunction(text string, schema *Schema) (*function, error) {
	name, rest := identifier(strings.TrimSpace(text))
	if name == "" {
		return nil, errors.New("a function needs a name")
	}
	f := &function{name: name}
	if rest == "" {
		f.undeclared = true
		return f, f.returnsValues(jsonColumnType)
	}
	if rest[0] != '(' {
		return nil, fmt.Errorf("the arguments must stand in parentheses behind the name, not %q", rest)
	}
	end := closing(rest)
	if end < 0 {
		return nil, errors.New("a parenthesis is not closed")
	}
	for _, part := range split(rest[1:end]) {
		p, err := declareParameter(part)
		if err != nil {
			return nil, fmt.Errorf("argument %q: %w", part, err)
		}
		if slices.Contains(f.parameterNames(), p.name) {
			return nil, fmt.Errorf("argument %q is declared twice", p.name)
		}
		f.parameters = append(f.parameters, p)
	}
	if len(f.parameters) > 1 && slices.Contains(f.parameterNames(), "") {
		return nil, errors.New("one of several arguments has no name")
	}
	return f, f.declareResult(strings.TrimSpace(rest[end+1:]), schema)
}

// declareParameter reads [VARIADIC] [name] type [DEFAULT value].
func declareParameter(text string) (p parameter, err error) {
	if rest, ok := cutWord(text, "VARIADIC"); ok {
		text, p.variadic = rest, true
	}
	text, literal, hasDefault := cutDefault(text)
	if p.typ, err = declaredType(text); err != nil {
		name, rest := identifier(text)
		if rest == "" {
			return p, err
		}
		if p.typ, err = declaredType(rest); err != nil {
			return p, err
		}
		p.name = name
	}
	if p.variadic && !p.typ.IsArray() {
		return p, errors.New("a VARIADIC argument must be an array")
	}
	if !hasDefault {
		return p, nil
	}
	p.optional = true
	if strings.EqualFold(literal, "null") {
		return p, nil
	}
	constant := constants.FindStringSubmatch(literal)
	if constant != nil && strings.HasPrefix(literal, "'") {
		literal = strings.ReplaceAll(constant[1], "''", "'")
	}
	if _, err = p.typ.Parse(literal, filter.Session{}); err == nil && constant == nil {
		err = fmt.Errorf("its default %s is neither a number, true or false, NULL, now(), nor in single quotes", literal)
	}
	p.otherwise = &literal
	return p, err
}

// constants are the defaults that can be read; a cast of what is in quotes says
// no more than the type.
var constants = regexp.MustCompile(`(?i)^(?:'((?:[^']|'')*)'(?:\s*::.*)?|[-+]?[0-9.].*|true|false|now\(\))$`)

// declareResult reads RETURNS … and what may stand behind it.
func (f *function) declareResult(text string, schema *Schema) error {
	for _, word := range []string{"VOLATILE", "STABLE", "IMMUTABLE"} {
		if n := len(text) - len(word); n >= 0 && strings.EqualFold(text[n:], word) && (n == 0 || text[n-1] == ' ' || text[n-1] == ')') {
			text, f.volatile = strings.TrimSpace(text[:n]), word == "VOLATILE"
			break
		}
	}
	text, ok := cutWord(text, "RETURNS")
	if !ok || text == "" {
		return errors.New("it must say what it RETURNS behind the arguments; a name alone may return anything")
	}
	if columns, ok := cutWord(strings.Replace(text, "(", " (", 1), "TABLE"); ok {
		if f.set = true; !strings.HasPrefix(columns, "(") || closing(columns) != len(columns)-1 {
			return errors.New("TABLE must be followed by columns in parentheses")
		}
		return f.returnsTable(split(columns[1 : len(columns)-1]))
	}
	text, f.set = cutWord(text, "SETOF")
	if name, rest := identifier(text); rest == "" && schema.tables[name] != nil {
		f.table = schema.tables[name]
		return nil
	}
	if f.void = strings.EqualFold(text, "void"); f.void {
		return f.returnsValues(filter.Type{})
	}
	typ, err := declaredType(text)
	if err != nil {
		return fmt.Errorf("it RETURNS %s, which is neither a table nor a type", text)
	}
	return f.returnsValues(typ)
}

func (f *function) returnsValues(typ filter.Type) (err error) {
	f.scalar = true
	f.table, err = rowType(f.name, []column{{name: scalarColumn, typ: typ}})
	return err
}

func (f *function) returnsTable(declared []string) (err error) {
	columns := make([]column, len(declared))
	for i, part := range declared {
		name, rest := identifier(part)
		if columns[i].name = name; rest == "" {
			return fmt.Errorf("column %q has no type", part)
		}
		if columns[i].typ, err = declaredType(rest); err != nil {
			return fmt.Errorf("column %q: %w", name, err)
		}
	}
	f.table, err = rowType("record", columns)
	return err
}

var modifiers = regexp.MustCompile(`\s*\([^()]*\)`)

// declaredType reads the name of a type. Spaces do not matter in it, and neither
// do lengths and precisions: PostgreSQL drops them from what functions take and
// return.
func declaredType(text string) (filter.Type, error) {
	name := strings.Join(strings.Fields(modifiers.ReplaceAllString(text, "")), " ")
	if elem := strings.TrimRight(name, "[]"); strings.EqualFold(elem, "char") || strings.EqualFold(elem, "character") {
		name = "bpchar" + name[len(elem):]
	}
	return filter.ParseType(name)
}

// identifier takes a name, which may be quoted, from the start of a text.
func identifier(text string) (name, rest string) {
	if strings.HasPrefix(text, `"`) {
		if end := strings.IndexByte(text[1:], '"') + 1; end > 0 {
			return text[1:end], strings.TrimSpace(text[end+1:])
		}
	}
	end := strings.IndexAny(text, " \t\r\n(")
	if end < 0 {
		end = len(text)
	}
	return text[:end], strings.TrimSpace(text[end:])
}

// cutWord takes a keyword from the start of a text.
func cutWord(text, word string) (rest string, found bool) {
	if first, rest := identifier(text); strings.EqualFold(first, word) {
		return rest, true
	}
	return text, false
}

var defaultWord = regexp.MustCompile(`(?i)\s+DEFAULT\s+|=`)

// cutDefault takes DEFAULT or = and a value from the end of an argument.
func cutDefault(text string) (before, literal string, found bool) {
	at := defaultWord.FindStringIndex(text)
	if at == nil {
		return strings.TrimSpace(text), "", false
	}
	return strings.TrimSpace(text[:at[0]]), strings.TrimSpace(text[at[1]:]), true
}

// split cuts a list at its commas, but not at those in parentheses or quotes.
func split(list string) []string {
	if strings.TrimSpace(list) == "" {
		return nil
	}
	var parts []string
	start := 0
	for i, open := range nesting(list) {
		if list[i] == ',' && open == 0 {
			parts = append(parts, strings.TrimSpace(list[start:i]))
			start = i + 1
		}
	}
	return append(parts, strings.TrimSpace(list[start:]))
}

// closing is where the parenthesis that a text starts with is closed; -1: nowhere.
func closing(text string) int {
	for i, open := range nesting(text) {
		if text[i] == ')' && open == 0 {
			return i
		}
	}
	return -1
}

// nesting is how many parentheses are open behind each byte of a text; a quoted
// byte has one more than there can be.
func nesting(text string) []int {
	open := make([]int, len(text))
	depth, quote := 0, byte(0)
	for i := range len(text) {
		switch c := text[i]; {
		case c == quote:
			quote = 0
		case quote != 0:
		case c == '\'' || c == '"':
			quote = c
		case c == '(':
			depth++
		case c == ')':
			depth--
		}
		if open[i] = depth; quote != 0 {
			open[i] = len(text) + 1
		}
	}
	return open
}
