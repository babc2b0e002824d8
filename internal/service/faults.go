package service

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kedrod/kedrod/internal/fault"
	near "github.com/kedrod/kedrod/internal/nearest"
)

// faults gathers what is wrong with a request, so that all of it is told at once.
type faults struct {
	code    fault.Code // of the first; Invalid unless set
	message string
	fields  []fault.Field
}

// maxFaults is how many are told; a request of a million mistakes must not cost a
// million sentences.
const maxFaults = 100

func (f *faults) full() bool { return len(f.fields) >= maxFaults }

func (f *faults) add(field, message string) {
	if f.full() {
		return
	}
	f.fields = append(f.fields, fault.Field{Field: field, Message: message})
}

// text bounds free text.
func (f *faults) text(field string, s *string, limit int) {
	if s == nil {
		return
	}
	if len(*s) > limit {
		f.add(field, fmt.Sprintf("at most %d bytes", limit))
	} else if strings.ContainsRune(*s, 0) {
		f.add(field, "must not hold NUL")
	}
}

func (f *faults) err() error {
	if len(f.fields) == 0 {
		return nil
	}
	code := f.code
	if code == "" {
		code = fault.Invalid
	}
	if len(f.fields) == 1 {
		return fault.New(code, f.fields[0].Field+": "+f.fields[0].Message, f.fields...)
	}
	return fault.New(code, fmt.Sprintf("%d fields are refused", len(f.fields)), f.fields...)
}

// nearest ends a sentence with the names that are meant most likely.
func nearest(name string, names []string) string {
	if close := near.Names(name, names, 3); len(close) > 0 {
		return "; did you mean " + strings.Join(close, ", ") + "?"
	}
	if len(names) == 0 {
		return ""
	}
	const show = 10
	if len(names) > show {
		return fmt.Sprintf("; there are %d, such as %s", len(names), strings.Join(names[:show], ", "))
	}
	return "; there is " + strings.Join(names, ", ")
}

func keys(m map[string]bool) []string { return slices.Sorted(maps.Keys(m)) }
