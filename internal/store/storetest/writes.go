package storetest

import (
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

func files(paths ...string) []job.Write {
	all := []job.Write{}
	for _, p := range paths {
		all = append(all, job.Write{Dataset: "of " + p, Path: p})
	}
	return all
}

func saved(writes []job.Write) []job.Write {
	all := []job.Write{}
	for _, w := range writes {
		w.Saved = true
		all = append(all, w)
	}
	return all
}

// queues gives a job that waits for its files.
func queues(paths ...string) func(*job.Job) {
	return func(j *job.Job) { j.Queue.Writes = &job.Writes{Queue: true, Files: files(paths...)} }
}

func (s *suite) write(ref job.Ref, writes ...job.Write) {
	s.t.Helper()
	require.NoError(s.t, s.Advance(s.ctx(), ref, store.Advance{Writes: writes}))
}

// sharedWrites: two jobs that run at once and write one file are both warned, once for
// the file and the pair.
func (s *suite) sharedWrites() {
	a, aRef := s.running("w", nil)
	b, bRef := s.running("v", nil) // of another worker
	o := s.submit(func(j *job.Job) { j.Project = "other" })
	elsewhere := s.claimWithin(1, store.Limits{})
	require.Equal(s.t, []string{o.ID}, idsOf(elsewhere))
	may := func(id string) string {
		return fmt.Sprintf("It may write the same file as job %s, which runs at the same time: data/x.csv (dataset of data/x.csv).", id)
	}
	did := func(id string) string {
		return fmt.Sprintf("It wrote the same file as job %s, which ran at the same time: data/x.csv (dataset of data/x.csv).", id)
	}
	check := func(ofA, ofB []string) {
		s.t.Helper()
		require.Equal(s.t, ofA, s.get(a.ID).Warnings)
		require.Equal(s.t, ofB, s.get(b.ID).Warnings)
	}
	s.write(aRef, files("data/x.csv", "data/a.csv")...)
	s.write(refOf(elsewhere[0]), files("data/x.csv")...)
	check(nil, nil)
	s.write(bRef, files("data/x.csv", "data/b.csv")...)
	check([]string{may(b.ID)}, []string{may(a.ID)})
	s.write(bRef, files("data/x.csv")...)
	s.write(bRef, saved(files("data/x.csv"))...)
	check([]string{may(b.ID)}, []string{may(a.ID)})
	s.write(aRef, files("data/x.csv")...) // a word that comes late makes nothing uncertain
	s.write(aRef, saved(files("data/x.csv"))...)
	check([]string{did(b.ID)}, []string{did(a.ID)})
	s.write(bRef, files("data/x.csv")...)
	s.write(bRef, saved(files("data/x.csv"))...)
	check([]string{did(b.ID)}, []string{did(a.ID)})
	require.Empty(s.t, s.get(o.ID).Warnings)

	// The last word of a run comes with its report, and what it said itself stays.
	c, cRef := s.running("w", nil)
	end := s.completed()
	end.Warnings = []string{"careful"}
	_, err := s.Report(s.ctx(), cRef, end, store.Advance{Writes: saved(files("data/x.csv"))})
	require.NoError(s.t, err)
	require.Equal(s.t, []string{did(a.ID), did(b.ID), "careful"}, s.get(c.ID).Warnings)
	check([]string{did(b.ID), did(c.ID)}, []string{did(a.ID), did(c.ID)})

	// What has ended writes nothing, however it did.
	_, err = s.Report(s.ctx(), aRef, end, store.Advance{})
	require.NoError(s.t, err)
	require.Equal(s.t, []string{did(b.ID), did(c.ID), "careful"}, s.get(a.ID).Warnings)
	_, err = s.GiveBack(s.ctx(), bRef)
	require.NoError(s.t, err)
	d, dRef := s.running("u", nil)
	s.write(dRef, files("data/x.csv")...)
	require.Empty(s.t, s.get(d.ID).Warnings)
	require.ErrorIs(s.t, s.Advance(s.ctx(), aRef, store.Advance{Writes: files("data/late.csv")}), job.ErrFenced)
	e, eRef := s.running("u", nil)
	s.write(eRef, files("data/late.csv")...)
	require.Empty(s.t, s.get(e.ID).Warnings, "a refused word counts for nothing")
}

// manySharedWrites: however many files two runs share, the warnings are few.
func (s *suite) manySharedWrites() {
	var paths []string
	for i := range job.MaxWrites {
		paths = append(paths, fmt.Sprintf("data/%04d.csv", i))
	}
	a, aRef := s.running("w", nil)
	b, bRef := s.running("v", nil)
	s.write(aRef, files(paths...)...)
	s.write(bRef, files(paths...)...)
	s.write(bRef, saved(files(paths...))...)
	s.write(aRef, saved(files(paths...))...)
	for id, other := range map[string]string{a.ID: b.ID, b.ID: a.ID} {
		got := s.get(id).Warnings
		require.Len(s.t, got, 21)
		require.Contains(s.t, got[0], "It wrote the same file as job "+other)
		require.Contains(s.t, got[20], "only the first are listed")
	}
}

// queuedWrites: a job that queues for its files waits until no other writes one of them,
// and is not passed by those behind it.
func (s *suite) queuedWrites() {
	warns, _ := s.running("w", func(j *job.Job) { j.Queue.Writes = &job.Writes{Files: files("a")} })
	first := s.submit(queues("b", "a"))
	second := s.submit(queues("b"))
	free := s.submit(queues("c"))
	other := s.submit(func(j *job.Job) { queues("a")(j); j.Project = "other" })
	late := s.submit(func(j *job.Job) { j.Queue.Writes = &job.Writes{Files: files("a", "b")} })
	all := func() []string { return idsOf(s.claimWithin(100, store.Limits{})) }
	require.Equal(s.t, []string{free.ID, other.ID, late.ID}, all(), "and who does not queue waits for nobody")
	s.write(refOf(s.get(late.ID)), late.Queue.Writes.Files...)
	w, err := s.Waiting(s.ctx(), []string{first.ID, second.ID})
	require.NoError(s.t, err)
	require.Equal(s.t, store.ScopeOfPath("proj", "a"), w[first.ID].On)
	require.Equal(s.t, store.Waiting{On: store.ScopeOfPath("proj", "a"), Running: 1, Holder: warns.ID}, w[first.ID])
	require.Contains(s.t, []store.Waiting{
		{On: store.ScopeOfPath("proj", "b"), Running: 1, Holder: late.ID},
		{On: store.ScopeOfPath("proj", "b"), Running: 0, Holder: first.ID},
	}, w[second.ID], "who runs, if any does")
	got := s.get(late.ID)
	require.Len(s.t, got.Warnings, 1)
	require.Contains(s.t, got.Warnings[0], "It may write the same file as job "+warns.ID)
	require.Len(s.t, s.get(warns.ID).Warnings, 1)
	require.Empty(s.t, s.get(other.ID).Warnings)

	s.end(got)
	require.Empty(s.t, all())
	wake, unsubscribe := s.Subscribe(store.TopicQueue)
	defer unsubscribe()
	s.end(s.get(warns.ID))
	select {
	case <-wake:
	case <-time.After(10 * time.Second):
		require.FailNow(s.t, "nobody is told that a job came up")
	}
	require.Equal(s.t, []string{first.ID}, all())
	s.end(s.get(first.ID))
	require.Equal(s.t, []string{second.ID}, all())

	// What is not known of its files stands on the job, before and while it runs.
	noted := s.submit(func(j *job.Job) {
		j.Queue.Writes = &job.Writes{Queue: true, Files: files(), Note: "Not \"known\": é."}
		j.Warnings = j.Queue.Writes.Warnings()
	})
	require.Equal(s.t, noted.Warnings, s.get(noted.ID).Warnings)
	require.Equal(s.t, []string{noted.ID}, all())
	require.Equal(s.t, []string{"Not \"known\": é."}, s.get(noted.ID).Warnings)
	require.Equal(s.t, noted.Queue.Writes, s.get(noted.ID).Queue.Writes)

	// What a run tells later counts as well.
	ref := refOf(s.get(free.ID))
	s.write(ref, files("d")...)
	third := s.submit(queues("d"))
	require.Empty(s.t, all())
	_, err = s.LoseWorker(s.ctx(), "w")
	require.NoError(s.t, err)
	require.ElementsMatch(s.t, []string{second.ID, noted.ID, free.ID, other.ID, third.ID}, all(), "d is known again once the run has told it")
}

// queuedWritesLeave: who waits for a file and leaves, or goes behind others, keeps nobody
// back any more.
func (s *suite) queuedWritesLeave() {
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
		"expired": func(string) {
			s.clock.Add(time.Minute)
			require.NoError(s.t, s.ExpireDue(s.ctx()))
		},
		"has another scope full": nil,
	} {
		paths := []string{name + " a", name + " b"}
		runs, _ := s.running("w", queues(paths[0]))
		next := s.submit(func(j *job.Job) {
			queues(paths...)(j)
			j.Pipeline, j.Queue.ExpiresAt = "narrow", ptr(j.CreatedAt.Add(30*time.Second))
		})
		then := s.submit(queues(paths[1]))
		require.Empty(s.t, s.claimWithin(9, store.Limits{}), name)
		limits := store.Limits{}
		if leave != nil {
			leave(next.ID)
		} else {
			limits.Pipelines = map[store.PipelineOf]int{{Project: "proj", Pipeline: "narrow"}: 1}
			full := s.submit(func(j *job.Job) { j.Pipeline = "narrow" })
			require.Equal(s.t, []string{full.ID}, idsOf(s.claimWithin(9, limits)))
			s.end(runs)
		}
		require.Equal(s.t, []string{then.ID}, idsOf(s.claimWithin(9, limits)), name)
		_, err := s.Update(s.ctx(), next.ID, func(j *job.Job) error { j.RequestCancel(s.clock.Now()); return nil })
		require.NoError(s.t, err)
	}
}

// queuedWritesLarge: a job of very many files, and many jobs that wait for one.
func (s *suite) queuedWritesLarge() {
	var paths []string
	for i := range job.MaxWrites {
		paths = append(paths, strings.Repeat("p", 200)+fmt.Sprint(i))
	}
	s.submit(queues(paths...))
	var waiting []string
	for range 15 {
		waiting = append(waiting, s.submit(queues(paths[:20]...)).ID)
	}
	last := s.submit(queues(paths...))
	for _, id := range waiting {
		runs := s.claimWithin(100, store.Limits{})
		require.Len(s.t, runs, 1)
		s.end(runs[0])
		require.NotEqual(s.t, id, last.ID)
	}
	runs := s.claimWithin(100, store.Limits{})
	require.Equal(s.t, waiting[len(waiting)-1:], idsOf(runs))
	s.end(runs[0])
	require.Equal(s.t, []string{last.ID}, idsOf(s.claimWithin(100, store.Limits{})))
}
