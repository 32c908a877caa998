package embedded

import (
	"strings"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// quickFilter reads the filters that most requests consist of, such as
// id=eq.7 and status=in.(pending,sent), without the full grammar, which costs
// more than looking the row up. What it does not take, ok false, goes to
// filter.ParseParam; what it takes means the same there.
func quickFilter(key, value string) (_ filter.Cond, ok bool) {
	if !isPlainName(key) || key == "and" || key == "or" {
		return filter.Cond{}, false
	}
	name, operand, found := strings.Cut(value, ".")
	if !found || strings.IndexByte(value, 0) >= 0 {
		return filter.Cond{}, false
	}
	c := filter.Cond{Path: filter.Path{Column: key}, Op: filter.Op(name)}
	switch c.Op {
	case filter.OpEq, filter.OpNeq, filter.OpGt, filter.OpGte, filter.OpLt, filter.OpLte:
		c.Value = operand
		return c, true
	case filter.OpIn:
		if len(operand) < 3 || operand[0] != '(' || operand[len(operand)-1] != ')' {
			return filter.Cond{}, false
		}
		list := operand[1 : len(operand)-1]
		if strings.ContainsAny(list, "\"() \t") {
			return filter.Cond{}, false
		}
		c.List = strings.Split(list, ",")
		return c, true
	}
	return filter.Cond{}, false
}

// quickOrder reads the orders that most requests have, such as due_at.asc,id, as
// filter.ParseOrder would.
func quickOrder(value string) (terms []filter.OrderTerm, ok bool) {
	for part := range strings.SplitSeq(value, ",") {
		name, direction, directed := strings.Cut(part, ".")
		if !isPlainName(name) || directed && direction != "asc" && direction != "desc" {
			return nil, false
		}
		descending := direction == "desc"
		terms = append(terms, filter.OrderTerm{Path: filter.Path{Column: name}, Descending: descending, NullsFirst: descending})
	}
	return terms, true
}

func isPlainName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
