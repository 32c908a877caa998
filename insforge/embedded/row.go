package embedded

import (
	"cmp"
	"encoding/binary"
	"unsafe"

	"github.com/followthrough-go/followthrough/insforge/filter"
)

// A row is one version of a row: it never changes. Ids are given out in order
// of writing, so that a scan sees rows as PostgreSQL's heap would: an updated
// row moves to the end.
//
// Its data follows it in one piece of memory without pointers. The garbage
// collector must find every row each time, so it matters that it is one object
// and not two, and that there is nothing in it to follow.
type row struct {
	id   uint64
	size uint64 // of the data
}

// newRow makes a row of data, which is copied.
func newRow[T string | []byte](id uint64, data T) *row {
	const word, head = 8, 2
	memory := make([]uint64, head+1+len(data)/word) // at least one word, so that the data is inside
	r := (*row)(unsafe.Pointer(&memory[0]))
	r.id, r.size = id, uint64(len(data))
	copy(unsafe.Slice((*byte)(unsafe.Pointer(&memory[head])), len(data)), data)
	return r
}

// data is in the form of the table's layout.
func (r *row) data() string {
	return unsafe.String((*byte)(unsafe.Add(unsafe.Pointer(r), unsafe.Sizeof(*r))), r.size)
}

func byID(a, b *row) int { return cmp.Compare(a.id, b.id) }

// writingOrder is the order of the rows of a table: their rank says it all.
var writingOrder = &order{rank: func(r *row) int64 { return int64(r.id) }, compare: byID}

// A layout says where the columns are in a row's data: a bitmap of the columns
// that are not NULL, the numbers at fixed places, the ends of the strings, the
// strings.
type layout struct {
	columns []slot
	bitmap  int // bytes
	ends    int // where the ends of the strings start
	strings int // how many there are
}

type slot struct {
	width int // of a number; 0: a string
	at    int // offset of a number, ordinal of a string
}

func newLayout(columns []column) layout {
	l := layout{bitmap: (len(columns) + 7) / 8}
	at := l.bitmap
	for _, c := range columns {
		width := c.typ.Width()
		if width == 0 {
			l.columns = append(l.columns, slot{at: l.strings})
			l.strings++
			continue
		}
		l.columns = append(l.columns, slot{width: width, at: at})
		at += width
	}
	l.ends = at
	return l
}

func (l *layout) encode(values []filter.Value) string {
	size := l.ends + 4*l.strings
	for i, v := range values {
		if l.columns[i].width == 0 {
			_, s := v.Raw()
			size += len(s)
		}
	}
	data := make([]byte, l.ends+4*l.strings, size)
	end := l.ends
	for i, v := range values {
		n, s := v.Raw()
		if !v.IsNull() {
			data[i/8] |= 1 << (i % 8)
		}
		c := l.columns[i]
		switch c.width {
		case 0:
			data = append(data, s...)
			binary.LittleEndian.PutUint32(data[end:], uint32(len(data)))
			end += 4
		case 1:
			data[c.at] = byte(n)
		case 2:
			binary.LittleEndian.PutUint16(data[c.at:], uint16(n))
		case 4:
			binary.LittleEndian.PutUint32(data[c.at:], uint32(n))
		default:
			binary.LittleEndian.PutUint64(data[c.at:], uint64(n))
		}
	}
	return string(data)
}

// value reads column i without allocating.
func (l *layout) value(data string, i int) filter.Value {
	if data[i/8]&(1<<(i%8)) == 0 {
		return filter.Value{}
	}
	c := l.columns[i]
	switch c.width {
	case 0:
		end := l.ends + 4*c.at
		start := l.ends + 4*l.strings
		if c.at > 0 {
			start = int(uint32At(data, end-4))
		}
		return filter.RawValue(0, data[start:uint32At(data, end)])
	case 1:
		return filter.RawValue(int64(int8(data[c.at])), "")
	case 2:
		return filter.RawValue(int64(int16(uint16(data[c.at])|uint16(data[c.at+1])<<8)), "")
	case 4:
		return filter.RawValue(int64(int32(uint32At(data, c.at))), "")
	default:
		return filter.RawValue(int64(uint64(uint32At(data, c.at))|uint64(uint32At(data, c.at+4))<<32), "")
	}
}

func uint32At(s string, i int) uint32 {
	_ = s[i+3]
	return uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16 | uint32(s[i+3])<<24
}

func (l *layout) decode(data string) []filter.Value {
	values := make([]filter.Value, len(l.columns))
	for i := range values {
		values[i] = l.value(data, i)
	}
	return values
}

// valid reports whether data could have been written with this layout.
func (l *layout) valid(data string) bool {
	start := l.ends + 4*l.strings
	if len(data) < start {
		return false
	}
	for i := range l.strings {
		end := int(uint32At(data, l.ends+4*i))
		if end < start || end > len(data) {
			return false
		}
		start = end
	}
	return start == len(data)
}

// cursor lets a filter.Predicate look at rows: it maps the predicate's columns
// to the table's.
type cursor struct {
	layout  *layout
	columns []int
	data    string
	joined  func(join int) bool // stands for the columns ^join
}

// Value implements filter.Row.
func (c *cursor) Value(i int) filter.Value {
	n := c.columns[i]
	if n >= 0 {
		return c.layout.value(c.data, n)
	}
	if c.joined(^n) {
		return filter.Int(1)
	}
	return filter.Int(0)
}
