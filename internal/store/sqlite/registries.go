package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/store"
)

// supersede takes what workers that ended published, where there is something newer of
// the project. Without a project's name it is of all.
const supersede = `DELETE FROM registries WHERE NOT EXISTS (SELECT 1 FROM workers WHERE id = registries.worker AND state IN ('ready', 'draining'))
	AND EXISTS (SELECT 1 FROM registries newer WHERE newer.project = registries.project AND newer.seq > registries.seq)`

// Publish stores what a worker knows of a project, in the place of what it has said
// before; what workers that ended have said of that project goes.
func (s *Store) Publish(ctx context.Context, r store.Registry) error {
	if len(r.Body) > store.MaxRegistry {
		return fmt.Errorf("publish the registry of %s: %d bytes, more than %d", r.Project, len(r.Body), store.MaxRegistry)
	}
	const q = `INSERT INTO registries (project, worker, seq, source_hash, read_at, refreshed, body)
		VALUES (?, ?, (SELECT coalesce(max(seq), 0) + 1 FROM registries), ?, ?, ?, ?) ON CONFLICT (project, worker) DO UPDATE SET
		seq = excluded.seq, source_hash = excluded.source_hash, read_at = excluded.read_at, refreshed = excluded.refreshed, body = excluded.body`
	err := s.write.do(ctx, normal, func(ctx context.Context, t *tx) error {
		if err := t.exec(ctx, q, r.Project, r.Worker, r.SourceHash, timeOrNull(r.ReadAt), r.Refreshed, r.Body); err != nil {
			return err
		}
		t.publish(store.TopicRegistries)
		return t.exec(ctx, supersede+` AND project = ?`, r.Project)
	})
	if err != nil {
		return fmt.Errorf("publish the registry of %s: %w", r.Project, err)
	}
	return nil
}

const selectRegistry = `SELECT project, worker, source_hash, read_at, refreshed, seq,
	EXISTS (SELECT 1 FROM workers WHERE id = registries.worker AND state IN ('ready', 'draining'))`

// Registries gives what all workers have published, without its bodies: by project, the
// newest first.
func (s *Store) Registries(ctx context.Context) ([]store.Registry, error) {
	return collect(ctx, s.read, "registries", selectRegistry+` FROM registries ORDER BY project, seq DESC`, nil, func(row scanner) (store.Registry, error) {
		return scanRegistry(row)
	})
}

// Registry gives what a worker has published of a project, whole; a NotFound fault when
// there is nothing.
func (s *Store) Registry(ctx context.Context, project, worker string) (store.Registry, error) {
	var body []byte
	row := s.read.QueryRowContext(ctx, selectRegistry+`, body FROM registries WHERE project = ? AND worker = ?`, project, worker)
	r, err := scanRegistry(row, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return r, fault.Newf(fault.NotFound, "worker %s has published nothing of project %s", worker, project)
	}
	if err != nil {
		return r, readFault("registry", err)
	}
	r.Body = body
	return r, nil
}

func scanRegistry(row scanner, more ...any) (r store.Registry, err error) {
	var read sql.NullString
	err = row.Scan(append([]any{&r.Project, &r.Worker, &r.SourceHash, &read, &r.Refreshed, &r.Seq, &r.Living}, more...)...)
	if err != nil {
		return r, err
	}
	var d decoder
	r.ReadAt = d.Time("read_at", read)
	return r, d.Err
}

// AskRefresh asks the workers of projects to read them anew. It gives the number that
// Registry.Refreshed of each will have reached then.
func (s *Store) AskRefresh(ctx context.Context, projects []string) (map[string]int64, error) {
	asked := map[string]int64{}
	err := s.write.do(ctx, normal, func(ctx context.Context, t *tx) error {
		for _, project := range projects {
			var n int64
			const q = `INSERT INTO refreshes (project, asked) VALUES (?, 1) ON CONFLICT (project) DO UPDATE SET asked = asked + 1 RETURNING asked`
			if err := t.row(ctx, q, []any{project}, &n); err != nil {
				return err
			}
			asked[project] = n
		}
		t.publish(store.TopicRegistries)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("ask for registries: %w", err)
	}
	return asked, nil
}

// Asked gives the number of the newest AskRefresh of each project; one that was never
// asked for is left out.
func (s *Store) Asked(ctx context.Context) (map[string]int64, error) {
	type row struct {
		project string
		asked   int64
	}
	rows, err := collect(ctx, s.read, "refreshes", `SELECT project, asked FROM refreshes`, nil, func(sc scanner) (r row, err error) {
		return r, sc.Scan(&r.project, &r.asked)
	})
	if err != nil {
		return nil, err
	}
	asked := make(map[string]int64, len(rows))
	for _, r := range rows {
		asked[r.project] = r.asked
	}
	return asked, nil
}
