package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/executor"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/httpapi"
	"github.com/kedrod/kedrod/internal/kedro"
)

// The levels of a finding.
const (
	levelOK      = "ok"
	levelWarning = "warning"
	levelError   = "error" // stops work
)

// findings gathers what doctor sees.
type findings []client.Finding

func (f *findings) add(level, check, message, advice string) {
	*f = append(*f, client.Finding{Level: level, Check: check, Message: message, Advice: advice})
}

// Doctor looks at what serve would find, without a lock and without serving: data
// folder, projects, interpreters, registries, variables. An error is one of doctor
// itself; what it finds is in the findings.
func Doctor(ctx context.Context, cfg config.Config) ([]client.Finding, error) {
	var f findings
	environ := os.Environ()
	f.folder(cfg.DataDir)
	f.listen(cfg)
	f.database(ctx, cfg)
	found, err := findProjects(cfg, environ, nil)
	if err != nil {
		f.fault("project", err)
		f.system()
		return f, nil
	}
	scratch, err := os.MkdirTemp("", "kedrod-doctor-")
	if err != nil {
		return nil, fmt.Errorf("make a folder for doctor's files: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	helpers, err := kedro.UnpackHelpers(scratch)
	if err != nil {
		return nil, err
	}
	exec, err := executor.New(ctx, executor.Options{WorkerID: fmt.Sprintf("doctor-%d", os.Getpid()), Limits: anyLimits(&cfg), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	f.limits(&cfg, exec.Means())
	for _, p := range found {
		f.project(ctx, inspector(p, helpers, func() *executor.Executor { return exec }, environ, kedro.PycachePrefix(p.project, scratch), scratch), p, environ)
	}
	f.system()
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return f, exec.Close(bounded)
}

func (f *findings) fault(check string, err error) {
	var known *fault.Error
	if errors.As(err, &known) {
		f.add(levelError, check, known.Message, "")
		return
	}
	f.add(levelError, check, err.Error(), "")
}

func (f *findings) folder(dir string) {
	at := dir
	for {
		info, err := os.Stat(at)
		if err == nil && !info.IsDir() {
			f.add(levelError, "data folder", at+" is not a folder", "name another with --data-dir")
			return
		}
		if err == nil {
			break
		}
		at = filepath.Dir(at) // it is made at the start: look at where
	}
	if unix.Access(at, unix.W_OK) != nil {
		f.add(levelError, "data folder", "this user can't write "+at, "let this user write it, or name another with --data-dir")
		return
	}
	if kind := networkFileSystem(at); kind != "" {
		f.add(levelError, "data folder", dir+" is on a network file system ("+kind+")", "name one on a local disk with --data-dir")
		return
	}
	f.add(levelOK, "data folder", dir, "")
}

func (f *findings) project(ctx context.Context, in kedro.Inspector, p foundProject, environ []string) {
	name := p.project.Name
	f.add(levelOK, "project", fmt.Sprintf("%s in %s", name, p.project.Path), "")
	f.add(levelOK, "interpreter", fmt.Sprintf("%s (%s)", p.python.Path, p.python.Origin), "")
	seen, err := in.Inspect(ctx)
	if err != nil {
		f.fault("project "+name, err)
		return
	}
	r := seen.Registry
	if r.Python != "" {
		f.add(levelOK, "Python", r.Python, "")
	}
	if r.Kedro != "" {
		f.add(levelOK, "Kedro", r.Kedro, "")
	}
	for _, found := range seen.Findings {
		level := levelWarning
		if found.Stops {
			level = levelError
		}
		f.add(level, "project "+name, found.Message, found.Fix)
	}
	if len(r.Pipelines) > 0 {
		f.add(levelOK, "pipelines", strings.Join(r.Names(), ", "), "")
	}
	f.variables(p, environ)
}

// variables names those that the configuration reads and a run would not see.
func (f *findings) variables(p foundProject, environ []string) {
	uses, err := kedro.EnvUses(p.project)
	if err != nil {
		f.add(levelWarning, "project "+p.project.Name, "its configuration can't be read: "+err.Error(), "let this user read conf/")
		return
	}
	env, err := kedro.Environment(environ, p.policy, kedro.RunEnv{})
	if err != nil {
		f.fault("project "+p.project.Name, err)
		return
	}
	have := map[string]bool{}
	for _, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		have[name] = true
	}
	for _, use := range uses {
		if have[use.Name] || use.Optional {
			continue
		}
		f.add(levelWarning, "variable "+use.Name, fmt.Sprintf("%s reads it with oc.env, and a run would not see it", use.File),
			"set it where kedrod is started (with run_env: strict also name it in --pass-env), or in the project's env setting")
	}
}

// system tells what is missing elsewhere than on Linux; the limits of Linux itself
// stand in the documentation.
func (f *findings) system() {
	if runtime.GOOS == "linux" {
		return
	}
	for _, limit := range executor.Limits() {
		f.add(levelWarning, "system", limit, "for work that matters run kedrod on Linux")
	}
}

// OpenAPI gives the description of the HTTP calls, as JSON.
func OpenAPI(version string) ([]byte, error) {
	doc, _, _, err := httpapi.OpenAPI(version)
	return doc, err
}
