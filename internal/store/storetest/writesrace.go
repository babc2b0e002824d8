package storetest

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// queuedWritesRace: however many claim at once, no file is written by two, and every job
// has its turn.
func (s *suite) queuedWritesRace() {
	sets := [][]string{{"a"}, {"b"}, {"a", "b"}, {"b", "c"}, {"c"}}
	const jobs, workers = 150, 6
	var made []job.Job
	for i := range jobs {
		made = append(made, s.make(queues(sets[i%len(sets)]...)))
	}
	written := map[string]*atomic.Int32{"a": {}, "b": {}, "c": {}}
	var ended, together atomic.Int32
	var wg sync.WaitGroup
	deadline := time.Now().Add(time.Minute)
	for n := range 3 { // what comes into sight meanwhile is not known to be parked
		wg.Go(func() {
			for i := n; i < jobs; i += 3 {
				if _, _, err := s.Submit(s.ctx(), made[i], nil); err != nil {
					return
				}
			}
		})
	}
	for w := range workers {
		wg.Go(func() {
			wake, unsubscribe := s.Subscribe(store.TopicQueue)
			defer unsubscribe()
			for ended.Load() < jobs && time.Now().Before(deadline) {
				got, err := s.Claim(s.ctx(), store.Claim{Worker: string(rune('a' + w)), Limit: 1 + w%3, Projects: []string{"proj"}})
				if err != nil {
					return
				}
				for i := range got {
					for _, p := range pathsOf(&got[i]) {
						if written[p].Add(1) > 1 {
							together.Add(1)
						}
					}
				}
				for i := range got {
					if err := s.Advance(s.ctx(), refOf(got[i]), store.Advance{Writes: saved(got[i].Queue.Writes.Files)}); err != nil {
						return
					}
				}
				for i := range got {
					for _, p := range pathsOf(&got[i]) {
						written[p].Add(-1)
					}
					if _, err := s.Report(s.ctx(), refOf(got[i]), s.completed(), store.Advance{}); err != nil {
						return
					}
					ended.Add(1)
				}
				if len(got) == 0 {
					select {
					case <-wake:
					case <-time.After(100 * time.Millisecond):
					}
				}
			}
		})
	}
	wg.Wait()
	require.Zero(s.t, together.Load())
	require.EqualValues(s.t, jobs, ended.Load())
}

// sharedWritesRace: of two runs that tell of one file at the same moment, both are warned.
func (s *suite) sharedWritesRace() {
	for i := range 20 {
		path := fmt.Sprint("data/", i)
		var refs []job.Ref
		for range 3 {
			_, ref := s.running("w", nil)
			refs = append(refs, ref)
		}
		var wg sync.WaitGroup
		errs := make([]error, len(refs))
		for k, ref := range refs {
			wg.Go(func() { errs[k] = s.Advance(s.ctx(), ref, store.Advance{Writes: files(path)}) })
		}
		wg.Wait()
		for k, ref := range refs {
			require.NoError(s.t, errs[k])
			got := strings.Join(s.get(ref.JobID).Warnings, " ")
			for _, other := range refs {
				require.Equal(s.t, other != ref, strings.Contains(got, other.JobID), got)
			}
		}
	}
}
