package retention_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/retention"
	"github.com/kedrod/kedrod/internal/store"
)

// TestAudit: what was done is forgotten by its age where that is set; refusals are not,
// as they are bounded by their number.
func TestAudit(t *testing.T) {
	p := newPlace(t)
	const entries = 1200 // more than two batches
	for i := range entries {
		outcome := store.AuditDone
		if i%10 == 0 {
			outcome = store.AuditRefused
		}
		require.NoError(t, p.s.AddAudit(t.Context(), store.AuditEntry{At: p.now, Call: fmt.Sprint(i), Outcome: outcome}))
	}
	count := func() (done, refused int) {
		cursor := ""
		for {
			page, err := p.s.Audit(t.Context(), store.AuditFilter{Limit: 500, Cursor: cursor})
			require.NoError(t, err)
			for _, e := range page.Entries {
				if e.Outcome == store.AuditDone {
					done++
				} else {
					refused++
				}
			}
			if cursor = page.Next; cursor == "" {
				return done, refused
			}
		}
	}
	sweep := func(keep retention.Keep) { require.NoError(t, p.keeper(keep).Sweep(t.Context())) }
	p.now = p.now.Add(400 * day)
	require.NoError(t, p.s.AddAudit(t.Context(), store.AuditEntry{At: p.now, Call: "young", Outcome: store.AuditDone}))
	sweep(retention.Keep{})
	done, refused := count()
	require.Equal(t, []int{entries/10*9 + 1, entries / 10}, []int{done, refused}, "nothing is set")
	sweep(retention.Keep{Audit: 401 * day})
	done, _ = count()
	require.Equal(t, entries/10*9+1, done)
	sweep(retention.Keep{Audit: 399 * day})
	done, refused = count()
	require.Equal(t, []int{1, entries / 10}, []int{done, refused})
}
