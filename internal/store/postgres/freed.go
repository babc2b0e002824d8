package postgres

import (
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// leaves reports whether a job gave up a slot, or its place among those that wait for one.
func leaves(before, after *job.Job, now time.Time) bool {
	if before.Status == job.Pending {
		return after.Status != job.Pending || after.ReadyAt().After(now)
	}
	return before.Status == job.Running && after.Status != job.Running
}

// insertFreed writes a row for each scope that has a limit somewhere. A key always has.
const insertFreed = `INSERT INTO freed (scope) SELECT scope FROM unnest($1::text[]) AS scope
	WHERE scope LIKE 'key:%' OR EXISTS (SELECT 1 FROM limited WHERE limited.scope = scope.scope)`

// free tells the next claims to look after the scopes of a job: who is parked there may
// have room. It takes no lock, so nothing that ends waits for one.
func (t *tx) free(j *job.Job) {
	t.bulk.freed = append(t.bulk.freed, scopesOf(j)...)
	t.bulk.left = append(t.bulk.left, j.ID)
}

// scopesOf names the scopes that a job counts in.
func scopesOf(j *job.Job) []string {
	scopes := []string{store.ScopeOfProject(j.Project), store.ScopeOfPipeline(store.PipelineOf{Project: j.Project, Pipeline: j.Pipeline})}
	if j.Queue.ConcurrencyKey != "" {
		scopes = append(scopes, store.ScopeOfKey(j.Queue.ConcurrencyKey))
	}
	return scopes
}
