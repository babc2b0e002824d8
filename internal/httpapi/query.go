package httpapi

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
)

// kind is what a query parameter's value must be.
type kind int

const (
	text    kind = iota
	word         // one of the param's words
	integer      // within min and max
	seconds      // a decimal number within min and max
	moment       // RFC 3339
	flag         // true or false
	seq          // id of an event, or none
	offset       // id of an event of a log, or none
)

// param is a query parameter of an operation.
type param struct {
	name  string
	kind  kind
	doc   string
	words []string
	// schemaName names the document's schema of the words; "": they stand in place.
	schemaName string
	// least characters and pattern are for the document; the use case knows better.
	least    int
	pattern  string
	min, max int
	repeated bool // any of several values
	later    bool // known, and brought by a later version
}

// query holds values that have passed readQuery.
type query url.Values

// readQuery checks a query against what the operation takes.
//
//kedrod:parser FuzzQuery
func readQuery(raw string, params []param) (query, error) {
	if raw == "" {
		return nil, nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, fault.New(fault.Malformed, "the query is not well formed: percent-encode what is no letter, digit or one of -._~")
	}
	var f refusals
	for _, name := range sortedNames(values) {
		i := slices.IndexFunc(params, func(p param) bool { return p.name == name })
		if i < 0 {
			f.unknown("query.", name, names(params))
			continue
		}
		params[i].check(values[name], &f)
	}
	return query(values), f.err()
}

func sortedNames(values url.Values) []string {
	list := make([]string, 0, len(values))
	for name := range values {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

func names(params []param) []string {
	list := make([]string, len(params))
	for i, p := range params {
		list[i] = p.name
	}
	return list
}

const (
	// maxValues is how many values a repeated parameter takes.
	maxValues = 100
	// maxText is how long a value may be.
	maxText = 1000
)

func (p *param) check(values []string, f *refusals) {
	field := "query." + p.name
	switch {
	case p.later:
		f.add(fault.NotSupported, field, "this version does not take it yet: leave it out")
		return
	case len(values) > 1 && !p.repeated:
		f.add(fault.Invalid, field, "give it once")
		return
	case len(values) > maxValues:
		f.add(fault.Invalid, field, fmt.Sprintf("at most %d values", maxValues))
		return
	}
	for _, v := range values {
		if message := p.refuse(v); message != "" {
			f.add(fault.Invalid, field, message)
			return
		}
	}
}

// refuse says what a value must be; "" when it is.
func (p *param) refuse(v string) string {
	switch p.kind {
	case word:
		if !slices.Contains(p.words, v) {
			return "must be one of " + strings.Join(p.words, ", ")
		}
	case integer:
		if n, err := strconv.Atoi(v); err != nil || n < p.min || n > p.max {
			return fmt.Sprintf("must be a whole number between %d and %d", p.min, p.max)
		}
	case seconds:
		if x, err := strconv.ParseFloat(v, 64); err != nil || !(x >= float64(p.min) && x <= float64(p.max)) {
			return fmt.Sprintf("must be a number of seconds between %d and %d", p.min, p.max)
		}
	case moment:
		if _, err := parseMoment(v); err != nil {
			return "must be a time with its zone, such as 2026-11-25T01:20:16Z"
		}
	case flag:
		if _, err := strconv.ParseBool(v); err != nil {
			return "must be true or false"
		}
	case seq:
		if _, err := readSeq(v, p.name); err != nil {
			return notAnEvent
		}
	case offset:
		if _, err := readPosition(v, p.name); err != nil {
			return notAnEvent
		}
	case text:
		if v == "" && p.repeated { // as from a variable that was not set: it must not select everything
			return "must not be empty: leave it out"
		}
		if strings.ContainsRune(v, 0) || !utf8.ValidString(v) {
			return "must be UTF-8 without NUL"
		}
		if len(v) > maxText {
			return fmt.Sprintf("at most %d bytes", maxText)
		}
	}
	return ""
}

// parseMoment also reads a time whose "+" was not percent-encoded, and so arrived as
// a blank.
//
//kedrod:parser FuzzQuery by readQuery
func parseMoment(v string) (time.Time, error) {
	return job.ParseTime(strings.Replace(v, " ", "+", 1))
}

func (q query) texts(name string) []string { return q[name] }

func (q query) text(name string) string {
	if v := q[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (q query) integer(name string) int {
	n, _ := strconv.Atoi(q.text(name))
	return n
}

func (q query) seconds(name string) time.Duration {
	x, _ := strconv.ParseFloat(q.text(name), 64)
	return time.Duration(x * float64(time.Second))
}

func (q query) moment(name string) *time.Time {
	t, err := parseMoment(q.text(name))
	if err != nil {
		return nil
	}
	return &t
}

func (q query) flag(name string) bool {
	b, _ := strconv.ParseBool(q.text(name))
	return b
}
