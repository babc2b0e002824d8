package postgres_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/postgres"
	"github.com/kedrod/kedrod/test/pgtest"
)

// fill writes finished jobs, and as many pending ones as are to be claimed: of 20
// pipelines, one job in ten with one of 200 concurrency keys.
const (
	finished = `INSERT INTO jobs (id, pipeline_name, status, parameters, results, created_at, started_at, completed_at, execution_time, project,
			options, priority, timeout_ms, max_attempts, max_recoveries, attempt, tries, recoveries, worker, last_outcome, order_key, ready_at)
		SELECT 'old-' || lpad(i::text, 32, '0'), 'p' || i %% 20, 'completed', '{}', '{"outputs":[]}', at, at AS begun, at AS ended, 1, 'p', '{}', 0, 60000, 1, 3, 1, 0, 0, 'w', 'completed', 0, 0
		FROM (SELECT i, to_char(timestamp '2025-01-01' + i * interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') AS at FROM generate_series(1, %d) AS i) AS x`
	waiting = `INSERT INTO jobs (id, pipeline_name, status, parameters, created_at, project, options, priority, timeout_ms, max_attempts, max_recoveries,
			attempt, tries, recoveries, order_key, ready_at, concurrency_key, concurrency_limit)
		SELECT 'new-' || lpad(i::text, 32, '0'), 'p' || i %% 20, 'pending', '{}', '2026-01-01T00:00:00.000000+00:00', 'p', '{}', 0, 60000, 1, 3, 0, 0, 0, i, 0,
			CASE WHEN i %% 10 = 7 THEN 'k' || (i / 10) %% 200 END, CASE WHEN i %% 10 = 7 THEN 1 END FROM generate_series(1, %d) AS i`
)

// processorTime is what the server's processes and this one have used: a figure that other
// work on the machine changes little.
func processorTime(b *testing.B, server int) time.Duration {
	b.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(b, err)
	var ticks int64
	for _, name := range stats {
		raw, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		after := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
		if parent, own := after[1], filepath.Base(filepath.Dir(name)); parent == strconv.Itoa(server) || own == strconv.Itoa(os.Getpid()) {
			for _, field := range after[11:13] {
				n, err := strconv.ParseInt(field, 10, 64)
				require.NoError(b, err)
				ticks += n
			}
		}
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// BenchmarkClaims is a job's way through the queue, claimed and reported, by 8 workers of
// 8 slots in 8 processes' stores, beside a million that have ended and with limits in
// force. The server flushes each commit. It also tells how long a claim and a report take.
func BenchmarkClaims(b *testing.B) {
	const workers, slots, limited = 8, 8, 5
	server := pgtest.Start(b, pgtest.Options{Durable: true, Settings: map[string]string{"shared_buffers": "1GB", "max_wal_size": "4GB"}})
	url := server.Database(b)
	l := store.Limits{Pipelines: map[store.PipelineOf]int{}}
	for i := range limited {
		l.Pipelines[store.PipelineOf{Project: "p", Pipeline: fmt.Sprint("p", i)}] = 4
	}
	var stores []*postgres.Store
	for range workers {
		s, err := postgres.Open(b.Context(), url, postgres.Options{})
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, s.Close()) })
		stores = append(stores, s)
	}
	execute(b, url, fmt.Sprintf(finished, 1_000_000))
	execute(b, url, fmt.Sprintf(waiting, b.N+b.N/3+1000))
	execute(b, url, "VACUUM ANALYZE")
	execute(b, url, "CHECKPOINT")
	var claimed, over atomic.Int64
	var running [limited]atomic.Int64
	var mu sync.Mutex
	var claims, reports []time.Duration
	b.ResetTimer()
	begun, used := time.Now(), processorTime(b, server.PID())
	var wg sync.WaitGroup
	for w, s := range stores {
		wg.Go(func() {
			c := store.Claim{Worker: fmt.Sprint("w", w), Limit: slots, Projects: []string{"p"}, Limits: l}
			for claimed.Load() < int64(b.N) {
				at := time.Now()
				got, err := s.Claim(b.Context(), c)
				took := time.Since(at)
				if err != nil {
					b.Error(err)
					return
				}
				claimed.Add(int64(len(got)))
				var ends sync.WaitGroup
				for i := range got {
					var slot *atomic.Int64
					for p := range limited {
						if got[i].Pipeline == fmt.Sprint("p", p) {
							slot = &running[p]
						}
					}
					if slot != nil && slot.Add(1) > 4 {
						over.Add(1)
					}
					ends.Go(func() {
						if slot != nil {
							slot.Add(-1)
						}
						at := time.Now()
						ref := job.Ref{JobID: got[i].ID, Attempt: got[i].Attempt, Worker: got[i].Worker}
						if _, err := s.Report(b.Context(), ref, job.Outcome{Status: job.Completed, EndedAt: at, ExecutionTime: 1}, store.Advance{}); err != nil {
							b.Error(err)
						}
						mu.Lock()
						reports = append(reports, time.Since(at))
						mu.Unlock()
					})
				}
				ends.Wait()
				mu.Lock()
				claims = append(claims, took)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64((processorTime(b, server.PID())-used).Microseconds())/float64(claimed.Load()), "cpu-µs/claim")
	require.Zero(b, over.Load(), "over a limit")
	b.ReportMetric(float64(claimed.Load())/time.Since(begun).Seconds(), "claims/s")
	b.ReportMetric(float64(claimed.Load())/float64(len(claims)), "rows/claim")
	for name, of := range map[string][]time.Duration{"claim": claims, "report": reports} {
		slices.Sort(of)
		b.ReportMetric(float64(of[len(of)/2].Microseconds())/1000, name+"-p50-ms")
		b.ReportMetric(float64(of[len(of)*99/100].Microseconds())/1000, name+"-p99-ms")
	}
}

// BenchmarkSubmitToClaim is the time from a submission in one process to its job's claim in
// another, which is idle and waits for a wake-up.
func BenchmarkSubmitToClaim(b *testing.B) {
	server := pgtest.Start(b, pgtest.Options{Durable: true})
	url := server.Database(b)
	var stores []*postgres.Store
	for range 2 {
		s, err := postgres.Open(b.Context(), url, postgres.Options{})
		require.NoError(b, err)
		b.Cleanup(func() { require.NoError(b, s.Close()) })
		stores = append(stores, s)
	}
	front, worker := stores[0], stores[1]
	wake, off := worker.Subscribe(store.TopicQueue)
	defer off()
	var took, submits, claims []time.Duration
	for i := 0; b.Loop(); i++ {
		at := time.Now()
		if _, _, err := front.Submit(b.Context(), newJob(fmt.Sprint("job-", i)), nil); err != nil {
			b.Fatal(err)
		}
		submits = append(submits, time.Since(at))
		for got := 0; got == 0; {
			<-wake
			at := time.Now()
			jobs, err := worker.Claim(b.Context(), store.Claim{Worker: "w", Limit: 8, Projects: []string{"p"}})
			if err != nil {
				b.Fatal(err)
			}
			got = len(jobs)
			claims = append(claims, time.Since(at))
		}
		took = append(took, time.Since(at))
	}
	for name, of := range map[string][]time.Duration{"": took, "submit-": submits, "claim-": claims} {
		slices.Sort(of)
		b.ReportMetric(float64(of[len(of)/2].Microseconds())/1000, name+"p50-ms")
		b.ReportMetric(float64(of[len(of)*99/100].Microseconds())/1000, name+"p99-ms")
	}
}
