package postgres_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/store/postgres"
	"github.com/kedrod/kedrod/internal/store/storetest"
	"github.com/kedrod/kedrod/test/pgtest"
)

// TestADutyIsOneProcesssAtATime, and free again with its end; another duty is free all
// the while.
func TestADutyIsOneProcesssAtATime(t *testing.T) {
	url := pgtest.Database(t)
	one, two := open(t, url, storetest.NewClock()), open(t, url, storetest.NewClock())
	ran := func(s *postgres.Store, duty string, fn func()) bool {
		did := false
		ok, err := s.Alone(t.Context(), duty, func(context.Context) error { did = true; fn(); return nil })
		require.NoError(t, err)
		require.Equal(t, did, ok)
		return ok
	}
	nothing := func() {}
	require.True(t, ran(one, "a", func() {
		require.False(t, ran(two, "a", nothing))
		require.False(t, ran(one, "a", nothing), "nor twice in one process")
		require.True(t, ran(two, "b", nothing))
	}))
	require.True(t, ran(two, "a", nothing))
}
