package sqlite

import (
	"context"
	"strings"

	"github.com/kedrod/kedrod/internal/store"
)

// tailLength is how much of an id's end the index jobs_by_tail holds; a shorter end
// can't be looked for.
const tailLength = 6

// idCondition selects jobs by beginnings or ends of their ids.
func idCondition(ids []string) clause {
	var parts []string
	var c clause
	for _, id := range ids {
		parts = append(parts, "(id >= ? AND id < ?)", "(substr(id, -6) = ? AND substr(id, -?) = ?)")
		c.args = append(c.args, id, id+"\U0010ffff", id[max(0, len(id)-tailLength):], len(id), id)
	}
	c.sql = "(" + strings.Join(parts, " OR ") + ")"
	return c
}

// idKeys selects the rowids that idCondition does, each part by its index and none
// with more than a window of them.
func (s *Store) idKeys(ids []string) clause {
	var arms []string
	var c clause
	for _, id := range ids {
		arms = append(arms, "SELECT * FROM (SELECT rowid AS kr FROM jobs WHERE id >= ? AND id < ? LIMIT ?)",
			"SELECT * FROM (SELECT rowid AS kr FROM jobs INDEXED BY jobs_by_tail WHERE substr(id, -6) = ? AND substr(id, -?) = ? LIMIT ?)")
		c.args = append(c.args, id, id+"\U0010ffff", s.window+1, id[max(0, len(id)-tailLength):], len(id), id, s.window+1)
	}
	c.sql = strings.Join(arms, " UNION ")
	return c
}

// fewIDs tells whether so few jobs have such ids that they can be sorted.
func (s *Store) fewIDs(ctx context.Context, ids []string) (bool, error) {
	if len(ids) > sourceValues {
		return false, nil
	}
	q := s.idKeys(ids)
	var n int
	err := s.read.QueryRowContext(ctx, "SELECT count(*) FROM ("+q.sql+" LIMIT ?)", append(q.args, s.window+1)...).Scan(&n)
	return n <= s.window, err
}

// pageByIDs reads a page of the few jobs with such ids.
func (s *Store) pageByIDs(f store.Filter, from []source, rest clause, within span) clause {
	for _, other := range from {
		rest.add(other.in())
	}
	rest.add(within.clause())
	keys := s.idKeys(f.IDs)
	q := clause{columns(f) + " FROM jobs WHERE rowid IN (" + keys.sql + ")", keys.args}
	if rest.sql != "" {
		q.sql, q.args = q.sql+" AND "+rest.sql, append(q.args, rest.args...)
	}
	// The unary plus keeps SQLite from walking an index in search of the few.
	return clause{q.sql + " ORDER BY +created_at DESC, +id DESC LIMIT ?", append(q.args, f.Limit+1)}
}
