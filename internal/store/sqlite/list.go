package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// Get gives a job; a NotFound fault when there is none.
func (s *Store) Get(ctx context.Context, id string) (job.Job, error) {
	j, err := scanJob(s.get.QueryRowContext(ctx, id))
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return j, noSuchJob(id)
	case err != nil:
		return j, readFault("get job", err)
	}
	return j, nil
}

// List gives one page of jobs, newest first, by keyset: no page costs more than
// another, see defaultWindow.
func (s *Store) List(ctx context.Context, f store.Filter) (store.Page, error) {
	within, err := within(f)
	if err != nil {
		return store.Page{}, err
	}
	q, end, err := s.plan(ctx, f, within)
	if err != nil {
		return store.Page{}, readFault("list jobs", err)
	}
	jobs, full, err := s.pageOf(ctx, q)
	if err != nil {
		return store.Page{}, err
	}
	p := store.Page{Jobs: jobs}
	if len(jobs) > f.Limit || full {
		p.Jobs = jobs[:min(f.Limit, len(jobs))]
		last := p.Jobs[len(p.Jobs)-1]
		p.Next = key{Created: job.FormatTime(last.CreatedAt), ID: last.ID}.Cursor()
	} else if end != nil {
		p.Next = end.Cursor()
	}
	return p, nil
}

// pageOf reads jobs until there are no more, or until they hold enough for one page,
// which is then full.
func (s *Store) pageOf(ctx context.Context, q clause) (jobs []job.Job, full bool, err error) {
	rows, err := s.read.QueryContext(ctx, q.sql, q.args...)
	if err != nil {
		return nil, false, readFault("list jobs", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what went wrong
	jobs, size := []job.Job{}, 0
	for size < store.PageBytes && rows.Next() {
		j, err := scanJob(rows)
		if err != nil {
			return nil, false, readFault("list jobs", err)
		}
		jobs = append(jobs, j)
		size += len(j.Parameters) + len(j.Results)
	}
	if err := rows.Err(); err != nil {
		return nil, false, readFault("list jobs", err)
	}
	return jobs, size >= store.PageBytes, nil
}

// plan chooses the index that a page is read from. end is where the page's window
// ends, if more may follow.
func (s *Store) plan(ctx context.Context, f store.Filter, within span) (q clause, end *key, err error) {
	rest, from := conditions(f), sources(f)
	if len(f.IDs) > 0 {
		few, err := s.fewIDs(ctx, f.IDs)
		if err != nil {
			return q, nil, err
		}
		if few {
			return s.pageByIDs(f, from, rest, within), nil, nil
		}
		rest.add(idCondition(f.IDs))
	}
	var indexed []source
	for _, c := range from {
		if len(c.values) <= sourceValues {
			indexed = append(indexed, c)
		}
	}
	best := newest()
	if len(indexed) > 0 {
		best = indexed[0]
	}
	if rest.sql != "" || len(from) > 1 || len(indexed) < len(from) {
		if len(indexed) == 0 {
			indexed = []source{best}
		}
		if best, end, err = s.narrowest(ctx, indexed, within); err != nil {
			return q, nil, err
		}
		if end != nil {
			within.from = end // it lies within
		}
	}
	for _, other := range from {
		if other.column != best.column {
			rest.add(other.in())
		}
	}
	return s.page(f, best, rest, within), end, nil
}

// page reads a page from one source.
func (s *Store) page(f store.Filter, from source, rest clause, within span) clause {
	if from.merged() { // the merge keeps the order, and so does the join that looks up its jobs
		keys := from.keys(within)
		limit := any(f.Limit + 1)
		if rest.sql != "" {
			limit = s.window
		}
		q := clause{columns(f) + " FROM (" + keys.sql + " LIMIT ?) AS k CROSS JOIN jobs ON " + from.join(), append(keys.args, limit)}
		if rest.sql != "" {
			q.sql, q.args = q.sql+" WHERE "+rest.sql, append(q.args, rest.args...)
		}
		return clause{q.sql + " LIMIT ?", append(q.args, f.Limit+1)}
	}
	where := from.in()
	where.add(within.clause())
	where.add(rest)
	q := columns(f) + " FROM jobs INDEXED BY " + from.index
	if where.sql != "" {
		q += " WHERE " + where.sql
	}
	return clause{q + " ORDER BY created_at DESC, id DESC LIMIT ?", append(where.args, f.Limit+1)}
}

// columns begins a statement that lists jobs; the two large columns only if asked for.
func columns(f store.Filter) string {
	parameters, results := rows.NoParameters, rows.NoResults
	if f.Parameters {
		parameters = "parameters"
	}
	if f.Results {
		results = "results"
	}
	return "SELECT " + rows.JobHead + parameters + rows.JobInner + results + rows.NoWrites + rows.JobLast
}

// within is the range of jobs that a filter and its cursor leave.
//
//kedrod:parser FuzzCursor by List
func within(f store.Filter) (span, error) {
	var s span
	if f.CreatedSince != nil {
		s.from = &key{Created: job.FormatTime(*f.CreatedSince)}
	}
	if f.CreatedUntil != nil {
		s.before = &key{Created: job.FormatTime(*f.CreatedUntil)}
	}
	if f.Cursor != "" {
		k, ok := rows.ReadCursor(f.Cursor)
		if !ok {
			return s, rows.BadCursor()
		}
		if s.before == nil || k.Older(*s.before) {
			s.before = &k
		}
	}
	return s, nil
}

// conditions are those parts of a filter that have no index.
//
//kedrod:parser FuzzSearch by List
func conditions(f store.Filter) clause {
	var c clause
	if f.Query != "" {
		pattern := "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(f.Query) + "%"
		c.and(`(id LIKE ? ESCAPE '\' OR pipeline_name LIKE ? ESCAPE '\' OR user_id LIKE ? ESCAPE '\' OR error_message LIKE ? ESCAPE '\')`,
			pattern, pattern, pattern, pattern)
	}
	return c
}

func anys(values []string) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}
