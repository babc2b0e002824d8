package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
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
	data := k.options.data
	if data == "" {
		data = filepath.Join(folder, "data")
	}
	argv := []string{
		k.options.kedrod, "serve", "--listen", s.address, "--project", k.options.project, "--python", python,
		"--data-dir", data, "--concurrency", "2",
	}
	if !k.options.open {
		if s.key, err = k.key(ctx, data); err != nil {
			return s, err
		}
		argv = append(argv, "--rate-limit", "0") // all the load is one key's
	}
	argv = append(argv, strings.Fields(k.options.serveArgs)...)
	return s, s.launch(folder, "serve", environment(), argv...)
}

// key makes one in the data folder, which turns authentication on.
func (k kedrodStack) key(ctx context.Context, data string) (string, error) {
	command := exec.CommandContext(ctx, k.options.kedrod, "keys", "create", "--data-dir", data, "--name", "bench "+time.Now().Format(time.RFC3339Nano), "--role", "runner", "-o", "json")
	command.Env = environment()
	answer, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("make a key: %w", err)
	}
	var made struct {
		Key string `json:"key"`
	}
	if err := json.Unmarshal(answer, &made); err != nil || made.Key == "" {
		return "", fmt.Errorf("make a key: no key in %.200s", answer)
	}
	return made.Key, nil
}

// environment is the caller's, less what would configure a kedrod, a Kedro or a Python.
func environment(more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return strings.HasPrefix(name, "KEDRO") || name == "PYTHONDONTWRITEBYTECODE" || name == "VIRTUAL_ENV"
	})
	return append(env, more...)
}
