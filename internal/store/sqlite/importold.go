package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
)

// Imported says what became of the jobs of another file.
type Imported struct {
	New        int // taken over
	Known      int // here already under their id: left as they are
	Unfinished int // of New, had not ended there
	Skipped    int // without an id or a pipeline that can be given back as text
}

// ImportOptions of Import.
type ImportOptions struct {
	Project  string // that the jobs belong to
	Resubmit bool   // what had not ended waits again; else it failed as worker_lost
}

// Import takes over the jobs of a jobs.db of the stack that kedrod replaces. It reads
// that file only, may be repeated, and doubles nothing.
func (s *Store) Import(ctx context.Context, from string, o ImportOptions) (done Imported, err error) {
	if err := isFile(from); err != nil {
		return done, err
	}
	old, err := sql.Open("sqlite", strings.Replace(plainDSN(from), "mode=rw", "mode=ro", 1))
	if err != nil {
		return done, fmt.Errorf("import: %w", err)
	}
	defer func() { err = errors.Join(err, old.Close()) }()
	const q = `SELECT rowid, id, pipeline_name, user_id, status, parameters, results, error_message, created_at, started_at, completed_at, execution_time
		FROM jobs WHERE rowid > ? ORDER BY rowid LIMIT 200`
	for after := int64(0); ; {
		rows, err := old.QueryContext(ctx, q, after)
		if err != nil {
			return done, fault.Wrap(err, fault.Invalid, from+" has no table jobs of the kind that is imported: is it the right file?")
		}
		batch, err := collectRows(rows, func(row scanner) (r oldJob, err error) {
			return r, row.Scan(&r.rowid, &r.id, &r.pipeline, &r.user, &r.status, &r.parameters, &r.results, &r.message, &r.created, &r.started, &r.completed, &r.seconds)
		})
		if err != nil {
			return done, fmt.Errorf("import: read %s: %w", from, err)
		}
		if len(batch) == 0 {
			return done, nil
		}
		after = batch[len(batch)-1].rowid
		if err := s.importBatch(ctx, batch, o, &done); err != nil {
			return done, fmt.Errorf("import: %w", err)
		}
	}
}

func (s *Store) importBatch(ctx context.Context, batch []oldJob, o ImportOptions, done *Imported) error {
	var now Imported
	err := s.write.do(ctx, normal, func(ctx context.Context, t *tx) error {
		now = Imported{}
		for i := range batch {
			if !batch[i].usable() {
				now.Skipped++
				continue
			}
			if _, err := t.load(ctx, batch[i].id.String); err == nil {
				now.Known++
				continue
			} else if !fault.Is(err, fault.NotFound) {
				return err
			}
			j, unfinished := batch[i].job(o, s.timestamp())
			at := s.timestamp()
			args, err := insertArgs(&j, at)
			if err != nil {
				return err
			}
			if err := t.insert(ctx, &j, args, at); err != nil {
				return err
			}
			now.New++
			if unfinished {
				now.Unfinished++
			}
		}
		return nil
	})
	done.New, done.Known = done.New+now.New, done.Known+now.Known
	done.Unfinished, done.Skipped = done.Unfinished+now.Unfinished, done.Skipped+now.Skipped
	return err
}

// oldJob is a row there. Any column may be null and of any type: SQLite holds nobody
// to what a table says.
type oldJob struct {
	rowid                                int64
	id, pipeline, user, status           sql.NullString
	parameters, results, message         sql.NullString
	created, started, completed, seconds any
}

// maxOldName bounds ids and names of pipelines, as they stand in addresses and indexes.
const maxOldName = 500

// usable reports whether a row names a job and its pipeline by text that the API can
// give back.
func (r *oldJob) usable() bool {
	for _, name := range []string{r.id.String, r.pipeline.String} {
		if name == "" || len(name) > maxOldName || strings.ContainsRune(name, 0) || !utf8.ValidString(name) {
			return false
		}
	}
	return true
}

// job is the row as one of ours; unfinished tells that it had not ended.
//
//kedrod:parser FuzzImport
func (r *oldJob) job(o ImportOptions, now time.Time) (j job.Job, unfinished bool) {
	j = job.Job{
		ID: r.id.String, Project: o.Project, Pipeline: r.pipeline.String, Parameters: object(r.parameters.String), CreatedAt: now,
		Queue: job.Queue{Timeout: job.DefaultTimeout, MaxAttempts: 1, MaxRecoveries: job.DefaultMaxRecoveries},
	}
	if r.user.Valid {
		j.UserID = &r.user.String
	}
	if t := oldTime(r.created); t != nil {
		j.CreatedAt = *t
	}
	switch strings.ToLower(r.status.String) {
	case "completed", "success", "succeeded":
		j.Status = job.Completed
	case "failed", "error", "failure":
		j.Status, j.Reason = job.Failed, job.PipelineError
	case "cancelled", "canceled":
		j.Status = job.Cancelled
	default:
		if o.Resubmit {
			j.Status = job.Pending
			return j, true
		}
		unfinished = true
		text := fmt.Sprintf("The job was %s in the service that it was imported from, and had not ended there.", r.status.String)
		j.Status, j.Reason, j.ErrorMessage = job.Failed, job.WorkerLost, &text
	}
	j.StartedAt, j.CompletedAt = oldTime(r.started), oldTime(r.completed)
	if j.CompletedAt == nil {
		j.CompletedAt = &now
	}
	if r.message.Valid && !unfinished {
		j.ErrorMessage = &r.message.String
	}
	if f, ok := number(r.seconds); ok && !math.IsInf(f, 0) && !math.IsNaN(f) { // JSON has no form for these
		j.ExecutionTime = &f
	}
	if json.Valid([]byte(r.results.String)) && utf8.ValidString(r.results.String) {
		j.Results = json.RawMessage(r.results.String)
	} else if r.results.String != "" {
		j.Results, _ = json.Marshal(r.results.String)
	}
	return j, unfinished
}

// object is the text if it is a JSON object; else an empty one.
func object(text string) json.RawMessage {
	var m map[string]json.RawMessage
	if !utf8.ValidString(text) || json.Unmarshal([]byte(text), &m) != nil || m == nil {
		return json.RawMessage("{}")
	}
	return json.RawMessage(text)
}

// oldTime reads seconds since 1970, or a time as text; nil when it is neither.
func oldTime(v any) *time.Time {
	if f, ok := number(v); ok && f > 0 && f < 1<<33 {
		whole, part := math.Modf(f)
		t := job.Truncate(time.Unix(int64(whole), int64(part*1e9)).UTC())
		return &t
	}
	text, ok := v.(string)
	if b, isBytes := v.([]byte); isBytes {
		text, ok = string(b), true
	}
	if t, isTime := v.(time.Time); isTime {
		return kept(t)
	}
	if !ok {
		return nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999"} {
		if t, err := time.Parse(layout, text); err == nil {
			return kept(t)
		}
	}
	return nil
}

// kept is a time as ours are; nil for one that can't be written.
func kept(t time.Time) *time.Time {
	t, err := job.ParseTime(job.FormatTime(t))
	if err != nil {
		return nil
	}
	return &t
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case int64:
		return float64(n), true
	}
	return 0, false
}
