package sqlite

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// Durability reads the writing connection's settings.
func (s *Store) Durability(ctx context.Context) (mode string, synchronous int, err error) {
	err = s.write.do(ctx, normal, func(ctx context.Context, t *tx) error {
		if err := t.conn.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
			return err
		}
		return t.conn.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous)
	})
	return mode, synchronous, err
}

// CountAudit counts the entries of one outcome.
func (s *Store) CountAudit(ctx context.Context, outcome string) (n int, err error) {
	return n, s.read.QueryRowContext(ctx, "SELECT count(*) FROM audit WHERE outcome = ?", outcome).Scan(&n)
}

// Plans gives statements whose plans are tested, by name.
func (s *Store) Plans(ctx context.Context) (map[string]string, error) {
	plans := map[string]string{
		"claim":        literal(clause{sql: nextJobs(2)}),
		"requiring":    literal(clause{sql: nextRequiring(2)}),
		"requires":     literal(clause{sql: nextRequires}),
		"first parked": literal(clause{sql: unparkFirst}), "first of a lane": literal(clause{sql: unparkLane}), "next lane": literal(clause{sql: nextLane}), "head of a key": literal(clause{sql: nextHead}),
		"any parked": anyParked, "running of a key": literal(clause{sql: countKey}), "running of a project": literal(clause{sql: countProject}),
		"running of a pipeline": literal(clause{sql: countPipeline}),
		"hosts of deliveries":   hostsDue, "deliveries of a host": literal(clause{sql: dueOf}),
		"held": selectJob + " INDEXED BY jobs_held WHERE status = 'running' AND worker = 'w'",
	}
	cursor := key{Created: "2026-01-01T00:00:00.000000+00:00", ID: "x"}.Cursor()
	since := time.Unix(0, 0)
	many := make([]string, sourceValues+1)
	for i := range many {
		many[i] = string(rune('a' + i))
	}
	for name, f := range map[string]store.Filter{
		"everything":      {},
		"since":           {CreatedSince: &since, CreatedUntil: &since},
		"users since":     {UserIDs: []string{"u", "v"}, CreatedSince: &since, CreatedUntil: &since, Query: "q"},
		"status":          {Statuses: []job.Status{job.Failed}},
		"statuses":        {Statuses: []job.Status{job.Failed, job.Cancelled, job.Running}},
		"pipeline":        {Pipelines: []string{"p"}},
		"pipelines":       {Pipelines: []string{"p", "q"}},
		"user":            {UserIDs: []string{"u"}},
		"users":           {UserIDs: []string{"u", "v"}},
		"submitter":       {SubmittedBy: []string{"s"}},
		"label":           {Labels: []string{"a:b"}},
		"labels":          {Labels: []string{"a:b", "a:c"}, CreatedSince: &since},
		"label and more":  {Labels: []string{"a:b"}, Statuses: []job.Status{job.Failed}, UserIDs: []string{"u"}},
		"projects":        {Projects: []string{"p", "q"}},
		"query":           {Query: "q"},
		"user and status": {UserIDs: []string{"u", "v"}, Statuses: []job.Status{job.Failed}, Query: "q"},
		"many users":      {UserIDs: many},
	} {
		for _, f.Cursor = range []string{"", cursor} {
			within, err := within(f)
			if err != nil {
				return nil, err
			}
			q, _, err := s.plan(ctx, f, within)
			if err != nil {
				return nil, err
			}
			plans["list by "+name+f.Cursor] = literal(q)
			for _, from := range append(sources(f), newest()) {
				if len(from.values) <= sourceValues {
					plans["window of "+from.index+", "+name+f.Cursor] = literal(from.keys(within))
				}
			}
		}
	}
	return plans, nil
}

// Write runs statements as one part of a gathered transaction.
func (s *Store) Write(ctx context.Context, fn func(exec func(q string) error) error) error {
	return s.write.do(ctx, normal, func(ctx context.Context, t *tx) error {
		return fn(func(q string) error { return t.exec(ctx, q) })
	})
}

// literal puts a word in the place of every argument: a plan does not depend on them.
func literal(q clause) string {
	return strings.ReplaceAll(strings.ReplaceAll(q.sql, "LIMIT ?", "LIMIT 9"), "?", "'x'")
}

// CursorAt is a cursor into the middle of a list.
func CursorAt(t time.Time) string { return key{Created: job.FormatTime(t), ID: "~"}.Cursor() }

// SetWindow makes pages look at n jobs, see defaultWindow.
func (s *Store) SetWindow(n int) { s.window = n }

// SetWALLimit bounds the WAL file to n bytes. Call it before anything is written.
func (s *Store) SetWALLimit(n int64) { s.write.wal.limit = n }

// Read holds a transaction that reads for some time.
func (s *Store) Read(ctx context.Context, d time.Duration) error {
	conn, err := s.read.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	var n int
	err = conn.QueryRowContext(ctx, "SELECT count(*) FROM workers").Scan(&n)
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
	_, rerr := conn.ExecContext(ctx, "ROLLBACK")
	return errors.Join(err, rerr)
}

// InSight counts the jobs that the next claim looks at.
func (s *Store) InSight(ctx context.Context) (n int, err error) {
	return n, s.read.QueryRowContext(ctx, `SELECT count(*) FROM jobs WHERE status = 'pending' AND parked_on IS NULL`).Scan(&n)
}

// NextLane finds the lanes of a key.
const NextLane = nextLane
