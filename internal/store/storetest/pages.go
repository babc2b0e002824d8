package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// randomPages holds every filter, however its pages fall, to a plain one in memory.
func (s *suite) randomPages() {
	var all []job.Job
	for i := range 120 {
		if i%5 == 1 { // the same moment as the one before
			s.clock.Add(-time.Second)
		}
		all = append(all, s.submit(func(j *job.Job) {
			j.ID = fmt.Sprintf("%08x-%02d", (i*2654435761)%(1<<32), i)
			j.Pipeline, j.Project = fmt.Sprintf("pipe%d", i%4), fmt.Sprintf("proj%d", i*i%3)
			if i%3 > 0 {
				j.UserID = ptr(fmt.Sprintf("user%d", i%7))
			}
			if i%3 > 0 {
				j.Labels = map[string]string{"team": fmt.Sprintf("t%d", i%4), "stage": fmt.Sprintf("s%d", i%3)}
			}
			if i%4 > 0 {
				j.SubmittedBy = ptr(fmt.Sprintf("key%d", i%5))
			}
		}))
	}
	for i := range all {
		if i%3 == 0 {
			_, err := s.Update(s.ctx(), all[i].ID, func(j *job.Job) error { j.RequestCancel(s.clock.Now()); return nil })
			require.NoError(s.t, err)
			all[i] = s.get(all[i].ID)
		}
	}
	slices.SortFunc(all, func(a, b job.Job) int {
		if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
			return c
		}
		return strings.Compare(b.ID, a.ID)
	})
	rapid.Check(s.t, func(t *rapid.T) {
		some := func(name, format string, n int) []string {
			return rapid.SliceOfN(rapid.Map(rapid.IntRange(0, n), func(i int) string { return fmt.Sprintf(format, i) }), 0, 3).Draw(t, name)
		}
		f := store.Filter{
			Pipelines: some("pipelines", "pipe%d", 4), Projects: some("projects", "proj%d", 2), UserIDs: some("users", "user%d", 7),
			SubmittedBy: some("keys", "key%d", 5), Limit: rapid.IntRange(1, 50).Draw(t, "limit"),
			Statuses: rapid.SliceOfN(rapid.SampledFrom([]job.Status{job.Pending, job.Cancelled, job.Failed}), 0, 2).Draw(t, "statuses"),
			Query:    rapid.SampledFrom([]string{"", "", "PIPE1", "user", "7"}).Draw(t, "query"),
		}
		f.Labels = append(some("teams", "team:t%d", 4), some("stages", "stage:s%d", 3)...)
		if rapid.Bool().Draw(t, "by id") {
			f.IDs = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
				id := rapid.SampledFrom(all).Draw(t, "job").ID
				n := rapid.IntRange(6, len(id)).Draw(t, "length")
				if rapid.Bool().Draw(t, "end") {
					return id[len(id)-n:]
				}
				return id[:n]
			}), 1, 4).Draw(t, "ids")
		}
		if rapid.Bool().Draw(t, "in time") {
			f.CreatedSince = ptr(rapid.SampledFrom(all).Draw(t, "since").CreatedAt)
			f.CreatedUntil = ptr(rapid.SampledFrom(all).Draw(t, "until").CreatedAt)
		}
		want, got := []string{}, []string{}
		for i := range all {
			if fits(&all[i], f) {
				want = append(want, all[i].ID)
			}
		}
		for pages := 0; ; pages++ {
			require.Less(t, pages, 500, "the pages do not end")
			p, err := s.List(s.ctx(), f)
			require.NoError(t, err)
			require.LessOrEqual(t, len(p.Jobs), f.Limit)
			for i := range p.Jobs {
				got = append(got, p.Jobs[i].ID)
			}
			if f.Cursor = p.Next; p.Next == "" {
				break
			}
		}
		require.Equal(t, want, got)
	})
}

// fits is what a Filter means.
func fits(j *job.Job, f store.Filter) bool {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	in := func(values []string, v *string) bool {
		return len(values) == 0 || v != nil && slices.Contains(values, *v)
	}
	id := len(f.IDs) == 0 || slices.ContainsFunc(f.IDs, func(part string) bool { return strings.HasPrefix(j.ID, part) || strings.HasSuffix(j.ID, part) })
	labelled := len(f.Labels) == 0
	for k, v := range j.Labels {
		labelled = labelled || slices.Contains(f.Labels, k+":"+v)
	}
	found := false
	for _, s := range []string{j.ID, j.Pipeline, text(j.UserID), text(j.ErrorMessage)} {
		found = found || strings.Contains(strings.ToLower(s), strings.ToLower(f.Query))
	}
	return id && found && labelled && in(f.Pipelines, &j.Pipeline) && in(f.Projects, &j.Project) && in(f.UserIDs, j.UserID) && in(f.SubmittedBy, j.SubmittedBy) &&
		(len(f.Statuses) == 0 || slices.Contains(f.Statuses, j.Status)) &&
		(f.CreatedSince == nil || !j.CreatedAt.Before(*f.CreatedSince)) && (f.CreatedUntil == nil || j.CreatedAt.Before(*f.CreatedUntil))
}
