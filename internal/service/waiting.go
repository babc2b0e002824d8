package service

import (
	"context"
	"fmt"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/store"
)

func (s *Service) view(ctx context.Context, j job.Job) JobView { return s.views(ctx, []job.Job{j})[0] }

// views adds to jobs what is worked out when somebody asks.
func (s *Service) views(ctx context.Context, jobs []job.Job) []JobView {
	waiting, crew := s.waiting(ctx, jobs), s.crewFor(ctx, jobs)
	views := make([]JobView, len(jobs))
	for i := range jobs {
		views[i] = JobView{Job: jobs[i], WaitingFor: s.waitingFor(&jobs[i], waiting[jobs[i].ID], crew)}
	}
	return views
}

// waiting asks for what is parked of those jobs that can be.
func (s *Service) waiting(ctx context.Context, jobs []job.Job) map[string]store.Waiting {
	var ids []string
	for i := range jobs {
		if jobs[i].Status == job.Pending && s.limited(&jobs[i]) {
			ids = append(ids, jobs[i].ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	waiting, err := s.o.Store.Waiting(ctx, ids)
	if err != nil { // the jobs themselves are known, which is what was asked for
		s.o.Log.Debug("what jobs wait for can't be told", "error", err)
	}
	return waiting
}

// limited reports whether a job may have to wait for a slot of a scope, or for a file. What limits the
// project of another process is not known here.
func (s *Service) limited(j *job.Job) bool {
	p := s.projects[j.Project]
	return j.Queue.ConcurrencyKey != "" || p == nil || p.Slots > 0 || p.Pipelines[j.Pipeline].Slots > 0 || p.queuesWrites()
}

const waitsForSlot = "It waits for a free slot of a worker."

// waitingFor says why a pending job does not run.
func (s *Service) waitingFor(j *job.Job, w store.Waiting, all crew) string {
	if j.Status != job.Pending {
		return ""
	}
	if when := waitsForTime(j, s.o.Now()); when != "" {
		return when
	}
	if nobody := s.nobody(j, all); nobody != "" {
		return nobody
	}
	p := s.projects[j.Project]
	if p == nil {
		p = &Project{}
	}
	switch w.On {
	case store.ScopeOfKey(j.Queue.ConcurrencyKey):
		return waitsFor("concurrency key", j.Queue.ConcurrencyKey, j.Queue.ConcurrencyLimit, w)
	case store.ScopeOfProject(j.Project):
		return waitsFor("project", j.Project, p.Slots, w)
	case store.ScopeOfPipeline(store.PipelineOf{Project: j.Project, Pipeline: j.Pipeline}):
		return waitsFor("pipeline", j.Pipeline, p.Pipelines[j.Pipeline].Slots, w)
	}
	if path, ok := store.PathOfScope(w.On); ok {
		return waitsForFile(path, w)
	}
	if !s.alone(j, all) { // what is the matter here holds up nobody elsewhere
		return waitsForSlot
	}
	if kedro.Gone(p.Path) {
		return fmt.Sprintf("The folder of the project %s is gone or empty: %s. It runs when the folder is back.", j.Project, p.Path)
	}
	if s.low() {
		return "Too little space is free on the data folder's disk: no run begins until there is more."
	}
	return waitsForSlot
}

func waitsForTime(j *job.Job, now time.Time) string {
	switch {
	case j.NextTryAt != nil && j.NextTryAt.After(now):
		return "Its next try is at " + job.FormatTime(*j.NextTryAt) + "."
	case j.Queue.RunAt != nil && j.Queue.RunAt.After(now):
		return "It runs at " + job.FormatTime(*j.Queue.RunAt) + " or later."
	}
	return ""
}

// waitsFor names what holds a job back.
func waitsFor(what, name string, limit int, w store.Waiting) string {
	if limit == 0 { // it is set elsewhere
		return fmt.Sprintf("It waits for the %s '%s': %s.", what, name, whoRun(w))
	}
	behind := ""
	if w.Running < limit { // of a key whose jobs have unlike limits, or just now
		behind = ", behind one before it that waits"
	}
	return fmt.Sprintf("It waits for the %s '%s' (limit %d)%s: %s.", what, name, limit, behind, whoRun(w))
}

func whoRun(w store.Waiting) string {
	switch {
	case w.Holder == "" && w.Running == 1:
		return "1 job runs"
	case w.Holder == "":
		return fmt.Sprintf("%d jobs run", w.Running)
	case w.Running == 1:
		return "job " + w.Holder + " runs"
	case w.Running == 2:
		return "job " + w.Holder + " and 1 other run"
	}
	return fmt.Sprintf("job %s and %d others run", w.Holder, w.Running-1)
}
