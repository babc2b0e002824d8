package e2e

import (
	"errors"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/test/launch"
)

// exitStatus is how a process ended.
type exitStatus struct {
	Code   int // -1: by the signal
	Signal string
}

// byHand is `kedro run --pipeline NAME` as a person types it in the project.
func byHand(t *testing.T, dir, pipeline string, args ...string) exitStatus {
	t.Helper()
	cmd := exec.CommandContext(within(t), python, append([]string{"-m", "kedro", "run", "--pipeline", pipeline}, args...)...)
	cmd.Dir, cmd.Env = dir, environment("DO_NOT_TRACK=1")
	out, err := cmd.CombinedOutput()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		require.NoError(t, err)
	}
	t.Logf("kedro run --pipeline %s by hand: %s\n%s", pipeline, cmd.ProcessState, launch.Tail(string(out), 3))
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		return exitStatus{-1, signalNames[status.Signal()]}
	}
	return exitStatus{Code: cmd.ProcessState.ExitCode()}
}

var signalNames = map[syscall.Signal]string{syscall.SIGKILL: "SIGKILL", syscall.SIGSEGV: "SIGSEGV"}

// ofAttempt is how a job's run ended.
func ofAttempt(a client.Attempt) exitStatus {
	if a.ExitCode != nil {
		return exitStatus{Code: *a.ExitCode}
	}
	return exitStatus{-1, text(a.Signal)}
}

var saveVersion = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d\.\d{3}Z`)

// normalised gives the files of a project so that two copies can be held against each
// other: versions are numbered in their order, since each is the time of its run.
// Compiled Python files hold the time of their sources, so only their names count.
// Everything else must be equal byte for byte: no dataset of these projects is left
// to chance.
func normalised(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	all := tree(t, dir)
	numbers := map[string]string{}
	for _, path := range slices.Sorted(maps.Keys(all)) {
		version := saveVersion.FindString(path)
		before, _, _ := strings.Cut(path, version)
		if version != "" && numbers[before+version] == "" {
			numbers[before+version] = "version " + string(rune('1'+strings.Count(strings.Join(slices.Collect(maps.Keys(numbers)), "\n"), before)))
		}
		name, content := path, all[path]
		if version != "" {
			name = strings.ReplaceAll(path, version, numbers[before+version])
		}
		if strings.HasSuffix(path, ".pyc") {
			content = ""
		}
		files[name] = content
	}
	return files
}

// requireSameFiles holds two copies of a project against each other, file by file so
// that a difference can be read.
func requireSameFiles(t *testing.T, hand, served string, what string) {
	t.Helper()
	a, b := normalised(t, hand), normalised(t, served)
	require.Equal(t, slices.Sorted(maps.Keys(a)), slices.Sorted(maps.Keys(b)), "%s: files by hand, and through kedrod", what)
	for name := range a {
		requireSameBytes(t, a[name], b[name], what+": "+name)
	}
}

// equality runs pipelines through kedrod and by hand, in two copies of a project.
type equality struct {
	project string
	order   []string            // which first: some read what others write
	params  map[string]params   // parameters of a run
	byHand  map[string][]string // the same for kedro run
	signals map[string]string   // pipelines that end by a signal
	fails   []string
}

func (e equality) check(t *testing.T) {
	t.Helper()
	served, hand := project(t, e.project), project(t, e.project)
	s := serve(t, setup{projects: []string{served}})
	known(t, s)
	list, err := s.Pipelines(within(t), "")
	require.NoError(t, err)
	var names []string
	for _, p := range list.Items {
		names = append(names, p.Name)
	}
	require.ElementsMatch(t, names, e.order, "every pipeline of the project is compared")

	for _, name := range e.order {
		job := s.submit(t, name, e.params[name])
		want := byHand(t, hand, name, e.byHand[name]...)
		job = s.end(t, job.ID)
		attempts := s.attempts(t, job.ID)
		require.Len(t, attempts, 1)
		require.Equal(t, want, ofAttempt(attempts[0]), "%s: exit by hand, and through kedrod (%s)", name, explain(job))
		require.Equal(t, want.Signal, e.signals[name], name)
		require.Equal(t, slices.Contains(e.fails, name), job.Status == "failed", "%s: %s", name, explain(job))
		require.Equal(t, want.Code == 0, job.Status == "completed", "%s: %s", name, explain(job))
		requireSameData(t, hand, served, name)
	}
	requireSameFiles(t, hand, served, e.project)
}

// requireSameData looks only below data/. Reading the registry leaves compiled files
// that by hand come later, with the other pipelines.
func requireSameData(t *testing.T, hand, served, what string) {
	t.Helper()
	for _, dir := range []string{hand, served} {
		if !exists(dir + "/data") {
			require.False(t, exists(hand+"/data") || exists(served+"/data"), "%s: only one has data/", what)
			return
		}
	}
	requireSameFiles(t, hand+"/data", served+"/data", what)
}

func TestTheExampleGivesTheSameAsByHand(t *testing.T) {
	t.Parallel()
	equality{
		project: "wine",
		order:   []string{"quality_gate", "preparation", "training", "reporting", "retrain", "parameters", "tuning", "__default__"},
		params: map[string]params{
			"tuning":   {"tuning": params{"seconds_per_step": 0.01}},
			"training": {"model": params{"kind": "logistic"}},
		},
		byHand: map[string][]string{
			"tuning":   {"--params", "tuning.seconds_per_step=0.01"},
			"training": {"--params", "model.kind=logistic"},
		},
		fails: []string{"quality_gate"},
	}.check(t)
}

func TestTheMinimalProjectGivesTheSameAsByHand(t *testing.T) {
	t.Parallel()
	equality{
		project: "minimal",
		order: []string{
			"no_input", "sum", "echo", "fail", "sleep", "stubborn", "quit", "kill", "segfault", "memory", "missing_module", "noise", "boxed",
			"chained", "unsaveable", "versioned", "later_failure", "nothing", "both", "__default__",
		},
		signals: map[string]string{"kill": "SIGKILL", "segfault": "SIGSEGV"},
		fails: []string{
			"no_input", "fail", "quit", "kill", "segfault", "memory", "missing_module", "boxed", "chained", "unsaveable", "later_failure", "nothing",
		},
	}.check(t)
}

// TestComposedPipelines shows where kedrod does more than Kedro: by hand, Kedro 1.5 and
// later can't run a pipeline that the registry adds up from others.
func TestComposedPipelines(t *testing.T) {
	t.Parallel()
	dir := project(t, "composed")
	s := serve(t, setup{projects: []string{dir}})
	known(t, s)
	for _, name := range []string{"combo", "first"} {
		job := s.run(t, name, nil)
		require.Equal(t, "completed", job.Status, explain(job))
	}
	job := s.run(t, "combo", nil)
	require.Equal(t, 2, job.Progress.Total)
}
