package service

import (
	"context"
	"sync"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

const (
	// ringEvents is how many events a feed keeps: followers that are further behind
	// read the table.
	ringEvents = 1024
	// ringBytes bounds the same by what the events hold.
	ringBytes = 1 << 20
	// lookAnyway is how often the store is read although nothing woke the reader: a
	// wake-up of another process can be lost with the connection it comes on.
	lookAnyway = 5 * time.Second
)

// feeds reads each stream of events once, however many follow it: one reader for all
// jobs, and one for each job that is followed.
type feeds struct {
	store Store
	mu    sync.Mutex
	open  map[string]*feed // by the job's id; "" is all jobs
}

// feed is one stream's newest events, for as long as somebody follows it.
type feed struct {
	users  int // under feeds.mu
	cancel context.CancelFunc
	gone   chan struct{} // the reader has ended

	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, when there is news
	ring    []job.Event   // all events of the stream after base, in order
	bytes   int
	base    int64
	err     error // the reader's; it has ended
}

// join gives the stream's feed, which is then to be left.
func (f *feeds) join(ctx context.Context, jobID string) (*feed, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := f.open[jobID]; d != nil && d.alive() {
		d.users++
		return d, nil
	}
	topic := store.TopicEvents
	if jobID != "" {
		topic = store.TopicJob(jobID)
	}
	wake, unsubscribe := f.store.Subscribe(topic)
	base, err := f.store.LastEvent(ctx)
	if err != nil {
		unsubscribe()
		return nil, err
	}
	reading, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d := &feed{users: 1, cancel: cancel, gone: make(chan struct{}), changed: make(chan struct{}), base: base}
	f.open[jobID] = d
	go func() {
		defer close(d.gone)
		defer unsubscribe()
		d.read(reading, f.store, jobID, wake)
	}()
	return d, nil
}

// leave ends a follower's use of a feed; the last one ends its reader.
func (f *feeds) leave(jobID string, d *feed) {
	f.mu.Lock()
	d.users--
	last := d.users == 0
	if last && f.open[jobID] == d {
		delete(f.open, jobID)
	}
	f.mu.Unlock()
	if last {
		d.cancel()
		<-d.gone
	}
}

func (d *feed) alive() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err == nil
}

// read puts what the table gains into the ring.
func (d *feed) read(ctx context.Context, s Store, jobID string, wake <-chan struct{}) {
	at := d.base
	anyway := time.NewTicker(lookAnyway)
	defer anyway.Stop()
	for {
		events, err := s.Events(ctx, jobID, at, eventsAtOnce)
		switch {
		case err != nil:
			d.put(nil, err)
			return
		case len(events) > 0:
			at = events[len(events)-1].Seq
			d.put(events, nil)
			continue
		}
		select {
		case <-wake:
		case <-anyway.C:
		case <-ctx.Done():
			return
		}
	}
}

func (d *feed) put(events []job.Event, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range events {
		d.ring = append(d.ring, e)
		d.bytes += len(e.Data)
	}
	drop := 0
	for len(d.ring)-drop > ringEvents || (d.bytes > ringBytes && len(d.ring)-drop > 1) {
		d.bytes -= len(d.ring[drop].Data)
		d.base = d.ring[drop].Seq
		drop++
	}
	d.ring = d.ring[drop:] // append never writes where followers read
	d.err = err
	close(d.changed)
	d.changed = make(chan struct{})
}

// after gives the events after a seq. covered: the ring has all of them; where it has
// not, the table has those up to base. changed is closed once there may be more. The
// events are shared: they must not be changed.
func (d *feed) after(seq int64, limit int) (events []job.Event, covered bool, base int64, changed <-chan struct{}, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return nil, false, 0, nil, d.err
	}
	if seq < d.base {
		return nil, false, d.base, d.changed, nil
	}
	from := len(d.ring)
	for from > 0 && d.ring[from-1].Seq > seq {
		from--
	}
	to := min(from+limit, len(d.ring))
	return d.ring[from:to:to], true, d.base, d.changed, nil
}
