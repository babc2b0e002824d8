package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// describe fills in what Values gives.
func (l *loader) describe(c *Config, projectsFrom string) {
	add := func(key, value, source string) {
		c.values = append(c.values, Value{Key: key, Value: value, Source: source})
	}
	if c.File == "" {
		add("config", "", "default")
	} else {
		source := "default"
		if _, ok := flagText(l.flags, "config"); ok {
			source = "flag --config"
		} else if l.environ["KEDROD_CONFIG"] != "" {
			source = "environment KEDROD_CONFIG"
		}
		add("config", c.File, source)
	}
	for _, s := range settings() {
		v := l.values[s.key]
		switch {
		case s.later:
			continue
		case s.secret && v.text != "":
			v.text = "***"
		case s.key == "data_dir":
			v.text = c.DataDir
		case s.boolean:
			on, _ := parseBool(v.text)
			v.text = fmt.Sprint(on)
		}
		add(s.key, v.text, v.source)
	}
	for i := range c.Projects {
		l.describeProject(&c.Projects[i], fmt.Sprintf("projects[%d].", i), projectsFrom, add)
	}
}

// describeProject tells of one project. What no flag can say is the file's, or the
// default.
func (l *loader) describeProject(p *Project, at, from string, add func(key, value, source string)) {
	show := func(name, value, source string) {
		if value != "" {
			add(at+name, value, source)
		}
	}
	file := "file " + l.path
	add(at+"path", p.Path, from)
	show("name", p.Name, file)
	show("python", p.Python, l.overrideSource("python", "KEDROD_PYTHON", file))
	if p.RunEnv == Inherit {
		add(at+"run_env", Inherit, "default")
	} else {
		add(at+"run_env", p.RunEnv, file)
	}
	show("pass_env", strings.Join(p.PassEnv, ","), l.overrideSource("pass-env", "KEDROD_PASS_ENV", file))
	for _, name := range slices.Sorted(maps.Keys(p.Env)) {
		add(at+"env."+name, "***", file)
	}
	if p.Timeout > 0 {
		add(at+"timeout", p.Timeout.String(), file)
	}
	if p.Concurrency > 0 {
		add(at+"concurrency", strconv.Itoa(p.Concurrency), file)
	}
	if p.RunMemory > 0 {
		add(at+"run_memory", strconv.FormatInt(p.RunMemory, 10)+"B", file)
	}
	if p.RunCPUs > 0 {
		add(at+"run_cpus", strconv.FormatFloat(p.RunCPUs, 'g', -1, 64), file)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Pipelines)) {
		if n := p.Pipelines[name].Concurrency; n > 0 {
			add(at+"pipelines."+name+".concurrency", strconv.Itoa(n), file)
		}
		if d := p.Pipelines[name].Timeout; d > 0 {
			add(at+"pipelines."+name+".timeout", d.String(), file)
		}
		if p.Pipelines[name].QueueWrites {
			add(at+"pipelines."+name+".write_conflicts", "queue", file)
		}
	}
	if p.DynamicRegistry {
		add(at+"dynamic_registry", "true", file)
	}
}

func (l *loader) overrideSource(flag, env, otherwise string) string {
	if _, ok := flagText(l.flags, flag); ok {
		return "flag --" + flag
	}
	if l.environ[env] != "" {
		return "environment " + env
	}
	return otherwise
}
