package upgrade

import (
	"context"

	"fmt"
	"net/http"
	"os"

	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/test/launch"
)

// install puts a program in the place of the one that runs, as an administrator would.
func (s *server) install(t *testing.T, from string) {
	t.Helper()
	next := s.binary + ".next"
	require.NoError(t, os.Link(from, next))
	require.NoError(t, os.Rename(next, s.binary))
}

// script puts a shell script there, which is handed what kedrod would be.
func (s *server) script(t *testing.T, text string) {
	t.Helper()
	next := s.binary + ".next"
	require.NoError(t, os.WriteFile(next, []byte("#!/bin/sh\n"+text), 0o700))
	require.NoError(t, os.Rename(next, s.binary))
}

func (s *server) version(t *testing.T) string {
	t.Helper()
	h, err := s.Health(t.Context())
	require.NoError(t, err)
	return h.Version
}

// upgrade asks for one.
func (s *server) upgrade(t *testing.T) {
	t.Helper()
	require.NoError(t, syscall.Kill(s.PID, syscall.SIGUSR2))
}

// upgraded waits until the log has said so often that one program goes on for another.
func (s *server) upgraded(t *testing.T, times int) {
	t.Helper()
	s.logged(t, "goes on for the one before", times)
}

func (s *server) logged(t *testing.T, text string, times int) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Count(s.Log.String(), text) >= times }, launch.Patience, 5*time.Millisecond,
		"not %d times %q in the log", times, text)
}

func (s *server) submit(t *testing.T, pipeline string) *client.Job {
	t.Helper()
	j, err := s.Submit(t.Context(), client.Submission{PipelineName: pipeline}, client.SubmitOptions{})
	require.NoError(t, err)
	return j
}

// runsOf gives the lines that the runs of a job wrote when they began and when they ended.
func (s *server) runsOf(t *testing.T, id string) []string {
	t.Helper()
	b, err := os.ReadFile(s.record())
	require.NoError(t, err)
	var lines []string
	for line := range strings.Lines(string(b)) {
		if strings.Contains(line, id) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

func (s *server) begun(t *testing.T, id string) {
	t.Helper()
	require.Eventually(t, func() bool { return len(s.runsOf(t, id)) > 0 }, launch.Patience, 5*time.Millisecond)
}

// load asks without a pause, and counts what is refused.
type load struct {
	stop     atomic.Bool
	wg       sync.WaitGroup
	mu       sync.Mutex
	ids      []string
	failures []string
	longest  time.Duration // that an answer took
	asked    int
}

func (l *load) fail(what string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = append(l.failures, fmt.Sprint(time.Now().UTC().Format("05.000000"), " ", what, ": ", err))
}

func (l *load) took(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.longest, l.asked = max(l.longest, d), l.asked+1
}

// begin submits and looks, each by a client of its own, which keeps its connection.
func (l *load) begin(t *testing.T, s *server) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	one := func(work func(*client.Client) error) {
		c, err := client.New(s.Base, client.Config{})
		require.NoError(t, err)
		l.wg.Go(func() {
			for !l.stop.Load() {
				began := time.Now()
				if err := work(c); err != nil {
					l.fail("a request", err)
				}
				l.took(time.Since(began))
				<-time.After(10 * time.Millisecond)
			}
		})
	}
	one(func(c *client.Client) error {
		j, err := c.Submit(ctx, client.Submission{PipelineName: "quick"}, client.SubmitOptions{})
		if err == nil {
			l.mu.Lock()
			l.ids = append(l.ids, j.ID)
			l.mu.Unlock()
		}
		return err
	})
	one(func(c *client.Client) error { _, err := c.Health(ctx); return err })
	anew := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // a connection for each question
	one(func(*client.Client) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Base+"/livez", http.NoBody)
		if err != nil {
			return err
		}
		resp, err := anew.Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	})
}

func (l *load) end() { l.stop.Store(true); l.wg.Wait() }

// Under load, with runs and a followed log under way, a service goes over to another
// binary several times: no request is refused, no run notices, no byte of the log is lost
// or doubled, every job ends once.
func TestUpgradeUnderLoad(t *testing.T) {
	s := serve(t, nil)
	require.Equal(t, "one", s.version(t))
	long, counting := s.submit(t, "until"), s.submit(t, "counting")
	s.begun(t, long.ID)
	s.begun(t, counting.ID)
	followed := make(chan string, 1)
	go func() {
		var text strings.Builder
		for chunk, err := range s.FollowLogs(context.WithoutCancel(t.Context()), counting.ID, client.FollowOptions{}) {
			if err != nil {
				text.WriteString("error: " + err.Error())
				break
			}
			text.WriteString(chunk.Text)
		}
		followed <- text.String()
	}()
	var l load
	l.begin(t, s)
	const times = 4
	for i := 1; i <= times; i++ {
		from, want := binary2, "two"
		if i%2 == 0 {
			from, want = binary, "one"
		}
		s.install(t, from)
		s.upgrade(t)
		s.upgraded(t, i)
		require.Equal(t, want, s.version(t))
	}
	l.end()
	require.NoError(t, os.WriteFile(s.release(), nil, 0o600))
	require.Empty(t, l.failures)
	require.NotEmpty(t, l.ids)
	ended := func(id string) {
		j, err := s.Wait(t.Context(), id)
		require.NoError(t, err)
		require.Equal(t, "completed", j.Status)
		require.Equal(t, 1, j.Attempt)
		runs := s.runsOf(t, id)
		require.Len(t, runs, 2, "%v", runs)
		require.Equal(t, strings.TrimPrefix(runs[0], "start"), strings.TrimPrefix(runs[1], "end"), "one process from its start to its end")
	}
	for _, id := range append(l.ids, long.ID, counting.ID) {
		ended(id)
	}
	log := <-followed
	numbers := regexp.MustCompile(`line (\d+)\n`).FindAllStringSubmatch(log, -1)
	for i, n := range numbers {
		require.Equal(t, fmt.Sprint(i+1), n[1])
	}
	require.Contains(t, log, fmt.Sprintf("last %d\n", len(numbers)))
	t.Logf("%d requests over %d upgrades, none refused, the slowest took %s", l.asked, times, l.longest)
	require.NoError(t, s.Signal(syscall.SIGTERM))
	code, err := s.Exited()
	require.NoError(t, err)
	require.Zero(t, code)
}

// A program that can't go on changes nothing.
func TestUpgradeToWhatIsNone(t *testing.T) {
	s := serve(t, nil)
	j := s.submit(t, "until")
	s.begun(t, j.ID)
	for i, text := range []string{"echo 'not today' >&2; exit 3", "kill -9 $$", "exec /nonexistent"} {
		s.script(t, text)
		s.upgrade(t)
		s.logged(t, "the upgrade is not made", i+1)
	}
	require.Contains(t, s.Log.String(), "not today")
	require.NoError(t, os.Chmod(s.binary, 0o600))
	s.upgrade(t)
	s.logged(t, "the upgrade is not made", 4)
	require.NoError(t, os.Remove(s.binary))
	s.upgrade(t)
	s.logged(t, "the upgrade is not made", 5)
	require.Equal(t, "one", s.version(t))
	require.NoError(t, os.WriteFile(s.release(), nil, 0o600))
	done, err := s.Wait(t.Context(), j.ID)
	require.NoError(t, err)
	require.Equal(t, "completed", done.Status)
}

// Where the exec itself fails the old program goes on with everything.
func TestUpgradeWhoseExecFails(t *testing.T) {
	s := serve(t, nil)
	j := s.submit(t, "until")
	s.begun(t, j.ID)
	s.script(t, `case "$*" in *--preflight*) rm "$0"; exit 0 ;; esac`)
	s.upgrade(t)
	s.logged(t, "the upgrade failed", 1)
	require.Equal(t, "one", s.version(t))
	require.NoError(t, os.WriteFile(s.release(), nil, 0o600))
	done, err := s.Wait(t.Context(), j.ID)
	require.NoError(t, err)
	require.Equal(t, "completed", done.Status)
	require.Equal(t, 1, done.Attempt)
	s.install(t, binary2)
	s.upgrade(t)
	s.upgraded(t, 2)
	require.Equal(t, "two", s.version(t))
}

// Two signals at once are one upgrade or two, and never an end.
func TestTwoUpgradesAtOnce(t *testing.T) {
	s := serve(t, nil)
	j := s.submit(t, "until")
	s.begun(t, j.ID)
	s.install(t, binary2)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for !strings.Contains(s.Log.String(), "goes on for the one before") {
			_ = syscall.Kill(s.PID, syscall.SIGUSR2)
			<-time.After(time.Millisecond)
		}
	}()
	<-ended
	require.Eventually(t, func() bool {
		h, err := s.Health(t.Context())
		return err == nil && h.Version == "two"
	}, launch.Patience, 10*time.Millisecond)
	require.NoError(t, os.WriteFile(s.release(), nil, 0o600))
	done, err := s.Wait(t.Context(), j.ID)
	require.NoError(t, err)
	require.Equal(t, "completed", done.Status)
	require.Equal(t, 1, done.Attempt)
}

// A stop that comes during an upgrade is a stop: nothing is lost, whichever program hears it.
// Between the exec and the new program's first steps nobody hears one, see
// docs/operations.md, so moments are told by the log.
func TestStopDuringAnUpgrade(t *testing.T) {
	for name, moment := range map[string]string{
		"at once": "", "while the new program is tried": "the new program is tried first", "once it has gone over": "goes on for the one before",
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, nil, "--drain-timeout", "20s")
			j := s.submit(t, "until")
			s.begun(t, j.ID)
			s.install(t, binary2)
			s.upgrade(t)
			if moment != "" {
				s.logged(t, moment, 1)
			}
			require.NoError(t, s.Signal(syscall.SIGTERM))
			s.logged(t, "stopping: no new job is started", 1)
			require.NoError(t, os.WriteFile(s.release(), nil, 0o600))
			code, err := s.Exited()
			require.NoError(t, err)
			require.Zero(t, code)
			require.Len(t, s.runsOf(t, j.ID), 2, "the drain let it end")
		})
	}
}

// The service manager hears of a reload, and of its end by the same process.
func TestServiceManagerHearsOfAnUpgrade(t *testing.T) {
	m := newManager(t)
	s := serve(t, []string{"NOTIFY_SOCKET=" + m.path, "WATCHDOG_USEC=900000"})
	m.until("READY=1")
	s.install(t, binary2)
	s.upgrade(t)
	m.until("RELOADING=1\nMONOTONIC_USEC=")
	m.until("READY=1")
	m.until("WATCHDOG=1")
	require.Equal(t, "two", s.version(t))
}
