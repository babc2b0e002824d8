package storetest

import (
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// randomWrites drives jobs of few files by random events. Each claim must give exactly
// what a plain search in order would: nobody beside another that runs and writes the
// same, nobody before one that waits and shares a file, nobody left who could run.
func (s *suite) randomWrites() {
	paths := []string{"a", "b", "c", "d"}
	passed, failing := 0, false
	rapid.Check(s.t, func(t *rapid.T) {
		if passed == 20 && !failing { // each makes many commits
			return
		}
		failing = true // until this one ends well
		m := writesModel{scopeModel: scopeModel{jobs: map[string]*job.Job{}}, told: map[string][]string{}}
		one := func(t *rapid.T, st job.Status) *job.Job {
			of := slices.DeleteFunc(m.sorted(), func(j *job.Job) bool { return j.Status != st })
			if len(of) == 0 {
				t.Skip("none")
			}
			return of[min(len(of)-1, rapid.SampledFrom([]int{0, 0, 1, 2, 4, 8}).Draw(t, "which"))]
		}
		keep := func(j job.Job, err error) {
			require.NoError(t, err)
			*m.jobs[j.ID] = j
			if j.Status != job.Running {
				delete(m.told, j.ID)
			}
		}
		some := func(t *rapid.T) []job.Write {
			return files(rapid.SliceOfNDistinct(rapid.SampledFrom(paths), 0, 3, rapid.ID[string]).Draw(t, "files")...)
		}
		submit := func(t *rapid.T) {
			for range rapid.IntRange(1, 6).Draw(t, "jobs") {
				j := s.submit(func(j *job.Job) {
					j.Queue.Priority, j.Queue.MaxAttempts = rapid.IntRange(-1, 1).Draw(t, "priority"), 2
					if kind := rapid.SampledFrom([]string{"", "warn", "queue", "queue", "queue"}).Draw(t, "kind"); kind != "" {
						j.Queue.Writes = &job.Writes{Queue: kind == "queue", Files: some(t)}
					}
					if rapid.IntRange(0, 7).Draw(t, "expires") == 0 {
						j.Queue.ExpiresAt = ptr(j.CreatedAt.Add(20 * time.Second))
					}
				})
				m.jobs[j.ID] = &j
			}
		}
		_, err := s.LoseWorker(s.ctx(), "w")
		require.NoError(t, err)
		s.clear(t)
		submit(t)
		submit(t)
		claim := func(t *rapid.T) {
			n := rapid.IntRange(1, 4).Draw(t, "n")
			require.NoError(t, s.ExpireDue(s.ctx()))
			for id := range m.jobs {
				keep(s.Get(s.ctx(), id))
			}
			want := m.claim(n, s.clock.Now())
			got, err := s.Claim(s.ctx(), store.Claim{Worker: "w", Limit: n, Projects: []string{"proj"}})
			require.NoError(t, err)
			require.Equal(t, want, idsOf(got))
			for _, j := range got {
				keep(j, nil)
			}
		}
		complete := func(t *rapid.T) {
			keep(s.Report(s.ctx(), refOf(*one(t, job.Running)), s.completed(), store.Advance{}))
		}
		put := func(fn func(*job.Job)) func(*rapid.T) {
			return func(t *rapid.T) {
				keep(s.Amend(s.ctx(), one(t, job.Pending).ID, func(j *job.Job) error { fn(j); return nil }))
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"submit": submit, "claim": claim, "claim too": claim, "complete": complete, "complete too": complete,
			"tell": func(t *rapid.T) {
				j := one(t, job.Running)
				told := some(t)
				require.NoError(t, s.Advance(s.ctx(), refOf(*j), store.Advance{Writes: told}))
				m.told[j.ID] = append(m.told[j.ID], (&job.Writes{Files: told}).Paths()...)
			},
			"fail": func(t *rapid.T) {
				keep(s.Report(s.ctx(), refOf(*one(t, job.Running)), s.failed(job.Killed), store.Advance{}))
			},
			"give back": func(t *rapid.T) { keep(s.GiveBack(s.ctx(), refOf(*one(t, job.Running)))) },
			"cancel": func(t *rapid.T) {
				keep(s.Update(s.ctx(), one(t, job.Pending).ID, func(j *job.Job) error { j.RequestCancel(s.clock.Now()); return nil }))
			},
			"put off": put(func(j *job.Job) { j.Queue.RunAt = ptr(s.clock.Now().Add(5 * time.Second)) }),
			"prefer":  put(func(j *job.Job) { j.Queue.Priority++ }),
			"defer":   put(func(j *job.Job) { j.Queue.Priority-- }),
			"trouble": func(t *rapid.T) {
				switch rapid.IntRange(0, 2).Draw(t, "what") {
				case 0:
					lost, err := s.LoseWorker(s.ctx(), "w")
					require.NoError(t, err)
					for _, j := range lost {
						keep(j, nil)
					}
				case 1:
					require.NoError(t, s.Reconsider(s.ctx(), store.Limits{}))
				default:
					s.clock.Add(5 * time.Second)
				}
			},
		})
		passed, failing = passed+1, false
	})
}

// writesModel is of jobs that no limit but their files holds back.
type writesModel struct {
	scopeModel
	told map[string][]string // paths that running jobs told of, by id
}

func (m *writesModel) claim(n int, now time.Time) []string {
	held := map[string]bool{}
	for _, j := range m.jobs {
		if j.Status == job.Running {
			for _, p := range append(pathsOf(j), m.told[j.ID]...) {
				held[p] = true
			}
		}
	}
	ids := []string{}
	for _, j := range m.sorted() {
		if len(ids) == n {
			break
		}
		if j.Status != job.Pending || j.ReadyAt().After(now) {
			continue
		}
		waits := j.Queue.Writes.Waits() && slices.ContainsFunc(pathsOf(j), func(p string) bool { return held[p] })
		if !waits {
			ids = append(ids, j.ID)
		}
		if !waits || j.Queue.Writes.Queue {
			for _, p := range pathsOf(j) {
				held[p] = true
			}
		}
	}
	return ids
}

func pathsOf(j *job.Job) []string {
	if j.Queue.Writes == nil {
		return nil
	}
	return j.Queue.Writes.Paths()
}
