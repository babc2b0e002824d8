package postgres

import (
	"context"
	"time"

	"github.com/kedrod/kedrod/internal/store"
)

// Setting reads a setting of a connection.
func (s *Store) Setting(ctx context.Context, name string) (value string, err error) {
	return value, s.pool.QueryRow(ctx, `SELECT current_setting($1)`, name).Scan(&value)
}

// ScopeOfPipeline names a scope as claims do.
func (s *Store) ScopeOfPipeline(p store.PipelineOf) (name string, err error) {
	const q = `SELECT 'pipeline:' || kedrod_escape($1) || '/' || kedrod_escape($2)`
	return name, s.pool.QueryRow(context.Background(), q, p.Project, p.Pipeline).Scan(&name)
}

// PublishTopics wakes who waits for topics.
func (s *Store) PublishTopics(topics ...string) { s.publish(topics...) }

// ClockThatSaid gives a clock after the database's answer.
func ClockThatSaid(t time.Time) (now func() time.Time) {
	var c clock
	c.took(t.UnixMicro(), time.Now(), time.Now())
	return c.Now
}

// SetWindow makes pages look at n jobs, see defaultWindow.
func (s *Store) SetWindow(n int) { s.window = n }

// Statements gives those that a list reads a page with, and their arguments.
func (s *Store) Statements(ctx context.Context, f store.Filter) (map[string][]any, error) {
	within, err := within(f)
	if err != nil {
		return nil, err
	}
	var st selection
	q, _, err := s.plan(ctx, &st, f, within)
	if err != nil {
		return nil, err
	}
	statements := map[string][]any{q: st.args}
	for _, from := range append(sources(f), source{}) {
		var keys selection
		if len(from.values) <= sourceValues {
			statements[from.keys(&keys, within, s.window)] = keys.args
		}
	}
	return statements, nil
}

// Session gives the settings of connections.
func Session() map[string]string { return session() }

// QueueStatements gives statements that run all the time, with arguments, and that of claims.
func (s *Store) QueueStatements() (statements map[string][]any, claim string) {
	return map[string][]any{
		nextReady:      nil,
		oldestEligible: nil,
		parkedScopes:   nil,
		cancelling:     {"w1"},
		"SELECT count(*), coalesce(min(CASE WHEN project = $1 THEN id END), '')" + runsOfKey: {"p", "k"},
		"SELECT id FROM jobs" + due: {"2026-01-01T00:00:00.000000+00:00"},
		selectEvents + eventsOfJob:  {"old00000001", 0, 100},
		selectEvents + eventsUpTo:   {0, 1000, 100},
	}, claimJobs
}

// Statements of deliveries.
const (
	HostsDue = hostsDue
	TakeDue  = takeDue
)
