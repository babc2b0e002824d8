// Package simulate runs many workers, reapers and jobs in virtual time, with the code that
// decides in the product (package lease and the transitions of package job) and models of
// all else: a store, clocks that drift, messages that are late or lost, machines that stop.
// A seed gives the same run again.
package simulate

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/lease"
)

// Size says how much is simulated.
type Size struct {
	Workers, Reapers, Jobs, Scopes, Limit int
	Faults                                time.Duration // how long faults happen; then all has to end
}

// Result counts what happened.
type Result struct {
	Completed, Failed        int
	Reaped, Recoveries, Cuts int           // workers taken for lost; runs begun anew; faults
	Slowest                  time.Duration // from a machine's end to its jobs' return, with the database there all the time
	Took                     time.Duration // virtual
}

type world struct {
	size    Size
	rng     *rand.Rand
	now     time.Duration
	queue   events
	seq     int
	db      *database
	next    int // number of the next worker
	live    []int
	scopes  []int // live runs
	broken  error
	result  Result
	diedAt  map[string]time.Duration
	outages []time.Duration // when the database came back
}

type event struct {
	at  time.Duration
	seq int
	fn  func()
}

type events []event

func (e *events) Len() int { return len(*e) }
func (e *events) Less(i, j int) bool {
	a, b := (*e)[i], (*e)[j]
	return a.at < b.at || a.at == b.at && a.seq < b.seq
}
func (e *events) Swap(i, j int) { (*e)[i], (*e)[j] = (*e)[j], (*e)[i] }

// Push is for package heap.
func (e *events) Push(x any) { *e = append(*e, x.(event)) } //nolint:forcetypeassert,errcheck // only events are pushed

// Pop is for package heap.
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}

func (w *world) after(d time.Duration, fn func()) {
	w.seq++
	heap.Push(&w.queue, event{w.now + d, w.seq, fn})
}

func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

// between draws a time.
func (w *world) between(a, b time.Duration) time.Duration {
	return a + time.Duration(w.rng.Float64()*float64(b-a))
}

func (w *world) faulty() bool { return w.now < w.size.Faults }

func (w *world) fail(format string, args ...any) {
	if w.broken == nil {
		w.broken = fmt.Errorf("at %s: %s", w.now, fmt.Sprintf(format, args...))
	}
}

// Run simulates until every job has ended. An error names the invariant that broke.
func Run(seed uint64, size Size) (Result, error) {
	w := &world{
		size: size, rng: rand.New(rand.NewPCG(seed, 0)), live: make([]int, size.Jobs), scopes: make([]int, size.Scopes),
		diedAt: map[string]time.Duration{},
	}
	w.db = newDatabase(w)
	for range size.Workers {
		w.after(w.between(0, 3*time.Second), func() { newMachine(w).begin() })
	}
	for range size.Reapers {
		r := &reaper{world: w, clock: w.clock(), watch: lease.NewWatch()}
		w.after(w.between(0, time.Second), r.look)
	}
	w.after(time.Minute, w.outage)
	limit := size.Faults + 10*time.Hour
	for w.db.left > 0 && w.broken == nil && w.queue.Len() > 0 {
		e := heap.Pop(&w.queue).(event) //nolint:forcetypeassert,errcheck // as above
		if w.now = e.at; w.now > limit {
			w.fail("%d jobs have not ended", w.db.left)
		}
		e.fn()
	}
	for i := range w.db.jobs {
		if w.db.jobs[i].Status == job.Completed {
			w.result.Completed++
		} else {
			w.result.Failed++
		}
		w.result.Recoveries += w.db.jobs[i].Recoveries
	}
	w.result.Took = w.now
	return w.result, w.broken
}

// outage takes the database away for a while: half the time shorter than two thirds of a
// lease.
func (w *world) outage() {
	if !w.faulty() {
		return
	}
	w.db.away = true
	w.result.Cuts++
	w.after(w.between(time.Second, 2*lease.Default*2/3), func() {
		w.db.away = false
		w.outages = append(w.outages, w.now)
		if w.chance(0.3) {
			w.db.timeline++ // a failover to a synchronous standby: nothing is lost
		}
		w.after(w.between(30*time.Second, 3*time.Minute), w.outage)
	})
}

// clock gives the time since boot of another machine, which drifts by up to a hundredth.
func (w *world) clock() func() time.Duration {
	factor, offset := 0.99+0.02*w.rng.Float64(), w.between(0, 1000*time.Hour)
	return func() time.Duration { return offset + time.Duration(float64(w.now)*factor) }
}
