package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/kedrod/kedrod/internal/fault"
)

// maxDepth is how many objects and lists a body may hold inside each other.
const maxDepth = 100

// member is one field of the body's object.
type member struct {
	name string
	raw  []byte // its value, as sent, without blanks around
}

func (m member) null() bool { return m.raw[0] == 'n' }

// scanner reads JSON by RFC 8259 and keeps every value as it was sent. It is stricter
// than encoding/json: text must be UTF-8, a name may stand once in an object, nesting
// is bounded. Its errors tell places, never what stands there.
type scanner struct {
	in    []byte
	pos   int
	names [][]byte // of the objects that are open, decoded
}

// syntaxError is a body that is no JSON.
type syntaxError struct {
	at   int
	want string
}

func (e *syntaxError) Error() string {
	return fmt.Sprintf("the body is not JSON: at byte %d: %s", e.at, e.want)
}

// shapeError is JSON that is refused all the same.
type shapeError struct {
	path    string
	message string
	deep    bool // what follows was not looked at, and may be deeper than encoding/json goes
}

func (e *shapeError) Error() string { return e.path + ": " + e.message }

// readObject gives the fields of a body, in the order sent. Its faults are Malformed
// and Invalid.
//
//kedrod:parser FuzzSubmission
func readObject(body []byte) ([]member, error) {
	if len(bytes.TrimLeft(body, " \t\r\n")) == 0 {
		return nil, fault.New(fault.Malformed, "the body is empty: send a JSON object")
	}
	if !utf8.Valid(body) {
		return nil, fault.New(fault.Malformed, "the body is not UTF-8: send JSON as UTF-8")
	}
	s := &scanner{in: body}
	members, err := s.body()
	switch e := err.(type) { //nolint:errorlint // both are made here and never wrapped
	case nil:
		return members, nil
	case *shapeError:
		if !e.deep && !json.Valid(body) { // further on
			return nil, fault.New(fault.Malformed, "the body is not JSON")
		}
		return nil, fault.InvalidField(cut(e.path, 200), e.message)
	default:
		return nil, fault.New(fault.Malformed, err.Error())
	}
}

func (s *scanner) body() (members []member, err error) {
	object := false
	if s.space(); s.peek() == '{' {
		object = true
		err = s.object(0, func(name string, raw []byte) { members = append(members, member{name, raw}) })
	} else {
		err = s.value(0)
	}
	if err != nil {
		return nil, err
	}
	if s.space(); s.pos < len(s.in) {
		return nil, s.expected("nothing more after the end of the value")
	}
	if !object {
		return nil, &shapeError{path: "body", message: "must be a JSON object"}
	}
	return members, nil
}

func (s *scanner) expected(want string) error { return &syntaxError{s.pos, "expected " + want} }

func (s *scanner) space() {
	for s.pos < len(s.in) {
		switch s.in[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		default:
			return
		}
	}
}

// peek is the next byte; 0, which begins nothing in JSON, at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.in) {
		return s.in[s.pos]
	}
	return 0
}

func (s *scanner) value(depth int) error {
	switch c := s.peek(); {
	case c == '"':
		_, _, err := s.text()
		return err
	case c == '{':
		return s.object(depth, nil)
	case c == '[':
		return s.array(depth)
	case c == '-' || (c >= '0' && c <= '9'):
		return s.number()
	case c == 't':
		return s.word("true")
	case c == 'f':
		return s.word("false")
	case c == 'n':
		return s.word("null")
	}
	return s.expected("a value")
}

func (s *scanner) word(w string) error {
	if !bytes.HasPrefix(s.in[s.pos:], []byte(w)) {
		return s.expected("a value")
	}
	s.pos += len(w)
	return nil
}

func (s *scanner) array(depth int) error {
	if depth >= maxDepth {
		return tooDeep()
	}
	s.pos++
	if s.space(); s.peek() == ']' {
		s.pos++
		return nil
	}
	for i := 0; ; i++ {
		s.space()
		if err := s.value(depth + 1); err != nil {
			return within(err, "["+strconv.Itoa(i)+"]")
		}
		switch s.space(); s.peek() {
		case ',':
			s.pos++
		case ']':
			s.pos++
			return nil
		default:
			return s.expected(`"," or "]"`)
		}
	}
}

// elements gives what stands in a list that a scanner has passed; ok is false for one
// of more than limit.
func elements(raw []byte, limit int) (list [][]byte, ok bool) {
	s := &scanner{in: raw, pos: 1}
	for {
		if s.space(); s.peek() == ']' {
			return list, true
		}
		if len(list) == limit {
			return nil, false
		}
		begin := s.pos
		if s.value(1) != nil { // cannot be: it was passed
			return nil, false
		}
		list = append(list, s.in[begin:s.pos])
		if s.space(); s.peek() == ',' {
			s.pos++
		}
	}
}

// object reads an object; each, if there is one, gets every field.
func (s *scanner) object(depth int, each func(name string, raw []byte)) error {
	if depth >= maxDepth {
		return tooDeep()
	}
	open := len(s.names)
	defer func() { s.names = s.names[:open] }()
	var many map[string]bool
	s.pos++
	if s.space(); s.peek() == '}' {
		s.pos++
		return nil
	}
	for {
		s.space()
		if s.peek() != '"' {
			return s.expected("a name in double quotes")
		}
		raw, escaped, err := s.text()
		if err != nil {
			return err
		}
		name := raw[1 : len(raw)-1]
		if escaped {
			text, ok := textOf(raw)
			if !ok {
				return &shapeError{path: text, message: "is no text: it holds half a surrogate pair (\\ud800 to \\udfff)"}
			}
			name = []byte(text)
		}
		if many, err = s.once(name, open, many); err != nil {
			return err
		}
		if s.space(); s.peek() != ':' {
			return s.expected(`":"`)
		}
		s.pos++
		s.space()
		begin := s.pos
		if err := s.value(depth + 1); err != nil {
			return within(err, string(name))
		}
		if each != nil {
			each(string(name), s.in[begin:s.pos])
		}
		switch s.space(); s.peek() {
		case ',':
			s.pos++
		case '}':
			s.pos++
			return nil
		default:
			return s.expected(`"," or "}"`)
		}
	}
}

// fewNames is how many names are compared one by one before a map takes over.
const fewNames = 16

// once refuses a name that the object has already.
func (s *scanner) once(name []byte, open int, many map[string]bool) (map[string]bool, error) {
	again := false
	if many == nil {
		for _, n := range s.names[open:] {
			again = again || bytes.Equal(n, name)
		}
		s.names = append(s.names, name)
		if len(s.names)-open > fewNames {
			many = make(map[string]bool, 4*fewNames)
			for _, n := range s.names[open:] {
				many[string(n)] = true
			}
		}
	} else {
		again = many[string(name)]
		many[string(name)] = true
	}
	if again {
		return many, &shapeError{path: string(name), message: "stands twice in one object: which one counts would be a guess"}
	}
	return many, nil
}

// text reads a string with its quotes; escaped says that it holds a backslash.
func (s *scanner) text() (raw []byte, escaped bool, err error) {
	begin := s.pos
	s.pos++
	for s.pos < len(s.in) {
		switch c := s.in[s.pos]; {
		case c == '"':
			s.pos++
			return s.in[begin:s.pos], escaped, nil
		case c < ' ':
			return nil, false, s.expected("no control character in a string")
		case c == '\\':
			escaped = true
			if err := s.escape(); err != nil {
				return nil, false, err
			}
		default:
			s.pos++
		}
	}
	return nil, false, s.expected(`the end of a string (")`)
}

func (s *scanner) escape() error {
	s.pos++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
		return nil
	case 'u':
		if len(s.in)-s.pos < 5 || !hexDigits(s.in[s.pos+1:s.pos+5]) {
			return s.expected("four hexadecimal digits")
		}
		s.pos += 5
		return nil
	}
	return s.expected("an escape that JSON knows")
}

func hexDigits(digits []byte) bool {
	for _, c := range digits {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
			return false
		}
	}
	return true
}

func (s *scanner) number() error {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return s.expected("a digit")
	}
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return s.expected("a digit")
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if !s.digits() {
			return s.expected("a digit")
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	begin := s.pos
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.pos++
	}
	return s.pos > begin
}

func tooDeep() error {
	return &shapeError{message: fmt.Sprintf("nested more than %d deep", maxDepth), deep: true}
}

// within puts a place before an error's path.
func within(err error, place string) error {
	e, ok := err.(*shapeError) //nolint:errorlint // made here and never wrapped
	if !ok || len(e.path) > 400 {
		return err
	}
	switch {
	case e.path == "":
		e.path = place
	case e.path[0] == '[':
		e.path = place + e.path
	default:
		e.path = place + "." + e.path
	}
	return err
}

// unquote decodes a string that the scanner has passed.
func unquote(raw []byte) string {
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return string(raw)
	}
	return s
}

// cut shortens text to at most n bytes, between two characters.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
