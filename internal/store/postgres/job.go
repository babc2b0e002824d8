package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

const (
	selectJob   = `SELECT ` + rows.Job + ` FROM jobs`
	selectBrief = `SELECT ` + rows.BriefJob + ` FROM jobs`

	insertInto = `INSERT INTO jobs (` + rows.FixedColumns + `, ` + rows.ChangingColumns + `, idempotency_key, idempotency_hash) VALUES (`
)

// insertJob takes rows.Fixed, rows.Changing, and the idempotency key and hash.
func insertJob(args int) string { return insertInto + numbered(1, args) + `)` }

// numbered gives the placeholders from one number to another.
func numbered(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		if i > from {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "$%d", i)
	}
	return b.String()
}

// Get gives a job; a NotFound fault when there is none.
func (s *Store) Get(ctx context.Context, id string) (job.Job, error) {
	j, ok, err := one(ctx, s, "get job", selectJob+" WHERE id = $1", []any{id}, rows.ScanJob)
	if err == nil && !ok {
		err = noSuchJob(id)
	}
	return j, err
}

// save writes what a transition changed, with the events that tell of it and the delivery
// to who is told of its end, and says which scopes the job left.
func (t *tx) save(before, after *job.Job, now time.Time) error {
	args, err := rows.Changing(after, now)
	if err != nil {
		return err
	}
	t.bulk.jobs = append(t.bulk.jobs, append(args, after.ID))
	if before.Status != job.Pending && after.Status == job.Pending {
		t.publish(store.TopicQueue)
	}
	if before.CancelRequestedAt == nil && after.CancelRequestedAt != nil {
		t.publish(store.TopicCancel)
	}
	if !before.Status.Terminal() && after.Status.Terminal() && after.CallbackURL != "" {
		if err := t.addDelivery(after, now); err != nil {
			return err
		}
	}
	t.addEvents(job.Changes(before, after, now))
	if leaves(before, after, now) {
		t.free(after)
	}
	return nil
}

// addDelivery records that the receiver which the job names is to be told of its end.
func (t *tx) addDelivery(j *job.Job, now time.Time) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("make a delivery's id: %w", err)
	}
	const q = `INSERT INTO deliveries (id, job_id, event, url, host, state, attempts, taken, created_at, next_at)
		VALUES ($1, $2, $3, $4, $5, 'pending', 0, FALSE, $6, $6)`
	t.queue(q, id.String(), j.ID, job.EndEvent(j.Status), j.CallbackURL, store.HostOf(j.CallbackURL), job.FormatTime(now))
	t.publish(store.TopicDeliveries)
	return nil
}

// audited adds the entry that a write's context carries to the write itself.
func (t *tx) audited(a *store.Audited) {
	if e, pending := a.Pending(); pending {
		t.addAudit(e)
	}
}

func (t *tx) addAudit(e store.AuditEntry) { t.queue(insertAudit, auditArgs(e)...) }

const insertAudit = `INSERT INTO audit (at, who, key_id, call, target, outcome, code, address, request_id, suppressed)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`

func auditArgs(e store.AuditEntry) []any {
	return []any{
		job.FormatTime(e.At), e.Who, e.KeyID, e.Call, rows.TextOrNull(e.Target), e.Outcome, rows.TextOrNull(e.Code), e.Address, e.RequestID, e.Suppressed,
	}
}
