package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/postgres"
	"github.com/kedrod/kedrod/internal/store/storetest"
	"github.com/kedrod/kedrod/test/pgtest"
)

func woken(t *testing.T, ch <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(10 * time.Second):
		require.FailNow(t, "no wake-up came", what)
	}
}

// heard waits until what one process publishes wakes another: it listens, then.
func heard(t *testing.T, from, by *postgres.Store) {
	t.Helper()
	ch, off := by.Subscribe("hello")
	defer off()
	require.Eventually(t, func() bool {
		from.PublishTopics("hello")
		select {
		case <-ch:
			return true
		default:
			return false
		}
	}, 10*time.Second, 10*time.Millisecond)
}

// TestOtherProcessesAreWoken: of everything that is published, however much at once.
func TestOtherProcessesAreWoken(t *testing.T) {
	url := pgtest.Database(t)
	here := open(t, url, storetest.NewClock())
	there := open(t, url, storetest.NewClock())
	heard(t, here, there)
	queue, off := there.Subscribe(store.TopicQueue)
	defer off()
	events, off := there.Subscribe(store.TopicJob("one"))
	defer off()
	_, _, err := here.Submit(t.Context(), newJob("one"), nil)
	require.NoError(t, err)
	woken(t, queue, "queue")
	woken(t, events, "events of a job")

	last, off := there.Subscribe(store.TopicJob("many-02999"))
	defer off()
	jobs := make([]string, 3000)
	for i := range jobs {
		jobs[i] = store.TopicJob(fmt.Sprintf("many-%05d", i))
	}
	here.PublishTopics(jobs...)
	woken(t, last, "one of very many")
}

// TestALostConnectionIsMadeAgain: and then everybody looks, for what was missed.
func TestALostConnectionIsMadeAgain(t *testing.T) {
	url := pgtest.Database(t)
	here := open(t, url, storetest.NewClock())
	there := open(t, url, storetest.NewClock())
	heard(t, there, here)
	ch, off := here.Subscribe("anything")
	defer off()
	execute(t, url, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'kedrod' AND query ~ 'LISTEN|clock_timestamp'`)
	woken(t, ch, "after the connection was made again")
	heard(t, there, here)
}

// TestAStepOfAMachinesClockMovesNothing: what waits goes by the database's clock.
func TestAStepOfAMachinesClockMovesNothing(t *testing.T) {
	s, err := postgres.Open(t.Context(), pgtest.Database(t), postgres.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	j := newJob("one")
	j.Queue.MaxAttempts, j.CallbackURL = 2, "http://host/"
	_, _, err = s.Submit(t.Context(), j, nil)
	require.NoError(t, err)
	fail := func() job.Job {
		claimed, err := s.Claim(t.Context(), store.Claim{Worker: "w", Limit: 1, Projects: []string{"p"}})
		require.NoError(t, err)
		require.Len(t, claimed, 1)
		ref := job.Ref{JobID: "one", Attempt: claimed[0].Attempt, Worker: "w"}
		j, err := s.Report(t.Context(), ref, job.Outcome{Status: job.Failed, Reason: job.Killed, EndedAt: s.Now()}, store.Advance{})
		require.NoError(t, err)
		return j
	}
	before := fail()
	require.NoError(t, s.ShiftTries(t.Context(), time.Hour))
	after, err := s.Get(t.Context(), "one")
	require.NoError(t, err)
	require.Equal(t, before.NextTryAt, after.NextTryAt)
	_, err = s.Update(t.Context(), "one", func(j *job.Job) error { j.RequestCancel(s.Now()); return nil })
	require.NoError(t, err)
	told, err := s.Deliveries(t.Context(), "one")
	require.NoError(t, err)
	require.Len(t, told, 1)
	require.NoError(t, s.ShiftDeliveries(t.Context(), time.Hour))
	again, err := s.Deliveries(t.Context(), "one")
	require.NoError(t, err)
	require.Equal(t, told, again)
}

// TestTheTimeIsTheDatabases: of all processes, whatever their machines' clocks say.
func TestTheTimeIsTheDatabases(t *testing.T) {
	s, err := postgres.Open(t.Context(), pgtest.Database(t), postgres.Options{})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	require.WithinDuration(t, time.Now(), s.Now(), time.Second)
	now := postgres.ClockThatSaid(time.Unix(100, 0))
	require.WithinDuration(t, time.Unix(100, 0), now(), 10*time.Second)
	first := now()
	require.Eventually(t, func() bool { return now().After(first) }, 5*time.Second, time.Millisecond, "it goes on")
}
