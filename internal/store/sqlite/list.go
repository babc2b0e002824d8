package sqlite

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
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
// another.
func (s *Store) List(ctx context.Context, f store.Filter) (store.Page, error) {
	where, args := conditions(f)
	if f.Cursor != "" {
		created, id, ok := readCursor(f.Cursor)
		if !ok {
			return store.Page{}, fault.InvalidField("cursor", "is not one that this service gave out; begin again without it")
		}
		where, args = append(where, "(created_at, id) < (?, ?)"), append(args, created, id)
	}
	parameters, results := noParameters, noResults
	if f.Parameters {
		parameters = "parameters"
	}
	if f.Results {
		results = "results"
	}
	q := selectHead + parameters + selectInner + results + selectTail
	if len(where) > 0 {
		q += " WHERE " + strings.Join(where, " AND ")
	}
	q += " ORDER BY created_at DESC, id DESC LIMIT ?"
	jobs, err := collect(ctx, s.read, "list jobs", q, append(args, f.Limit+1), scanJob)
	if err != nil {
		return store.Page{}, err
	}
	p := store.Page{Jobs: jobs}
	if len(jobs) > f.Limit {
		p.Jobs = jobs[:f.Limit]
		last := p.Jobs[f.Limit-1]
		p.Next = cursor(last)
	}
	return p, nil
}

func conditions(f store.Filter) (where []string, args []any) {
	in := func(column string, values []string) {
		if len(values) > 0 {
			where, args = append(where, column+" IN ("+placeholders(len(values))+")"), append(args, anys(values)...)
		}
	}
	statuses := make([]string, len(f.Statuses))
	for i, st := range f.Statuses {
		statuses[i] = string(st)
	}
	in("status", statuses)
	in("pipeline_name", f.Pipelines)
	in("project", f.Projects)
	in("user_id", f.UserIDs)
	in("submitted_by", f.SubmittedBy)
	if len(f.IDs) > 0 {
		var parts []string
		for _, id := range f.IDs {
			parts, args = append(parts, "(id >= ? AND id < ?)"), append(args, id, id+"\U0010ffff")
			tail := id[max(0, len(id)-tailLength):]
			parts, args = append(parts, "(substr(id, -6) = ? AND substr(id, -?) = ?)"), append(args, tail, len(id), id)
		}
		where = append(where, "("+strings.Join(parts, " OR ")+")")
	}
	bound := func(condition string, t *time.Time) {
		if t != nil {
			where, args = append(where, condition), append(args, job.FormatTime(*t))
		}
	}
	bound("created_at >= ?", f.CreatedSince)
	bound("created_at < ?", f.CreatedUntil)
	if f.Query != "" {
		pattern := "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(f.Query) + "%"
		where = append(where, `(id LIKE ? ESCAPE '\' OR pipeline_name LIKE ? ESCAPE '\' OR user_id LIKE ? ESCAPE '\' OR error_message LIKE ? ESCAPE '\')`)
		args = append(args, pattern, pattern, pattern, pattern)
	}
	return where, args
}

// tailLength is how much of an id's end the index jobs_by_tail holds; a shorter end
// can't be looked for.
const tailLength = 6

func cursor(j job.Job) string {
	return base64.RawURLEncoding.EncodeToString([]byte(job.FormatTime(j.CreatedAt) + "|" + j.ID))
}

func readCursor(c string) (created, id string, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(c)
	if err != nil {
		return "", "", false
	}
	created, id, ok = strings.Cut(string(b), "|")
	return created, id, ok && len(created) == len(job.TimeLayout)
}

func placeholders(n int) string {
	if n == 0 {
		return ""
	}
	return "?" + strings.Repeat(", ?", n-1)
}

func anys(values []string) []any {
	out := make([]any, len(values))
	for i, v := range values {
		out[i] = v
	}
	return out
}
