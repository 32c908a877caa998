package filter

import (
	"fmt"
	"strconv"
	"strings"
)

// A Type is a PostgreSQL type: it reads literals, compares values and writes
// them. Types are comparable and small; pass them by value.
type Type struct {
	kind      kind
	array     bool
	length    int // varchar(n), char(n); 0: none
	precision int // numeric(p,s), 0: none; or fractional digits of seconds
	// hasPrecision says that precision is one of a time, which may be 0.
	hasPrecision bool
	scale        int    // numeric(p,s)
	other        string // the name of a type that behaves as text
}

// kind is what a type, or the element of an array, is made of.
type kind uint8

const (
	kindText kind = iota // the zero Type is text
	kindVarchar
	kindChar
	kindName
	kindBool
	kindInt2
	kindInt4
	kindInt8
	kindFloat4
	kindFloat8
	kindNumeric
	kindTimestamptz
	kindTimestamp
	kindDate
	kindTime
	kindTimetz
	kindInterval
	kindUUID
	kindJSON
	kindJSONB
	kindBytea
	kindInt4Range
	kindInt8Range
	kindNumRange
	kindTsRange
	kindTstzRange
	kindDateRange
	kindOther
)

// kindNames are the names PostgreSQL prints in its messages.
var kindNames = [...]string{
	kindText:        "text",
	kindVarchar:     "character varying",
	kindChar:        "character",
	kindName:        "name",
	kindBool:        "boolean",
	kindInt2:        "smallint",
	kindInt4:        "integer",
	kindInt8:        "bigint",
	kindFloat4:      "real",
	kindFloat8:      "double precision",
	kindNumeric:     "numeric",
	kindTimestamptz: "timestamp with time zone",
	kindTimestamp:   "timestamp without time zone",
	kindDate:        "date",
	kindTime:        "time without time zone",
	kindTimetz:      "time with time zone",
	kindInterval:    "interval",
	kindUUID:        "uuid",
	kindJSON:        "json",
	kindJSONB:       "jsonb",
	kindBytea:       "bytea",
	kindInt4Range:   "int4range",
	kindInt8Range:   "int8range",
	kindNumRange:    "numrange",
	kindTsRange:     "tsrange",
	kindTstzRange:   "tstzrange",
	kindDateRange:   "daterange",
	kindOther:       "text",
}

// kindsByName has every spelling of the types that have operators here, without
// modifiers and array brackets.
var kindsByName = map[string]kind{
	"text": kindText, "varchar": kindVarchar, "character varying": kindVarchar,
	"char varying": kindVarchar, "national character varying": kindVarchar, "national char varying": kindVarchar, "nchar varying": kindVarchar,
	"char": kindChar, "character": kindChar, "bpchar": kindChar, "name": kindName,
	"national character": kindChar, "national char": kindChar, "nchar": kindChar,
	"bool": kindBool, "boolean": kindBool,
	"int2": kindInt2, "smallint": kindInt2, "smallserial": kindInt2, "serial2": kindInt2,
	"int": kindInt4, "int4": kindInt4, "integer": kindInt4, "serial": kindInt4, "serial4": kindInt4,
	"int8": kindInt8, "bigint": kindInt8, "bigserial": kindInt8, "serial8": kindInt8,
	"float4": kindFloat4, "real": kindFloat4,
	"float8": kindFloat8, "float": kindFloat8, "double precision": kindFloat8,
	"numeric": kindNumeric, "decimal": kindNumeric, "dec": kindNumeric,
	"timestamptz": kindTimestamptz, "timestamp with time zone": kindTimestamptz,
	"timestamp": kindTimestamp, "timestamp without time zone": kindTimestamp,
	"date": kindDate,
	"time": kindTime, "time without time zone": kindTime,
	"timetz": kindTimetz, "time with time zone": kindTimetz,
	"interval": kindInterval, "uuid": kindUUID, "json": kindJSON, "jsonb": kindJSONB, "bytea": kindBytea,
	"int4range": kindInt4Range, "int8range": kindInt8Range, "numrange": kindNumRange,
	"tsrange": kindTsRange, "tstzrange": kindTstzRange, "daterange": kindDateRange,
}

// textlike are the built-in types without operators here: they behave as text.
var textlike = map[string]bool{
	"bit": true, "bit varying": true, "varbit": true, "box": true, "cidr": true, "circle": true, "citext": true,
	"datemultirange": true, "inet": true, "int4multirange": true, "int8multirange": true, "jsonpath": true,
	"line": true, "lseg": true, "macaddr": true, "macaddr8": true, "money": true, "nummultirange": true,
	"oid": true, "path": true, "pg_lsn": true, "pg_snapshot": true, "point": true, "polygon": true,
	"regclass": true, "regtype": true, "tsmultirange": true, "tsquery": true, "tstzmultirange": true,
	"tsvector": true, "txid_snapshot": true, "xid": true, "xid8": true, "xml": true,
}

// ParseType returns the type with a built-in PostgreSQL name or alias, in any
// case: "timestamptz", "varchar(20)", "numeric(10, 2)", "text[]". Types without
// operators here, such as tsvector and money, behave as text.
func ParseType(name string) (Type, error) {
	base := strings.Join(strings.Fields(strings.ToLower(name)), " ")
	base = strings.TrimPrefix(base, "pg_catalog.")
	var t Type
	for {
		trimmed, isArray := cutArraySuffix(base)
		if !isArray {
			break
		}
		base, t.array = trimmed, true
	}
	base, modifiers, err := cutModifiers(base)
	if err != nil {
		return Type{}, fmt.Errorf("type %q: %w", name, err)
	}
	k, known := kindsByName[base]
	switch {
	case known:
		t.kind = k
	case textlike[base]:
		t.kind, t.other = kindOther, base
	default:
		return Type{}, fmt.Errorf("type %q does not exist", name)
	}
	if err := t.modify(base, modifiers); err != nil {
		return Type{}, fmt.Errorf("type %q: %w", name, err)
	}
	return t, nil
}

func cutArraySuffix(name string) (string, bool) {
	if base, ok := strings.CutSuffix(name, " array"); ok {
		return base, true
	}
	if !strings.HasSuffix(name, "]") {
		return name, false
	}
	open := strings.LastIndexByte(name, '[')
	if open < 0 || strings.Trim(name[open+1:len(name)-1], "0123456789 ") != "" {
		return name, false
	}
	return strings.TrimSpace(name[:open]), true
}

// cutModifiers takes "(10,2)" out of a name; in "timestamp(3) with time zone"
// it stands in the middle.
func cutModifiers(name string) (base string, modifiers []int, err error) {
	open := strings.IndexByte(name, '(')
	if open < 0 {
		return name, nil, nil
	}
	length := strings.IndexByte(name[open:], ')')
	if length < 0 {
		return "", nil, fmt.Errorf("unclosed parenthesis")
	}
	for part := range strings.SplitSeq(name[open+1:open+length], ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil {
			return "", nil, fmt.Errorf("modifier %q is not a number", part)
		}
		modifiers = append(modifiers, n)
	}
	return strings.TrimSpace(name[:open]) + name[open+length+1:], modifiers, nil
}

func (t *Type) modify(base string, modifiers []int) error {
	if t.kind == kindChar && len(modifiers) == 0 && base != "bpchar" {
		t.length = 1
	}
	if len(modifiers) == 0 {
		return nil
	}
	switch t.kind {
	case kindVarchar, kindChar:
		if len(modifiers) != 1 || modifiers[0] < 1 {
			return fmt.Errorf("length must be one number of at least 1")
		}
		t.length = modifiers[0]
	case kindNumeric:
		if len(modifiers) > 2 || modifiers[0] < 1 || modifiers[0] > 1000 {
			return fmt.Errorf("NUMERIC precision must be between 1 and 1000")
		}
		t.precision = modifiers[0]
		if len(modifiers) == 2 {
			t.scale = modifiers[1]
		}
	case kindTimestamptz, kindTimestamp, kindTime, kindTimetz, kindInterval:
		if len(modifiers) != 1 || modifiers[0] < 0 {
			return fmt.Errorf("precision must be one number")
		}
		t.precision, t.hasPrecision = min(modifiers[0], 6), true
	case kindFloat8:
		switch {
		case base != "float" || len(modifiers) != 1:
			return fmt.Errorf("type modifier is not allowed for type %q", base)
		case modifiers[0] < 1 || modifiers[0] > 53:
			return fmt.Errorf("precision for type float must be between 1 and 53 bits")
		case modifiers[0] < 25:
			t.kind = kindFloat4
		}
	case kindOther:
	default:
		return fmt.Errorf("type modifier is not allowed for type %q", base)
	}
	return nil
}

// String returns the name PostgreSQL prints in messages, without modifiers.
func (t Type) String() string {
	name := kindNames[t.kind]
	if t.other != "" {
		name = t.other
	}
	if t.array {
		return name + "[]"
	}
	return name
}

// IsArray reports whether values are arrays; Elem is then their elements' type.
func (t Type) IsArray() bool { return t.array }

// Elem returns the type of an array's elements.
func (t Type) Elem() Type {
	t.array = false
	return t
}

// IsJSON reports whether the type is json or jsonb.
func (t Type) IsJSON() bool { return !t.array && (t.kind == kindJSON || t.kind == kindJSONB) }

// IsBool reports whether the type is boolean.
func (t Type) IsBool() bool { return t == Type{kind: kindBool} }

// IsUUID reports whether the type is uuid.
func (t Type) IsUUID() bool { return t == Type{kind: kindUUID} }

// IsInteger reports whether the type is smallint, integer or bigint.
func (t Type) IsInteger() bool {
	return !t.array && t.kind >= kindInt2 && t.kind <= kindInt8
}

// IsTime reports whether the type is a date, a time or a timestamp, so that
// now() can be its default.
func (t Type) IsTime() bool {
	return !t.array && t.kind >= kindTimestamptz && t.kind <= kindTimetz
}

// IsText reports whether values are character strings.
func (t Type) IsText() bool {
	return !t.array && (t.kind <= kindName || t.kind == kindOther)
}

// IsUnsupported reports whether the type only stands in as text because there
// are no operators for it here.
func (t Type) IsUnsupported() bool { return t.kind == kindOther }

// Width is the number of bytes that hold a value's number: 1, 2, 4 or 8. It is
// 0 for types whose values are held as text.
func (t Type) Width() int {
	if t.array {
		return 0
	}
	switch t.kind {
	case kindBool:
		return 1
	case kindInt2:
		return 2
	case kindInt4, kindDate:
		return 4
	case kindInt8, kindFloat4, kindFloat8, kindTimestamptz, kindTimestamp, kindTime:
		return 8
	default:
		return 0
	}
}

func (t Type) isRange() bool {
	return !t.array && t.kind >= kindInt4Range && t.kind <= kindDateRange
}

// bound is the type of a range's bounds.
func (t Type) bound() Type {
	switch t.kind {
	case kindInt4Range:
		return Type{kind: kindInt4}
	case kindInt8Range:
		return Type{kind: kindInt8}
	case kindNumRange:
		return Type{kind: kindNumeric}
	case kindTsRange:
		return Type{kind: kindTimestamp}
	case kindTstzRange:
		return Type{kind: kindTimestamptz}
	default:
		return Type{kind: kindDate}
	}
}

// Unmodified is the type without length, precision and scale: what a literal
// that is compared with a column is read as.
func (t Type) Unmodified() Type {
	t.length, t.precision, t.scale, t.hasPrecision = 0, 0, 0, false
	return t
}
