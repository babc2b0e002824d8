package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds what aliases can blow a YAML file up to.
const maxNodes = 1_000_000

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// yamlToJSON writes YAML as JSON, value for value. What JSON has no form for (dates,
// infinities, keys that are not text) is refused with its line, never bent.
//
//kedrod:parser FuzzYAML
func yamlToJSON(data []byte) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) == 0 {
		return []byte("{}"), nil
	}
	w := yamlWriter{left: maxNodes}
	if err := w.node(doc.Content[0], 0); err != nil {
		return nil, err
	}
	return w.b.Bytes(), nil
}

type yamlWriter struct {
	b    bytes.Buffer
	left int
}

func (w *yamlWriter) node(n *yaml.Node, depth int) error {
	if w.left--; w.left < 0 || depth > 500 {
		return errors.New("it is too large or too deep")
	}
	switch n.Kind {
	case yaml.AliasNode:
		return w.node(n.Alias, depth+1)
	case yaml.MappingNode:
		return w.mapping(n, depth)
	case yaml.SequenceNode:
		w.b.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				w.b.WriteByte(',')
			}
			if err := w.node(item, depth+1); err != nil {
				return err
			}
		}
		w.b.WriteByte(']')
		return nil
	}
	return w.scalar(n)
}

func (w *yamlWriter) mapping(n *yaml.Node, depth int) error {
	seen := map[string]bool{}
	w.b.WriteByte('{')
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode || key.Tag != "!!str" {
			return fmt.Errorf("line %d: a key must be text; put it in quotes", key.Line)
		}
		if seen[key.Value] {
			return fmt.Errorf("line %d: the key %s stands twice; keep one", key.Line, quote(key.Value))
		}
		seen[key.Value] = true
		if i > 0 {
			w.b.WriteByte(',')
		}
		if err := w.text(key.Value); err != nil {
			return err
		}
		w.b.WriteByte(':')
		if err := w.node(n.Content[i+1], depth+1); err != nil {
			return err
		}
	}
	w.b.WriteByte('}')
	return nil
}

func (w *yamlWriter) scalar(n *yaml.Node) error {
	switch n.Tag {
	case "!!str":
		return w.text(n.Value)
	case "!!null":
		w.b.WriteString("null")
		return nil
	case "!!bool", "!!int", "!!float":
		if jsonNumber.MatchString(n.Value) {
			w.b.WriteString(n.Value)
			return nil
		}
		var v any
		if err := n.Decode(&v); err != nil {
			return fmt.Errorf("line %d: %w", n.Line, err)
		}
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("line %d: JSON has no form for %s", n.Line, n.Value)
		}
		w.b.Write(text)
		return nil
	}
	return fmt.Errorf("line %d: JSON has no form for %s; put it in quotes if text is meant", n.Line, quote(n.Value))
}

func (w *yamlWriter) text(s string) error {
	text, err := marshal(s)
	w.b.Write(text)
	return err
}
