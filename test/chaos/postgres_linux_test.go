package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/test/pgtest"
)

// lease is as short as it may be, so that a short test sees many of them run out.
const lease = 3 * time.Second

// Two serves and three workers on PostgreSQL, each over a network of its own, with
// everything that can happen to processes, network and database.
func TestPostgres(t *testing.T) {
	w := newWorld(t)
	// A commit that was answered before it was on disk is lost with the server, for sure.
	server := pgtest.Start(t, pgtest.Options{Settings: map[string]string{"wal_writer_delay": "10s"}})
	database := server.Database(t)
	db := database[strings.LastIndexByte(database, '/')+1 : strings.IndexByte(database, '?')]
	var links []*link
	joined := func(verb, name string, args ...string) *node {
		l := w.link(name, server.Address(), db)
		links = append(links, l)
		n := w.node(verb, name, append([]string{"--lease", lease.String(), "--drain-timeout", "1s"}, args...)...)
		n.env = append(n.env, "KEDROD_DATABASE_URL="+l.url)
		return n
	}
	w.serves = []*node{joined("serve", "serve-a", "--concurrency", "2"), joined("serve", "serve-b", "--no-worker")}
	w.workers = []*node{joined("worker", "worker-a", "--concurrency", "2"), joined("worker", "worker-b", "--concurrency", "2")}
	for _, n := range append(w.serves, w.workers...) {
		require.NoError(t, n.start())
	}

	for n := range 15 { // all look for jobs at the same moment
		w.burst(n)
	}
	ctx, stop := context.WithTimeout(t.Context(), faultTime(t, 45*time.Second))
	defer stop()
	var places [][]fault
	for _, n := range append(w.workers, w.serves[0]) {
		places = append(places, []fault{crash(n, 4*lease), crashMachine(n), crashGuard(n), stopNode(n, 3*lease), stopGuard(n, lease), restart(n), hitRun(n), hitRun(n)})
	}
	places = append(places, []fault{crash(w.serves[1], 2*lease), stopNode(w.serves[1], lease), restart(w.serves[1])})
	for _, l := range links {
		places = append(places, []fault{cut(l, 2*lease), hang(l, 2*lease), slow(l, 2*lease)})
	}
	places = append(places, []fault{{"restart of the database", func(ctx context.Context, dice *rand.Rand) error {
		hold(ctx, between(dice, 2*lease, 4*lease))
		how := []pgtest.Mode{pgtest.Fast, pgtest.Immediate, pgtest.Kill}[dice.IntN(3)]
		if err := server.Stop(how); err != nil {
			return err
		}
		hold(ctx, between(dice, 0, lease))
		return server.Restart()
	}}})
	w.during(ctx, func() error { return w.load(ctx, 4, 40) }, func() error { return w.inject(ctx, places, 6*time.Second) })
	w.settle()
	w.verify()
	w.verifyGone()
}

// burst submits several jobs at once of which only one may run at a time, while every
// worker is idle, and waits for their end.
func (w *world) burst(n int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	what := task{Milliseconds: 30, Lines: 1, Scope: "burst", Limit: 1}
	ids := make([]string, 6)
	errs := make([]error, len(ids))
	var group sync.WaitGroup
	for i := range ids {
		group.Go(func() {
			ids[i], errs[i] = w.post(ctx, fmt.Sprintf("burst-%d-%d", n, i), map[string]any{
				"pipeline_name": "sum", "parameters": map[string]any{"chaos": what}, "concurrency_key": what.Scope, "concurrency_limit": what.Limit,
			})
		})
	}
	group.Wait()
	require.NoError(w.t, errors.Join(errs...))
	for _, id := range ids {
		w.accepted[id] = what
	}
	for w.open() > 0 {
		require.NoError(w.t, w.look(ctx))
		hold(ctx, 20*time.Millisecond)
	}
}
