package postgres

import (
	"context"
	"database/sql"
	"strconv"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// AddAudit writes an entry that belongs to no change. Refusals are kept up to
// store.MaxRefusals: a flood of them can't fill the disk, nor can it push out changes.
func (s *Store) AddAudit(ctx context.Context, e store.AuditEntry) error {
	return failed("audit", s.write(ctx, func(_ context.Context, t *tx) error {
		t.addAudit(e)
		if e.Outcome == store.AuditRefused {
			s.trimRefusals(t)
		}
		return nil
	}))
}

// trimEvery is how many refusals of this process pass between two looks for those that
// are too many.
const trimEvery = 1000

func (s *Store) trimRefusals(t *tx) {
	if s.refusals.Add(1)%trimEvery != 1 {
		return
	}
	t.queue(`DELETE FROM audit WHERE outcome = 'refused' AND seq <
		(SELECT seq FROM audit WHERE outcome = 'refused' ORDER BY seq DESC LIMIT 1 OFFSET $1)`, store.MaxRefusals-1)
}

// DeleteAudit deletes up to limit entries of what was done before a moment, the oldest
// first, and gives how many went. It stops at the first that is younger: a clock that
// was set back for a while keeps what stands behind it for as long.
func (s *Store) DeleteAudit(ctx context.Context, before time.Time, limit int) (n int, err error) {
	err = s.write(ctx, func(ctx context.Context, t *tx) error {
		const q = `DELETE FROM audit WHERE at < $1 AND seq IN (SELECT seq FROM audit WHERE outcome = 'done' ORDER BY seq LIMIT $2)`
		n, err = t.affect(ctx, q, job.FormatTime(before), limit)
		return err
	})
	return n, failed("delete from the audit", err)
}

// Audit gives a page of entries, newest first.
func (s *Store) Audit(ctx context.Context, f store.AuditFilter) (store.AuditPage, error) {
	var st selection
	var outcome, before string
	switch f.Outcome { // in the text, as the partial indexes ask for it
	case store.AuditDone:
		outcome = "outcome = 'done'"
	case store.AuditRefused:
		outcome = "outcome = 'refused'"
	}
	if f.Cursor != "" {
		seq, err := strconv.ParseInt(f.Cursor, 10, 64)
		if err != nil || seq < 1 {
			return store.AuditPage{}, rows.BadCursor()
		}
		before = "seq < " + st.arg(seq)
	}
	q := `SELECT seq, at, who, key_id, call, target, outcome, code, address, request_id, suppressed FROM audit` + where(outcome, before) +
		` ORDER BY seq DESC LIMIT ` + strconv.Itoa(f.Limit+1)
	entries, err := collect(ctx, s, "read the audit", q, st.args, scanAudit)
	if err != nil {
		return store.AuditPage{}, err
	}
	p := store.AuditPage{Entries: entries}
	if len(entries) > f.Limit {
		p.Entries = entries[:f.Limit]
		p.Next = strconv.FormatInt(p.Entries[f.Limit-1].Seq, 10)
	}
	return p, nil
}

func scanAudit(row rows.Scanner) (store.AuditEntry, error) {
	var e store.AuditEntry
	var at, target, code sql.NullString
	if err := row.Scan(&e.Seq, &at, &e.Who, &e.KeyID, &e.Call, &target, &e.Outcome, &code, &e.Address, &e.RequestID, &e.Suppressed); err != nil {
		return e, err
	}
	e.Target, e.Code = target.String, code.String
	var d rows.Decoder
	if t := d.Time("at", at); t != nil {
		e.At = *t
	}
	return e, d.Err
}

// ProjectsOf gives the projects of jobs by id; ids of no job are left out.
func (s *Store) ProjectsOf(ctx context.Context, ids []string) (map[string]string, error) {
	type pair struct{ id, project string }
	pairs, err := collect(ctx, s, "projects of jobs", `SELECT id, project FROM jobs WHERE id = ANY($1)`, []any{ids},
		func(row rows.Scanner) (p pair, err error) { return p, row.Scan(&p.id, &p.project) })
	if err != nil {
		return nil, err
	}
	found := make(map[string]string, len(pairs))
	for _, p := range pairs {
		found[p.id] = p.project
	}
	return found, nil
}
