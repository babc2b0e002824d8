// Package store has the words that both stores, sqlite and postgres, and those who
// use them share. It holds no storage of its own; storetest is the suite that every
// store passes.
package store

import (
	"time"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
)

// Idempotency lets a submission be repeated. Key is the client's, made unique for
// its caller; Hash is of the request's JSON value. It is kept as long as the job.
type Idempotency struct {
	Key  string
	Hash string
}

// Filter selects jobs for a list, newest first. Within a field any value fits;
// between fields all must. Zero values select everything.
type Filter struct {
	IDs          []string // beginnings or ends of ids
	Statuses     []job.Status
	Pipelines    []string
	Projects     []string
	UserIDs      []string
	SubmittedBy  []string
	Labels       []string   // each key:value
	CreatedSince *time.Time // inclusive
	CreatedUntil *time.Time // exclusive
	Query        string     // part of the id, the pipeline's name, the user id or the error message, ignoring case
	Limit        int        // 1 to 500
	Cursor       string     // of the page before; "" for the first
	Parameters   bool       // load Job.Parameters
	Results      bool       // load Job.Results
}

// PageBytes is how many bytes of parameters and results the jobs of a page hold before
// it ends early, with at most one more job's above that.
const PageBytes = 32 << 20

// Page is one page of jobs; Next is "" at the end.
type Page struct {
	Jobs []job.Job
	Next string
}

// Claim asks for jobs to run.
type Claim struct {
	Worker   string
	Limit    int      // at most so many, at least 1
	Projects []string // of these projects only
	Limits   Limits
	Labels   map[string]string // the worker's, for jobs that require some
}

// Advance is what a worker tells of a run under way. Nodes that changed replace
// the node at their position; Events are node and progress events, in order.
type Advance struct {
	StartedAt *time.Time
	Start     string
	Progress  *job.Progress
	Nodes     []NodeAt
	Events    []job.Event
	Writes    []job.Write // files of the run that were not told before, or are now saved
}

// NodeAt is a node with its place in the run's topological order, from 0.
type NodeAt struct {
	Position int
	job.Node
}

// WorkerState is what a worker is doing.
type WorkerState string

// The states of a worker.
const (
	WorkerReady    WorkerState = "ready"
	WorkerDraining WorkerState = "draining"
	WorkerStopped  WorkerState = "stopped" // ended in good order
	WorkerLost     WorkerState = "lost"
)

// Worker is a process that claims jobs.
type Worker struct {
	ID        string
	Host      string
	PID       int
	Version   string
	State     WorkerState
	Slots     int
	Projects  []string
	Labels    map[string]string // what jobs may require; nil for none
	StartedAt time.Time
	SeenAt    time.Time
	Running   []string // ids of its jobs; filled by Workers, not stored

	Beat             int64         // the last renewal's; written by Renew alone
	Lease            time.Duration // whole milliseconds; 0: it is never lost for its silence
	BootID           string        // of the machine's run since it was started; "" where that is not known
	PIDNamespace     string        // in which PID is a number; "" where that is not known
	DrainRequestedAt *time.Time    // when somebody asked it to drain; set by RequestDrain alone
}

// Topics of a Hub.
const (
	TopicQueue  = "queue"  // a job may be claimable
	TopicCancel = "cancel" // a running job's cancel was asked for
	TopicDrain  = "drain"  // a worker was asked to drain
	TopicEvents = "events" // an event of any job

	TopicDeliveries = "deliveries" // a delivery may be due
)

// TopicJob is the topic of one job's events.
func TopicJob(id string) string { return "job:" + id }

// NoSuchJob is the one text for a job that is not there, and for one that its caller may
// not see: nothing tells them apart.
func NoSuchJob(id string) *fault.Error {
	if len(id) > maxShown {
		id = id[:maxShown] + "…"
	}
	return fault.Newf(fault.NotFound, "no job %q here; GET /api/v1/jobs lists them", id)
}

const maxShown = 80

// NoSuchWorker is said of a worker that is not there.
func NoSuchWorker() *fault.Error {
	return fault.New(fault.NotFound, "no such worker; GET /api/v1/workers lists them")
}

// Ended is a job that ended, as far as deleting it needs to know.
type Ended struct {
	ID       string
	Attempts int // the number of the last one: run folders are numbered from 1 to it
}
