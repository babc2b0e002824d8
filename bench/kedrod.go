package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// kedrodStack is `kedrod serve` with its worker inside and two slots, on SQLite.
type kedrodStack struct{ options options }

func (kedrodStack) name() string { return "kedrod" }

func (k kedrodStack) start(ctx context.Context, folder, kedro string) (*service, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	python := k.options.python
	if kedro != "" {
		python = kedro
	}
	s := &service{address: "127.0.0.1:" + port, health: "/api/v1/health", pipeline: k.options.pipeline}
	argv := []string{
		k.options.kedrod, "serve", "--listen", s.address, "--project", k.options.project, "--python", python,
		"--data-dir", filepath.Join(folder, "data"), "--concurrency", "2",
	}
	argv = append(argv, strings.Fields(k.options.serveArgs)...)
	return s, s.launch(folder, "serve", environment(), argv...)
}

// environment is the caller's, less what would configure a kedrod, a Kedro or a Python.
func environment(more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return strings.HasPrefix(name, "KEDRO") || name == "PYTHONDONTWRITEBYTECODE" || name == "VIRTUAL_ENV"
	})
	return append(env, more...)
}
