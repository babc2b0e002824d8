package kedro

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/kedrod/kedrod/internal/fault"
)

// Bounds of parameters: what Python's YAML reader, through which Kedro reads the
// configuration file, takes without failing. Beyond them a job is refused.
const (
	MaxParameterDepth = 64   // objects and lists inside each other
	maxKeyLength      = 1000 // characters of a key, as written; YAML ends at 1024
	maxDigits         = 4000 // of an integer; Python ends at 4300
)

// encodeParameters writes a JSON object so that Kedro gives its nodes the same
// values: YAML and JSON at once. escape says that "${" is to be kept as text by a
// backslash; without it a value that holds one is refused. Whatever would reach a
// node changed (a key given twice, a lone surrogate, a number beyond a float) is
// refused by the name of its field.
//
//kedrod:parser FuzzEncodeParameters
func encodeParameters(raw json.RawMessage, escape bool) ([]byte, error) {
	w := &paramWriter{in: raw, escape: escape}
	w.space()
	if w.pos >= len(w.in) || w.in[w.pos] != '{' {
		return nil, fault.InvalidField("parameters", "must be a JSON object")
	}
	if !json.Valid(raw) {
		return nil, fault.InvalidField("parameters", "is not valid JSON (NaN and Infinity are none)")
	}
	if err := w.value("parameters", 0); err != nil {
		return nil, err
	}
	return w.out.Bytes(), nil
}

// paramWriter walks JSON that json.Valid has passed, so only what JSON allows and
// Kedro does not is checked here.
type paramWriter struct {
	in     []byte
	pos    int
	out    bytes.Buffer
	escape bool
}

func (w *paramWriter) space() {
	for w.pos < len(w.in) && strings.IndexByte(" \t\r\n", w.in[w.pos]) >= 0 {
		w.pos++
	}
}

// skip passes over blanks and one byte.
func (w *paramWriter) skip() {
	w.space()
	w.pos++
}

func (w *paramWriter) value(field string, depth int) error {
	w.space()
	switch c := w.in[w.pos]; {
	case (c == '{' || c == '[') && depth >= MaxParameterDepth:
		return fault.InvalidField(cutText(field, 200), fmt.Sprintf("nested more than %d deep", MaxParameterDepth))
	case c == '{':
		return w.object(field, depth)
	case c == '[':
		return w.array(field, depth)
	case c == '"':
		s, err := w.text(field)
		if err != nil {
			return err
		}
		if s, err = w.interpolation(field, s); err != nil {
			return err
		}
		writeString(&w.out, s)
		return nil
	case c == '-' || c >= '0' && c <= '9':
		return w.number(field)
	default: // true, false, null
		start := w.pos
		for w.pos < len(w.in) && w.in[w.pos] >= 'a' && w.in[w.pos] <= 'z' {
			w.pos++
		}
		w.out.Write(w.in[start:w.pos])
		return nil
	}
}

func (w *paramWriter) object(field string, depth int) error {
	w.skip()
	w.out.WriteByte('{')
	seen := map[string]bool{}
	for first := true; ; first = false {
		w.space()
		if w.in[w.pos] == '}' {
			w.pos++
			w.out.WriteByte('}')
			return nil
		}
		if !first {
			w.skip() // the comma
			w.space()
			w.out.WriteString(", ")
		}
		key, err := w.text(field)
		if err != nil {
			return err
		}
		inner := field + "." + key
		if seen[key] {
			return fault.InvalidField(cutText(inner, 200), "given twice")
		}
		seen[key] = true
		before := w.out.Len()
		writeString(&w.out, key)
		if utf8.RuneCount(w.out.Bytes()[before:]) > maxKeyLength {
			return fault.InvalidField(cutText(inner, 200), fmt.Sprintf("a key of more than %d characters; Kedro can't read it", maxKeyLength))
		}
		w.skip() // the colon
		w.out.WriteString(": ")
		if err := w.value(inner, depth+1); err != nil {
			return err
		}
	}
}

func (w *paramWriter) array(field string, depth int) error {
	w.skip()
	w.out.WriteByte('[')
	for i := 0; ; i++ {
		w.space()
		if w.in[w.pos] == ']' {
			w.pos++
			w.out.WriteByte(']')
			return nil
		}
		if i > 0 {
			w.skip() // the comma
			w.out.WriteString(", ")
		}
		if err := w.value(fmt.Sprintf("%s[%d]", field, i), depth+1); err != nil {
			return err
		}
	}
}

// number copies a number as it was written; Python reads the same text.
func (w *paramWriter) number(field string) error {
	start := w.pos
	for w.pos < len(w.in) && strings.IndexByte("+-.0123456789eE", w.in[w.pos]) >= 0 {
		w.pos++
	}
	number := string(w.in[start:w.pos])
	if strings.ContainsAny(number, ".eE") {
		if f, err := strconv.ParseFloat(number, 64); err != nil || math.IsInf(f, 0) {
			return fault.InvalidField(cutText(field, 200), "a number beyond what a 64-bit float holds")
		}
	} else if len(number) > maxDigits {
		return fault.InvalidField(cutText(field, 200), fmt.Sprintf("an integer of more than %d digits; Python can't read it", maxDigits))
	}
	w.out.WriteString(number)
	return nil
}

// text reads a JSON string and refuses what is no Unicode text.
func (w *paramWriter) text(field string) (string, error) {
	start := w.pos
	for w.pos++; w.in[w.pos] != '"'; w.pos++ {
		if w.in[w.pos] == '\\' {
			w.pos++
		}
	}
	w.pos++
	raw := w.in[start:w.pos]
	if !utf8.Valid(raw) || loneSurrogate(raw) {
		return "", fault.InvalidField(cutText(strings.ToValidUTF8(field, "?"), 200), "holds text that is not valid Unicode")
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", fault.Wrap(err, fault.Invalid, field+": is not valid JSON")
	}
	return s, nil
}

// loneSurrogate looks for half of a \uD8xx\uDCxx pair, which Go would replace.
func loneSurrogate(raw []byte) bool {
	for i := 0; i+1 < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		if raw[i] != 'u' || i+5 > len(raw) {
			continue
		}
		unit, err := strconv.ParseUint(string(raw[i+1:i+5]), 16, 16)
		i += 4
		if err != nil || unit < 0xD800 || unit > 0xDFFF {
			continue
		}
		if unit >= 0xDC00 || i+6 >= len(raw) || raw[i+1] != '\\' || raw[i+2] != 'u' {
			return true
		}
		low, err := strconv.ParseUint(string(raw[i+3:i+7]), 16, 16)
		if err != nil || low < 0xDC00 || low > 0xDFFF {
			return true
		}
		i += 6
	}
	return false
}

// interpolation keeps "${" as text: OmegaConf takes \${ for it, and two backslashes
// directly before for one.
func (w *paramWriter) interpolation(field, s string) (string, error) {
	if !strings.Contains(s, "${") {
		return s, nil
	}
	if !w.escape {
		return "", fault.InvalidField(cutText(field, 200), "holds \"${\", which the project's Kedro would resolve: it can be sent as text from Kedro 1.3 on")
	}
	var b strings.Builder
	backslashes := 0
	for i := range len(s) {
		switch {
		case s[i] == '\\':
			backslashes++
		case s[i] == '$' && i+1 < len(s) && s[i+1] == '{':
			b.WriteString(strings.Repeat(`\`, backslashes) + `\`)
			backslashes = 0
		default:
			backslashes = 0
		}
		b.WriteByte(s[i])
	}
	return b.String(), nil
}

// writeString writes a string that YAML and JSON read alike: raw UTF-8, but escapes
// for what YAML calls unprintable or takes for a line break. Above U+FFFF it stays
// raw, since YAML reads a surrogate pair as two characters.
func writeString(out *bytes.Buffer, s string) {
	out.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			out.WriteByte('\\')
			out.WriteRune(r)
		case r < 0x20, r >= 0x7F && r <= 0x9F, r == 0x2028, r == 0x2029, r == 0xFEFF, r == 0xFFFE, r == 0xFFFF:
			fmt.Fprintf(out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
}
