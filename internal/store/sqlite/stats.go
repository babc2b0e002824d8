package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// Stats counts the jobs of projects (nil: all) that were created since a moment. It
// looks at fewer than most jobs, the newest, whoever's they are: so its cost is bounded.
func (s *Store) Stats(ctx context.Context, since time.Time, projects []string, most int) (store.Stats, error) {
	st := store.Stats{Since: since, Complete: true}
	from := job.FormatTime(since)
	const nth = `SELECT created_at FROM jobs INDEXED BY jobs_newest WHERE created_at >= ? ORDER BY created_at DESC, id DESC LIMIT 1 OFFSET ?`
	var cut string
	switch err := s.read.QueryRowContext(ctx, nth, from, most-1).Scan(&cut); {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return st, readFault("stats", err)
	default:
		at, err := job.ParseTime(cut)
		if err != nil {
			return st, readFault("stats", err)
		}
		// A moment later, so that jobs made at one moment are counted all or none.
		st.Since, st.Complete = at.Add(time.Microsecond), false
		from = job.FormatTime(st.Since)
	}
	where := clause{}
	where.and("created_at >= ?", from)
	if projects != nil {
		where.and("project IN ("+placeholders(len(projects))+")", anys(projects)...)
	}
	q := `SELECT pipeline_name, status, coalesce(reason, ''), count(*) FROM jobs INDEXED BY jobs_newest WHERE ` + where.sql + ` GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`
	var err error
	st.Tallies, err = collect(ctx, s.read, "stats", q, where.args, func(row scanner) (t store.Tally, err error) {
		return t, row.Scan(&t.Pipeline, &t.Status, &t.Reason, &t.Count)
	})
	return st, err
}
