package config

import (
	"strings"

	"github.com/kedrod/kedrod/internal/fault"
)

// problems gathers refusals into one fault: its code is the first one's, its message
// has a line for each.
type problems struct {
	code   fault.Code
	lines  []string
	fields []fault.Field
}

func (p *problems) add(code fault.Code, place, field, message string) {
	if p.code == "" {
		p.code = code
	}
	p.lines = append(p.lines, place+field+joint(field, message)+message)
	p.fields = append(p.fields, fault.Field{Field: field, Message: message})
}

// fault gives nil where nothing was added.
func (p *problems) fault() error {
	if len(p.lines) == 0 {
		return nil
	}
	return fault.New(p.code, strings.Join(p.lines, "\n"), p.fields...)
}

// joint stands between a name and what is said of it.
func joint(field, message string) string {
	if field == "" {
		return ""
	}
	for _, verb := range []string{"is ", "must ", "stands ", "has "} {
		if strings.HasPrefix(message, verb) {
			return " "
		}
	}
	return ": "
}
