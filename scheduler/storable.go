package scheduler

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/followthrough-go/followthrough/planparse"
)

// storable is a plan as PostgreSQL can keep it. JSON allows "\u0000" and halves
// of surrogate pairs in strings, jsonb refuses the whole document for either
// (SQLSTATE 22P05 and 22P02), and models write both.
func storable(plan planparse.Plan) (planparse.Plan, error) {
	encoded, err := json.Marshal(plan)
	if err != nil {
		return planparse.Plan{}, fmt.Errorf("encode plan: %w", err)
	}
	clean := jsonbText(encoded)
	if bytes.Equal(clean, encoded) {
		return plan, nil
	}
	kept := plan
	if err := json.Unmarshal(clean, &kept); err != nil {
		return planparse.Plan{}, fmt.Errorf("encode plan: %w", err)
	}
	kept.Outcome, kept.Warnings = plan.Outcome, plan.Warnings
	return kept, nil
}

// jsonbText is a JSON document without escaped NULs, and with U+FFFD for every
// surrogate that lacks its other half.
func jsonbText(document []byte) []byte {
	out := make([]byte, 0, len(document))
	for i := 0; i < len(document); {
		if document[i] != '\\' || i+1 == len(document) {
			out = append(out, document[i])
			i++
			continue
		}
		code, ok := escaped(document[i:])
		switch low, paired := escaped(document[min(i+6, len(document)):]); {
		case !ok:
			out = append(out, document[i:i+2]...)
			i += 2
			continue
		case code == 0:
		case code < 0xD800 || code > 0xDFFF:
			out = append(out, document[i:i+6]...)
		case code < 0xDC00 && paired && low >= 0xDC00 && low <= 0xDFFF:
			out = append(out, document[i:i+12]...)
			i += 6
		default:
			out = append(out, `\ufffd`...)
		}
		i += 6
	}
	return out
}

// escaped reads an escape of the form \uXXXX at the beginning of text.
func escaped(text []byte) (code uint64, ok bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	code, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return code, err == nil
}
