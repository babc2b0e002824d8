package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/sqlite"
)

// crowds are jobs behind a busy key, by their numbers.
var crowds = map[string]func(j *job.Job, i int){
	"equal limits": func(j *job.Job, _ int) { j.Queue.ConcurrencyLimit = 1 },
	"mixed limits": func(j *job.Job, i int) { j.Queue.ConcurrencyLimit = 1 + i%5 },
	"a label nobody has": func(j *job.Job, _ int) {
		j.Queue.ConcurrencyLimit, j.Queue.Requires = 1, map[string]string{"gpu": "none"}
	},
}

// queue is a store with a crowd behind the jobs of one key that run.
type queue struct {
	b    *testing.B
	s    *sqlite.Store
	held []job.Job // those of the key
	made int
}

// keyed submits n jobs of the key, each made by one of crowds.
func (q *queue) keyed(n int, like func(j *job.Job, i int)) {
	for n > 0 {
		var batch []job.Job
		for ; n > 0 && len(batch) < 1000; n, q.made = n-1, q.made+1 {
			j := newJob(fmt.Sprintf("keyed-%07d", q.made))
			j.CreatedAt = j.CreatedAt.Add(time.Duration(q.made) * time.Microsecond)
			j.Queue.ConcurrencyKey = "db"
			like(&j, q.made)
			batch = append(batch, j)
		}
		require.NoError(q.b, failure(q.s.SubmitAll(q.b.Context(), batch, nil)))
	}
}

func (q *queue) claim() []job.Job {
	got, err := q.s.Claim(q.b.Context(), claimOf(8))
	require.NoError(q.b, err)
	return got
}

func (q *queue) report(j *job.Job) {
	_, err := q.s.Report(q.b.Context(), job.Ref{JobID: j.ID, Attempt: 1, Worker: "w"}, job.Outcome{Status: job.Completed}, store.Advance{})
	require.NoError(q.b, err)
}

// other takes a job of no key through a claim and a report.
func (q *queue) other(i int) {
	q.b.StopTimer()
	require.NoError(q.b, failure(q.s.SubmitAll(q.b.Context(), []job.Job{newJob(fmt.Sprint("other-", i))}, nil)))
	q.b.StartTimer()
	got := q.claim()
	require.Len(q.b, got, 1)
	q.report(&got[0])
}

// own hands the key on, and tells how many of its jobs were claimed: none where the
// next has to wait until fewer run.
func (q *queue) own(like func(j *job.Job, i int)) int {
	q.b.StopTimer()
	q.keyed(1, like)
	q.b.StartTimer()
	q.report(&q.held[0])
	got := q.claim()
	q.held = append(q.held[1:], got...)
	return len(got)
}

// BenchmarkClaim is a claim and a report, of jobs outside a busy key and of those of the
// key itself, by what else waits for that key.
func BenchmarkClaim(b *testing.B) {
	for _, name := range []string{"equal limits", "mixed limits", "a label nobody has"} {
		next := name // of those that are claimed
		if name == "a label nobody has" {
			next = "equal limits"
		}
		for _, whose := range []string{"other jobs", "the key's own"} {
			for _, n := range []int{0, 100_000} {
				b.Run(fmt.Sprintf("%s/%s/%d parked", name, whose, n), func(b *testing.B) {
					s, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "jobs.db"), sqlite.Options{})
					require.NoError(b, err)
					defer func() { require.NoError(b, s.Close()) }()
					q := &queue{b: b, s: s}
					q.keyed(5, crowds["equal limits"])
					q.held = q.claim()
					q.keyed(n, crowds[name])
					for inSight := 1; inSight > 0; {
						q.held = append(q.held, q.claim()...)
						inSight, err = s.InSight(b.Context())
						require.NoError(b, err)
					}
					b.ResetTimer()
					for i := 0; i < b.N; {
						if whose == "other jobs" {
							q.other(i)
							i++
						} else {
							i += q.own(crowds[next])
						}
					}
				})
			}
		}
	}
}
