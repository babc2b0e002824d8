package chaos

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// One serve on SQLite, with everything that can happen to its processes.
func TestSQLite(t *testing.T) {
	w := newWorld(t)
	n := w.node("serve", "serve", "--concurrency", "4", "--drain-timeout", "1s")
	n.groupless = true // so that all rests on groups, markers and parents
	w.serves, w.workers = []*node{n}, []*node{n}
	require.NoError(t, n.start())

	ctx, stop := context.WithTimeout(t.Context(), faultTime(t, 12*time.Second))
	defer stop()
	w.during(ctx, func() error { return w.load(ctx, 3, 15) }, func() error {
		return w.inject(ctx, [][]fault{
			{crash(n, 2*time.Second), crashBoth(n), crashGuard(n), stopNode(n, 3*time.Second), stopGuard(n, 3*time.Second), restart(n)},
			{hitRun(n)},
		}, time.Second)
	})
	w.settle()
	w.verify()
	w.verifyGone()
}
