package postgres

import (
	"context"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// Stats counts the jobs of projects (nil: all) that were created since a moment. It
// looks at fewer than most jobs, the newest, whoever's they are: so its cost is bounded.
func (s *Store) Stats(ctx context.Context, since time.Time, projects []string, most int) (store.Stats, error) {
	counted := store.Stats{Since: since, Complete: true}
	from := job.FormatTime(since)
	const nth = `SELECT created_at FROM jobs WHERE ` + everyJob + ` AND created_at >= $1 ORDER BY created_at DESC, id DESC LIMIT 1 OFFSET $2`
	cut, many, err := one(ctx, s, "stats", nth, []any{from, most - 1}, scanText)
	if err != nil {
		return counted, err
	}
	if many {
		var d rows.Decoder
		at := d.Time("created_at", rows.Text(cut))
		if d.Err != nil {
			return counted, d.Err
		}
		// A moment later, so that jobs made at one moment are counted all or none.
		counted.Since, counted.Complete = at.Add(time.Microsecond), false
		from = job.FormatTime(counted.Since)
	}
	// The limit is never reached: it keeps the count to what the index gives.
	const q = `SELECT pipeline_name, status, coalesce(reason, ''), count(*) FROM
		(SELECT pipeline_name, status, reason, project FROM jobs WHERE ` + everyJob + ` AND created_at >= $1 ORDER BY created_at DESC, id DESC LIMIT $3) AS newest
		WHERE $2::text[] IS NULL OR project = ANY($2) GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`
	counted.Tallies, err = collect(ctx, s, "stats", q, []any{from, projects, most}, func(row rows.Scanner) (t store.Tally, err error) {
		return t, row.Scan(&t.Pipeline, &t.Status, &t.Reason, &t.Count)
	})
	return counted, err
}

// CountLimit is where Count stops counting.
const CountLimit = 10_000

// Count tells how many jobs are in a state that has not ended, pending and running,
// each up to CountLimit.
func (s *Store) Count(ctx context.Context) (pending, running int, err error) {
	var st selection
	const n = "(SELECT count(*) FROM ("
	q := "SELECT " + n + source{"status", []string{string(job.Pending)}}.keys(&st, span{}, CountLimit) + ") AS p), " +
		n + source{"status", []string{string(job.Running)}}.keys(&st, span{}, CountLimit) + ") AS r)"
	type counts struct{ pending, running int }
	c, _, err := one(ctx, s, "count jobs", q, st.args, func(row rows.Scanner) (c counts, err error) { return c, row.Scan(&c.pending, &c.running) })
	return c.pending, c.running, err
}

// CountJobs counts every job: it reads a whole index, about a second for 10 million.
func (s *Store) CountJobs(ctx context.Context) (int, error) {
	n, _, err := one(ctx, s, "count jobs", `SELECT count(*) FROM jobs`, nil, scanInt)
	return int(n), err
}
