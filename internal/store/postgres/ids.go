package postgres

import (
	"context"
	"strconv"
	"strings"

	"github.com/kedrod/kedrod/internal/store"
)

// idCondition selects jobs by beginnings or ends of their ids. jobs_by_tail holds the
// last six characters; a shorter end can't be looked for.
func idCondition(st *selection, ids []string) string {
	var parts []string
	for _, id := range ids {
		begins, ends := idParts(st, id)
		parts = append(parts, "("+begins+")", "("+ends+")")
	}
	if len(parts) == 0 {
		return ""
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

func idParts(st *selection, id string) (begins, ends string) {
	from, to := st.arg(id), st.arg(id+"\U0010ffff")
	return "id >= " + from + " AND id < " + to, "right(id, 6) = right(" + from + ", 6) AND right(id, char_length(" + from + ")) = " + from
}

// fewIDs gives the ids that have such beginnings or ends, where there are so few that
// they can be sorted.
func (s *Store) fewIDs(ctx context.Context, ids []string) (found []string, few bool, err error) {
	if len(ids) > sourceValues {
		return nil, false, nil
	}
	var st selection
	var arms []string
	limit := " LIMIT " + strconv.Itoa(s.window+1)
	for _, id := range ids {
		begins, ends := idParts(&st, id)
		arms = append(arms, "(SELECT id FROM jobs WHERE "+begins+limit+")", "(SELECT id FROM jobs WHERE "+ends+limit+")")
	}
	found, err = collect(ctx, s, "list jobs", strings.Join(arms, " UNION ")+limit, st.args, scanText)
	return found, len(found) <= s.window, err
}

// pageByIDs reads a page of few jobs. They are found before anything else is asked of
// them.
func pageByIDs(st *selection, f store.Filter, ids []string, from []source, within span) string {
	found := "WITH found AS MATERIALIZED (SELECT * FROM jobs WHERE id = ANY(" + st.arg(ids) + ")) "
	rest := []string{queried(st, f), within.clause(st)}
	for _, other := range from {
		rest = append(rest, other.in(st))
	}
	return found + sized(f, "found AS jobs"+where(rest...)) + " ORDER BY created_at DESC, id DESC LIMIT " + strconv.Itoa(f.Limit+1)
}
