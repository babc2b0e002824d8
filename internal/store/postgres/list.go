package postgres

import (
	"context"
	"strconv"
	"strings"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// List gives one page of jobs, newest first, by keyset: no page costs more than
// another, see defaultWindow.
func (s *Store) List(ctx context.Context, f store.Filter) (store.Page, error) {
	within, err := within(f)
	if err != nil {
		return store.Page{}, err
	}
	var st selection
	sql, end, err := s.plan(ctx, &st, f, within)
	if err != nil {
		return store.Page{}, err
	}
	jobs, err := collect(ctx, s, "list jobs", sql, st.args, rows.ScanJob)
	if err != nil {
		return store.Page{}, err
	}
	p := store.Page{Jobs: jobs}
	if len(jobs) > f.Limit || sizeOf(jobs) >= store.PageBytes {
		p.Jobs = jobs[:min(f.Limit, len(jobs))]
		last := p.Jobs[len(p.Jobs)-1]
		p.Next = rows.Key{Created: job.FormatTime(last.CreatedAt), ID: last.ID}.Cursor()
	} else if end != nil {
		p.Next = end.Cursor()
	}
	return p, nil
}

func sizeOf(jobs []job.Job) (size int) {
	for i := range jobs {
		size += len(jobs[i].Parameters) + len(jobs[i].Results)
	}
	return size
}

// plan chooses the index that a page is read from. end is where the page's window
// ends, if more may follow.
func (s *Store) plan(ctx context.Context, st *selection, f store.Filter, within span) (sql string, end *rows.Key, err error) {
	from := sources(f)
	tested := f.Query != ""
	if len(f.IDs) > 0 {
		ids, few, err := s.fewIDs(ctx, f.IDs)
		if err != nil {
			return "", nil, err
		}
		if few {
			return pageByIDs(st, f, ids, from, within), nil, nil
		}
		tested = true
	}
	var indexed []source
	for _, c := range from {
		if len(c.values) <= sourceValues {
			indexed = append(indexed, c)
		}
	}
	var best source
	if len(indexed) > 0 {
		best = indexed[0]
	}
	if tested = tested || len(from) > 1 || len(indexed) < len(from); tested {
		if best, end, err = s.narrowest(ctx, indexed, within); err != nil {
			return "", nil, err
		}
		if end != nil {
			within.from = end // it lies within
		}
	}
	return s.page(st, f, best, from, within, tested), end, nil
}

// page reads a page from one source. The keys come from its index, and the jobs are
// looked up in their order one by one: OFFSET 0 keeps the two apart, so that no
// statistics, old or new, make one of them a walk over the table.
func (s *Store) page(st *selection, f store.Filter, best source, from []source, within span, tested bool) string {
	order := " ORDER BY created_at DESC, id DESC LIMIT " + strconv.Itoa(f.Limit+1)
	if !tested && !best.merged() { // its index gives the jobs themselves
		chosen := everyJob
		if best.column != "" {
			chosen = best.column + " = " + st.arg(best.values[0])
		}
		return sized(f, "jobs"+where(chosen, within.clause(st))) + order
	}
	limit := f.Limit + 1
	if tested {
		limit = s.window
	}
	keys := best.keys(st, within, limit)
	rest := []string{queried(st, f), idCondition(st, f.IDs)}
	for _, other := range from {
		if other.column != best.column {
			rest = append(rest, other.in(st))
		}
	}
	found := "(" + keys + ") AS keys (kc, ki) CROSS JOIN LATERAL (SELECT * FROM jobs WHERE id = ki OFFSET 0) AS jobs" + where(rest...)
	return sized(f, found) + order
}

// sized selects a job's columns, the two large ones only if asked for. It then leaves out
// the jobs before which the page holds enough.
func sized(f store.Filter, from string) string {
	parameters, results, size := rows.NoParameters, rows.NoResults, "0"
	if f.Parameters {
		parameters, size = "parameters", size+" + octet_length(parameters)"
	}
	if f.Results {
		results, size = "results", size+" + coalesce(octet_length(results), 0)"
	}
	columns := "SELECT " + rows.JobHead + parameters + rows.JobInner + results + rows.NoWrites + rows.JobLast + " FROM "
	if size == "0" {
		return columns + from
	}
	return columns + "(SELECT jobs.*, sum(" + size + ") OVER (ORDER BY created_at DESC, id DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM " +
		from + ") AS jobs WHERE coalesce(before, 0) < " + strconv.Itoa(store.PageBytes)
}

// within is the range of jobs that a filter and its cursor leave.
func within(f store.Filter) (span, error) {
	var s span
	if f.CreatedSince != nil {
		s.from = &rows.Key{Created: job.FormatTime(*f.CreatedSince)}
	}
	if f.CreatedUntil != nil {
		s.before = &rows.Key{Created: job.FormatTime(*f.CreatedUntil)}
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

// queried is the part of a filter that has no index.
func queried(st *selection, f store.Filter) string {
	if f.Query == "" {
		return ""
	}
	pattern := st.arg("%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(f.Query) + "%")
	var parts []string
	for _, column := range []string{"id", "pipeline_name", "user_id", "error_message"} {
		parts = append(parts, column+" ILIKE "+pattern)
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}
