package simulate

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/lease"
	"github.com/kedrod/kedrod/internal/store"
)

// database is the model of a store. A job's id is its number; it counts in the scope of
// its number modulo Size.Scopes.
type database struct {
	*world
	away     bool
	timeline int
	jobs     []job.Job
	pending  [][]int // by scope, in order
	running  []int   // by scope
	workers  map[string]*row
	left     int
	turn     int
}

type row struct {
	beat int64
	lost bool
	held map[int]job.Ref
}

func newDatabase(w *world) *database {
	d := &database{world: w, jobs: make([]job.Job, w.size.Jobs), pending: make([][]int, w.size.Scopes), running: make([]int, w.size.Scopes), workers: map[string]*row{}, left: w.size.Jobs}
	for i := range d.jobs {
		d.jobs[i] = job.Job{ID: strconv.Itoa(i), Status: job.Pending, Queue: job.Queue{MaxAttempts: 1, MaxRecoveries: 1000}}
		d.pending[i%w.size.Scopes] = append(d.pending[i%w.size.Scopes], i)
	}
	return d
}

var (
	errAway  = errors.New("away")
	wallZero = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant
)

// wall is the database's clock, which steps by an hour now and then.
func (d *database) wall() time.Time {
	step := time.Duration(0)
	if d.now/(7*time.Minute)%2 == 1 {
		step = time.Hour
	}
	return wallZero.Add(d.now + step)
}

func (d *database) enter(id string) error {
	if d.away {
		return errAway
	}
	d.workers[id] = &row{held: map[int]job.Ref{}}
	return nil
}

func (d *database) line() string { return fmt.Sprint(d.timeline) }

func (d *database) renew(id string, beat int64) (store.Standing, error) {
	r := d.workers[id]
	if d.away {
		return store.Standing{}, errAway
	}
	if r == nil || r.lost || beat <= r.beat {
		return store.Standing{}, store.ErrLost
	}
	r.beat = beat
	s := store.Standing{Timeline: d.line()}
	for _, i := range sorted(r.held) {
		s.Held = append(s.Held, store.Held{Ref: r.held[i]})
	}
	return s, nil
}

func sorted(held map[int]job.Ref) []int {
	all := make([]int, 0, len(held))
	for i := range held {
		all = append(all, i)
	}
	slices.Sort(all)
	return all
}

// claim does not look at whether the worker counts as lost: what it gives to one that does
// is for the reapers.
func (d *database) claim(id string, n int) (refs []job.Ref, err error) {
	if d.away {
		return nil, errAway
	}
	r := d.workers[id]
	for range d.size.Scopes {
		scope := d.turn % d.size.Scopes
		d.turn++
		for len(refs) < n && d.running[scope] < d.size.Limit && len(d.pending[scope]) > 0 {
			i := d.pending[scope][0]
			d.pending[scope] = d.pending[scope][1:]
			a, err := d.jobs[i].Claim(id, d.wall())
			if err != nil {
				d.fail("job %d was pending and is %s", i, d.jobs[i].Status)
				return nil, err
			}
			ref := job.Ref{JobID: a.JobID, Attempt: a.Number, Worker: id}
			d.running[scope]++
			r.held[i] = ref
			refs = append(refs, ref)
		}
	}
	return refs, nil
}

// change applies a transition, and keeps the books.
func (d *database) change(ref job.Ref, fn func(*job.Job) error) error {
	if d.away {
		return errAway
	}
	i, err := strconv.Atoi(ref.JobID)
	if err != nil {
		return err
	}
	j := &d.jobs[i]
	was := j.Status
	if err := fn(j); err != nil {
		return err
	}
	if was.Terminal() && j.Status != was {
		d.fail("job %d was %s and is %s", i, was, j.Status)
	}
	if was == job.Running && j.Status != job.Running {
		d.running[i%d.size.Scopes]--
		delete(d.workers[j.Worker].held, i)
		if j.Status == job.Pending {
			d.pending[i%d.size.Scopes] = append([]int{i}, d.pending[i%d.size.Scopes]...) // its place in the order is the old one
		}
	}
	if !was.Terminal() && j.Status.Terminal() {
		d.left--
		if was == job.Pending { // a late report
			s := d.pending[i%d.size.Scopes]
			d.pending[i%d.size.Scopes] = slices.Delete(s, slices.Index(s, i), slices.Index(s, i)+1)
		}
	}
	return nil
}

func (d *database) beats() (store.Beats, error) {
	if d.away {
		return store.Beats{}, errAway
	}
	b := store.Beats{Timeline: d.line()}
	for id, r := range d.workers {
		if !r.lost || len(r.held) > 0 {
			b.Workers = append(b.Workers, store.Beat{Worker: id, Beat: r.beat, Lease: lease.Default})
		}
	}
	slices.SortFunc(b.Workers, func(a, b store.Beat) int { return compare(a.Worker, b.Worker) })
	return b, nil
}

func compare(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (d *database) reap(id string, beat int64) {
	r := d.workers[id]
	if d.away || r == nil || r.beat != beat {
		return
	}
	r.lost = true
	d.result.Reaped++
	for _, i := range sorted(r.held) {
		_ = d.change(r.held[i], func(j *job.Job) error { j.Lose(id, d.wall()); return nil }) // it is there
	}
	if died, ok := d.diedAt[id]; ok {
		delete(d.diedAt, id)
		if len(d.outages) == 0 || d.outages[len(d.outages)-1] < died {
			d.result.Slowest = max(d.result.Slowest, d.now-died)
		}
	}
	if len(r.held) == 0 {
		return
	}
	d.fail("worker %s was reaped and holds jobs", id)
}

// reaper is a process that watches over the others, and stands still now and then.
type reaper struct {
	*world
	clock func() time.Duration
	watch *lease.Watch
}

func (r *reaper) look() {
	if r.faulty() && r.chance(0.002) {
		r.after(r.between(0, time.Minute), r.look)
		return
	}
	begun := r.clock()
	r.after(r.between(0, 50*time.Millisecond), func() {
		b, err := r.db.beats()
		r.after(r.between(0, 50*time.Millisecond), func() {
			r.after(r.watch.Every(), r.look)
			if err != nil {
				r.watch.Missed()
				return
			}
			for _, lost := range r.watch.Read(begun, r.clock(), b) {
				r.after(r.between(0, 50*time.Millisecond), func() { r.db.reap(lost.Worker, lost.Beat) })
			}
		})
	})
}
