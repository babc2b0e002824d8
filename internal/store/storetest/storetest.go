// Package storetest is the suite that every store passes, so that SQLite and
// PostgreSQL behave alike. A store's own test calls Run.
package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// Store is all that a store does.
type Store interface {
	Submit(ctx context.Context, j job.Job, idem *store.Idempotency) (stored job.Job, existed bool, err error)
	SubmitAll(ctx context.Context, jobs []job.Job, idem *store.Idempotency) (first []job.Job, err error)
	RepeatedAll(ctx context.Context, idem store.Idempotency) ([]job.Job, error)
	Stats(ctx context.Context, since time.Time, projects []string, most int) (store.Stats, error)
	Amend(ctx context.Context, id string, fn func(*job.Job) error) (job.Job, error)
	UpdateAll(ctx context.Context, ids []string, fn func(*job.Job) error) error
	Repeated(ctx context.Context, idem store.Idempotency) (*job.Job, error)
	Get(ctx context.Context, id string) (job.Job, error)
	List(ctx context.Context, f store.Filter) (store.Page, error)
	Update(ctx context.Context, id string, fn func(*job.Job) error) (job.Job, error)
	Claim(ctx context.Context, c store.Claim) ([]job.Job, error)
	Advance(ctx context.Context, ref job.Ref, a store.Advance) error
	Report(ctx context.Context, ref job.Ref, o job.Outcome, last store.Advance) (job.Job, error)
	GiveBack(ctx context.Context, ref job.Ref) (job.Job, error)
	LoseWorker(ctx context.Context, worker string) ([]job.Job, error)
	Held(ctx context.Context) ([]job.Job, error)
	Cancelling(ctx context.Context, worker string) ([]job.Ref, error)
	NextReady(ctx context.Context) (*time.Time, error)
	ExpireDue(ctx context.Context) error
	ShiftTries(ctx context.Context, by time.Duration) error
	Attempts(ctx context.Context, id string) ([]job.Attempt, error)
	Nodes(ctx context.Context, id string, attempt int) ([]job.Node, error)
	Events(ctx context.Context, jobID string, after int64, limit int) ([]job.Event, error)
	LastEvent(ctx context.Context) (int64, error)
	SaveWorker(ctx context.Context, w store.Worker) error
	Renew(ctx context.Context, worker string, beat int64) (store.Standing, error)
	Beats(ctx context.Context) (store.Beats, error)
	Reap(ctx context.Context, worker string, beat int64) (lost []job.Job, reaped bool, err error)
	Abandon(ctx context.Context, ref job.Ref) (job.Job, error)
	Assert(ctx context.Context, ref job.Ref) error
	RequestDrain(ctx context.Context, id string) (store.Worker, error)
	DrainRequested(ctx context.Context, worker string) (bool, error)
	Workers(ctx context.Context, endedSince time.Time) ([]store.Worker, error)
	Count(ctx context.Context) (pending, running int, err error)
	Check(ctx context.Context) error
	AddKey(ctx context.Context, k store.Key) error
	RevokeKey(ctx context.Context, id string, at time.Time) (store.Key, error)
	Keys(ctx context.Context, limit int, cursor string) (store.KeyPage, error)
	KeysVersion(ctx context.Context) (int64, error)
	Authentication(ctx context.Context) (store.Authentication, error)
	AddAudit(ctx context.Context, e store.AuditEntry) error
	Audit(ctx context.Context, f store.AuditFilter) (store.AuditPage, error)
	ProjectsOf(ctx context.Context, ids []string) (map[string]string, error)
	EndedBefore(ctx context.Context, moment time.Time, cursor string, limit int) (ended []store.Ended, next string, err error)
	DeleteEnded(ctx context.Context, ids []string) (int, error)
	CountJobs(ctx context.Context) (int, error)
	Alone(ctx context.Context, duty string, fn func(context.Context) error) (ran bool, err error)
	Now() time.Time
	Reconsider(ctx context.Context, limits store.Limits) error
	Waiting(ctx context.Context, ids []string) (map[string]store.Waiting, error)
	DeleteWorkers(ctx context.Context, endedBefore time.Time) error
	Subscribe(topic string) (<-chan struct{}, func())
	DeliveryHosts(ctx context.Context) ([]store.DeliveryHost, error)
	TakeDeliveries(ctx context.Context, host string, lease time.Duration, limit int) ([]store.Delivery, error)
	SaveDelivery(ctx context.Context, a store.Attempted) error
	ShiftDeliveries(ctx context.Context, by time.Duration) error
	Deliveries(ctx context.Context, jobID string) ([]store.Delivery, error)
	CountDeliveries(ctx context.Context) (int, error)
	DeleteDeliveries(ctx context.Context, endedBefore time.Time, limit int) (int, error)
	Brief(ctx context.Context, id string) (job.Job, error)
	Publish(ctx context.Context, r store.Registry) error
	Registries(ctx context.Context) ([]store.Registry, error)
	Registry(ctx context.Context, project, worker string) (store.Registry, error)
	AskRefresh(ctx context.Context, projects []string) (map[string]int64, error)
	Asked(ctx context.Context) (map[string]int64, error)
}

// Clock is the time of a store under test. It stands still unless moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock begins in the year 2026.
func NewClock() *Clock { return &Clock{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }

// Now reads the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Add moves the clock, back as well.
func (c *Clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// suite is one test's store.
type suite struct {
	Store
	t     *testing.T
	clock *Clock
	n     int
}

// Run runs the suite. open makes an empty store that goes by the clock, takes 0 for
// every jitter, and is closed with the test.
func Run(t *testing.T, open func(t *testing.T, clock *Clock) Store) {
	t.Helper()
	tests := map[string]func(*suite){
		"a job comes back as it was submitted":                  (*suite).roundTrip,
		"an unknown id is not found":                            (*suite).unknown,
		"an idempotency key gives the first job":                (*suite).idempotency,
		"one key from many callers at once makes one job":       (*suite).idempotencyRace,
		"claims follow the order key":                           (*suite).claimOrder,
		"a job waits for its time":                              (*suite).waitsForTime,
		"a clock set back holds nothing up":                     (*suite).clockBack,
		"steps of the clock move what goes by moments only":     (*suite).clockSteps,
		"a step of the clock leaves a back-off its length":      (*suite).clockStepInBackoff,
		"what runs knows no steps of the clock":                 (*suite).clockStepsWhileRunning,
		"claims keep to their projects and limit":               (*suite).claimFilter,
		"no job is claimed twice, however many claim":           (*suite).claimRace,
		"however many claim, no scope is over its limit":        (*suite).claimsRace,
		"who follows misses no event, however many write":       (*suite).followRace,
		"a job that expired is not run":                         (*suite).expiry,
		"progress reaches job, nodes and events":                (*suite).advance,
		"a report ends attempt and job":                         (*suite).report,
		"a try is repeated after its back-off":                  (*suite).retry,
		"a job expires between two tries":                       (*suite).expiryBetweenTries,
		"recoveries end at their bound":                         (*suite).recoveryBound,
		"a report that does not stand changes nothing":          (*suite).fencing,
		"given back costs nothing":                              (*suite).giveBack,
		"a lost worker's jobs are recovered":                    (*suite).loseWorker,
		"cancel reaches pending and running jobs":               (*suite).cancel,
		"keys come back, end, and leave authentication on":      (*suite).keys,
		"the names of keys in force are unique":                 (*suite).keyNames,
		"pages of keys meet":                                    (*suite).keyPages,
		"a change and its audit are one":                        (*suite).auditedChange,
		"pages of the audit meet":                               (*suite).auditPages,
		"jobs have projects":                                    (*suite).projectsOf,
		"a scope is never over its limit":                       (*suite).limits,
		"who is next in a scope may be put behind others":       (*suite).limitsAmended,
		"nobody of a key is passed by larger limits":            (*suite).limitsUnlike,
		"a job that expires in line keeps nobody back":          (*suite).expiryParked,
		"what limits a scope may change":                        (*suite).limitsChange,
		"random events keep every claim in order and in limits": (*suite).scopes,
		"a job runs on whoever has the labels it requires":      (*suite).requires,
		"a crowd that requires labels is in nobody's way":       (*suite).requiresCrowd,
		"what a job requires may be long":                       (*suite).requiresLong,
		"workers of all labels claim in order and in limits":    (*suite).scopesOfMany,
		"jobs that write one file at once are warned":           (*suite).sharedWrites,
		"warnings of shared files are few":                      (*suite).manySharedWrites,
		"a job may wait for its files":                          (*suite).queuedWrites,
		"who waited for a file and leaves makes way":            (*suite).queuedWritesLeave,
		"jobs of very many files wait in order":                 (*suite).queuedWritesLarge,
		"random events keep files and order":                    (*suite).randomWrites,
		"no file is written by two, however many claim":         (*suite).queuedWritesRace,
		"of files told at once both jobs are warned":            (*suite).sharedWritesRace,
		"labels go with their jobs":                             (*suite).labels,
		"what ended can be deleted, nothing else":               (*suite).retention,
		"rows of workers that ended can be deleted":             (*suite).oldWorkers,
		"a duty is done, and its error is told":                 (*suite).alone,
		"a page of large jobs ends early":                       (*suite).largePages,
		"events are in order and end":                           (*suite).events,
		"workers are listed with their jobs":                    (*suite).workers,
		"a renewal raises the beat and tells what is held":      (*suite).renew,
		"who is lost, ended or a copy can't renew":              (*suite).renewRefused,
		"beats are of all who may hold jobs":                    (*suite).beats,
		"a worker is reaped only while its beat stands":         (*suite).reap,
		"a worker that renews is not reaped at the same time":   (*suite).reapRace,
		"a run that was ended for its lease is a recovery":      (*suite).abandon,
		"a claim that was lost is made again":                   (*suite).assert,
		"a worker is asked to drain once, and stays asked":      (*suite).drain,
		"one caller's error is never another's":                 (*suite).neighbours,
		"a batch is there whole or not at all":                  (*suite).batch,
		"a batch with a known key gives the first jobs":         (*suite).repeatedBatch,
		"a changed priority or time moves a pending job":        (*suite).amend,
		"changed labels are found, those before are not":        (*suite).amendLabels,
		"several jobs change together or not at all":            (*suite).updateAll,
		"stats count what was created, of the newest only":      (*suite).stats,
		"who subscribed is woken after the commit":              (*suite).wakes,
		"an ended context is an error, not a lost write":        (*suite).contexts,
		"every end of a job with a callback is to be told":      (*suite).everyEnd,
		"an end that is undone is told to nobody":               (*suite).endUndone,
		"a delivery is sent by one until it ends":               (*suite).deliver,
		"a delivery waits its time, however the clock steps":    (*suite).deliverySteps,
		"many who ask at once are given other deliveries":       (*suite).deliveryRace,
		"deliveries to each host are a queue of their own":      (*suite).deliveryHosts,
		"deliveries go with their job or after their end":       (*suite).deliveriesGo,
		"a brief job has no parameters and results":             (*suite).brief,
		"what workers publish comes back, the newest first":     (*suite).registries,
		"what workers that ended published goes":                (*suite).oldRegistries,
		"workers are asked for their registries":                (*suite).refreshes,
		"random events leave the store where the domain stands": (*suite).shadow,
	}
	maps.Copy(tests, pageTests())
	run(t, tests, open)
}

// RunPages runs what Run does of lists alone: for a store that looks at little for a page.
func RunPages(t *testing.T, open func(t *testing.T, clock *Clock) Store) {
	t.Helper()
	run(t, pageTests(), open)
}

func pageTests() map[string]func(*suite) {
	return map[string]func(*suite){
		"pages meet while the clock steps":              (*suite).clockStepsBetweenPages,
		"lists filter":                                  (*suite).listFilters,
		"pages meet without gap or overlap":             (*suite).listPages,
		"every filter gives all that fit, page by page": (*suite).randomPages,
	}
}

func run(t *testing.T, tests map[string]func(*suite), open func(t *testing.T, clock *Clock) Store) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			clock := NewClock()
			test(&suite{Store: open(t, clock), t: t, clock: clock})
		})
	}
}

func (s *suite) ctx() context.Context { return s.t.Context() }

// make gives a job that was not submitted; each is a second younger.
func (s *suite) make(change func(*job.Job)) job.Job {
	s.n++
	s.clock.Add(time.Second)
	j := job.Job{
		ID: fmt.Sprintf("00000000-0000-7000-8000-%012d", s.n), Project: "proj", Pipeline: "pipe", Status: job.Pending,
		Parameters: json.RawMessage(`{}`), CreatedAt: s.clock.Now(),
		Queue: job.Queue{Timeout: time.Minute, MaxAttempts: 1, MaxRecoveries: 3},
	}
	if change != nil {
		change(&j)
	}
	return j
}

func (s *suite) submit(change func(*job.Job)) job.Job {
	s.t.Helper()
	j, existed, err := s.Submit(s.ctx(), s.make(change), nil)
	require.NoError(s.t, err)
	require.False(s.t, existed)
	return j
}

func (s *suite) claim(worker string, limit int) []job.Job {
	s.t.Helper()
	jobs, err := s.Claim(s.ctx(), store.Claim{Worker: worker, Limit: limit, Projects: []string{"proj"}})
	require.NoError(s.t, err)
	return jobs
}

// running submits a job and has it claimed by the worker.
func (s *suite) running(worker string, change func(*job.Job)) (job.Job, job.Ref) {
	s.t.Helper()
	want := s.submit(change)
	for _, j := range s.claim(worker, 100) {
		if j.ID == want.ID {
			return j, refOf(j)
		}
	}
	require.FailNow(s.t, "the job was not claimed")
	return job.Job{}, job.Ref{}
}

func refOf(j job.Job) job.Ref { return job.Ref{JobID: j.ID, Attempt: j.Attempt, Worker: j.Worker} }

func (s *suite) get(id string) job.Job {
	s.t.Helper()
	j, err := s.Get(s.ctx(), id)
	require.NoError(s.t, err)
	return j
}

func (s *suite) ids(f store.Filter) []string {
	s.t.Helper()
	if f.Limit == 0 {
		f.Limit = 100
	}
	ids := []string{}
	for { // a page may hold fewer than asked for although more follow
		p, err := s.List(s.ctx(), f)
		require.NoError(s.t, err)
		for _, j := range p.Jobs {
			ids = append(ids, j.ID)
		}
		if f.Limit -= len(p.Jobs); p.Next == "" || f.Limit == 0 {
			return ids
		}
		f.Cursor = p.Next
	}
}

func (s *suite) completed() job.Outcome {
	return job.Outcome{
		Status: job.Completed, Results: json.RawMessage(`{"outputs":[]}`), EndedAt: job.Truncate(s.clock.Now()),
		ExecutionTime: 1.5, Start: "cold", Progress: &job.Progress{Done: 2, Total: 2, Running: []string{}},
	}
}

func (s *suite) failed(r job.Reason) job.Outcome {
	return job.Outcome{Status: job.Failed, Reason: r, Message: "why", EndedAt: job.Truncate(s.clock.Now()), ExecutionTime: 1}
}
