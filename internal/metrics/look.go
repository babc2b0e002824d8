package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// lookTime bounds one look at the state: a store that hangs must not hold scrapes.
const lookTime = 3 * time.Second

// look gives the state, from memory if it is fresh; ok is false while it can't be read.
func (m *Metrics) look() (State, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.o.Now(); m.looked.IsZero() || now.Sub(m.looked) >= m.o.Every || now.Before(m.looked) {
		ctx, cancel := context.WithTimeout(context.Background(), lookTime)
		defer cancel()
		state, err := m.o.Look(ctx)
		m.state, m.ok, m.looked = state, err == nil, now
	}
	return m.state, m.ok
}

// looker shows the state as gauges.
type looker struct{ m *Metrics }

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Describe tells nothing beforehand: what can't be read is left out.
func (l *looker) Describe(chan<- *prometheus.Desc) {}

// Collect gives the gauges; kedrod_up alone, as 0, when the store can't be read.
func (l *looker) Collect(out chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	s, ok := l.m.look()
	up := describe("kedrod_up", "1 while the store can be read.")
	if !ok {
		gauge(up, 0)
		return
	}
	gauge(up, 1)
	jobs := describe("kedrod_jobs", "Jobs that have not ended, by status.", "status")
	gauge(jobs, float64(s.Pending), "pending")
	gauge(jobs, float64(s.Running), "running")
	age := 0.0
	if s.OldestEligible != nil {
		age = max(l.m.o.Now().Sub(*s.OldestEligible).Seconds(), 0)
	}
	gauge(describe("kedrod_queue_oldest_seconds", "How long the first job of the queue could have run already; 0: none waits for a slot."), age)
	gauge(describe("kedrod_workers", "Workers that claim jobs."), float64(s.Workers))
	gauge(describe("kedrod_slots", "Slots of the workers that claim jobs."), float64(s.Slots))
	gauge(describe("kedrod_disk_free_bytes", "What can still be written on the data folder's disk."), float64(s.DiskFree))
	gauge(describe("kedrod_deliveries_pending", "Receivers that are still to be told of a job's end."), float64(s.Deliveries))
	size := describe("kedrod_store_bytes", "Size of the store's files.", "file")
	gauge(size, float64(s.Store), "jobs.db")
	gauge(size, float64(s.WAL), "jobs.db-wal")
}
