package filter

import (
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
	items, err := itemsFromNode(node, t.kind == kindJSON || t.kind == kindJSONB)
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

// itemsFromNode are a JSON array's elements; those of an array of JSON stay what
// they are, others are their text.
func itemsFromNode(node jsonNode, ofJSON bool) ([]arrayItem, error) {
	items := []arrayItem{}
	for _, n := range node.items {
		switch n.kind {
		case 'n':
			items = append(items, arrayItem{null: true})
		case '[':
			nested, err := itemsFromNode(n, ofJSON)
			if err != nil {
				return nil, err
			}
			items = append(items, arrayItem{nested: true, items: nested})
		case '"':
			if ofJSON {
				items = append(items, arrayItem{text: string(AppendJSONString(nil, n.str))})
				continue
			}
			if n.zero {
				return nil, errZeroChar
			}
			items = append(items, arrayItem{text: n.str})
		default:
			items = append(items, arrayItem{text: n.raw})
		}
	}
	return items, nil
}
