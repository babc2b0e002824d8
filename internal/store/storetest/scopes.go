package storetest

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

func (s *suite) claimWithin(limit int, l store.Limits) []job.Job {
	s.t.Helper()
	jobs, err := s.Claim(s.ctx(), store.Claim{Worker: "w", Limit: limit, Projects: []string{"proj", "other"}, Limits: l})
	require.NoError(s.t, err)
	return jobs
}

func idsOf(jobs []job.Job) []string {
	ids := []string{}
	for i := range jobs {
		ids = append(ids, jobs[i].ID)
	}
	return ids
}

func (s *suite) end(j job.Job) {
	s.t.Helper()
	_, err := s.Report(s.ctx(), refOf(j), s.completed(), store.Advance{})
	require.NoError(s.t, err)
}

// limits: what waits for a slot is told so, is out of the way of others, and comes up in
// its order when one who runs there ends.
func (s *suite) limits() {
	train := store.PipelineOf{Project: "proj", Pipeline: "train"}
	l := store.Limits{Projects: map[string]int{"other": 1}, Pipelines: map[store.PipelineOf]int{train: 2}}
	keyed := func(j *job.Job) { j.Queue.ConcurrencyKey, j.Queue.ConcurrencyLimit = "db", 1 }
	var byKey, byPipeline, byProject []job.Job
	for range 3 {
		byKey = append(byKey, s.submit(keyed))
		byPipeline = append(byPipeline, s.submit(func(j *job.Job) { j.Pipeline = "train" }))
		byProject = append(byProject, s.submit(func(j *job.Job) { j.Project = "other" }))
	}
	free := s.submit(nil)
	first := s.claimWithin(100, l)
	require.Equal(s.t, []string{byKey[0].ID, byPipeline[0].ID, byProject[0].ID, byPipeline[1].ID, free.ID}, idsOf(first))
	late := s.submit(func(j *job.Job) { keyed(j); j.Project = "other" }) // its key is known to be busy
	w, err := s.Waiting(s.ctx(), []string{byKey[1].ID, byPipeline[2].ID, byProject[2].ID, late.ID, free.ID, "unknown"})
	require.NoError(s.t, err)
	require.Equal(s.t, map[string]store.Waiting{
		byKey[1].ID:      {On: store.ScopeOfKey("db"), Running: 1, Holder: byKey[0].ID},
		byPipeline[2].ID: {On: store.ScopeOfPipeline(train), Running: 2, Holder: byPipeline[0].ID},
		byProject[2].ID:  {On: store.ScopeOfProject("other"), Running: 1, Holder: byProject[0].ID},
		late.ID:          {On: store.ScopeOfKey("db"), Running: 1}, // which a job of another project holds
	}, w)
	require.Empty(s.t, s.claimWithin(100, l))
	wake, unsubscribe := s.Subscribe(store.TopicQueue)
	defer unsubscribe()
	s.end(first[0])
	select {
	case <-wake:
	case <-time.After(10 * time.Second):
		require.FailNow(s.t, "nobody is told that a job came up")
	}
	require.Equal(s.t, []string{byKey[1].ID}, idsOf(s.claimWithin(100, l)))
	s.end(first[1])
	s.end(first[2])
	require.Equal(s.t, []string{byProject[1].ID, byPipeline[2].ID}, idsOf(s.claimWithin(100, l)))
	// A lost worker frees everything at once, and its jobs come first.
	_, err = s.LoseWorker(s.ctx(), "w")
	require.NoError(s.t, err)
	require.Equal(s.t, []string{byKey[1].ID, byPipeline[1].ID, byProject[1].ID, byPipeline[2].ID, free.ID}, idsOf(s.claimWithin(100, l)))
	require.Empty(s.t, s.claimWithin(100, l))
}

// limitsAmended: a job that was next and is put behind others makes way for them.
func (s *suite) limitsAmended() {
	l := store.Limits{Projects: map[string]int{"other": 1}}
	for name, change := range map[string]func(*job.Job){
		"key":     func(j *job.Job) { j.Queue.ConcurrencyKey, j.Queue.ConcurrencyLimit = "db", 1 },
		"project": func(j *job.Job) { j.Project = "other" },
	} {
		s.submit(change)
		next, then := s.submit(change), s.submit(change)
		runs := s.claimWithin(9, l)
		require.Len(s.t, runs, 1, name)
		s.end(runs[0])
		_, err := s.Amend(s.ctx(), next.ID, func(j *job.Job) error { j.Queue.Priority--; return nil })
		require.NoError(s.t, err)
		runs = s.claimWithin(1, l)
		require.Equal(s.t, []string{then.ID}, idsOf(runs), name)
		s.end(runs[0])
		runs = s.claimWithin(1, l)
		require.Equal(s.t, []string{next.ID}, idsOf(runs), name)
		s.end(runs[0])
	}
}

// limitsUnlike: in a key whose jobs have different limits none passes one that waits
// before it, and what waits comes up as that one leaves, however it does.
func (s *suite) limitsUnlike() {
	in := func(limit int) job.Job {
		return s.submit(func(j *job.Job) { j.Queue.ConcurrencyKey, j.Queue.ConcurrencyLimit = "db", limit })
	}
	for name, leave := range map[string]func(id string){
		"cancelled": func(id string) {
			_, err := s.Update(s.ctx(), id, func(j *job.Job) error { j.RequestCancel(s.clock.Now()); return nil })
			require.NoError(s.t, err)
		},
		"put off": func(id string) {
			_, err := s.Amend(s.ctx(), id, func(j *job.Job) error { j.Queue.RunAt = ptr(s.clock.Now().Add(time.Hour)); return nil })
			require.NoError(s.t, err)
		},
		"put behind": func(id string) {
			_, err := s.Amend(s.ctx(), id, func(j *job.Job) error { j.Queue.Priority--; return nil })
			require.NoError(s.t, err)
		},
	} {
		in(2)
		runs := s.claimWithin(9, store.Limits{})
		require.Len(s.t, runs, 1, name)
		narrow, wide := in(1), in(2)
		require.Empty(s.t, s.claimWithin(9, store.Limits{}), name)
		late := in(3) // would have room, too
		require.Empty(s.t, s.claimWithin(9, store.Limits{}), name)
		s.end(runs[0])
		runs = s.claimWithin(9, store.Limits{})
		require.Equal(s.t, []string{narrow.ID, wide.ID, late.ID}, idsOf(runs), "%s: nothing starves", name)
		s.end(runs[1])
		s.end(runs[2])

		narrow, wide = in(1), in(2)
		require.Empty(s.t, s.claimWithin(9, store.Limits{}), name)
		leave(narrow.ID)
		runs = append(runs[:1], s.claimWithin(9, store.Limits{})...)
		require.Equal(s.t, wide.ID, runs[1].ID, name)
		s.end(runs[0])
		s.end(runs[1])
		_, err := s.Update(s.ctx(), narrow.ID, func(j *job.Job) error { j.RequestCancel(s.clock.Now()); return nil })
		require.NoError(s.t, err)
	}
}

// limitsChange: a start with other limits looks at what is parked anew.
func (s *suite) limitsChange() {
	one := store.Limits{Projects: map[string]int{"proj": 1}}
	var all []string
	for range 4 {
		all = append(all, s.submit(nil).ID)
	}
	needs := s.submit(func(j *job.Job) { j.Project, j.Queue.Requires = "other", map[string]string{"gpu": "a100"} })
	require.Equal(s.t, all[:1], idsOf(s.claimWithin(9, one)))
	w, err := s.Waiting(s.ctx(), []string{needs.ID})
	require.NoError(s.t, err)
	require.Equal(s.t, store.ParkedRequires, w[needs.ID].On)
	three := store.Limits{Projects: map[string]int{"proj": 3}}
	require.NoError(s.t, s.Reconsider(s.ctx(), three))
	require.Equal(s.t, all[1:3], idsOf(s.claimWithin(9, three)))
	require.NoError(s.t, s.Reconsider(s.ctx(), store.Limits{}))
	got, err := s.Claim(s.ctx(), store.Claim{Worker: "w", Limit: 9, Projects: []string{"proj", "other"}, Labels: map[string]string{"gpu": "a100", "x": ""}})
	require.NoError(s.t, err)
	require.Equal(s.t, []string{all[3], needs.ID}, idsOf(got))
}

// scopes drives jobs of many scopes by random events. Each claim must give exactly what
// a plain search in order of the keys would: nothing over a limit, nothing left waiting
// that could run.
func (s *suite) scopes() { s.randomScopes(false) }

// scopesOfMany: the same with workers that have different labels. Jobs of a key have one
// limit here: whether a job keeps back those with larger ones depends on who may run it.
func (s *suite) scopesOfMany() { s.randomScopes(true) }

func (s *suite) randomScopes(many bool) {
	rapid.Check(s.t, func(t *rapid.T) {
		some := rapid.SampledFrom([]int{0, 1, 1, 2, 3})
		m := scopeModel{jobs: map[string]*job.Job{}, limits: store.Limits{
			Projects: map[string]int{"proj": some.Draw(t, "proj"), "other": some.Draw(t, "other")},
			Pipelines: map[store.PipelineOf]int{
				{Project: "proj", Pipeline: "a"}: some.Draw(t, "proj/a"), {Project: "other", Pipeline: "a"}: some.Draw(t, "other/a"),
			},
		}}
		workers, needs, mostSlots := []map[string]string{{"gpu": "a"}}, []map[string]string{{"gpu": "a"}, {"gpu": "b"}}, 3
		if many {
			workers = []map[string]string{nil, nil, {"gpu": "a"}, {"gpu": "b"}, {"gpu": "a", "site": "x"}, {"site": "x", "tier": "1"}}
			needs = append(needs, map[string]string{"gpu": "a", "site": "x"}, map[string]string{"site": "x"}, map[string]string{"gpu": "none"})
			mostSlots = 1
		}
		one := func(t *rapid.T, st job.Status) *job.Job {
			var of []*job.Job
			for _, j := range m.sorted() {
				if j.Status == st {
					of = append(of, j)
				}
			}
			if len(of) == 0 {
				t.Skip("none")
			}
			return of[min(len(of)-1, rapid.SampledFrom([]int{0, 0, 1, 2, 4, 8}).Draw(t, "which"))] // the first ones are in sight
		}
		keep := func(j job.Job, err error) {
			require.NoError(t, err)
			*m.jobs[j.ID] = j
		}
		submit := func(t *rapid.T) {
			for range rapid.IntRange(1, 6).Draw(t, "jobs") {
				j := s.submit(func(j *job.Job) {
					j.Project = rapid.SampledFrom([]string{"proj", "proj", "other"}).Draw(t, "project")
					j.Pipeline = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "pipeline")
					j.Queue.Priority = rapid.IntRange(-1, 1).Draw(t, "priority")
					j.Queue.MaxAttempts = 2
					if k := rapid.SampledFrom([]string{"", "k", "k", "l"}).Draw(t, "key"); k != "" {
						j.Queue.ConcurrencyKey, j.Queue.ConcurrencyLimit = k, rapid.IntRange(1, mostSlots).Draw(t, "limit")
					}
					if rapid.IntRange(0, 7).Draw(t, "requires") == 0 || many && rapid.Bool().Draw(t, "and more") {
						j.Queue.Requires = rapid.SampledFrom(needs).Draw(t, "labels")
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
			// What has expired keeps others of its key back until it is ended.
			require.NoError(t, s.ExpireDue(s.ctx()))
			for id := range m.jobs {
				keep(s.Get(s.ctx(), id))
			}
			labels := rapid.SampledFrom(workers).Draw(t, "worker")
			want := m.claim(n, labels, s.clock.Now())
			got, err := s.Claim(s.ctx(), store.Claim{Worker: "w", Limit: n, Projects: []string{"proj", "other"}, Limits: m.limits, Labels: labels})
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
				switch rapid.IntRange(0, 3).Draw(t, "what") {
				case 0:
					lost, err := s.LoseWorker(s.ctx(), "w")
					require.NoError(t, err)
					for _, j := range lost {
						keep(j, nil)
					}
				case 1:
					m.limits.Projects["proj"] = some.Draw(t, "proj")
					m.limits.Pipelines[store.PipelineOf{Project: "proj", Pipeline: "a"}] = some.Draw(t, "proj/a")
					require.NoError(t, s.Reconsider(s.ctx(), m.limits))
				default:
					s.clock.Add(5 * time.Second)
					require.NoError(t, s.ExpireDue(s.ctx()))
					for id := range m.jobs {
						keep(s.Get(s.ctx(), id))
					}
				}
			},
		})
	})
}

// clear cancels what a run of the property before this one left.
func (s *suite) clear(t *rapid.T) {
	for _, st := range []job.Status{job.Pending, job.Running} {
		for _, id := range s.ids(store.Filter{Statuses: []job.Status{st}, Limit: 10_000}) {
			_, err := s.Update(s.ctx(), id, func(j *job.Job) error { j.RequestCancel(s.clock.Now()); return nil })
			require.NoError(t, err)
		}
	}
}

// scopeModel holds the jobs in memory.
type scopeModel struct {
	jobs   map[string]*job.Job
	limits store.Limits
}

func (m *scopeModel) sorted() []*job.Job {
	var all []*job.Job
	for _, j := range m.jobs {
		all = append(all, j)
	}
	slices.SortFunc(all, func(a, b *job.Job) int {
		return cmp.Or(cmp.Compare(a.OrderKey(), b.OrderKey()), cmp.Compare(a.ID, b.ID))
	})
	return all
}

// claim gives the ids that must be claimed next, in order. In a key no job starts while
// one before it waits because of its own, smaller limit.
func (m *scopeModel) claim(n int, labels map[string]string, now time.Time) []string {
	running := map[string]int{}
	scopes := func(j *job.Job) map[string]int {
		p := store.PipelineOf{Project: j.Project, Pipeline: j.Pipeline}
		return map[string]int{
			"project " + j.Project: m.limits.Projects[j.Project], fmt.Sprint("pipeline ", p): m.limits.Pipelines[p],
			"key " + j.Queue.ConcurrencyKey: j.Queue.ConcurrencyLimit,
		}
	}
	for _, j := range m.jobs {
		for scope := range scopes(j) {
			if j.Status == job.Running {
				running[scope]++
			}
		}
	}
	ids := []string{}
	before := map[string][]int{} // limits of those before in a key that wait
	for _, j := range m.sorted() {
		_, _, free := store.Lacks(j.Queue.Requires, labels)
		free = !free && j.Status == job.Pending && !j.ReadyAt().After(now) && (j.Queue.ExpiresAt == nil || j.Queue.ExpiresAt.After(now))
		waits := free // for slots and nothing else
		key := j.Queue.ConcurrencyKey
		for _, limit := range before[key] {
			free = free && running["key "+key] < limit
		}
		for scope, limit := range scopes(j) {
			free = free && (limit == 0 || running[scope] < limit)
		}
		if free && len(ids) < n {
			ids = append(ids, j.ID)
			for scope := range scopes(j) {
				running[scope]++
			}
		} else if waits && key != "" {
			before[key] = append(before[key], j.Queue.ConcurrencyLimit)
		}
	}
	return ids
}
