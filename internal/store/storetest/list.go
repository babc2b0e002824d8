package storetest

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

func (s *suite) listFilters() {
	a := s.submit(func(j *job.Job) { j.Pipeline, j.UserID = "alpha", ptr("ann") })
	b := s.submit(func(j *job.Job) { j.Pipeline, j.Project, j.UserID = "beta_%", "other", ptr("bob") })
	c := s.submit(func(j *job.Job) { j.Pipeline, j.SubmittedBy = "gamma", ptr("key") })
	run, ref := s.running("w", func(j *job.Job) { j.Pipeline = "alpha" })
	o := s.failed(job.PipelineError)
	o.Message, o.Results = "ValueError: Nothing Here", json.RawMessage(`{"nodes":[]}`)
	_, err := s.Report(s.ctx(), ref, o, store.Advance{})
	require.NoError(s.t, err)
	all := []string{run.ID, c.ID, b.ID, a.ID}
	since := a.CreatedAt.Add(time.Second)
	for name, c := range map[string]struct {
		filter store.Filter
		want   []string
	}{
		"everything, newest first": {store.Filter{}, all},
		"status":                   {store.Filter{Statuses: []job.Status{job.Failed}}, []string{run.ID}},
		"any of two statuses":      {store.Filter{Statuses: []job.Status{job.Failed, job.Running, job.Pending}}, all},
		"pipeline":                 {store.Filter{Pipelines: []string{"alpha"}}, []string{run.ID, a.ID}},
		"pipeline and status":      {store.Filter{Pipelines: []string{"alpha"}, Statuses: []job.Status{job.Running}}, []string{a.ID}},
		"project":                  {store.Filter{Projects: []string{"other"}}, []string{b.ID}},
		"user":                     {store.Filter{UserIDs: []string{"ann", "bob"}}, []string{b.ID, a.ID}},
		"submitted by":             {store.Filter{SubmittedBy: []string{"key"}}, []string{c.ID}},
		"since, inclusive":         {store.Filter{CreatedSince: &since}, all[:3]},
		"until, exclusive":         {store.Filter{CreatedUntil: &since}, []string{a.ID}},
		"part of the pipeline":     {store.Filter{Query: "AMM"}, []string{c.ID}},
		"a sign of patterns":       {store.Filter{Query: "_%"}, []string{b.ID}},
		"part of the message":      {store.Filter{Query: "nothing here"}, []string{run.ID}},
		"nothing":                  {store.Filter{Query: "absent"}, []string{}},
		"whole id":                 {store.Filter{IDs: []string{b.ID}}, []string{b.ID}},
		"end of an id":             {store.Filter{IDs: []string{b.ID[len(b.ID)-6:]}}, []string{b.ID}},
		"longer end of an id":      {store.Filter{IDs: []string{b.ID[len(b.ID)-20:]}}, []string{b.ID}},
		"beginning of ids":         {store.Filter{IDs: []string{"00000000-0000-7"}}, all},
		"no such id":               {store.Filter{IDs: []string{"ffffffff"}}, []string{}},
	} {
		require.Equal(s.t, c.want, s.ids(c.filter), name)
	}
	p, err := s.List(s.ctx(), store.Filter{Limit: 1, Statuses: []job.Status{job.Failed}})
	require.NoError(s.t, err)
	require.Nil(s.t, p.Jobs[0].Results)
	p, err = s.List(s.ctx(), store.Filter{Limit: 1, Statuses: []job.Status{job.Failed}, Results: true, Parameters: true})
	require.NoError(s.t, err)
	require.Equal(s.t, s.get(run.ID), p.Jobs[0])
	_, err = s.List(s.ctx(), store.Filter{Limit: 1, Cursor: "garbage"})
	require.True(s.t, fault.Is(err, fault.Invalid), "%v", err)
}

func (s *suite) listPages() {
	var want []string
	for i := range 23 {
		j := s.make(nil)
		if i%4 == 0 { // the same moment as the one before
			s.clock.Add(-time.Second)
			j.CreatedAt = s.clock.Now()
		}
		_, _, err := s.Submit(s.ctx(), j, nil)
		require.NoError(s.t, err)
		want = append(want, j.ID)
	}
	whole := s.ids(store.Filter{})
	require.Len(s.t, whole, len(want))
	var got []string
	f := store.Filter{Limit: 5}
	for range 10 {
		p, err := s.List(s.ctx(), f)
		require.NoError(s.t, err)
		for _, j := range p.Jobs {
			got = append(got, j.ID)
		}
		s.submit(nil) // what comes meanwhile is newer than every page
		if p.Next == "" {
			break
		}
		f.Cursor = p.Next
	}
	require.Equal(s.t, whole, got)
	slices.Sort(got)
	slices.Sort(want)
	require.Equal(s.t, want, got)
}
