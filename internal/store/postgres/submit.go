package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// Submit writes a new job. With an idempotency key that is known, the first job is
// answered and existed is true, or a Conflict when the request was another one.
func (s *Store) Submit(ctx context.Context, j job.Job, idem *store.Idempotency) (stored job.Job, existed bool, err error) {
	now := s.timestamp()
	args, err := insertArgs(&j, now)
	if err != nil {
		return j, false, err
	}
	if err := s.limitFiles(ctx, j); err != nil {
		return j, false, fmt.Errorf("submit: %w", err)
	}
	audit := store.AuditOf(ctx)
	err = s.write(ctx, func(ctx context.Context, t *tx) error {
		stored, existed = j, false
		audit.Target(j.ID)
		if idem == nil {
			t.queue(insertJob(len(args)), args...)
			t.inserted(&j, now)
			return nil
		}
		args[len(args)-2], args[len(args)-1] = keyText(idem.Key), idem.Hash
		const once = ` ON CONFLICT (idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING`
		n, err := t.affect(ctx, insertJob(len(args))+once, args...)
		if err != nil {
			return err
		}
		if n > 0 {
			t.inserted(&j, now)
			return nil
		}
		found, err := rowsOf(ctx, t, selectRequest+`= $1`, []any{keyText(idem.Key)}, scanRequest)
		if err != nil {
			return err
		}
		ids, err := sameRequests(found, *idem)
		if err != nil {
			return err
		}
		if len(ids) == 0 {
			return errGone
		}
		existed = true
		audit.Target(ids[0])
		stored, err = t.load(ctx, ids[0])
		return err
	})
	if err != nil {
		return job.Job{}, false, fmt.Errorf("submit: %w", err)
	}
	return stored, existed, nil
}

// insertArgs are those of insertJob; the two last ones are of its idempotency key.
func insertArgs(j *job.Job, now time.Time) ([]any, error) {
	fixed, err := rows.Fixed(j)
	if err != nil {
		return nil, err
	}
	changing, err := rows.Changing(j, now)
	return append(append(fixed, changing...), nil, nil), err
}

// inserted writes all that belongs to a job that was just inserted.
func (t *tx) inserted(j *job.Job, now time.Time) {
	t.addLabels(j)
	if j.Queue.ConcurrencyKey != "" && len(j.Queue.Requires) == 0 && j.Status == job.Pending && !j.ReadyAt().After(now) {
		// One that requires labels has those looked at first: what no worker may take keeps
		// nobody of its key back.
		t.queue(`SELECT kedrod_park_new($1)`, []string{j.ID})
	}
	t.addEvents(job.Changes(nil, j, now))
	t.publish(store.TopicQueue)
}

// addLabels makes a job's labels known to lists.
func (t *tx) addLabels(j *job.Job) {
	for key, value := range j.Labels {
		t.queue(`INSERT INTO job_labels (label, created_at, id) VALUES ($1, $2, $3)`, key+":"+value, job.FormatTime(j.CreatedAt), j.ID)
	}
}

// dropLabels undoes addLabels.
func (t *tx) dropLabels(j *job.Job) {
	for key, value := range j.Labels {
		t.queue(`DELETE FROM job_labels WHERE label = $1 AND created_at = $2 AND id = $3`, key+":"+value, job.FormatTime(j.CreatedAt), j.ID)
	}
}

// SubmitAll writes new jobs, all or none. With an idempotency key that is known it
// writes none and gives the first ones, in their order and as far as they are still
// kept; a Conflict when the request was another one.
func (s *Store) SubmitAll(ctx context.Context, jobs []job.Job, idem *store.Idempotency) (first []job.Job, err error) {
	now := s.timestamp()
	args := make([][]any, len(jobs))
	for i := range jobs {
		if args[i], err = insertArgs(&jobs[i], now); err != nil {
			return nil, err
		}
		if idem != nil {
			a := args[i]
			a[len(a)-2], a[len(a)-1] = keyText(rows.ItemKey(idem.Key, i)), idem.Hash
		}
	}
	if err := s.limitFiles(ctx, jobs...); err != nil {
		return nil, fmt.Errorf("submit a batch: %w", err)
	}
	err = s.write(ctx, func(ctx context.Context, t *tx) error {
		first = nil
		if idem != nil {
			found, err := rowsOf(ctx, t, itemsOfKey, itemRange(*idem), scanRequest)
			if err != nil {
				return err
			}
			ids, err := sameRequests(found, *idem)
			if err != nil || len(ids) > 0 {
				first, err = loadAll(ctx, ids, err, t.load)
				return err
			}
		}
		for i := range jobs {
			t.queue(insertJob(len(args[i])), args[i]...)
			t.inserted(&jobs[i], now)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("submit a batch: %w", err)
	}
	return first, nil
}

// Repeated looks for the job that a submission with this key made before; nil when
// there is none, a Conflict when the request was another one.
func (s *Store) Repeated(ctx context.Context, idem store.Idempotency) (*job.Job, error) {
	all, err := s.repeated(ctx, idem, selectRequest+`= $1`, []any{keyText(idem.Key)})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

// RepeatedAll looks for the jobs that a batch with this key made before; none when
// there are none, a Conflict when the request was another one.
func (s *Store) RepeatedAll(ctx context.Context, idem store.Idempotency) ([]job.Job, error) {
	return s.repeated(ctx, idem, itemsOfKey, itemRange(idem))
}

func (s *Store) repeated(ctx context.Context, idem store.Idempotency, q string, args []any) ([]job.Job, error) {
	found, err := collect(ctx, s, "idempotency key", q, args, scanRequest)
	if err != nil {
		return nil, err
	}
	ids, err := sameRequests(found, idem)
	return loadAll(ctx, ids, err, s.Get)
}

// request is the job that a request with an idempotency key made.
type request struct{ id, hash string }

const (
	selectRequest = `SELECT id, idempotency_hash FROM jobs WHERE idempotency_key `
	itemsOfKey    = selectRequest + `BETWEEN $1 AND $2 ORDER BY idempotency_key`
)

func scanRequest(row rows.Scanner) (r request, err error) { return r, row.Scan(&r.id, &r.hash) }

func itemRange(idem store.Idempotency) []any {
	return []any{keyText(rows.ItemKey(idem.Key, 0)), keyText(rows.ItemKey(idem.Key, rows.MaxItem))}
}

// keyText is an idempotency key as a text of PostgreSQL, which knows no NUL. No header
// field holds the character that stands for it.
func keyText(key string) string { return strings.ReplaceAll(key, "\x00", "\x01") }

// sameRequests gives the ids of the jobs with the key.
func sameRequests(found []request, idem store.Idempotency) ([]string, error) {
	ids := make([]string, len(found))
	for i, f := range found {
		if f.hash != idem.Hash {
			return nil, rows.OtherRequest()
		}
		ids[i] = f.id
	}
	return ids, nil
}

func loadAll(ctx context.Context, ids []string, err error, load func(context.Context, string) (job.Job, error)) ([]job.Job, error) {
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	jobs := make([]job.Job, len(ids))
	for i, id := range ids {
		if jobs[i], err = load(ctx, id); err != nil {
			return nil, err
		}
	}
	return jobs, nil
}

// sameKey tells that another call has just used the idempotency key, or that its job was
// deleted in the same moment: the next look finds how it is.
func sameKey(err error) bool {
	var e *pgconn.PgError
	return errors.Is(err, errGone) || (errors.As(err, &e) && e.Code == "23505" && e.ConstraintName == "jobs_idempotency")
}
