package storetest

import (
	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// labels: any of several selects, a job with two of them comes once, and a job that is
// deleted takes its own along, nobody else's.
func (s *suite) labels() {
	both := map[string]string{"team": "a", "stage": "prod"}
	old, ref := s.running("w", func(j *job.Job) { j.Labels = both })
	_, err := s.Report(s.ctx(), ref, s.completed(), store.Advance{})
	require.NoError(s.t, err)
	other := s.submit(func(j *job.Job) { j.Labels = map[string]string{"team": "a"} })
	colon := s.submit(func(j *job.Job) { j.Labels = map[string]string{"team": "a:b"} })
	s.submit(nil)
	labelled := func(labels ...string) []string { return s.ids(store.Filter{Labels: labels}) }
	require.Equal(s.t, []string{other.ID, old.ID}, labelled("team:a"))
	require.Equal(s.t, []string{other.ID, old.ID}, labelled("team:a", "stage:prod", "team:a"))
	require.Equal(s.t, []string{colon.ID}, labelled("team:a:b"))
	require.Empty(s.t, labelled("team", "team:", ":a"))
	require.Equal(s.t, []string{other.ID}, s.ids(store.Filter{Labels: []string{"team:a"}, Statuses: []job.Status{job.Pending}}))
	require.Equal(s.t, []string{old.ID}, s.ids(store.Filter{Labels: []string{"team:a"}, IDs: []string{old.ID}}))

	_, err = s.DeleteEnded(s.ctx(), []string{old.ID, other.ID})
	require.NoError(s.t, err)
	require.Equal(s.t, []string{other.ID}, labelled("team:a", "stage:prod"))
	// The same id again, as an import may bring it: nothing of the first is left.
	_, _, err = s.Submit(s.ctx(), old, nil)
	require.NoError(s.t, err)
	require.Equal(s.t, []string{other.ID, old.ID}, labelled("team:a"))
}
