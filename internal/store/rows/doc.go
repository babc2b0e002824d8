// Package rows is how jobs and what belongs to them stand in the columns of a table. The
// stores share it, so that a row of one means the same in the other, and a history can
// be moved. It knows no driver and no statement: times are text (job.FormatTime), lists
// and objects are JSON text, "" and none are NULL.
package rows

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/kedrod/kedrod/internal/job"
)

// Scanner is a row to be read.
type Scanner interface{ Scan(dest ...any) error }

// Decoder reads columns and keeps the first error.
type Decoder struct{ Err error }

// Time reads a time; nil for NULL. It is never nil for what is no NULL, also where it
// can't be read.
func (d *Decoder) Time(column string, v sql.NullString) *time.Time {
	if !v.Valid {
		return nil
	}
	t, err := job.ParseTime(v.String)
	if err != nil && d.Err == nil {
		d.Err = fmt.Errorf("%s: %w", column, err)
	}
	return &t
}

// JSON reads a value; NULL leaves it as it is.
func (d *Decoder) JSON(column string, v sql.NullString, into any) {
	if !v.Valid || d.Err != nil {
		return
	}
	if err := json.Unmarshal([]byte(v.String), into); err != nil {
		d.Err = fmt.Errorf("%s: %w", column, err)
	}
}

// Text is a column that is never NULL, for Decoder.
func Text(s string) sql.NullString { return sql.NullString{String: s, Valid: true} }

// TimeOrNull is a time's column.
func TimeOrNull(t *time.Time) any {
	if t == nil {
		return nil
	}
	return job.FormatTime(*t)
}

// TextOrNull is the column of a text that "" stands for none of.
func TextOrNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// IntOrNull is the column of a number that 0 stands for none of.
func IntOrNull(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

// JSONOrNull is the column of a list or object; NULL unless present.
func JSONOrNull(v any, present bool) (any, error) {
	if !present {
		return nil, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("column: %w", err)
	}
	return string(b), nil
}
