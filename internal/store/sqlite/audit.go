package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// audited adds the entry that a write's context carries to the write itself.
func (t *tx) audited(ctx context.Context, a *store.Audited) error {
	e, pending := a.Pending()
	if !pending {
		return nil
	}
	return t.addAudit(ctx, e)
}

func (t *tx) addAudit(ctx context.Context, e store.AuditEntry) error {
	const q = `INSERT INTO audit (at, who, key_id, call, target, outcome, code, address, request_id, suppressed)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	return t.exec(ctx, q, job.FormatTime(e.At), e.Who, e.KeyID, e.Call, textOrNull(e.Target), e.Outcome, textOrNull(e.Code), e.Address,
		e.RequestID, e.Suppressed)
}

// AddAudit writes an entry that belongs to no change. Refusals are kept up to
// store.MaxRefusals: a flood of them can't fill the disk, nor can it push out changes.
func (s *Store) AddAudit(ctx context.Context, e store.AuditEntry) error {
	err := s.write.do(ctx, normal, func(ctx context.Context, t *tx) error {
		if err := t.addAudit(ctx, e); err != nil || e.Outcome != store.AuditRefused {
			return err
		}
		return s.trimRefusals(ctx, t)
	})
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	return nil
}

// trimEvery is how many refusals pass between two looks for those that are too many.
const trimEvery = 1000

func (s *Store) trimRefusals(ctx context.Context, t *tx) error {
	if s.refusals.Add(1)%trimEvery != 1 {
		return nil
	}
	return t.exec(ctx, `DELETE FROM audit WHERE outcome = 'refused' AND seq <
		(SELECT seq FROM audit INDEXED BY audit_refused WHERE outcome = 'refused' ORDER BY seq DESC LIMIT 1 OFFSET ?)`, store.MaxRefusals-1)
}

// DeleteAudit deletes up to limit entries of what was done before a moment, the oldest
// first, and gives how many went. It stops at the first that is younger: a clock that
// was set back for a while keeps what stands behind it for as long.
func (s *Store) DeleteAudit(ctx context.Context, before time.Time, limit int) (int, error) {
	n := 0
	err := s.write.do(ctx, normal, func(ctx context.Context, t *tx) error {
		const q = `DELETE FROM audit WHERE at < ? AND seq IN
			(SELECT seq FROM audit INDEXED BY audit_done WHERE outcome = 'done' ORDER BY seq LIMIT ?) RETURNING seq`
		rows, err := t.query(ctx, q, job.FormatTime(before), limit)
		if err != nil {
			return err
		}
		gone, err := collectRows(rows, func(row scanner) (seq int64, err error) { return seq, row.Scan(&seq) })
		n = len(gone)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("delete from the audit: %w", err)
	}
	return n, nil
}

// Audit gives a page of entries, newest first.
func (s *Store) Audit(ctx context.Context, f store.AuditFilter) (store.AuditPage, error) {
	var where []string
	var args []any
	from := ""
	switch f.Outcome { // in the text, as the partial indexes ask for it
	case store.AuditDone:
		from, where = " INDEXED BY audit_done", append(where, "outcome = 'done'")
	case store.AuditRefused:
		from, where = " INDEXED BY audit_refused", append(where, "outcome = 'refused'")
	}
	if f.Cursor != "" {
		seq, err := strconv.ParseInt(f.Cursor, 10, 64)
		if err != nil || seq < 1 {
			return store.AuditPage{}, rows.BadCursor()
		}
		where, args = append(where, "seq < ?"), append(args, seq)
	}
	q := `SELECT seq, at, who, key_id, call, target, outcome, code, address, request_id, suppressed FROM audit` + from
	if len(where) > 0 {
		q += " WHERE " + strings.Join(where, " AND ")
	}
	entries, err := collect(ctx, s.read, "read the audit", q+" ORDER BY seq DESC LIMIT ?", append(args, f.Limit+1), scanAudit)
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

func scanAudit(row scanner) (store.AuditEntry, error) {
	var e store.AuditEntry
	var at, target, code sql.NullString
	if err := row.Scan(&e.Seq, &at, &e.Who, &e.KeyID, &e.Call, &target, &e.Outcome, &code, &e.Address, &e.RequestID, &e.Suppressed); err != nil {
		return e, err
	}
	e.Target, e.Code = target.String, code.String
	var d decoder
	if t := d.Time("at", at); t != nil {
		e.At = *t
	}
	return e, d.Err
}

// ProjectsOf gives the projects of jobs by id; ids of no job are left out.
func (s *Store) ProjectsOf(ctx context.Context, ids []string) (map[string]string, error) {
	found := make(map[string]string, len(ids))
	type pair struct{ id, project string }
	const atOnce = 500
	for len(ids) > 0 {
		n := min(len(ids), atOnce)
		pairs, err := collect(ctx, s.read, "projects of jobs", `SELECT id, project FROM jobs WHERE id IN (`+placeholders(n)+`)`, anys(ids[:n]),
			func(row scanner) (p pair, err error) { return p, row.Scan(&p.id, &p.project) })
		if err != nil {
			return nil, err
		}
		for _, p := range pairs {
			found[p.id] = p.project
		}
		ids = ids[n:]
	}
	return found, nil
}
