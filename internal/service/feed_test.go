package service

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// table is a table of events in memory; the rest of the store is not there.
type table struct {
	Store
	*store.Hub
	mu     sync.Mutex
	events []job.Event
	broken error
}

func newTable() *table { return &table{Hub: store.NewHub()} }

func (t *table) Subscribe(topic string) (<-chan struct{}, func()) { return t.Hub.Subscribe(topic) }

func (t *table) add(jobID, data string) {
	t.mu.Lock()
	t.events = append(t.events, job.Event{Seq: int64(len(t.events) + 1), JobID: jobID, Type: job.EventNode, Data: json.RawMessage(data)})
	t.mu.Unlock()
	t.Publish(store.TopicEvents, store.TopicJob(jobID))
}

func (t *table) fail(err error) {
	t.mu.Lock()
	t.broken = err
	t.mu.Unlock()
	t.Publish(store.TopicEvents)
}

func (t *table) Events(_ context.Context, jobID string, after int64, limit int) ([]job.Event, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []job.Event
	for _, e := range t.events[min(int(after), len(t.events)):] {
		if (jobID == "" || e.JobID == jobID) && len(out) < limit {
			out = append(out, e)
		}
	}
	return out, t.broken
}

func (t *table) LastEvent(context.Context) (int64, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int64(len(t.events)), t.broken
}

func (t *table) service() *Service {
	return &Service{o: Options{Store: t}, feeds: feeds{store: t, open: map[string]*feed{}}}
}

// TestFeed: whoever follows, from wherever and however slowly, gets every event of
// the stream after that once and in order.
func TestFeed(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		tab := newTable()
		s := tab.service()
		jobs := []string{"a", "b"}
		add := func(most int) {
			for range rapid.IntRange(0, most).Draw(rt, "events") {
				data := `{"x":"` + strings.Repeat("x", rapid.SampledFrom([]int{1, 10, 200_000}).Draw(rt, "size")) + `"}`
				tab.add(rapid.SampledFrom(jobs).Draw(rt, "job"), data)
			}
		}
		add(20)
		type follower struct {
			events *Events
			from   int64
			got    []int64
		}
		var all []*follower
		last := func() int64 { n, _ := tab.LastEvent(t.Context()); return n }
		step := func(f *follower) bool {
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // does not wait
			events, err := f.events.Next(ctx)
			if err != nil {
				require.ErrorIs(rt, err, context.Canceled)
			}
			for i := range events {
				f.got = append(f.got, events[i].Seq)
			}
			return len(events) > 0
		}
		for range rapid.IntRange(1, 20).Draw(rt, "steps") {
			switch rapid.IntRange(0, 2).Draw(rt, "what") {
			case 0:
				from := rapid.Int64Range(0, last()).Draw(rt, "from")
				e, err := s.follow(t.Context(), Anonymous(), rapid.SampledFrom([]string{"", "a", "b"}).Draw(rt, "stream"), from)
				require.NoError(rt, err)
				all = append(all, &follower{events: e, from: from})
			case 1:
				add(1500)
			case 2:
				if len(all) > 0 {
					step(rapid.SampledFrom(all).Draw(rt, "follower"))
				}
			}
		}
		for _, f := range all {
			var want []int64
			rest, err := tab.Events(t.Context(), f.events.jobID, f.from, 1<<30)
			require.NoError(rt, err)
			for i := range rest {
				want = append(want, rest[i].Seq)
			}
			f.got = append(f.got, read(rt, f.events, len(want)-len(f.got))...)
			require.Equal(rt, want, f.got)
			f.events.feed.mu.Lock()
			held := len(f.events.feed.ring)
			f.events.feed.mu.Unlock()
			require.LessOrEqual(rt, held, ringEvents)
			f.events.Close()
		}
		require.Empty(rt, s.feeds.open, "the last one out ends the reader")
	})
}

// read gives the seqs of the next n events.
func read(t *rapid.T, e *Events, n int) (seqs []int64) {
	bounded, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for len(seqs) < n {
		events, err := e.Next(bounded)
		require.NoError(t, err)
		for i := range events {
			seqs = append(seqs, events[i].Seq)
		}
	}
	return seqs
}

// TestFeedOfABrokenStore: all who follow are told, and the next one begins anew.
func TestFeedOfABrokenStore(t *testing.T) {
	tab := newTable()
	s := tab.service()
	one, err := s.follow(t.Context(), Anonymous(), "", 0)
	require.NoError(t, err)
	broken := errors.New("disk on fire")
	tab.fail(broken)
	_, err = one.Next(t.Context())
	require.ErrorIs(t, err, broken)
	tab.fail(nil)
	two, err := s.follow(t.Context(), Anonymous(), "", 0)
	require.NoError(t, err)
	tab.add("a", `{}`)
	events, err := two.Next(t.Context())
	require.NoError(t, err)
	require.Len(t, events, 1)
	one.Close()
	two.Close()
	require.Empty(t, s.feeds.open)
}
