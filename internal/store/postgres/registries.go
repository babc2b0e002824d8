package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// supersede takes what workers that ended published, where there is something newer of
// the project. Without a project's name it is of all.
const supersede = `DELETE FROM registries WHERE NOT ` + living + `
	AND EXISTS (SELECT 1 FROM registries newer WHERE newer.project = registries.project AND newer.seq > registries.seq)`

const living = `EXISTS (SELECT 1 FROM workers WHERE id = registries.worker AND state IN ('ready', 'draining'))`

// Publish stores what a worker knows of a project, in the place of what it has said
// before; what workers that ended have said of that project goes.
func (s *Store) Publish(ctx context.Context, r store.Registry) error {
	if len(r.Body) > store.MaxRegistry {
		return fmt.Errorf("publish the registry of %s: %d bytes, more than %d", r.Project, len(r.Body), store.MaxRegistry)
	}
	const put = `INSERT INTO registries (project, worker, seq, source_hash, read_at, refreshed, body)
			VALUES ($1, $2, nextval('registries_seq'), $3, $4, $5, $6) ON CONFLICT (project, worker) DO UPDATE SET
			seq = excluded.seq, source_hash = excluded.source_hash, read_at = excluded.read_at, refreshed = excluded.refreshed, body = excluded.body`
	body := r.Body
	if body == nil {
		body = []byte{}
	}
	return failed("publish the registry of "+r.Project, s.write(ctx, func(_ context.Context, t *tx) error {
		t.queue(put, r.Project, r.Worker, r.SourceHash, rows.TimeOrNull(r.ReadAt), r.Refreshed, body)
		t.queue(supersede+` AND project = $1`, r.Project)
		t.publish(store.TopicRegistries)
		return nil
	}))
}

const selectRegistry = `SELECT project, worker, source_hash, read_at, refreshed, seq, ` + living

// Registries gives what all workers have published, without its bodies: by project, the
// newest first.
func (s *Store) Registries(ctx context.Context) ([]store.Registry, error) {
	return collect(ctx, s, "registries", selectRegistry+` FROM registries ORDER BY project, seq DESC`, nil, func(row rows.Scanner) (store.Registry, error) {
		return scanRegistry(row)
	})
}

// Registry gives what a worker has published of a project, whole; a NotFound fault when
// there is nothing.
func (s *Store) Registry(ctx context.Context, project, worker string) (store.Registry, error) {
	const q = selectRegistry + `, body FROM registries WHERE project = $1 AND worker = $2`
	r, ok, err := one(ctx, s, "registry", q, []any{project, worker}, func(row rows.Scanner) (store.Registry, error) {
		var body []byte
		r, err := scanRegistry(row, &body)
		r.Body = body
		return r, err
	})
	if err == nil && !ok {
		return r, fault.Newf(fault.NotFound, "worker %s has published nothing of project %s", worker, project)
	}
	return r, err
}

func scanRegistry(row rows.Scanner, more ...any) (r store.Registry, err error) {
	var read sql.NullString
	err = row.Scan(append([]any{&r.Project, &r.Worker, &r.SourceHash, &read, &r.Refreshed, &r.Seq, &r.Living}, more...)...)
	if err != nil {
		return r, err
	}
	var d rows.Decoder
	r.ReadAt = d.Time("read_at", read)
	return r, d.Err
}

// AskRefresh asks the workers of projects to read them anew. It gives the number that
// Registry.Refreshed of each will have reached then.
func (s *Store) AskRefresh(ctx context.Context, projects []string) (map[string]int64, error) {
	asked := map[string]int64{}
	sorted := slices.Compact(slices.Sorted(slices.Values(projects))) // so that two who ask wait for each other, and not both
	err := s.write(ctx, func(ctx context.Context, t *tx) error {
		for _, project := range sorted {
			var n int64
			const q = `INSERT INTO refreshes (project, asked) VALUES ($1, 1) ON CONFLICT (project) DO UPDATE SET asked = refreshes.asked + 1 RETURNING asked`
			if err := t.row(ctx, q, []any{project}, &n); err != nil {
				return err
			}
			asked[project] = n
		}
		t.publish(store.TopicRegistries)
		return nil
	})
	if err != nil {
		return nil, failed("ask for registries", err)
	}
	return asked, nil
}

// Asked gives the number of the newest AskRefresh of each project; one that was never
// asked for is left out.
func (s *Store) Asked(ctx context.Context) (map[string]int64, error) {
	type ask struct {
		project string
		asked   int64
	}
	all, err := collect(ctx, s, "refreshes", `SELECT project, asked FROM refreshes`, nil, func(row rows.Scanner) (a ask, err error) {
		return a, row.Scan(&a.project, &a.asked)
	})
	if err != nil {
		return nil, err
	}
	asked := make(map[string]int64, len(all))
	for _, a := range all {
		asked[a.project] = a.asked
	}
	return asked, nil
}
