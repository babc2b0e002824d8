package worker

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/kedrod/kedrod/internal/executor"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/rundir"
)

// Catalog tells what is known of the project; it answers at once.
type Catalog interface {
	Snapshot() (r kedro.Registry, known bool)
	FullRegistry() bool
}

// Project is what a worker needs of a Kedro project to run its pipelines.
type Project struct {
	Name          string
	Path          string
	Python        string
	Policy        kedro.EnvPolicy
	Environ       []string // the service's own
	HookDir       string
	SaveVersions  string // where the newest save version of its runs stands
	PycachePrefix string // "" where the project's own compiled files can be written
	Catalog       Catalog
	Limits        executor.RunLimits // of each run
}

// prepare writes the run's configuration and gives what to start. A fault.Error is
// the submission's; any other error is this machine's.
func (p *Project) prepare(j *job.Job, dir rundir.Dir, r *kedro.Registry) (executor.Spec, error) {
	config, err := kedro.RunConfig(kedro.OptionsOf(j), r.Version())
	if err != nil {
		return executor.Spec{}, err
	}
	if err := os.WriteFile(dir.Config(), config, 0o600); err != nil {
		return executor.Spec{}, fmt.Errorf("write the run's configuration: %w", err)
	}
	env, err := kedro.Environment(p.Environ, p.Policy, kedro.RunEnv{
		JobID: j.ID, Attempt: j.Attempt, RunDir: dir.Path, HookDir: p.HookDir, EventsPath: dir.Events(), LogEvents: true,
		FullRegistry: p.Catalog.FullRegistry(), SaveVersions: p.SaveVersions, PycachePrefix: p.PycachePrefix,
	})
	if err != nil {
		return executor.Spec{}, err
	}
	return executor.Spec{RunID: runID(j), Argv: kedro.Argv(p.Python, dir.Config()), Dir: p.Path, Env: env, Limits: p.Limits}, nil
}

// runID names the run to the executor: short, without blanks, unique on this worker.
func runID(j *job.Job) string { return rundir.Name(j.ID) + "." + strconv.Itoa(j.Attempt) }

// refused makes the outcome of a run that was never started because of what was
// asked for.
func refused(err error) (job.Outcome, bool) {
	var f *fault.Error
	if !errors.As(err, &f) {
		return job.Outcome{}, false
	}
	reason := job.InvalidOptions
	if f.Code == fault.UnknownPipeline {
		reason = job.PipelineNotFound
	}
	return job.Outcome{Status: job.Failed, Reason: reason, Message: f.Error()}, true
}
