package kedro

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kedrod/kedrod/internal/regular"
)

// Finding is something about a project or its interpreter that someone should look
// at, with what to do.
type Finding struct {
	Code    string // stable: interpreter, no_report, no_kedro, other_major, import, registry, configuration
	Message string // what was found; an import error names the exception first
	Fix     string // what to do
	Stops   bool   // no pipeline of the project can run
}

// Inspector looks into a project with the project's own interpreter. The project is
// imported, and not written to.
type Inspector struct {
	Project Project
	Python  Python
	Helpers Helpers
	Runner  Runner
	Env     func() ([]string, error) // environment of the helper; see HelperEnvironment
	TempDir string                   // where the helper's answer goes; made if absent
	Limit   time.Duration            // of the helper; 2 minutes when 0
}

// Inspection is what an Inspector found.
type Inspection struct {
	Registry Registry // with Error where something failed; SourceHash left empty
	Findings []Finding
}

// Inspect runs the registry helper once. Whatever the project or the interpreter
// does is a finding; errors are only those of our side: ctx, files, environment.
func (in Inspector) Inspect(ctx context.Context) (Inspection, error) {
	if err := os.MkdirAll(in.TempDir, 0o700); err != nil {
		return Inspection{}, fmt.Errorf("make the folder for the registry: %w", err)
	}
	dir, err := os.MkdirTemp(in.TempDir, "inspect-")
	if err != nil {
		return Inspection{}, fmt.Errorf("make the folder for the registry: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // what stays is only in the way
	env, err := in.Env()
	if err != nil {
		return Inspection{}, err
	}
	limit := in.Limit
	if limit == 0 {
		limit = 2 * time.Minute
	}
	out := filepath.Join(dir, "registry.json")
	result, runErr := in.Runner.Output(ctx, Command{
		Argv: []string{in.Python.Path, in.Helpers.Registry, out}, Dir: in.Project.Path, Env: env, Limit: limit,
	})
	if ctx.Err() != nil {
		return Inspection{}, ctx.Err()
	}
	text, readErr := readReport(out)
	if errors.Is(readErr, fs.ErrNotExist) {
		return in.noReport(result, runErr, limit), nil
	}
	if readErr != nil {
		return Inspection{}, fmt.Errorf("read the registry helper's answer: %w", readErr)
	}
	r, err := parseReport(text)
	if err != nil {
		return Inspection{}, err
	}
	found := Inspection{Registry: r.registry(in.Project, time.Now())}
	in.judge(&found, r)
	return found, nil
}

// readReport reads at most as much as parseReport takes: the project's own code runs in
// the helper, and may have put anything there.
func readReport(path string) ([]byte, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxReport+1))
}

// noReport: the interpreter did not come as far as to write its answer.
func (in Inspector) noReport(result Result, runErr error, limit time.Duration) Inspection {
	f := Finding{Code: "no_report", Stops: false, Fix: fmt.Sprintf("run `%s -c \"import kedro\"` in %s and see what it says", in.Python.Path, in.Project.Path)}
	last := lastLine(result.Stderr)
	switch {
	case runErr != nil && errors.Is(runErr, context.DeadlineExceeded):
		f.Message = fmt.Sprintf("listing the project's pipelines took longer than %s", limit)
		f.Fix = "see what the project does while it is imported"
	case runErr != nil:
		f.Code, f.Stops = "interpreter", true
		f.Message = fmt.Sprintf("the interpreter %s can't be started: %v", in.Python.Path, runErr)
		f.Fix = "correct --python, or make the environment anew"
	case last != "":
		f.Message = fmt.Sprintf("the interpreter %s ended with exit code %d: %s", in.Python.Path, result.ExitCode, last)
	default:
		f.Message = fmt.Sprintf("the interpreter %s ended with exit code %d and did nothing: it may be no Python", in.Python.Path, result.ExitCode)
	}
	return Inspection{
		Registry: Registry{LoadedAt: time.Now().UTC().Truncate(time.Microsecond), Error: &LoadError{Stage: "kedro", Message: f.Message + "; " + f.Fix}},
		Findings: []Finding{f},
	}
}

func (in Inspector) judge(found *Inspection, r report) {
	if r.Error == nil {
		return
	}
	x := r.Error.Exception
	if r.Error.First != nil && (strings.HasSuffix(x.Type, "ImportError") || x.Message == "") {
		x.Type, x.Message = r.Error.First.Type, r.Error.First.Message // the import error that began it
	}
	if x.Module == "" {
		x.Module = r.Error.Module
	}
	python := in.Python.Path
	f := Finding{Stops: true, Message: exceptionMessage(&Exception{Type: x.Type, Message: x.Message}, python)}
	missing := x.Module != "" && !in.isOwn(x.Module)
	project, have := ParseVersion(in.Project.InitVersion), ParseVersion(r.Kedro)
	switch {
	case r.Stage == "kedro" && (x.Module == "kedro" || x.Module == ""):
		f.Code, f.Message = "no_kedro", fmt.Sprintf("Kedro is not installed in %s (Python %s)", python, r.Python)
		f.Fix = fmt.Sprintf("install it with: %s -m pip install 'kedro~=%s'", python, in.Project.InitVersion)
	case r.Stage == "project" && have.Known() && project.Known() && project.Major != have.Major:
		f.Code = "other_major"
		f.Message = fmt.Sprintf("the project is made for Kedro %s, and %s has Kedro %s; Kedro refuses another major version", in.Project.InitVersion, python, r.Kedro)
		f.Fix = fmt.Sprintf("install the project's version with: %s -m pip install 'kedro~=%d.%d'; or migrate the project and set kedro_init_version", python, project.Major, project.Minor)
	case missing:
		f.Code, f.Fix = "import", installHint(x.Module, python)
	case r.Stage == "configuration":
		f.Code, f.Stops, f.Fix = "configuration", false, "correct the project's configuration in conf/"
	case r.Stage == "registry":
		f.Code, f.Fix = "registry", "correct the project's code; the traceback stands with the registry's error"
	default:
		f.Code, f.Fix = "import", "correct the project's code or settings; the traceback stands with the registry's error"
	}
	if r.Stage == "configuration" {
		f.Stops = false
	}
	found.Findings = append(found.Findings, f)
	found.Registry.Error = &LoadError{Stage: r.Stage, Type: x.Type, Message: f.Message + " — " + f.Fix, Traceback: x.Traceback}
}

// isOwn: the missing module is the project's own, so nothing can be installed.
func (in Inspector) isOwn(module string) bool {
	return module == in.Project.Package || strings.HasPrefix(module, in.Project.Package+".")
}

// codeState asks git for the commit and whether tracked or new source files differ.
// A project outside of git, or a machine without it, gives a zero Code.
func (in Inspector) codeState(ctx context.Context) Code {
	env, err := in.Env()
	if err != nil || gitFolder(in.Project.Path) == "" {
		return Code{}
	}
	git, err := findExecutable("git", lookup(env)("PATH"))
	if err != nil {
		return Code{}
	}
	env = append(env, "GIT_OPTIONAL_LOCKS=0") // status would write the index
	run := func(args ...string) (string, bool) {
		r, err := in.Runner.Output(ctx, Command{Argv: append([]string{git}, args...), Dir: in.Project.Path, Env: env, Limit: 10 * time.Second})
		return strings.TrimSpace(string(r.Stdout)), err == nil && r.ExitCode == 0
	}
	var code Code
	commit, ok := run("rev-parse", "HEAD")
	if !ok {
		return Code{}
	}
	code.Commit = commit
	source, err := filepath.Rel(in.Project.Path, in.Project.SourceDir)
	if err != nil {
		return code
	}
	if status, ok := run("status", "--porcelain", "--", source, "conf", "pyproject.toml"); ok {
		dirty := status != ""
		code.Dirty = &dirty
	}
	return code
}
