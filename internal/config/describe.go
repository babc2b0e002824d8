package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// describe fills in what Values gives.
func (l *loader) describe(c *Config, projectsFrom string) {
	add := func(key, value, source string) {
		c.values = append(c.values, Value{Key: key, Value: value, Source: source})
	}
	switch {
	case c.File == "":
		add("config", "", "default")
	default:
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
		case s.key == "data_dir":
			v.text = c.DataDir
		case s.boolean:
			on, _ := parseBool(v.text)
			v.text = fmt.Sprint(on)
		}
		add(s.key, v.text, v.source)
	}
	pythonFrom, passFrom := l.overrideSource("python", "KEDROD_PYTHON"), l.overrideSource("pass-env", "KEDROD_PASS_ENV")
	for i, p := range c.Projects {
		at := fmt.Sprintf("projects[%d].", i)
		inner := projectsFrom // of what only a file can say
		if l.path != "" && slices.ContainsFunc(l.file.projects, func(f Project) bool { return f.Path != "" }) && !p.Implied {
			inner = "file " + l.path
		}
		show := func(name, value, source string) {
			if value != "" {
				add(at+name, value, source)
			}
		}
		add(at+"path", p.Path, projectsFrom)
		show("name", p.Name, inner)
		show("python", p.Python, or(pythonFrom, inner))
		show("run_env", p.RunEnv, or(map[bool]string{true: "default"}[p.RunEnv == Inherit], inner))
		show("pass_env", strings.Join(p.PassEnv, ","), or(passFrom, inner))
		for _, name := range slices.Sorted(maps.Keys(p.Env)) {
			add(at+"env."+name, "***", inner)
		}
		if p.Timeout > 0 {
			add(at+"timeout", p.Timeout.String(), inner)
		}
		if p.DynamicRegistry {
			add(at+"dynamic_registry", "true", inner)
		}
	}
}

func (l *loader) overrideSource(flag, env string) string {
	if _, ok := flagText(l.flags, flag); ok {
		return "flag --" + flag
	}
	if l.environ[env] != "" {
		return "environment " + env
	}
	return ""
}

func or(first, second string) string {
	if first != "" {
		return first
	}
	return second
}
