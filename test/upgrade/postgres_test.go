package upgrade

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/test/pgtest"
)

// On PostgreSQL it is the same: the worker keeps its id, so its jobs stay its own.
func TestUpgradeOnPostgreSQL(t *testing.T) {
	s := serve(t, nil, "--database-url", pgtest.Database(t))
	j := s.submit(t, "until")
	s.begun(t, j.ID)
	for i, from := range []string{binary2, binary, binary2} {
		s.install(t, from)
		s.upgrade(t)
		s.upgraded(t, i+1)
	}
	require.Equal(t, "two", s.version(t))
	workers, err := s.Workers(t.Context())
	require.NoError(t, err)
	require.Len(t, workers, 1)
	require.NoError(t, os.WriteFile(s.release(), nil, 0o600))
	done, err := s.Wait(t.Context(), j.ID)
	require.NoError(t, err)
	require.Equal(t, "completed", done.Status)
	require.Equal(t, 1, done.Attempt)
	require.Len(t, s.runsOf(t, j.ID), 2)
}
