package service

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/joblog"
	"github.com/kedrod/kedrod/internal/rundir"
	"github.com/kedrod/kedrod/internal/store"
)

// elsewhere is a store with one job, which runs on another machine, and its log.
type elsewhere struct {
	Store
	*store.Hub
	t *testing.T

	mu    sync.Mutex
	job   job.Job
	heads map[store.LogStream]joblog.Head
	text  map[store.LogStream][]byte
	reads int
}

func newElsewhere(t *testing.T) (*elsewhere, *Service) {
	t.Helper()
	e := &elsewhere{
		t: t, Hub: store.NewHub(), job: job.Job{ID: "far", Project: "proj", Status: job.Running, Attempt: 1, Worker: "w"},
		heads: map[store.LogStream]joblog.Head{}, text: map[store.LogStream][]byte{},
	}
	s := New(Options{Store: e, Logs: e, Runs: rundir.New(t.TempDir()), Now: time.Now, Log: slog.New(slog.DiscardHandler), Projects: []Project{{Name: "proj"}}})
	return e, s
}

func (e *elsewhere) Subscribe(topic string) (<-chan struct{}, func()) { return e.Hub.Subscribe(topic) }

func (e *elsewhere) Get(context.Context, string) (job.Job, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.job, nil
}

func (e *elsewhere) Pieces(_ string, _ int, stream store.LogStream) joblog.Pieces {
	return &stretch{e, stream}
}

type stretch struct {
	*elsewhere
	stream store.LogStream
}

func (s *stretch) Head(context.Context) (joblog.Head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heads[s.stream], nil
}

func (s *stretch) Pieces(_ context.Context, off int64) ([]joblog.Piece, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	const size = 1000
	at := off / size * size
	return []joblog.Piece{{Offset: at, Data: bytes.Clone(s.text[s.stream][at:min(at+size, int64(len(s.text[s.stream])))])}}, nil
}

func (e *elsewhere) write(stream store.LogStream, text string, whole bool) {
	e.mu.Lock()
	e.text[stream] = append(e.text[stream], text...)
	e.heads[stream] = joblog.Head{Size: int64(len(e.text[stream])), Whole: whole}
	e.mu.Unlock()
	e.Publish(store.TopicJob("far"))
}

func (e *elsewhere) end(status job.Status) {
	e.mu.Lock()
	e.job.Status = status
	e.mu.Unlock()
	e.Publish(store.TopicJob("far"))
}

func (e *elsewhere) log(s *Service) *Log {
	return &Log{Attempt: 1, s: s, id: "far", path: s.o.Runs.Attempt("far", 1).Log()}
}

func TestALogOfAnotherMachineIsFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := newElsewhere(t)
		const followers = 20
		var got [followers]bytes.Buffer
		var group sync.WaitGroup
		for i := range followers {
			group.Go(func() {
				at := int64(i)
				err := e.log(s).Follow(t.Context(), at, func(c joblog.Chunk) error {
					require.Equal(t, at, c.Offset)
					at = c.Next
					got[i].Write(c.Data)
					return nil
				})
				require.NoError(t, err)
			})
		}
		<-time.After(time.Minute) // nothing is there yet
		var want bytes.Buffer
		for n := range 300 {
			line := fmt.Sprintf("line %d of a log\n", n)
			want.WriteString(line)
			e.write(store.LogText, line, false)
			if n%10 == 0 {
				<-time.After(time.Second)
				synctest.Wait()
				require.Equal(t, want.Len(), got[0].Len())
			}
		}
		e.write(store.LogText, "the end", true)
		want.WriteString("the end")
		e.end(job.Completed)
		group.Wait()
		for i := range followers {
			require.Equal(t, want.String()[i:], got[i].String())
		}
		require.Less(t, e.reads, 500, "one reads for all")

		f, err := e.log(s).Open(t.Context())
		require.NoError(t, err)
		v, err := f.View()
		require.NoError(t, err)
		require.Equal(t, int64(want.Len()), v.Size())
	})
}

// The machine that had the rest is gone: nobody waits for it for ever.
func TestALogWhoseEndIsLostEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, s := newElsewhere(t)
		e.write(store.LogText, "the beginning\n", false)
		e.end(job.Failed)
		var got bytes.Buffer
		begun := time.Now()
		require.NoError(t, e.log(s).Follow(t.Context(), 0, func(c joblog.Chunk) error { got.Write(c.Data); return nil }))
		require.Equal(t, "the beginning\n", got.String())
		require.GreaterOrEqual(t, time.Since(begun), lastPieces, "it might have come")
	})
}

func TestRecordsOfAnotherMachine(t *testing.T) {
	e, s := newElsewhere(t)
	records := e.log(s).Records(t.Context())
	require.Empty(t, records.Line("nothing is known yet").Level)
	e.write(store.LogEvents, `{"ev": "log", "t": 1764000000.5, "pid": 7, "level": "WARNING", "message": "low on wine"}`+"\n", false)
	require.Equal(t, "WARNING", records.Line("12:00 low on wine").Level)
}
