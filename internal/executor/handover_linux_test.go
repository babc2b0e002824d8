package executor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/executor/proc"
	"github.com/kedrod/kedrod/internal/handover"
)

// The scripts of handoverChild's runs. Their first argument is a folder.
var handoverRuns = map[string]string{
	// goes on over the exec, and leaves a process behind that left its session
	"long": `setsid sleep 61 & while [ ! -e "$1/go" ]; do sleep 0.02; done; exit 7`,
	// ends between Freeze and exec
	"ends": `while [ ! -e "$1/frozen" ]; do sleep 0.01; done; exit 5`,
	// is being stopped: SIGINT was sent
	"stopping": `trap 'echo int >> "$1/ints"' INT; trap '' TERM; touch "$1/armed"; while :; do sleep 0.02; done`,
}

var stoppingGrace = Grace{Int: time.Second, Term: 50 * time.Millisecond}

// handoverChild starts runs, hands them over to itself by exec, and tells what became of them.
func handoverChild(dir string) int {
	if err := handoverChildErr(dir); err != nil {
		fmt.Println("error:", err)
		return 1
	}
	return 0
}

func handoverChildErr(dir string) error {
	ctx := context.Background()
	state, err := handover.Received()
	if err != nil {
		return err
	}
	if state != nil {
		return handoverAdopts(ctx, dir, state)
	}
	e, err := New(ctx, Options{WorkerID: "w-handover-" + filepath.Base(dir)})
	if err != nil {
		return err
	}
	runs := map[string]*Run{}
	for id, script := range handoverRuns {
		if runs[id], err = e.Start(ctx, Spec{RunID: id, Argv: []string{"sh", "-c", script, "sh", dir}, Env: plainEnv}); err != nil {
			return err
		}
	}
	await(func() bool { _, err := os.Stat(filepath.Join(dir, "armed")); return err == nil })
	stopped := make(chan error, 1)
	go func() { stopped <- runs["stopping"].Stop(ctx, stoppingGrace) }()
	await(func() bool { _, err := os.Stat(filepath.Join(dir, "ints")); return err == nil })
	h, err := e.Freeze(ctx)
	if err != nil {
		return err
	}
	if err := <-stopped; !errors.Is(err, ErrHandover) {
		return fmt.Errorf("the stop under way: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "frozen"), nil, 0o600); err != nil {
		return err
	}
	await(func() bool { p, err := proc.Stat(runs["ends"].PID()); return err == nil && !p.Alive() })
	if state, err = json.Marshal(h); err != nil {
		return err
	}
	fmt.Println("guard", h.Guard.PID, "long", runs["long"].PID())
	return handover.Exec(os.Args[0], os.Args, os.Environ(), state, []int{h.Guard.Socket})
}

func handoverAdopts(ctx context.Context, dir string, state []byte) error {
	var h Handover
	if err := json.Unmarshal(state, &h); err != nil {
		return err
	}
	e, err := New(ctx, Options{WorkerID: "w-handover-" + filepath.Base(dir), Adopt: &h})
	if err != nil {
		return err
	}
	runs := e.Handed()
	fmt.Println("guard", guardPID(e), "long", runs["long"].PID())
	fmt.Println("ends", runs["ends"].Exit().Code)
	if err := runs["stopping"].Stop(ctx, stoppingGrace); err != nil {
		return err
	}
	x := runs["stopping"].Exit()
	fmt.Printf("stopping %s, stopped %t, in time %t\n", x.Signal, x.Stopped, x.Elapsed >= stoppingGrace.Int)
	late, err := e.Start(ctx, Spec{RunID: "late", Argv: []string{"sleep", "61"}, Env: plainEnv})
	if err != nil {
		return err
	}
	var open []os.DirEntry
	await(func() bool { open, err = os.ReadDir(fmt.Sprintf("/proc/%d/fd", late.PID())); return len(open) == 3 }) // the loader opens libraries
	fmt.Println("descriptors", len(open), err, late.Stop(ctx, Grace{}))
	if err := os.WriteFile(filepath.Join(dir, "go"), nil, 0o600); err != nil {
		return err
	}
	x = runs["long"].Exit()
	fmt.Println("long", x.Code, len(x.LeftBehind))
	return e.Close(ctx)
}

func await(ok func() bool) {
	for deadline := time.Now().Add(patience); !ok() && time.Now().Before(deadline); {
		<-time.After(time.Millisecond)
	}
}

// Over exec the guard and the runs are the same processes, their ends are known, a Stop goes on where it was, and nothing leaks.
func TestHandover(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], childArg, "handover", dir)
	cmd.WaitDelay = patience
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s", out)
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	require.Len(t, got, 6, "%s", out)
	require.Equal(t, got[0], got[1], "guard and run are who they were")
	require.Equal(t, []string{"ends 5", "stopping killed, stopped true, in time true", "descriptors 3 <nil> <nil>", "long 7 1"}, got[2:])
	ints, err := os.ReadFile(filepath.Join(dir, "ints"))
	require.NoError(t, err)
	require.Equal(t, "int\n", string(ints), "a signal that was sent is not sent again")
}

// Where exec fails everything goes on: what waited for the end of a run hears of it, starts work, a Stop goes on.
func TestThaw(t *testing.T) {
	e := newExecutor(t)
	dir := t.TempDir()
	short, _ := startShell(t, e, "ends", handoverRuns["ends"], dir)
	stopping, _ := startShell(t, e, "stopping", handoverRuns["stopping"], dir)
	require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(dir, "armed")); return err == nil }, patience, time.Millisecond)
	stopped := make(chan error, 1)
	go func() { stopped <- stopping.Stop(t.Context(), Grace{Int: time.Hour, Term: time.Hour}) }()
	require.Eventually(t, func() bool { _, err := os.Stat(filepath.Join(dir, "ints")); return err == nil }, patience, time.Millisecond)

	guard := guardPID(e)
	h, err := e.Freeze(t.Context())
	require.NoError(t, err)
	require.Len(t, h.Runs, 2)
	require.Equal(t, guard, h.Guard.PID)
	require.ErrorIs(t, <-stopped, ErrHandover)
	_, err = e.Start(t.Context(), Spec{RunID: "late", Argv: []string{"true"}, Env: plainEnv})
	require.ErrorIs(t, err, ErrHandover)
	require.ErrorIs(t, short.Stop(t.Context(), Grace{}), ErrHandover)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "frozen"), nil, 0o600))
	require.Eventually(t, func() bool { p, err := proc.Stat(short.PID()); return err == nil && !p.Alive() }, patience, time.Millisecond)
	require.False(t, short.isDone(), "nothing is reaped while it is handed over")

	e.Thaw()
	require.Equal(t, 5, waitExit(t, short).Code)
	r, _ := startShell(t, e, "late", "exit 3")
	require.Equal(t, 3, waitExit(t, r).Code)
	go func() { stopped <- stopping.Stop(t.Context(), Grace{Int: time.Millisecond}) }()
	require.NoError(t, <-stopped)
	require.Equal(t, syscall.SIGKILL, waitExit(t, stopping).Signal)
	ints, err := os.ReadFile(filepath.Join(dir, "ints"))
	require.NoError(t, err)
	require.Equal(t, "int\n", string(ints))
}

// Without a guard that answers nothing may be handed over, and everything goes on.
func TestFreezeNeedsAGuard(t *testing.T) {
	e := newExecutor(t)
	r, _ := startShell(t, e, "run", "sleep 61")
	pid := guardPID(e)
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := e.Freeze(ctx)
	require.ErrorContains(t, err, "no guard answers")
	e.Thaw()
	require.NoError(t, syscall.Kill(pid, syscall.SIGCONT))
	require.NoError(t, r.Stop(t.Context(), Grace{}))
}

func TestHandoverOfStrangersIsRefused(t *testing.T) {
	for _, h := range []Handover{{}, {Guard: HandedGuard{PID: 1}}, {Guard: HandedGuard{PID: 5}, Runs: []HandedRun{{ID: "a", PID: -1}}}, {Guard: HandedGuard{PID: 5}, Runs: []HandedRun{{PID: 7}}}} {
		_, err := New(t.Context(), Options{WorkerID: "w", Adopt: &h})
		require.Error(t, err)
	}
}
