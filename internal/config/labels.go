package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kedrod/kedrod/internal/fault"
)

// Bounds of labels, as of a job's.
const (
	maxLabels     = 64
	maxLabelKey   = 63
	maxLabelValue = 255
)

// labels reads a mapping into the form that flags and variables have.
func (p *parser) labels(node *yaml.Node, s setting) {
	var pairs []string
	p.pairs(node, s.key+".", func(name string, _, value *yaml.Node) {
		text, ok := p.scalar(value, s.key+"."+name)
		switch {
		case !ok:
		case strings.ContainsAny(name, "=,") || strings.Contains(text, ","):
			p.refuse(value, s.key+"."+name, fault.Invalid, "a label can't hold a comma, nor its name =")
		default:
			pairs = append(pairs, name+"="+text)
		}
	})
	p.set(node, s, strings.Join(pairs, ","))
}

func isLabels(text string) error {
	_, err := parseLabels(text)
	return err
}

// parseLabels reads KEY=VALUE,KEY=VALUE; nil for none.
//
//kedrod:parser FuzzWords
func parseLabels(text string) (map[string]string, error) {
	pairs := splitList(text)
	if len(pairs) == 0 {
		return nil, nil
	}
	labels := map[string]string{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" || len(key) > maxLabelKey || len(value) > maxLabelValue || strings.ContainsAny(key, ":\x00") || strings.ContainsRune(value, 0) {
			return nil, fmt.Errorf("must be KEY=VALUE,KEY=VALUE: a key of 1 to %d bytes without colon, a value of at most %d", maxLabelKey, maxLabelValue)
		}
		if _, twice := labels[key]; twice {
			return nil, fmt.Errorf("names a label twice; keep one")
		}
		labels[key] = value
	}
	if len(labels) > maxLabels {
		return nil, fmt.Errorf("must be at most %d labels", maxLabels)
	}
	return labels, nil
}
