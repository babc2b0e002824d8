package postgres_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/storetest"
	"github.com/kedrod/kedrod/test/pgtest"
)

// TestScopesAreNamedAlike: claims name scopes in SQL as everybody else does in Go.
func TestScopesAreNamedAlike(t *testing.T) {
	s := open(t, pgtest.Database(t), storetest.NewClock())
	rapid.Check(t, func(t *rapid.T) {
		p := store.PipelineOf{
			Project:  rapid.StringMatching(`[^\x00]*`).Draw(t, "project"),
			Pipeline: rapid.SampledFrom([]string{"", "a b", "/", "%41", "~$&+=:@-_.;,?#[]!'()*", "ü€😀"}).Draw(t, "pipeline"),
		}
		name, err := s.ScopeOfPipeline(p)
		require.NoError(t, err)
		require.Equal(t, store.ScopeOfPipeline(p), name)
	})
}

// TestWorkersOfOtherLabels: what one worker must not take waits for another that may,
// out of the way of the first, and comes in its order.
func TestWorkersOfOtherLabels(t *testing.T) {
	s := open(t, pgtest.Database(t), storetest.NewClock())
	claim := func(worker string, labels map[string]string, limit int) (ids []string) {
		jobs, err := s.Claim(t.Context(), store.Claim{Worker: worker, Limit: limit, Projects: []string{"p"}, Labels: labels})
		require.NoError(t, err)
		for i := range jobs {
			ids = append(ids, jobs[i].ID)
		}
		return ids
	}
	for _, id := range []string{"a", "b", "c"} {
		j := newJob(id)
		j.Queue.Requires = map[string]string{"gpu": "yes"}
		_, _, err := s.Submit(t.Context(), j, nil)
		require.NoError(t, err)
	}
	wake, off := s.Subscribe(store.TopicQueue)
	defer off()
	require.Empty(t, claim("plain", nil, 2))
	require.Empty(t, claim("other", map[string]string{"gpu": "no"}, 2))
	<-wake // those that have it
	_, _, err := s.Submit(t.Context(), newJob("d"), nil)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, claim("gpu", map[string]string{"gpu": "yes", "zone": "x"}, 2))
	require.Equal(t, []string{"d"}, claim("plain", nil, 2))
	require.Equal(t, []string{"c"}, claim("gpu", map[string]string{"gpu": "yes"}, 2))
}
