package sqlite_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/storetest"
)

// TestRefusalsAreBounded: the oldest go, and no change with them.
func TestRefusalsAreBounded(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "jobs.db"), storetest.NewClock())
	defer func() { require.NoError(t, s.Close()) }()
	const more = 500
	require.NoError(t, s.Write(t.Context(), func(exec func(string) error) error {
		return exec(fmt.Sprintf(`INSERT INTO audit (at, call, outcome, address, request_id, suppressed)
			WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			SELECT '2026-01-01T00:00:00.000000+00:00', 'c', iif(i %% 1000 = 1, 'done', 'refused'), '', '', 0 FROM n`, store.MaxRefusals+more))
	}))
	count := func(outcome string) int {
		n, err := s.CountAudit(t.Context(), outcome)
		require.NoError(t, err)
		return n
	}
	done := count(store.AuditDone)
	require.Greater(t, count(store.AuditRefused), store.MaxRefusals)
	require.NoError(t, s.AddAudit(t.Context(), store.AuditEntry{Call: "newest", Outcome: store.AuditRefused}))
	require.Equal(t, store.MaxRefusals, count(store.AuditRefused))
	require.Equal(t, done, count(store.AuditDone))
	p, err := s.Audit(t.Context(), store.AuditFilter{Limit: 1})
	require.NoError(t, err)
	require.Equal(t, "newest", p.Entries[0].Call)
}
