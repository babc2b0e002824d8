package config

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kedrod/kedrod/internal/fault"
)

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func projectKeys() []string {
	return []string{"name", "path", "python", "run_env", "pass_env", "env", "timeout", "dynamic_registry",
		"concurrency", "run_memory", "run_cpus", "warm", "runners", "conf_sources", "pipelines"}
}

// projects reads the list of projects.
func (p *parser) projects(node *yaml.Node) {
	if node.Kind != yaml.SequenceNode {
		p.refuse(node, "projects", fault.Invalid, "must be a list: begin each project with a dash")
		return
	}
	p.out.listed = true
	for i, item := range node.Content {
		at := fmt.Sprintf("projects[%d]", i)
		item = follow(item)
		if item.Kind != yaml.MappingNode {
			p.refuse(item, at, fault.Invalid, "must hold at least path: FOLDER")
			continue
		}
		p.out.projects = append(p.out.projects, p.project(item, at))
	}
}

func (p *parser) project(node *yaml.Node, at string) Project {
	project := Project{RunEnv: Inherit}
	p.pairs(node, at+".", func(name string, key, value *yaml.Node) {
		field := at + "." + name
		switch name {
		case "name", "path", "python", "run_env", "timeout", "dynamic_registry", "concurrency", "run_memory", "run_cpus":
			if text, ok := p.scalar(value, field); ok {
				if err := project.set(name, text); err != nil {
					p.refuse(value, field, fault.Invalid, err.Error())
				}
			}
		case "pass_env":
			project.PassEnv = p.list(value, field)
			p.checkNames(value, field, project.PassEnv)
		case "env":
			project.Env = p.variables(value, field)
		case "warm":
			if value.Kind != yaml.ScalarNode || !strings.EqualFold(value.Value, "off") && value.Value != "false" {
				p.refuse(value, field, fault.NotSupported, notSupported)
			}
		case "pipelines":
			project.Pipelines = p.pipelines(value, field)
		case "runners", "conf_sources":
			if value.Kind == yaml.ScalarNode || len(value.Content) > 0 {
				p.refuse(value, field, fault.NotSupported, notSupported)
			}
		default:
			p.unknown(key, at+".", name, projectKeys())
		}
	})
	if project.Path == "" {
		p.refuse(node, at+".path", fault.Invalid, "is needed: the project's folder")
	}
	return project
}

// set reads one plain field.
func (p *Project) set(name, text string) error {
	if err := isText(text); err != nil {
		return err
	}
	var err error
	switch name {
	case "name":
		p.Name = text
	case "path":
		p.Path = text
	case "python":
		p.Python = text
	case "run_env":
		p.RunEnv = text
		err = oneOf(Inherit, Strict)(text)
	case "timeout":
		p.Timeout, err = parseTimeout(text)
	case "concurrency":
		p.Concurrency, err = parseCount(text)
	case "run_memory":
		if err = isRunMemory(text); err == nil {
			p.RunMemory, err = ParseSize(text)
		}
	case "run_cpus":
		p.RunCPUs, err = parseCPUs(text)
	case "dynamic_registry":
		p.DynamicRegistry, err = parseBool(text)
	}
	return err
}

// variables reads a project's env. NAME_FILE names a file that holds NAME's value;
// the parser keeps it under its name, and Load reads it.
func (p *parser) variables(node *yaml.Node, at string) map[string]string {
	if node.Kind != yaml.MappingNode {
		p.refuse(node, at, fault.Invalid, "must hold NAME: VALUE")
		return nil
	}
	env := map[string]string{}
	p.pairs(node, at+".", func(name string, key, value *yaml.Node) {
		field := at + "." + name
		p.checkNames(key, field, []string{name})
		if text, ok := p.scalar(value, field); ok {
			if strings.ContainsRune(text, 0) {
				p.refuse(value, field, fault.Invalid, "must not contain a NUL byte")
			}
			env[name] = text
		}
	})
	for name := range env {
		if _, both := env[name+"_FILE"]; both {
			p.refuse(node, at+"."+name, fault.Invalid, "has a value and a _FILE; keep one")
		}
	}
	return env
}

func (p *parser) checkNames(node *yaml.Node, at string, names []string) {
	for _, name := range names {
		if message := badName(name); message != "" {
			p.refuse(node, at, fault.Invalid, message)
		}
	}
}

// badName tells what is wrong with the name of a variable for a run.
func badName(name string) string {
	switch {
	case !envName.MatchString(name):
		return "must be names of variables: letters, digits and _"
	case strings.HasPrefix(name, "KEDROD_"):
		return "KEDROD_ variables are kedrod's own and never given to a run"
	}
	return ""
}
