package app

import (
	"log/slog"
	"time"

	"github.com/kedrod/kedrod/internal/clock"
	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/httpapi"
	"github.com/kedrod/kedrod/internal/metrics"
	"github.com/kedrod/kedrod/internal/notify"
)

// steps is the clock that tells steps of the wall clock; nil where the database's clock
// counts, of which every process would tell.
func steps(cfg config.Config) func() time.Duration {
	if shared(cfg) {
		return nil
	}
	return clock.SinceBoot
}

// newNotifier makes what tells receivers of jobs' ends, and the rules of where they may be.
func newNotifier(cfg config.Config, version string, db jobStore, m *metrics.Metrics, log *slog.Logger) (*notify.Notifier, *notify.Targets) {
	targets := notify.NewTargets(cfg.WebhookAllowPrivate)
	return notify.New(notify.Options{
		Store: db, Targets: targets, Job: httpapi.JobOfMessage, Version: version, Now: db.Now, Elapsed: steps(cfg), Log: log,
		Observe: func(o notify.Outcome) { m.Delivered(string(o)) },
	}), targets
}
