package postgres_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/storetest"
	"github.com/kedrod/kedrod/test/pgtest"
)

func TestLogs(t *testing.T) {
	clock := storetest.NewClock()
	s := open(t, pgtest.Database(t), clock)
	ctx := t.Context()
	j := job.Job{ID: "one", Project: "proj", Pipeline: "p", Status: job.Pending, CreatedAt: clock.Now(), Queue: job.Queue{Timeout: time.Minute, MaxAttempts: 1}}
	_, _, err := s.Submit(ctx, j, nil)
	require.NoError(t, err)
	ref := job.Ref{JobID: "one", Attempt: 1, Worker: "w"}
	piece := func(at int64, text string) store.LogPiece {
		return store.LogPiece{Offset: at, Length: len(text), Packed: []byte(text)}
	}
	head := func(size int64) store.LogHead { return store.LogHead{Size: size} }
	require.ErrorIs(t, s.AddLog(ctx, ref, store.LogText, head(3), []store.LogPiece{piece(0, "abc")}), job.ErrFenced, "nobody runs it")
	_, err = s.Claim(ctx, store.Claim{Worker: "w", Limit: 1, Projects: []string{"proj"}})
	require.NoError(t, err)
	_, ok, err := s.LogHead(ctx, "one", 1, store.LogText)
	require.NoError(t, err)
	require.False(t, ok)

	woken, done := s.Subscribe(store.TopicJob("one"))
	defer done()
	require.NoError(t, s.AddLog(ctx, ref, store.LogText, head(3), []store.LogPiece{piece(0, "abc")}))
	<-woken
	require.NoError(t, s.AddLog(ctx, ref, store.LogEvents, head(2), []store.LogPiece{piece(0, "{}")}))
	other := ref
	other.Worker = "another"
	require.ErrorIs(t, s.AddLog(ctx, other, store.LogText, head(9), []store.LogPiece{piece(3, "xyz")}), job.ErrFenced)
	require.NoError(t, s.AddLog(ctx, ref, store.LogText, head(8), []store.LogPiece{piece(0, "abcde"), piece(5, "fgh")}))
	require.NoError(t, s.AddLog(ctx, ref, store.LogText, head(3), []store.LogPiece{piece(0, "abc")}), "an old call that was held up")
	got, ok, err := s.LogHead(ctx, "one", 1, store.LogText)
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, head(8), got)
	read := func(off int64) []store.LogPiece {
		p, err := s.LogPieces(ctx, "one", 1, store.LogText, off)
		require.NoError(t, err)
		return p
	}
	require.Equal(t, []store.LogPiece{piece(0, "abcde"), piece(5, "fgh")}, read(0))
	require.Equal(t, read(0), read(4))
	require.Equal(t, []store.LogPiece{piece(5, "fgh")}, read(5))
	require.Empty(t, read(8))

	whole := store.LogHead{Size: 20, From: 5, To: 12, Limit: 10, Whole: true}
	require.NoError(t, s.AddLog(ctx, ref, store.LogText, whole, []store.LogPiece{piece(12, "mnopqrst")}))
	require.Equal(t, []store.LogPiece{piece(12, "mnopqrst")}, read(5), "what was left out is gone")
	_, err = s.Report(ctx, ref, job.Outcome{Status: job.Completed, EndedAt: clock.Now()}, store.Advance{})
	require.NoError(t, err)
	require.NoError(t, s.AddLog(ctx, ref, store.LogText, head(20), nil), "also after the end")
	got, _, err = s.LogHead(ctx, "one", 1, store.LogText)
	require.NoError(t, err)
	require.Equal(t, whole, got)

	n, err := s.DeleteLogs(ctx, clock.Now(), 10)
	require.NoError(t, err)
	require.Zero(t, n, "it has not ended before that")
	n, err = s.DeleteLogs(ctx, clock.Now().Add(time.Second), 10)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Empty(t, read(0))

	require.NoError(t, s.AddLog(ctx, ref, store.LogText, whole, []store.LogPiece{piece(12, "mnopqrst")}))
	deleted, err := s.DeleteEnded(ctx, []string{"one"})
	require.NoError(t, err)
	require.Equal(t, 1, deleted)
	require.Empty(t, read(0), "with its job")
	require.ErrorIs(t, s.AddLog(ctx, ref, store.LogText, whole, nil), job.ErrFenced)
}
