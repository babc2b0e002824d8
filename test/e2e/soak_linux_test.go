package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/test/launch"
)

// soakEnv makes the soak longer: minutes of load.
const soakEnv = "KEDROD_SOAK_MINUTES"

// noop stands where the interpreter stands: a run of Kedro exits 0 at once, so that many
// go through; everything else is the real one's.
func noop(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bin", "python")
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	script := fmt.Sprintf("#!/bin/sh\ncase \" $* \" in *\" kedro run \"*) echo a line; exit 0 ;; esac\nexec %q \"$@\"\n", python)
	require.NoError(t, os.WriteFile(path, []byte(script), 0o755))
	return path
}

// TestSoak keeps a service under steady load and looks whether anything grows that must
// not. `make soak MINUTES=60` is the long form.
func TestSoak(t *testing.T) {
	load := 20 * time.Second
	if text := os.Getenv(soakEnv); text != "" {
		minutes, err := strconv.ParseFloat(text, 64)
		require.NoError(t, err)
		load = time.Duration(minutes * float64(time.Minute))
	}
	s := serve(t, setup{
		projects: []string{project(t, "minimal")}, python: noop(t), data: filepath.Join(t.TempDir(), "data"),
		args: []string{"--concurrency", "2", "--retention-jobs-count", "2000", "--log-level", "warn"},
	})
	s.end(t, s.submit(t, "__default__", nil).ID)
	var done, failed atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var users sync.WaitGroup
	for u := range 6 {
		users.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if err := soakOnce(ctx, s, u, i); err == nil {
					done.Add(1)
				} else if ctx.Err() == nil {
					failed.Add(1)
					t.Logf("a user: %v", err)
				}
			}
		})
	}
	defer users.Wait()
	defer stop()

	// A quarter of the time is for caches and pools to fill; then it must stay as it is.
	pause(ctx, load/4)
	before := gauge(t, s)
	var worst vitals
	for end := time.Now().Add(load * 3 / 4); time.Now().Before(end); {
		pause(ctx, load/40)
		worst = worst.max(gauge(t, s))
	}
	after := gauge(t, s)
	t.Logf("%d rounds of users; at first %v, at last %v, at most %v", done.Load(), before, after, worst)
	require.Zero(t, failed.Load())
	require.Greater(t, done.Load(), int64(10))
	allowed := before.memory*5/4 + 16<<20
	if launch.RaceDetector { // its shadow of what was ever touched fills up for longer than this; make soak goes without it
		allowed = before.memory * 2
	}
	require.LessOrEqual(t, after.memory, allowed, "memory grows")
	require.LessOrEqual(t, after.files, before.files+20, "file handles grow")
	require.LessOrEqual(t, after.goroutines, before.goroutines+30, "goroutines grow")
	require.Less(t, worst.wal, int64(96<<20), "the WAL grows")

	stop()
	users.Wait()
	require.Eventually(t, func() bool {
		h, err := s.Health(t.Context())
		return err == nil && strings.Contains(fmt.Sprint(h), "0 jobs wait, 0 run")
	}, patience, 100*time.Millisecond, "every job ends")
	idle := gauge(t, s)
	require.LessOrEqual(t, idle.goroutines, before.goroutines, "goroutines are left behind")
}

// soakOnce is what a user does: submit and wait, follow a log and the events, cancel,
// list, repeat a submission, ask for what is not there.
func soakOnce(ctx context.Context, s *server, user, i int) error {
	who := fmt.Sprintf("user-%d", user)
	job, err := s.Submit(ctx, client.Submission{PipelineName: "__default__", UserID: &who}, client.SubmitOptions{})
	if err != nil {
		return err
	}
	if i%5 == 0 {
		if _, err := s.Cancel(ctx, job.ID); err != nil {
			return err
		}
	}
	if _, err := s.Wait(ctx, job.ID); err != nil {
		return err
	}
	paths := []string{
		"/api/v1/jobs/" + job.ID + "/events", "/api/v1/jobs/" + job.ID + "/logs", "/api/v1/jobs/" + job.ID + "/logs?follow=true",
		"/api/v1/jobs?user_id=" + who, "/api/v1/jobs?q=nowhere", "/api/v1/stats", "/api/v1/jobs/unknown", "/api/v1/pipelines",
	}
	if user == 0 { // a service has a scraper or two; more than four at once are refused
		paths = append(paths, "/metrics")
	}
	for _, path := range paths {
		if err := fetch(ctx, s.URL+path); err != nil {
			return err
		}
	}
	// A follower that goes away in the middle.
	short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	if err := fetch(short, s.URL+"/api/v1/events"); err != nil && short.Err() == nil {
		return err
	}
	return nil
}

func fetch(ctx context.Context, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := web.Do(req)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode >= 500 {
		err = errors.Join(err, fmt.Errorf("%s: %s", address, resp.Status))
	}
	return errors.Join(err, resp.Body.Close())
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// vitals are what must not grow.
type vitals struct {
	memory     int64 // proportional, bytes
	files      int
	goroutines int
	wal        int64
}

func (v vitals) String() string {
	return fmt.Sprintf("%d MB, %d files, %d goroutines, WAL %d MB", v.memory>>20, v.files, v.goroutines, v.wal>>20)
}

func (v vitals) max(o vitals) vitals {
	return vitals{max(v.memory, o.memory), max(v.files, o.files), max(v.goroutines, o.goroutines), max(v.wal, o.wal)}
}

var goroutines = regexp.MustCompile(`(?m)^go_goroutines (\d+)$`)

func gauge(t *testing.T, s *server) (v vitals) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/", s.PID)
	f, err := os.Open(dir + "smaps_rollup")
	require.NoError(t, err)
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kb int64
		if n, _ := fmt.Sscanf(lines.Text(), "Pss: %d kB", &kb); n == 1 {
			v.memory = kb << 10
		}
	}
	files, err := os.ReadDir(dir + "fd")
	require.NoError(t, err)
	v.files = len(files)
	resp := s.open(t, http.MethodGet, "/metrics", "")
	defer resp.Body.Close()
	found := goroutines.FindStringSubmatch(readAll(t, resp.Body))
	require.NotNil(t, found)
	v.goroutines, err = strconv.Atoi(found[1])
	require.NoError(t, err)
	info, err := os.Stat(filepath.Join(s.Data, "jobs.db-wal"))
	require.NoError(t, err)
	v.wal = info.Size()
	return v
}
