package storetest

import (
	"fmt"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

func (s *suite) claimAs(labels map[string]string, limit int, l store.Limits) []job.Job {
	s.t.Helper()
	jobs, err := s.Claim(s.ctx(), store.Claim{Worker: "w", Limit: limit, Projects: []string{"proj", "other"}, Limits: l, Labels: labels})
	require.NoError(s.t, err)
	return jobs
}

func (s *suite) requiring(labels map[string]string, change func(*job.Job)) job.Job {
	return s.submit(func(j *job.Job) {
		j.Queue.Requires = labels
		if change != nil {
			change(j)
		}
	})
}

// requires: that one worker may not run a job hides it from nobody who may, in the order
// of all, and holds back nobody in the scopes that it is in.
func (s *suite) requires() {
	gpu, site := map[string]string{"gpu": "a100"}, map[string]string{"gpu": "a100", "site": "x"}
	both := map[string]string{"gpu": "a100", "site": "x", "tier": "1"}
	first, plain := s.requiring(gpu, nil), s.submit(nil)
	second, third, fourth := s.requiring(site, nil), s.submit(nil), s.requiring(map[string]string{"gpu": "a"}, nil)
	require.Equal(s.t, []string{plain.ID}, idsOf(s.claimAs(nil, 1, store.Limits{})))
	require.Equal(s.t, []string{third.ID}, idsOf(s.claimAs(map[string]string{"site": "x", "gpu": "b"}, 9, store.Limits{})))
	fifth := s.submit(nil)
	require.Equal(s.t, []string{first.ID}, idsOf(s.claimAs(gpu, 1, store.Limits{})))
	require.Equal(s.t, []string{second.ID, fifth.ID}, idsOf(s.claimAs(both, 9, store.Limits{})))
	require.Empty(s.t, s.claimAs(both, 9, store.Limits{}))
	require.Equal(s.t, []string{fourth.ID}, idsOf(s.claimAs(map[string]string{"gpu": "a"}, 9, store.Limits{})))

	for name, change := range map[string]func(*job.Job){
		"pipeline": func(j *job.Job) { j.Pipeline = "train" },
		"project":  func(j *job.Job) { j.Project = "other" },
		"key":      func(j *job.Job) { j.Queue.ConcurrencyKey, j.Queue.ConcurrencyLimit = "db", 1 },
	} {
		l := store.Limits{Projects: map[string]int{"other": 1}, Pipelines: map[store.PipelineOf]int{{Project: "proj", Pipeline: "train"}: 1}}
		runs := s.submit(change)
		require.Equal(s.t, []string{runs.ID}, idsOf(s.claimAs(nil, 9, l)), name)
		needs, free := s.requiring(gpu, change), s.submit(change)
		require.Empty(s.t, s.claimAs(gpu, 9, l), name)
		require.Empty(s.t, s.claimAs(nil, 9, l), name)
		s.end(s.get(runs.ID))
		require.Equal(s.t, []string{free.ID}, idsOf(s.claimAs(nil, 9, l)), "%s: what this worker may not run holds nobody back", name)
		require.Empty(s.t, s.claimAs(gpu, 9, l), name)
		s.end(s.get(free.ID))
		require.Equal(s.t, []string{needs.ID}, idsOf(s.claimAs(gpu, 9, l)), name)
		s.end(s.get(needs.ID))
	}
}

// requiresCrowd: however many require what a worker lacks, it finds the one that it may
// run, and they are found by who has the labels.
func (s *suite) requiresCrowd() {
	var jobs []job.Job
	for i := range 600 {
		jobs = append(jobs, s.make(func(j *job.Job) { j.Queue.Requires = map[string]string{"gpu": fmt.Sprint("g", i%40)} }))
	}
	_, err := s.SubmitAll(s.ctx(), jobs, nil)
	require.NoError(s.t, err)
	plain := s.submit(nil)
	var got []job.Job
	for range 10 { // a claim may leave some of what is in its way to the next
		if got = s.claimAs(map[string]string{"gpu": "none", "site": "x"}, 1, store.Limits{}); len(got) > 0 {
			break
		}
	}
	require.Equal(s.t, []string{plain.ID}, idsOf(got))
	require.Equal(s.t, []string{jobs[7].ID, jobs[47].ID}, idsOf(s.claimAs(map[string]string{"gpu": "g7"}, 2, store.Limits{})))
}

// requiresLong: as many labels as there may be, as long as they may be.
func (s *suite) requiresLong() {
	labels := map[string]string{}
	for i := range 64 {
		text := ""
		for k := range 16 {
			text += fmt.Sprintf("%016x", uint64(i*16+k+1)*0x9e3779b97f4a7c15) // nothing that packs well
		}
		labels[fmt.Sprintf("%02d%s", i, strings.Repeat("ä<", 15))] = text[:255]
	}
	long := s.requiring(labels, nil)
	require.Empty(s.t, s.claimAs(nil, 9, store.Limits{}))
	require.Equal(s.t, []string{long.ID}, idsOf(s.claimAs(labels, 9, store.Limits{})))
}
