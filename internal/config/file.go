package config

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/nearest"
	"github.com/kedrod/kedrod/internal/regular"
)

// Bounds of a settings file, and of one that holds a secret.
const (
	maxFile  = 1 << 20
	pipeWait = 30 * time.Second // for what is a pipe: a program may have to decrypt first
)

// file is what a settings file says: texts by dotted key, and its projects.
type file struct {
	values   map[string]string
	projects []Project
	listed   bool // it has a list of projects, an empty one included
}

// parser walks a settings file and gathers what is wrong with it, so that one start
// shows every mistake.
type parser struct {
	name  string // of the file, for messages
	known map[string]setting
	out   file
	wrong problems
}

// readFile reads and parses a settings file.
func readFile(path string) (file, error) {
	data, err := readBounded(path)
	if err != nil {
		return file{}, fault.Wrap(err, fault.Invalid, "the settings file "+path+" can't be read: check its path, what it is, and its mode")
	}
	return parseFile(data, path)
}

func readBounded(path string) ([]byte, error) {
	waiting, done := context.WithTimeout(context.Background(), pipeWait)
	defer done()
	return regular.Given(waiting, path, maxFile)
}

// parseFile reads YAML. Scalars are kept as they are written, so that a value means
// the same here, in a variable and in a flag.
//
//kedrod:parser FuzzFile
func parseFile(data []byte, name string) (file, error) {
	p := &parser{name: name, known: map[string]setting{}, out: file{values: map[string]string{}}}
	for _, s := range settings() {
		p.known[s.key] = s
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return file{}, fault.New(fault.Invalid, fmt.Sprintf("%s is no YAML: %s", name, strings.TrimPrefix(err.Error(), "yaml: ")))
	}
	if len(doc.Content) == 0 {
		return p.out, nil
	}
	root := follow(doc.Content[0])
	if isNull(root) {
		return p.out, nil
	}
	if root.Kind != yaml.MappingNode {
		return file{}, fault.New(fault.Invalid, name+" must hold settings, one KEY: VALUE a line")
	}
	p.mapping(root, "")
	return p.out, p.wrong.fault()
}

// mapping reads the settings of one level; prefix is "" or ends in a dot.
func (p *parser) mapping(node *yaml.Node, prefix string) {
	p.pairs(node, prefix, func(name string, key, value *yaml.Node) {
		at := prefix + name
		s, isSetting := p.known[at]
		switch {
		case strings.Contains(name, "."): // would look like a key of the next level
			p.unknown(key, prefix, name, nil)
		case at == "projects":
			p.projects(value)
		case !isSetting && p.isGroup(at):
			if value.Kind != yaml.MappingNode {
				p.refuse(value, at, fault.Invalid, "must hold "+strings.Join(p.names(at+"."), ", "))
				return
			}
			p.mapping(value, at+".")
		case isSetting && s.later:
			p.laterSetting(s, value)
		case isSetting && s.labels && value.Kind == yaml.MappingNode:
			p.labels(value, s)
		case isSetting && s.list:
			p.set(value, s, strings.Join(p.list(value, at), ","))
		case isSetting:
			if text, ok := p.scalar(value, at); ok {
				p.set(value, s, text)
			}
		case p.isSecretFile(at):
			p.refuse(key, at, fault.NotSupported, notSupported)
		default:
			p.unknown(key, prefix, name, append(p.names(prefix), extra(prefix)...))
		}
	})
}

// set keeps a value after its check.
func (p *parser) set(node *yaml.Node, s setting, text string) {
	if err := s.check(text); err != nil {
		p.refuse(node, s.key, fault.Invalid, err.Error())
		return
	}
	p.out.values[s.key] = text
}

const notSupported = "is not supported in this version; remove it"

// laterSetting refuses what a later version brings, unless it says what holds anyway.
func (p *parser) laterSetting(s setting, value *yaml.Node) {
	empty := value.Kind != yaml.ScalarNode && len(value.Content) == 0
	if empty || value.Kind == yaml.ScalarNode && s.sameAsDefault(value.Value) {
		return
	}
	p.refuse(value, s.key, fault.NotSupported, notSupported)
}

// pairs calls each for every pair that is not null, and refuses doubled keys.
func (p *parser) pairs(node *yaml.Node, prefix string, each func(name string, key, value *yaml.Node)) {
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], follow(node.Content[i+1])
		if key.Kind != yaml.ScalarNode {
			p.refuse(key, strings.TrimSuffix(prefix, "."), fault.Invalid, "every key must be a plain word")
			continue
		}
		if seen[key.Value] {
			p.refuse(key, prefix+key.Value, fault.Invalid, "stands twice; keep one")
			continue
		}
		seen[key.Value] = true
		if !isNull(value) {
			each(key.Value, key, value)
		}
	}
}

func (p *parser) scalar(node *yaml.Node, at string) (string, bool) {
	if node.Kind != yaml.ScalarNode {
		p.refuse(node, at, fault.Invalid, "must be a single value")
		return "", false
	}
	return node.Value, true
}

// list reads a list of texts; "A,B" is one too.
func (p *parser) list(node *yaml.Node, at string) []string {
	var list []string
	switch node.Kind {
	case yaml.ScalarNode:
		list = splitList(node.Value)
	case yaml.SequenceNode:
		for i, item := range node.Content {
			if text, ok := p.scalar(follow(item), fmt.Sprintf("%s[%d]", at, i)); ok {
				list = append(list, text)
			}
		}
	default:
		p.refuse(node, at, fault.Invalid, "must be a list")
	}
	return list
}

//kedrod:parser FuzzWords
func splitList(text string) []string {
	var list []string
	for _, item := range strings.Split(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	return list
}

func (p *parser) refuse(node *yaml.Node, at string, code fault.Code, message string) {
	p.wrong.add(code, fmt.Sprintf("%s:%d: ", p.name, node.Line), at, message)
}

func (p *parser) unknown(node *yaml.Node, prefix, name string, known []string) {
	message := "there is no such setting"
	if near := nearest.Names(name, known, 1); len(near) > 0 {
		message += "; " + prefix + near[0] + " is the nearest"
	}
	p.refuse(node, prefix+name, fault.UnknownField, message)
}

// names lists what may stand at a level.
func (p *parser) names(prefix string) []string {
	found := map[string]bool{}
	for key := range p.known {
		if rest, ok := strings.CutPrefix(key, prefix); ok && !strings.HasPrefix(key, "projects.") {
			name, _, _ := strings.Cut(rest, ".")
			found[name] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func extra(prefix string) []string {
	if prefix == "" {
		return []string{"projects"}
	}
	return nil
}

func (p *parser) isGroup(at string) bool { return len(p.names(at+".")) > 0 }

func (p *parser) isSecretFile(at string) bool {
	name, ok := strings.CutSuffix(at, "_file")
	return ok && p.known[name].secret
}

// follow gives what an alias stands for. Levels are bounded by the shape of the
// file, so that an alias of its own parent ends too.
func follow(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode && node.Alias != nil {
		return node.Alias
	}
	return node
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag == "!!null" }
