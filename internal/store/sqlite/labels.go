package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/kedrod/kedrod/internal/job"
)

// labelText is a label as it is looked up. A key holds no colon, so no two labels have
// one text.
func labelText(key, value string) string { return key + ":" + value }

// addLabels makes a job's labels known to lists.
func (t *tx) addLabels(ctx context.Context, j *job.Job) error {
	for key, value := range j.Labels {
		const q = `INSERT INTO job_labels (label, created_at, id) VALUES (?, ?, ?)`
		if err := t.exec(ctx, q, labelText(key, value), job.FormatTime(j.CreatedAt), j.ID); err != nil {
			return err
		}
	}
	return nil
}

// dropLabels undoes addLabels.
func (t *tx) dropLabels(ctx context.Context, id, created string, labels map[string]string) error {
	for key, value := range labels {
		const q = `DELETE FROM job_labels WHERE label = ? AND created_at = ? AND id = ?`
		if err := t.exec(ctx, q, labelText(key, value), created, id); err != nil {
			return err
		}
	}
	return nil
}

// dropLabelsOf takes the labels of a job that is about to be deleted, by its stored row.
func (t *tx) dropLabelsOf(ctx context.Context, id, created string, stored sql.NullString) error {
	if !stored.Valid {
		return nil
	}
	var labels map[string]string
	if err := json.Unmarshal([]byte(stored.String), &labels); err != nil {
		return fmt.Errorf("labels of %s as stored: %w", id, err)
	}
	return t.dropLabels(ctx, id, created, labels)
}
