package filter

import (
	"strconv"
	"strings"
)

// ParseJSON reads a JSON value into a value of the type as
// json_populate_recordset does: null is NULL, a string goes through the type's
// input function, numbers and booleans through their text.
func (t Type) ParseJSON(raw []byte, session Session) (Value, error) {
	node, err := parseJSON(string(raw))
	if err != nil {
		return Value{}, err
	}
	return t.fromNode(node, session)
}

func (t Type) fromNode(node jsonNode, session Session) (Value, error) {
	if node.kind == 'n' {
		return Value{}, nil
	}
	switch {
	case t.array:
		return t.arrayFromNode(node, session)
	case t.kind == kindJSON && node.kind == '"': // a string is written anew, all else stays as it is
		if node.zero {
			return Value{}, errZeroChar
		}
		return text(string(AppendJSONString(nil, node.str))), nil
	case t.kind == kindJSON:
		return text(node.raw), nil
	case t.kind == kindJSONB:
		return jsonbValue(node)
	case node.kind == '"':
		if node.zero {
			return Value{}, errZeroChar
		}
		return t.Parse(node.str, session)
	default:
		return t.Parse(strings.Trim(node.raw, " \t\r\n"), session)
	}
}

func (t Type) arrayFromNode(node jsonNode, session Session) (Value, error) {
	switch node.kind {
	case '"':
		return t.Parse(node.str, session)
	case '[':
	default:
		return Value{}, &SQLError{Code: "22P02", Message: "expected JSON array"}
	}
	r := jsonArrayReader{ofJSON: t.kind == kindJSON || t.kind == kindJSONB}
	items, err := r.items(node)
	if err != nil {
		return Value{}, err
	}
	if !rectangular(items) {
		return Value{}, &SQLError{
			Code: "22P02", Message: "malformed JSON array",
			Detail: "Multidimensional arrays must have sub-arrays with matching dimensions.",
		}
	}
	return t.parseItems(items, session)
}

// A jsonArrayReader takes a JSON array apart as PostgreSQL does: the first thing
// in it that is no array tells how many dimensions there are.
type jsonArrayReader struct {
	ofJSON     bool  // the elements stay JSON, others are their text
	dimensions int   // 0: not known yet
	counts     []int // of what has been read of each array around
}

func (r *jsonArrayReader) items(node jsonNode) ([]arrayItem, error) {
	items := []arrayItem{}
	r.counts = append(r.counts, 0)
	depth := len(r.counts)
	for i, n := range node.items {
		r.counts[depth-1] = i
		item, err := r.item(n)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
	}
	if r.dimensions == 0 { // nothing is in it
		r.dimensions = depth
	}
	r.counts = r.counts[:depth-1]
	return items, nil
}

func (r *jsonArrayReader) item(n jsonNode) (arrayItem, error) {
	depth := len(r.counts)
	if n.kind == '[' && (r.dimensions == 0 || depth < r.dimensions) {
		items, err := r.items(n)
		return arrayItem{nested: true, items: items}, err
	}
	if r.dimensions == 0 {
		r.dimensions = depth
	}
	switch {
	case depth < r.dimensions:
		return arrayItem{}, &SQLError{
			Code: "22P02", Message: "expected JSON array", Hint: "See the array element " + subscripts(r.counts) + ".",
		}
	case n.kind == 'n':
		return arrayItem{null: true}, nil
	case n.kind != '"':
		return arrayItem{text: n.raw}, nil
	case r.ofJSON:
		return arrayItem{text: string(AppendJSONString(nil, n.str))}, nil
	case n.zero:
		return arrayItem{}, errZeroChar
	}
	return arrayItem{text: n.str}, nil
}

func subscripts(indexes []int) string {
	var out []byte
	for _, i := range indexes {
		out = append(strconv.AppendInt(append(out, '['), int64(i), 10), ']')
	}
	return string(out)
}
