// Package metrics counts what happens and shows it to Prometheus. Labels have a
// bounded number of values: no ids, no names that clients choose.
package metrics

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/kedrod/kedrod/internal/job"
)

// State is what is looked up when somebody asks.
type State struct {
	Pending, Running int
	OldestEligible   *time.Time // since when the first in the queue could run; nil: none
	Workers, Slots   int
	DiskFree         uint64 // bytes, of the data folder
	Store, WAL       int64  // bytes of jobs.db and its WAL
	Deliveries       int    // that are pending
}

// Options of New.
type Options struct {
	Version string
	// Look gives the state. It is called at most once in Every, however many ask.
	Look  func(context.Context) (State, error)
	Every time.Duration // 0: 5 s
	Now   func() time.Time
}

// Metrics is one process's. Its methods may be called from many goroutines.
type Metrics struct {
	o           Options
	registry    *prometheus.Registry
	submissions prometheus.Counter
	ended       *prometheus.CounterVec
	runs        *prometheus.HistogramVec
	waits       prometheus.Histogram
	writes      *prometheus.HistogramVec
	failures    prometheus.Counter
	deliveries  *prometheus.CounterVec

	mu     sync.Mutex
	looked time.Time
	state  State
	ok     bool
}

// New makes the metrics, all at zero.
func New(o Options) *Metrics {
	if o.Every == 0 {
		o.Every = 5 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Metrics{
		o: o, registry: prometheus.NewRegistry(),
		submissions: prometheus.NewCounter(prometheus.CounterOpts{Name: "kedrod_submissions_total", Help: "Jobs accepted, repetitions by Idempotency-Key left out."}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "kedrod_attempts_ended_total",
			Help: "Attempts that ended by a report, by status and reason."}, []string{"status", "reason"}),
		runs: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "kedrod_run_seconds", Help: "How long runs took.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400}}, []string{"status"}),
		waits: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "kedrod_claim_wait_seconds", Help: "From the moment a job could run to its claim.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30, 300, 3600}}),
		writes: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "kedrod_store_write_seconds", Help: "How long writes to the store took, their sync included.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}}, []string{"write"}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "kedrod_store_write_failures_total", Help: "Writes that the store could not take."}),
	}
	m.deliveries = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "kedrod_deliveries_total",
		Help: "Attempts to tell a receiver of a job's end, by what came of them."}, []string{"outcome"})
	m.registry.MustRegister(m.deliveries, m.submissions, m.ended, m.runs, m.waits, m.writes, m.failures, m.build(), &looker{m: m},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *Metrics) build() prometheus.Collector {
	g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "kedrod_build_info", Help: "1, with the version."}, []string{"version"})
	g.WithLabelValues(m.o.Version).Set(1)
	return g
}

// Handler answers with everything, in the form that Prometheus reads.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, EnableOpenMetrics: true})
}

// Submitted counts a job that was accepted.
func (m *Metrics) Submitted() { m.submissions.Inc() }

// Claimed notes how long a job waited since it could run.
func (m *Metrics) Claimed(waited time.Duration) { m.waits.Observe(max(waited, 0).Seconds()) }

// Ended counts an attempt's outcome.
func (m *Metrics) Ended(o *job.Outcome) {
	m.ended.WithLabelValues(string(o.Status), string(o.Reason)).Inc()
	if o.StartedAt != nil {
		m.runs.WithLabelValues(string(o.Status)).Observe(o.ExecutionTime)
	}
}

// Delivered counts an attempt to deliver: outcome is one of a few constant words.
func (m *Metrics) Delivered(outcome string) { m.deliveries.WithLabelValues(outcome).Inc() }

// Wrote notes a write to the store: what is one of a few constant words.
func (m *Metrics) Wrote(what string, took time.Duration, failed bool) {
	m.writes.WithLabelValues(what).Observe(took.Seconds())
	if failed {
		m.failures.Inc()
	}
}
