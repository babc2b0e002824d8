package simulate

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/lease"
	"github.com/kedrod/kedrod/internal/store"
)

const slots = 4

// machine is one worker with its guard and its runs.
type machine struct {
	*world
	id     string
	clock  func() time.Duration
	holder *lease.Holder
	known  map[job.Ref]*run
	dead   bool
	trying bool
	cut    time.Duration // until then nothing gets through
	still  time.Duration // until then the process is stopped, its guard is not
}

type run struct {
	ref       job.Ref
	heard     time.Duration
	alive     bool
	abandoned bool // killed for the lease
}

func newMachine(w *world) *machine { return &machine{world: w, clock: w.clock()} }

// begin starts a worker under a new id.
func (m *machine) begin() {
	m.next++
	m.id, m.dead, m.known = fmt.Sprintf("w%07d", m.next), false, map[job.Ref]*run{}
	m.trying, m.holder = false, lease.NewHolder(lease.Default, 0)
	if m.db.enter(m.id) != nil {
		m.after(time.Second, m.begin)
		return
	}
	m.tick(m.id, 0)
}

// tick is the loop of the worker with this id.
func (m *machine) tick(id string, n int) {
	if m.dead || m.id != id {
		return
	}
	m.after(250*time.Millisecond, func() { m.tick(id, n+1) })
	if m.holder.State().Renewed && m.clock() >= m.holder.Deadline() { // the guard
		m.killAll(true)
	}
	if m.now < m.still {
		return
	}
	if m.faulty() {
		switch {
		case m.chance(0.00005): // the machine is gone; another comes
			m.killAll(false)
			m.dead, m.diedAt[m.id] = true, m.now
			m.result.Cuts++
			m.after(m.between(time.Second, time.Minute), m.begin)
			return
		case m.chance(0.0001):
			m.cut = m.now + m.between(0, time.Minute)
			m.result.Cuts++
		case m.chance(0.00011):
			m.still = m.now + m.between(0, time.Minute)
			m.result.Cuts++
			return
		}
	}
	now := m.clock()
	if m.holder.Over(now) {
		m.killAll(true)
	}
	if m.holder.Due(now) && !m.trying {
		m.renew(now)
	}
	if n%4 == 0 && m.holder.MayClaim(now) && len(m.known) < slots {
		m.claim(now)
	}
}

// call sends a request, which may be lost, as its answer may. answer gets false if none came
// within the time.
func (m *machine) call(limit time.Duration, request func() error, answer func(err error, came bool)) {
	id, arrives := m.id, m.now >= m.cut && !(m.faulty() && m.chance(0.003))
	there, back := m.between(0, 20*time.Millisecond), m.between(0, 20*time.Millisecond)
	if m.faulty() && m.chance(0.01) {
		there, back = m.between(0, 4*time.Second), m.between(0, 4*time.Second)
	}
	returns := arrives && !(m.faulty() && m.chance(0.003)) && there+back <= limit
	var err error
	if arrives {
		m.after(there, func() { err = request() })
	}
	when := limit
	if returns {
		when = there + back
	}
	m.after(when, func() { m.whenAwake(id, func() { answer(err, returns) }) })
}

// whenAwake waits while the process is stopped, and drops what was for one that is gone.
func (m *machine) whenAwake(id string, fn func()) {
	if m.dead || m.id != id {
		return
	}
	if m.now < m.still {
		m.after(m.still-m.now, func() { m.whenAwake(id, fn) })
		return
	}
	fn()
}

func (m *machine) renew(sent time.Duration) {
	id, beat := m.id, m.holder.Send(sent)
	m.trying = true
	var standing store.Standing
	m.call(lease.Try(lease.Default), func() (err error) { standing, err = m.db.renew(id, beat); return err }, func(err error, came bool) {
		m.trying = false
		now := m.clock()
		switch {
		case came && errors.Is(err, store.ErrLost):
			m.killAll(false)
			m.after(time.Second, m.begin)
			m.id = ""
			return
		case !came || err != nil:
			m.holder.Failed(now)
			return
		}
		heard := make(map[job.Ref]time.Duration, len(m.known))
		for ref, r := range m.known {
			heard[ref] = r.heard
		}
		m.holder.Renewed(sent, now, standing.Timeline)
		c := m.holder.Compare(sent, now, heard, standing.Held)
		for _, ref := range c.Lost {
			m.kill(m.known[ref])
			delete(m.known, ref)
		}
		for _, ref := range c.Return {
			m.call(time.Second, func() error { return m.db.change(ref, func(j *job.Job) error { return j.GiveBack(ref, m.db.wall()) }) }, func(error, bool) {})
		}
		for _, h := range standing.Held {
			if r := m.known[h.Ref]; r != nil && r.abandoned {
				r.abandoned = false
				m.persist(r, func(j *job.Job) error { return j.Abandon(r.ref, m.db.wall()) })
			}
		}
	})
}

func (m *machine) claim(sent time.Duration) {
	id, n := m.id, slots-len(m.known)
	var refs []job.Ref
	m.call(lease.Answer(lease.Default), func() (err error) { refs, err = m.db.claim(id, n); return err }, func(err error, came bool) {
		now := m.clock()
		if !came || err != nil || now-sent > lease.Answer(lease.Default) || !m.holder.MayClaim(now) {
			return
		}
		for _, ref := range refs {
			for other, r := range m.known {
				if other.JobID == ref.JobID {
					m.kill(r)
				}
			}
			m.start(ref)
		}
	})
}

func (m *machine) start(ref job.Ref) {
	i, err := strconv.Atoi(ref.JobID)
	if err != nil {
		m.fail("%v", err)
		return
	}
	r := &run{ref: ref, heard: m.clock(), alive: true}
	m.known[ref] = r
	m.live[i]++
	m.scopes[i%m.size.Scopes]++
	if m.live[i] > 1 {
		m.fail("two runs of job %d live", i)
	}
	if m.scopes[i%m.size.Scopes] > m.size.Limit {
		m.fail("%d runs of scope %d live", m.scopes[i%m.size.Scopes], i%m.size.Scopes)
	}
	m.after(m.between(100*time.Millisecond, 10*time.Second), func() {
		if !r.alive {
			return
		}
		m.kill(r)
		o := job.Outcome{Status: job.Completed, EndedAt: m.db.wall()}
		m.whenAwake(ref.Worker, func() {
			m.persist(r, func(j *job.Job) error { return j.Report(ref, o, m.db.wall(), 0) })
		})
	})
}

// persist repeats until the store has it or refuses it.
func (m *machine) persist(r *run, fn func(*job.Job) error) {
	m.call(2*time.Second, func() error { return m.db.change(r.ref, fn) }, func(err error, came bool) {
		if came && (err == nil || errors.Is(err, job.ErrFenced)) {
			delete(m.known, r.ref)
			return
		}
		m.after(500*time.Millisecond, func() { m.whenAwake(r.ref.Worker, func() { m.persist(r, fn) }) })
	})
}

// kill ends the run's process, if it lives.
func (m *machine) kill(r *run) {
	if !r.alive {
		return
	}
	r.alive = false
	i, err := strconv.Atoi(r.ref.JobID)
	if err != nil {
		m.fail("%v", err)
		return
	}
	m.live[i]--
	m.scopes[i%m.size.Scopes]--
}

func (m *machine) killAll(abandon bool) {
	for _, r := range m.known {
		if r.alive {
			m.kill(r)
			r.abandoned = abandon
		}
	}
}
