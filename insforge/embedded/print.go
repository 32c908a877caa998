package embedded

import (
	"context"
	"strings"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// A printer writes rows as a plan says.
type printer struct {
	ctx    context.Context
	state  *state
	depth  int      // of embedding
	header []string // of CSV; nil: the names of what is printed, if there is a row
}

// array writes rows as PostgreSQL's json_agg does.
func (pr *printer) array(dst []byte, p *plan, rows []*row) ([]byte, error) {
	dst = append(dst, '[')
	var err error
	for i, r := range rows {
		if i > 0 {
			dst = append(dst, ", \n "...)
		}
		if dst, err = pr.row(dst, p, r); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func (pr *printer) row(dst []byte, p *plan, r *row) ([]byte, error) {
	dst = append(dst, '{')
	for i := range p.outputs {
		out := &p.outputs[i]
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, out.key...)
		var err error
		if out.join == nil && out.get == nil && !out.counts { // as nearly all are
			dst = out.typ.AppendJSON(dst, p.table.layout.value(r.data(), out.column), p.session)
		} else if dst, err = pr.cell(dst, p, out, r); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// withoutNulls takes the members of objects that are null out of JSON, at any
// depth, and the space between tokens, as PostgreSQL's json_strip_nulls does:
// also in columns that hold JSON. Elements of arrays stay.
func withoutNulls(src []byte) []byte {
	dst := make([]byte, 0, len(src))
	const array = -1
	var open []int // what the place is in: an array, or an object and where its last member starts
	for i := 0; i < len(src); i++ {
		in := len(open) - 1
		switch c := src[i]; c {
		case ' ', '\t', '\n', '\r':
		case '"':
			start := i
			for i++; src[i] != '"'; i++ {
				if src[i] == '\\' {
					i++
				}
			}
			dst = append(dst, src[start:i+1]...)
		case '{', '[':
			dst = append(dst, c)
			if c == '[' {
				open = append(open, array)
			} else {
				open = append(open, len(dst))
			}
		case '}', ']':
			dst, open = append(dst, c), open[:in]
		case ',':
			if open[in] != array {
				open[in] = len(dst)
				if dst[len(dst)-1] == '{' { // those before are gone
					continue
				}
			}
			dst = append(dst, ',')
		case 'n':
			i += len("null") - 1
			if in >= 0 && open[in] != array {
				dst = dst[:open[in]]
			} else {
				dst = append(dst, "null"...)
			}
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

func (pr *printer) cell(dst []byte, p *plan, out *output, r *row) (_ []byte, err error) {
	if out.join != nil {
		dst, _, err = pr.embedded(dst, p, out, r)
		return dst, err
	}
	v := p.value(out, r)
	if out.get != nil {
		if v, err = out.get(v); err != nil {
			return nil, err
		}
	}
	return out.typ.AppendJSON(dst, v, p.session), nil
}

// value is what a column output shows of a row, before casts.
func (p *plan) value(out *output, r *row) filter.Value {
	if out.counts {
		return filter.Int(int64(r.id))
	}
	return p.table.layout.value(r.data(), out.column)
}

// value is what an output shows of a row as a value: jsonb where it is an embed.
func (pr *printer) value(p *plan, out *output, r *row) (filter.Value, error) {
	switch {
	case out.join == nil:
		v := p.value(out, r)
		if out.get == nil {
			return v, nil
		}
		return out.get(v)
	case out.column < 0: // spread
		rows, err := out.join.find(pr.ctx, pr.state, p.table, r)
		if err != nil || len(rows) == 0 {
			return filter.Value{}, err
		}
		return pr.value(out.join.plan, &out.join.plan.outputs[0], rows[0])
	}
	printed, null, err := pr.embedded(nil, p, out, r)
	if err != nil || null {
		return filter.Value{}, err
	}
	return jsonbInput.ParseJSON(printed, filter.Session{})
}

func (pr *printer) embedded(dst []byte, p *plan, out *output, r *row) (_ []byte, null bool, err error) {
	j := out.join
	rows, err := j.find(pr.ctx, pr.state, p.table, r)
	switch {
	case err != nil:
		return nil, false, err
	case j.toOne && len(rows) == 0:
		return append(dst, "null"...), true, nil
	case out.column < 0: // spread
		dst, err = pr.cell(dst, j.plan, &j.plan.outputs[0], rows[0])
		return dst, false, err
	}
	start := len(dst)
	pr.depth++
	if j.toOne {
		dst, err = pr.row(dst, j.plan, rows[0])
	} else {
		dst, err = pr.array(dst, j.plan, rows)
	}
	pr.depth--
	if err != nil || pr.depth > 0 {
		return dst, false, err
	}
	// Embedded rows are jsonb, which shows in numbers and in the order of keys.
	inner, err := throughJSONB(dst[start:])
	return append(dst[:start], inner...), false, err
}

// csv writes rows as PostgREST does: a header, \n between lines, no NULLs.
func (pr *printer) csv(dst []byte, p *plan, rows []*row) ([]byte, error) {
	header := pr.header
	if header == nil && len(rows) > 0 { // without a row there is no header either
		for _, out := range p.outputs {
			header = append(header, out.name)
		}
	}
	dst = append(append(dst, strings.Join(header, ",")...), '\n') // names as they are, whatever they contain
	for i, r := range rows {
		if i > 0 {
			dst = append(dst, '\n')
		}
		for i := range p.outputs {
			if i > 0 {
				dst = append(dst, ',')
			}
			text, null, err := pr.text(p, &p.outputs[i], r)
			if err != nil {
				return nil, err
			}
			if !null {
				dst = appendCSV(dst, text)
			}
		}
	}
	return dst, nil
}

func (pr *printer) text(p *plan, out *output, r *row) (_ string, null bool, err error) {
	if out.join != nil && out.column < 0 { // spread
		rows, err := out.join.find(pr.ctx, pr.state, p.table, r)
		if err != nil || len(rows) == 0 {
			return "", true, err
		}
		return pr.text(out.join.plan, &out.join.plan.outputs[0], rows[0])
	}
	if out.join != nil {
		cell, null, err := pr.embedded(nil, p, out, r)
		return string(cell), null, err
	}
	v := p.value(out, r)
	if out.get != nil {
		if v, err = out.get(v); err != nil {
			return "", false, err
		}
	}
	return string(out.typ.AppendText(nil, v, p.session)), v.IsNull(), nil
}

// appendCSV quotes as a PostgreSQL row does, which is what PostgREST prints.
func appendCSV(dst []byte, s string) []byte {
	if s != "" && !strings.ContainsAny(s, "\",()\\ \t\n\r\v\f") {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		if s[i] == '"' || s[i] == '\\' {
			dst = append(dst, s[i])
		}
		dst = append(dst, s[i])
	}
	return append(dst, '"')
}
