package app

import (
	"log/slog"

	"github.com/kedrod/kedrod/internal/clock"
	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/httpapi"
	"github.com/kedrod/kedrod/internal/metrics"
	"github.com/kedrod/kedrod/internal/notify"
)

// newNotifier makes what tells receivers of jobs' ends, and the rules of where they may be.
func newNotifier(cfg config.Config, version string, db jobStore, m *metrics.Metrics, log *slog.Logger) (*notify.Notifier, *notify.Targets) {
	targets := notify.NewTargets(cfg.WebhookAllowPrivate)
	return notify.New(notify.Options{
		Store: db, Targets: targets, Job: httpapi.JobOfMessage, Version: version, Now: db.Now, Elapsed: clock.SinceBoot, Log: log,
		Observe: func(o notify.Outcome) { m.Delivered(string(o)) },
	}), targets
}
