package httpapi

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/nearest"
	"github.com/kedrod/kedrod/internal/service"
)

// Fields of a submission that are taken, and those of the contract that later
// versions bring, which are refused by name.
func taken() []string {
	return []string{"pipeline_name", "parameters", "user_id", "project", "tags", "node_names", "from_nodes", "to_nodes", "env",
		"priority", "run_at", "delay_seconds", "timeout_seconds", "expires_at", "max_attempts", "retry_on", "max_recoveries", "labels",
		"concurrency_key", "concurrency_limit", "requires", "callback_url"}
}

func notYet() []string {
	return []string{"from_inputs", "to_outputs", "namespaces", "pipeline_names", "load_versions", "conf_source", "runner", "runner_params",
		"is_async", "only_missing_outputs"}
}

// refusals gathers what is wrong with a request, so that all of it is told at once.
type refusals struct {
	code   fault.Code // of the first
	fields []fault.Field
}

// maxRefusals is how many are told; a request of a million mistakes must not cost a
// million sentences.
const maxRefusals = 100

func (f *refusals) full() bool { return len(f.fields) >= maxRefusals }

func (f *refusals) add(code fault.Code, field, message string) {
	if f.full() {
		return
	}
	if f.code == "" {
		f.code = code
	}
	f.fields = append(f.fields, fault.Field{Field: field, Message: message})
}

func (f *refusals) err() error {
	switch len(f.fields) {
	case 0:
		return nil
	case 1:
		return fault.New(f.code, f.fields[0].Field+": "+f.fields[0].Message, f.fields...)
	}
	names := make([]string, len(f.fields))
	for i, field := range f.fields {
		names[i] = field.Field
	}
	return fault.New(f.code, cut("refused: "+strings.Join(names, ", "), 500), f.fields...)
}

// unknown refuses a name that does not exist, with the nearest that do.
func (f *refusals) unknown(prefix, name string, known []string) {
	if f.full() { // looking for names costs
		return
	}
	what := "field"
	if prefix != "" {
		what = "query parameter"
	}
	message := "no such " + what
	if near := nearest.Names(name, known, 3); len(near) > 0 {
		message += "; did you mean " + strings.Join(near, ", ") + "?"
	} else if len(known) > 0 {
		message += "; there is " + strings.Join(known, ", ")
	} else {
		message += ": this call takes none"
	}
	f.add(fault.UnknownField, prefix+printable(name), message)
}

// printable makes a name of the client's fit to be shown.
func printable(name string) string {
	return cut(strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return '\uFFFD'
		}
		return c
	}, strings.ToValidUTF8(name, "\uFFFD")), 100)
}

// readSubmission decodes the fields of a body. Only their types are judged here; what
// their values may be is the service's business.
//
//kedrod:parser FuzzSubmission
func readSubmission(members []member, ignoreUnknown bool) (service.Submission, error) {
	sub := service.Submission{Parameters: json.RawMessage("{}")}
	return sub, overlay(&sub, members, ignoreUnknown)
}

// overlay lays the fields of a body over a submission; those of also are known and
// not its business.
func overlay(sub *service.Submission, members []member, ignoreUnknown bool, also ...string) error {
	var f refusals
	for _, m := range members {
		switch {
		case m.null(), slices.Contains(also, m.name):
		case slices.Contains(notYet(), m.name):
			f.add(fault.NotSupported, m.name, "this version does not take it yet: leave it out")
		default:
			d := decoder{refusals: &f, member: m}
			if !d.field(sub) && !ignoreUnknown {
				f.unknown("", m.name, slices.Concat(also, taken(), notYet()))
			}
		}
	}
	return f.err()
}

// decoder reads one field's value into a Go type, or adds a refusal.
type decoder struct {
	*refusals
	member
}

// field stores the value; it reports false for a name that it does not know.
func (d decoder) field(sub *service.Submission) bool {
	switch d.name {
	case "pipeline_name":
		sub.Pipeline, _ = d.text()
	case "parameters":
		sub.Parameters = d.object()
	case "user_id":
		sub.UserID = d.textOrNil()
	case "project":
		sub.Project, _ = d.text()
	case "tags":
		sub.Options.Tags = d.texts()
	case "node_names":
		sub.Options.NodeNames = d.texts()
	case "from_nodes":
		sub.Options.FromNodes = d.texts()
	case "to_nodes":
		sub.Options.ToNodes = d.texts()
	case "env":
		if sub.Options.Env = d.textOrNil(); sub.Options.Env != nil && *sub.Options.Env == "" {
			d.add(fault.Invalid, d.name, "must not be empty: leave it out for the project's own")
		}
	case "priority":
		if n := d.integer(); n != nil {
			sub.Priority = *n
		}
	case "run_at":
		sub.RunAt = d.moment()
	case "delay_seconds":
		sub.Delay = d.seconds()
	case "timeout_seconds":
		sub.Timeout = d.seconds()
	case "expires_at":
		sub.ExpiresAt = d.moment()
	case "max_attempts":
		sub.MaxAttempts = d.integer()
	case "max_recoveries":
		sub.MaxRecoveries = d.integer()
	case "retry_on":
		sub.RetryOn = []job.Reason{} // an empty list is: no reason
		for _, word := range d.texts() {
			sub.RetryOn = append(sub.RetryOn, job.Reason(word))
		}
	case "concurrency_key":
		sub.ConcurrencyKey = d.textOrNil()
	case "concurrency_limit":
		sub.ConcurrencyLimit = d.integer()
	case "requires":
		sub.Requires = d.pairs()
	case "callback_url":
		sub.CallbackURL = d.textOrNil()
	case "labels":
		sub.Labels = d.pairs()
	default:
		return false
	}
	return true
}

func (d decoder) must(what string) { d.add(fault.Invalid, d.name, "must be "+what) }

func (d decoder) text() (string, bool) {
	s, ok := textOf(d.raw)
	if !ok {
		d.must("a string")
	}
	return s, ok
}

// textOf decodes a string; half a surrogate pair, which is no character, is none.
func textOf(raw []byte) (string, bool) {
	if raw[0] != '"' {
		return "", false
	}
	s := unquote(raw)
	return s, !strings.ContainsRune(s, '\uFFFD') || strings.Contains(string(raw), "\uFFFD")
}

func (d decoder) textOrNil() *string {
	if s, ok := d.text(); ok {
		return &s
	}
	return nil
}

func (d decoder) object() json.RawMessage {
	if d.raw[0] != '{' {
		d.must("an object, such as {\"name\": 1}")
		return nil
	}
	return d.raw
}

// maxTexts is how many strings a list takes.
const maxTexts = 10_000

func (d decoder) texts() []string {
	if d.raw[0] != '[' {
		d.must("a list of strings")
		return nil
	}
	raws, ok := elements(d.raw, maxTexts)
	if !ok {
		d.add(fault.Invalid, d.name, fmt.Sprintf("at most %d of them", maxTexts))
		return nil
	}
	list := make([]string, 0, len(raws))
	for i, raw := range raws {
		s, ok := textOf(raw)
		if !ok {
			d.add(fault.Invalid, fmt.Sprintf("%s[%d]", d.name, i), "must be a string")
			return nil
		}
		list = append(list, s)
	}
	return list
}

// pairs reads an object of strings.
func (d decoder) pairs() map[string]string {
	if d.raw[0] != '{' {
		d.must("an object of strings, such as {\"team\": \"sales\"}")
		return nil
	}
	members, err := readObject(d.raw)
	if err != nil { // cannot be: the body was read whole
		d.must("an object of strings")
		return nil
	}
	pairs := make(map[string]string, len(members))
	for _, m := range members {
		s, ok := textOf(m.raw)
		if !ok {
			d.add(fault.Invalid, d.name+"."+printable(m.name), "must be a string")
			continue
		}
		pairs[m.name] = s
	}
	return pairs
}

// integer takes 3 and 3.0 alike, as JSON has one kind of number.
func (d decoder) integer() *int {
	if n, err := strconv.Atoi(string(d.raw)); err == nil {
		return &n
	}
	x, ok := d.number()
	if !ok || x != math.Trunc(x) || math.Abs(x) > 1<<53 {
		d.must("a whole number, within what the field allows")
		return nil
	}
	n := int(x)
	return &n
}

func (d decoder) number() (float64, bool) {
	if c := d.raw[0]; c != '-' && (c < '0' || c > '9') {
		return 0, false
	}
	x, err := strconv.ParseFloat(string(d.raw), 64)
	return x, err == nil
}

// maxSeconds keeps a time.Duration from running over.
const maxSeconds = 9e9

func (d decoder) seconds() *time.Duration {
	x, ok := d.number()
	if !ok {
		d.must("a number of seconds")
		return nil
	}
	if math.Abs(x) > maxSeconds {
		x = math.Copysign(maxSeconds, x)
	}
	t := time.Duration(x * float64(time.Second))
	return &t
}

func (d decoder) moment() *time.Time {
	if s, ok := textOf(d.raw); ok {
		if t, err := job.ParseTime(s); err == nil {
			return &t
		}
	}
	d.must("a time with its zone, such as 2026-11-25T01:20:16+00:00")
	return nil
}
