package postgres

import (
	"context"

	"github.com/kedrod/kedrod/internal/store"
)

// Setting reads a setting of a connection.
func (s *Store) Setting(ctx context.Context, name string) (value string, err error) {
	return value, s.pool.QueryRow(ctx, `SELECT current_setting($1)`, name).Scan(&value)
}

// ScopeOfPipeline names a scope as claims do.
func (s *Store) ScopeOfPipeline(p store.PipelineOf) (name string, err error) {
	const q = `SELECT 'pipeline:' || kedrod_escape($1) || '/' || kedrod_escape($2)`
	return name, s.pool.QueryRow(context.Background(), q, p.Project, p.Pipeline).Scan(&name)
}
