package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"github.com/kedrod/kedrod/internal/store"
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

// source is an index that gives jobs newest first: those whose column has one of the
// values, or all when there is no column.
type source struct {
	index  string
	column string
	values []string
}

// sources splits a filter: what an index can give in order, and the rest as
// conditions on each job. Each source selects on one field alone.
func sources(f store.Filter) []source {
	statuses := make([]string, len(f.Statuses))
	for i, st := range f.Statuses {
		statuses[i] = string(st)
	}
	var found []source
	for _, s := range []source{ // what selects best, as a rule, first
		{"jobs_by_user", "user_id", f.UserIDs},
		{"jobs_by_submitter", "submitted_by", f.SubmittedBy},
		{labelIndex, "label", f.Labels},
		{"jobs_by_pipeline", "pipeline_name", f.Pipelines},
		{"jobs_by_status", "status", statuses},
		{"jobs_by_project", "project", f.Projects},
	} {
		if len(s.values) > 0 {
			// A value given twice would be merged with itself.
			s.values = slices.Compact(slices.Sorted(slices.Values(s.values)))
			found = append(found, s)
		}
	}
	return found
}

// newest is the source of everything.
func newest() source { return source{index: "jobs_newest"} }

// clause is SQL with the arguments of its question marks.
type clause struct {
	sql  string
	args []any
}

func (c *clause) and(sql string, args ...any) {
	if c.sql != "" {
		c.sql += " AND "
	}
	c.sql, c.args = c.sql+sql, append(c.args[:len(c.args):len(c.args)], args...)
}

func (c *clause) add(other clause) {
	if other.sql != "" {
		c.and(other.sql, other.args...)
	}
}

// in is the source's selection as a condition on a job.
func (s source) in() clause {
	if s.column == "" {
		return clause{}
	}
	in := s.column + " IN (" + placeholders(len(s.values)) + ")"
	if s.index == labelIndex {
		in = "EXISTS (SELECT 1 FROM job_labels AS l WHERE l." + in + " AND l.created_at = jobs.created_at AND l.id = jobs.id)"
	}
	return clause{in, anys(s.values)}
}

// labelIndex stands for the table of labels, which is its own index. It knows no rowid
// of jobs, and a job may come from several of its values.
const labelIndex = "job_labels"

// merged reports whether pages are read by keys and a join.
func (s source) merged() bool { return len(s.values) > 1 || s.index == labelIndex }

// join is the condition by which a job is found for a row of keys.
func (s source) join() string {
	if s.index == labelIndex {
		return "jobs.id = k.ki"
	}
	return "jobs.rowid = k.kr"
}

// keys selects the columns kc, ki, kr (created_at, id, rowid) of the source's jobs in
// a range of (created_at, id), newest first, from the index alone. Several values are
// merged as they are read.
func (s source) keys(within span) clause {
	var arms []string
	var all clause
	values := anys(s.values)
	if s.column == "" {
		values = []any{nil}
	}
	for _, v := range values {
		var c clause
		if s.column != "" {
			c.and(s.column+" = ?", v)
		}
		c.add(within.clause())
		arm := "SELECT created_at AS kc, id AS ki, rowid AS kr FROM jobs INDEXED BY " + s.index
		if s.index == labelIndex {
			arm = "SELECT created_at AS kc, id AS ki, 0 AS kr FROM job_labels"
		}
		if c.sql != "" {
			arm += " WHERE " + c.sql
		}
		arms, all.args = append(arms, arm), append(all.args, c.args...)
	}
	union := " UNION ALL "
	if s.index == labelIndex {
		union = " UNION " // a job with two of the labels comes once
	}
	all.sql = strings.Join(arms, union) + " ORDER BY kc DESC, ki DESC"
	return all
}

// span is a range of keys, each end nil where it is open. It has one condition for
// each end: of two, SQLite seeks by the one and reads all that the other shuts out.
type span struct{ from, before *key }

func (s span) clause() clause {
	var c clause
	if s.from != nil {
		c.and("(created_at, id) >= (?, ?)", s.from.Created, s.from.ID)
	}
	if s.before != nil {
		c.and("(created_at, id) < (?, ?)", s.before.Created, s.before.ID)
	}
	return c
}

// nth gives the key of the source's n-th job in the range; ok is false when there are
// fewer.
func (s *Store) nth(ctx context.Context, from source, within span, n int) (k key, ok bool, err error) {
	q := from.keys(within)
	err = s.read.QueryRowContext(ctx, "SELECT kc, ki FROM ("+q.sql+" LIMIT 1 OFFSET ?)", append(q.args, n-1)...).Scan(&k.Created, &k.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return k, false, nil
	}
	return k, err == nil, err
}

// narrowest gives the source whose window of jobs reaches back furthest, and where
// that window ends; end is nil when it holds all that are left.
func (s *Store) narrowest(ctx context.Context, of []source, within span) (best source, end *key, err error) {
	for i, candidate := range of[:min(len(of), probes)] {
		k, more, err := s.nth(ctx, candidate, within, s.window)
		if err != nil {
			return best, nil, err
		}
		if !more {
			return candidate, nil, nil
		}
		if i == 0 || k.Older(*end) {
			best, end = candidate, &k
		}
	}
	return best, end, nil
}
