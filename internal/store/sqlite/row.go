package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// The statements of whole jobs; what their columns hold is told in package rows.
const (
	insertInto = `INSERT INTO jobs (` + rows.FixedColumns + `, ` + rows.ChangingColumns + `, idempotency_key, idempotency_hash) VALUES (`

	updateJob = `UPDATE jobs SET (` + rows.ChangingColumns + `) = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE id = ?`

	selectTail  = ` FROM jobs`
	selectJob   = `SELECT ` + rows.Job + selectTail
	selectBrief = `SELECT ` + rows.BriefJob + selectTail
)

// insertJob takes rows.Fixed, rows.Changing, and the idempotency key and hash.
func insertJob(args int) string { return insertInto + placeholders(args) + ")" }

type (
	scanner = rows.Scanner
	decoder = rows.Decoder
	key     = rows.Key
)

func scanJob(row scanner) (job.Job, error) { return rows.ScanJob(row) }

func timeOrNull(t *time.Time) any { return rows.TimeOrNull(t) }

func textOrNull(s string) any { return rows.TextOrNull(s) }

func intOrNull(n int) any { return rows.IntOrNull(n) }

func jsonOrNull(v any, present bool) (any, error) { return rows.JSONOrNull(v, present) }

// load reads a job inside the transaction.
func (t *tx) load(ctx context.Context, id string) (job.Job, error) {
	st, err := t.stmt(ctx, selectJob+" WHERE id = ?")
	if err != nil {
		return job.Job{}, err
	}
	j, err := scanJob(st.QueryRowContext(ctx, id))
	if errors.Is(err, sql.ErrNoRows) {
		return j, noSuchJob(id)
	}
	return j, err
}

func placeholders(n int) string {
	if n == 0 {
		return ""
	}
	return "?" + strings.Repeat(", ?", n-1)
}
