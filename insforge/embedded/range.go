package embedded

import (
	"cmp"
	"fmt"
	"math/big"
	"net/http"
	"regexp"
	"strconv"
)

func unsatisfiable(details string) *apiError {
	return &apiError{
		status: http.StatusRequestedRangeNotSatisfiable, code: "PGRST103", message: "Requested range not satisfiable", details: details,
	}
}

var rangeHeader = regexp.MustCompile(`^([0-9]+)-([0-9]*)$`)

// applyRange intersects limit and offset with the Range header, which only GET
// has. A limit that ends just before the first row asks for nothing, whatever
// the header says.
func (c *call) applyRange() error {
	q := c.query
	if q.limit == nil && q.offset == nil && c.request.Header.Get("Range") == "" {
		return nil
	}
	first, last, badHeader := c.rangeHeader()
	negative := func() error {
		return cmp.Or(badHeader, error(unsatisfiable("Limit should be greater than or equal to zero.")))
	}
	zero, one := new(big.Int), big.NewInt(1)
	lower, upper := zero, (*big.Int)(nil) // nil: none
	if q.offset != nil {
		lower = q.offset
	}
	if q.limit != nil {
		if q.limit.Sign() < 0 && lower.Sign() <= 0 {
			return negative()
		}
		upper = new(big.Int).Sub(new(big.Int).Add(lower, q.limit), one)
		if upper.Cmp(big.NewInt(-1)) == 0 {
			q.limit, q.offset = zero, zero
			return nil
		}
		if upper.Cmp(larger(lower, zero)) < 0 {
			return negative()
		}
	}
	if badHeader != nil {
		return badHeader
	}
	lower = larger(larger(lower, first), zero)
	if last != nil && (upper == nil || last.Cmp(upper) < 0) {
		upper = last
	}
	q.offset = lower
	if upper != nil {
		if lower.Cmp(upper) > 0 {
			return negative()
		}
		limit := new(big.Int).Sub(upper, lower)
		q.limit = limit.Add(limit, one)
	}
	return nil
}

func larger(a, b *big.Int) *big.Int {
	if a.Cmp(b) < 0 {
		return b
	}
	return a
}

// rangeHeader reads the Range header; last is nil if it is open. What cannot be
// read counts as absent.
func (c *call) rangeHeader() (first, last *big.Int, err error) {
	first = new(big.Int)
	header := c.request.Header.Get("Range")
	if header == "" || c.request.Method != http.MethodGet {
		return first, nil, nil
	}
	m := rangeHeader.FindStringSubmatch(header)
	if m == nil {
		return first, nil, nil
	}
	first.SetString(m[1], 10) // digits
	if m[2] == "" {
		return first, nil, nil
	}
	last, _ = new(big.Int).SetString(m[2], 10)
	if first.Cmp(last) > 0 {
		return first, nil, unsatisfiable("The lower boundary must be lower than or equal to the upper boundary in the Range header.")
	}
	return first, last, nil
}

// outOf says which part of all the rows there are an answer has, or refuses to
// start behind the last.
func (res *response) outOf(offset int64, rows int, total int64) error {
	switch {
	case offset > total:
		refused := unsatisfiable(fmt.Sprintf("An offset of %d was requested, but there are only %d rows.", offset, total))
		refused.header = res.header
		refused.header.set("Content-Type", res.contentType)
		return refused
	case int64(rows) < total:
		res.status = http.StatusPartialContent
	}
	return nil
}

func contentRange(offset int64, rows int, counted bool, total int64) string {
	var out []byte
	if rows == 0 || counted && total == 0 {
		out = append(out, '*')
	} else {
		out = strconv.AppendInt(out, offset, 10)
		out = append(out, '-')
		out = strconv.AppendInt(out, offset+int64(rows)-1, 10)
	}
	out = append(out, '/')
	if !counted {
		return string(append(out, '*'))
	}
	return string(strconv.AppendInt(out, total, 10))
}
