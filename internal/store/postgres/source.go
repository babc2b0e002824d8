package postgres

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// defaultWindow is how many jobs one page looks at when no index fits its whole filter.
// Such a page may hold fewer jobs than asked for, and still name a next one: that
// keeps the cost of every page bounded, however rare what is looked for.
const defaultWindow = 500

// sourceValues is how many values of one filter are merged from an index; with more
// of them the filter is tested job by job.
const sourceValues = 64

// probes is how many indexes are asked how far back their window reaches.
const probes = 3

// everyJob is the condition of jobs_newest. It is true of every job; a selection that
// does not say it can't be planned over that index, which would be walked for ever in
// search of something rare.
const everyJob = `id <> ''`

// selection is SQL under construction, with its arguments.
type selection struct{ args []any }

// arg gives the placeholder of one more argument.
func (st *selection) arg(v any) string {
	st.args = append(st.args, v)
	return "$" + strconv.Itoa(len(st.args))
}

// all joins conditions; those that are empty are left out.
func all(conditions ...string) string {
	return strings.Join(slices.DeleteFunc(conditions, func(c string) bool { return c == "" }), " AND ")
}

// where makes a clause of conditions, if there are any.
func where(conditions ...string) string {
	if c := all(conditions...); c != "" {
		return " WHERE " + c
	}
	return ""
}

// source is an index that gives jobs newest first: those whose column has one of the
// values, or all when there is no column.
type source struct {
	column string
	values []string
}

// label is the source of job_labels, which is its own index.
const label = "label"

// sources splits a filter: what an index can give in order. Each source selects on one
// field alone.
func sources(f store.Filter) []source {
	statuses := make([]string, len(f.Statuses))
	for i, st := range f.Statuses {
		statuses[i] = string(st)
	}
	var found []source
	for _, s := range []source{ // what selects best, as a rule, first
		{"user_id", f.UserIDs},
		{"submitted_by", f.SubmittedBy},
		{label, f.Labels},
		{"pipeline_name", f.Pipelines},
		{"status", statuses},
		{"project", f.Projects},
	} {
		if len(s.values) > 0 {
			// A value given twice would be merged with itself.
			s.values = slices.Compact(slices.Sorted(slices.Values(s.values)))
			found = append(found, s)
		}
	}
	return found
}

// merged reports whether pages are read by keys, and the jobs then looked up.
func (s source) merged() bool { return len(s.values) > 1 || s.column == label }

// in is the source's selection as a condition on a job.
func (s source) in(st *selection) string {
	switch s.column {
	case "":
		return ""
	case label: // of the job's own words: job_labels would be looked up for each of the values
		return "EXISTS (SELECT 1 FROM jsonb_each_text(jobs.labels::jsonb) AS had WHERE had.key || ':' || had.value = ANY(" + st.arg(s.values) + "))"
	}
	return "jobs." + s.column + " = ANY(" + st.arg(s.values) + ")"
}

// keys selects created_at and id of the source's newest jobs in a range, in order, as
// many as limit, from the index alone. Several values are merged as they are read.
func (s source) keys(st *selection, within span, limit int) string {
	order := " ORDER BY created_at DESC, id DESC LIMIT " + strconv.Itoa(limit)
	from := "jobs"
	if s.column == label {
		from = "job_labels"
	}
	if s.column == "" {
		return "SELECT created_at, id FROM jobs" + where(everyJob, within.clause(st)) + order
	}
	var arms []string
	for _, v := range s.values { // each in order, so that merging them reads no more than it gives
		arms = append(arms, "SELECT created_at, id FROM "+from+where(s.column+" = "+st.arg(v), within.clause(st))+order)
	}
	if len(arms) == 1 {
		return arms[0]
	}
	merged := "((" + strings.Join(arms, ") UNION ALL (") + ")) AS arms"
	if s.column == label {
		// A job with two of the labels comes once. Told by the row before, since DISTINCT reads all
		// arms before it gives anything.
		merged = "(SELECT created_at, id, lag(id) OVER (ORDER BY created_at DESC, id DESC) AS before FROM " + merged + ") AS once WHERE before IS DISTINCT FROM id"
	}
	return "SELECT created_at, id FROM " + merged + order
}

// span is a range of places in a list, each end nil where it is open.
type span struct{ from, before *rows.Key }

func (s span) clause(st *selection) string {
	var from, before string
	if s.from != nil {
		from = "(created_at, id) >= (" + st.arg(s.from.Created) + ", " + st.arg(s.from.ID) + ")"
	}
	if s.before != nil {
		before = "(created_at, id) < (" + st.arg(s.before.Created) + ", " + st.arg(s.before.ID) + ")"
	}
	return all(from, before)
}

// narrowest gives the source whose window of jobs reaches back furthest, and where
// that window ends; end is nil when it holds all that are left.
func (s *Store) narrowest(ctx context.Context, of []source, within span) (best source, end *rows.Key, err error) {
	of = of[:min(len(of), probes)]
	if len(of) == 0 {
		of = []source{{}}
	}
	var st selection
	var arms []string
	for i, candidate := range of {
		arms = append(arms, fmt.Sprintf("(SELECT %d AS source, created_at, id FROM (%s) AS keys OFFSET %d)", i, candidate.keys(&st, within, s.window), s.window-1))
	}
	type reach struct {
		source int
		end    rows.Key
	}
	reached, err := collect(ctx, s, "list jobs", strings.Join(arms, " UNION ALL "), st.args, func(row rows.Scanner) (r reach, err error) {
		return r, row.Scan(&r.source, &r.end.Created, &r.end.ID)
	})
	if err != nil {
		return best, nil, err
	}
	whole := map[int]bool{}
	for i := range of {
		whole[i] = true
	}
	for i := range reached {
		r := &reached[i]
		if delete(whole, r.source); end == nil || r.end.Older(*end) {
			best, end = of[r.source], &r.end
		}
	}
	for i := range of { // the first that ends within its window ends the search
		if whole[i] {
			return of[i], nil, nil
		}
	}
	return best, end, nil
}
