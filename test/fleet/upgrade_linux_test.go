package fleet

import (
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/test/pgtest"
)

// TestAnUpgradeWhileTheDatabaseIsAway is not made and ends no run; once it is back, the
// run goes over to the new program.
func TestAnUpgradeWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	db := pgtest.Start(t, pgtest.Options{})
	f := newFleetOn(t, db.Database(t))
	s := f.serve("--no-worker")
	p, id := f.work("--lease", "1m")
	j := s.submit("until", nil)
	f.eventually("it runs", func() bool { return strings.Contains(f.text(f.record()), "start "+j.ID+" 1") })
	require.NoError(t, db.Stop(pgtest.Immediate))
	require.NoError(t, p.Signal(syscall.SIGUSR2))
	f.eventually("it is refused", func() bool { return strings.Contains(p.Log.String(), "the upgrade is not made") })
	f.eventually("the service says so", func() bool {
		h, err := s.Health(t.Context())
		return err == nil && h.Status == "down"
	})
	require.NoError(t, db.Restart())
	f.eventually("the service answers again", func() bool { _, err := s.Job(t.Context(), j.ID, 0); return err == nil })
	require.NoError(t, p.Signal(syscall.SIGUSR2))
	f.eventually("another program goes on", func() bool { return strings.Contains(p.Log.String(), "goes on for the one before") })
	require.NoError(t, writeFile(f.release(), ""))
	done := s.becomes(j.ID, "completed")
	require.Equal(t, 1, done.Attempt)
	require.Equal(t, id, *done.Worker)
	require.NotContains(t, p.Log.String(), "killed")
	require.NoError(t, p.Signal(syscall.SIGTERM))
	code, err := p.Exited()
	require.NoError(t, err)
	require.Zero(t, code)
}
