package hostile

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// followers is how many follow at once: crowdLimit, or what the limit on open files
// leaves room for.
func followers(t *testing.T) int {
	t.Helper()
	var limit syscall.Rlimit
	require.NoError(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	n := int(min(crowdLimit, limit.Cur-200))
	t.Logf("%d followers", n)
	return n
}

// gather starts a crowd and waits until all its streams are open; rest gives how many
// ended with each digest.
func gather(t *testing.T, o crowdOrder) (rest func() map[string]int) {
	t.Helper()
	text, err := json.Marshal(o)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crowdEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	r := bufio.NewReader(out)
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("open %d\n", o.Count), line)
	return func() map[string]int {
		b, err := io.ReadAll(r)
		require.NoError(t, err)
		require.NoError(t, cmd.Wait())
		var digests map[string]int
		require.NoError(t, json.Unmarshal(b, &digests), string(b))
		return digests
	}
}

// shareOf is each one's part of what was gained.
func shareOf(bytes int64, n int) int64 { return bytes / int64(n) }

const perFollower = 64 << 10

// TestFollowersOfOneLog: many follow one log; each gets every byte, and costs little
// while waiting and while reading.
func TestFollowersOfOneLog(t *testing.T) {
	s := newServer(t)
	ref, path := s.running()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	defer f.Close()
	n := followers(t)
	before, goroutines := memory(), runtime.NumGoroutine()
	rest := gather(t, crowdOrder{
		Address: strings.TrimPrefix(s.url, "http://"), Path: "/api/v1/jobs/" + ref.JobID + "/logs?follow=true", Count: n, Events: 1 << 30,
	})
	each := shareOf(memory()-before, n)
	perGoroutine := float64(runtime.NumGoroutine()-goroutines) / float64(n)
	t.Logf("waiting: %d bytes and %.2f goroutines for each follower", each, perGoroutine)
	require.Less(t, each, int64(perFollower))
	require.Less(t, perGoroutine, 2.1, "a connection has two of its own")

	var all strings.Builder
	for i := range 200 {
		line := fmt.Sprintf("line %d %s\n", i, strings.Repeat("é", i))
		all.WriteString(line)
		_, err := io.WriteString(f, line)
		require.NoError(t, err)
	}
	_, err = s.store.Report(t.Context(), ref, job.Outcome{Status: job.Completed, EndedAt: time.Now()}, store.Advance{})
	require.NoError(t, err)
	busy := shareOf(memory()-before, n)
	t.Logf("reading: %d bytes for each", busy)
	// While all are being written to, the heap holds garbage of the moment, and more of it
	// under the race detector: here it is an order of magnitude.
	require.Less(t, busy, int64(2*perFollower))
	sum := sha256.Sum256([]byte(all.String()))
	require.Equal(t, map[string]int{hex.EncodeToString(sum[:]): n}, rest())
}

// TestFollowersOfAllEvents: the table is read for all of them together.
func TestFollowersOfAllEvents(t *testing.T) {
	s := newServer(t)
	n := followers(t)
	before := memory()
	const jobs = 20
	rest := gather(t, crowdOrder{Address: strings.TrimPrefix(s.url, "http://"), Path: "/api/v1/events", Count: n, Events: jobs})
	each := shareOf(memory()-before, n)
	t.Logf("waiting: %d bytes for each follower", each)
	require.Less(t, each, int64(perFollower))
	s.store.reads.Store(0)
	for range jobs {
		a := s.call(http.MethodPost, "/api/v1/jobs", strings.NewReader(`{"pipeline_name": "train"}`))
		require.Equal(t, http.StatusCreated, a.status, a.body)
	}
	digests := rest()
	require.Len(t, digests, 1, "all were told the same")
	for _, count := range digests {
		require.Equal(t, n, count)
	}
	t.Logf("%d reads of the table for %d events and %d followers", s.store.reads.Load(), jobs, n)
	require.LessOrEqual(t, s.store.reads.Load(), int64(4*jobs))
}
