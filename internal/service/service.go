// Package service is what can be asked of kedrod, and by whom. HTTP, pages and later
// doors all go through it: here input is judged, rights are asked for, and what
// happened is put into words that a person understands.
package service

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/joblog"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/rundir"
	"github.com/kedrod/kedrod/internal/store"
)

// Store is what the service needs of the store.
type Store interface {
	Submit(ctx context.Context, j job.Job, idem *store.Idempotency) (stored job.Job, existed bool, err error)
	SubmitAll(ctx context.Context, jobs []job.Job, idem *store.Idempotency) (first []job.Job, err error)
	RepeatedAll(ctx context.Context, idem store.Idempotency) ([]job.Job, error)
	Stats(ctx context.Context, since time.Time, projects []string, most int) (store.Stats, error)
	Amend(ctx context.Context, id string, fn func(*job.Job) error) (job.Job, error)
	UpdateAll(ctx context.Context, ids []string, fn func(*job.Job) error) error
	DeleteEnded(ctx context.Context, ids []string) (int, error)
	Repeated(ctx context.Context, idem store.Idempotency) (*job.Job, error)
	Get(ctx context.Context, id string) (job.Job, error)
	List(ctx context.Context, f store.Filter) (store.Page, error)
	Update(ctx context.Context, id string, fn func(*job.Job) error) (job.Job, error)
	Attempts(ctx context.Context, id string) ([]job.Attempt, error)
	Deliveries(ctx context.Context, jobID string) ([]store.Delivery, error)
	Nodes(ctx context.Context, id string, attempt int) ([]job.Node, error)
	Events(ctx context.Context, jobID string, after int64, limit int) ([]job.Event, error)
	LastEvent(ctx context.Context) (int64, error)
	Workers(ctx context.Context, endedSince time.Time) ([]store.Worker, error)
	Registries(ctx context.Context) ([]store.Registry, error)
	AskRefresh(ctx context.Context, projects []string) (map[string]int64, error)
	RequestDrain(ctx context.Context, id string) (store.Worker, error)
	Waiting(ctx context.Context, ids []string) (map[string]store.Waiting, error)
	Count(ctx context.Context) (pending, running int, err error)
	Check(ctx context.Context) error
	Subscribe(topic string) (<-chan struct{}, func())
	KeyStore
}

// Catalog is a project's registry, kept fresh in the background. Its methods answer
// at once, but for Refresh.
type Catalog interface {
	Snapshot() (r kedro.Registry, known bool)
	Current() bool    // the registry is of the sources as they were last seen
	Refreshing() bool // it is being read just now
	Refresh(ctx context.Context) (kedro.Registry, error)
	// Refuses reports whether a pipeline certainly does not exist, with names like it.
	Refuses(name string) (near []string, refuse bool)
	Findings() []kedro.Finding
}

// Project is a Kedro project that is served.
type Project struct {
	Name    string
	Path    string
	Python  string
	Timeout time.Duration // of its jobs unless they say otherwise; 0: job.DefaultTimeout
	Dynamic bool          // dynamic_registry: no pipeline is refused by name
	Catalog Catalog

	Slots     int // runs of the project at once; 0: any number
	Pipelines map[string]PipelineSettings
}

// PipelineSettings is what is set for one pipeline of a project.
type PipelineSettings struct {
	Slots   int           // 0: any number
	Timeout time.Duration // of its jobs unless they say otherwise; 0: the project's

	QueueWrites bool // its jobs wait for files that other runs write
}

// Space is what is known of the data folder's disk.
type Space interface {
	Full() bool // nothing is accepted
	Low() bool  // no run is begun
}

// Options of New. Everything must be set, but for Self, MinFree, Space, RateLimit and CheckCallback.
type Options struct {
	Store    Store
	Projects []Project // at least one, names unique
	Runs     rundir.Root
	DataDir  string
	Version  string
	// Self gives the id of this process's worker as it is now, "" without one. nil: never one.
	Self func() string
	// MinFree is how many bytes must be free in DataDir for a run to begin.
	MinFree uint64
	// Space tells how short the disk is; nil: it never is.
	Space Space
	// Logs has the logs of runs on other machines; nil: there are none.
	Logs    Logs
	Watcher *joblog.Watcher // looks at growing logs, for all who follow them; nil: one of its own
	Now     func() time.Time
	Log     *slog.Logger
	// CheckCallback says what is wrong with a callback_url, as the end of a sentence that
	// does not repeat it; "" when nothing is. nil: nothing here sends callbacks, so none is taken.
	CheckCallback func(url string) string
	// RateLimit bounds the calls of each key; the zero value bounds none.
	RateLimit RateLimit
}

// Service answers use cases. Every one takes the Caller first after the context.
type Service struct {
	stopping atomic.Bool
	o        Options
	projects map[string]*Project
	watcher  *joblog.Watcher // one for all who follow logs
	feeds    feeds
	endings  endings
	keys     *keyring
	ids      *ids
	refusals refusalGate
	crews    crews
}

// New makes a service.
func New(o Options) *Service {
	if o.Watcher == nil {
		o.Watcher = joblog.NewWatcher(joblog.Options{Log: o.Log})
	}
	s := &Service{
		o: o, projects: map[string]*Project{}, watcher: o.Watcher,
		feeds:   feeds{store: o.Store, open: map[string]*feed{}},
		endings: endings{store: o.Store, open: map[attemptKey]*ending{}},
		keys:    newKeyring(o.RateLimit), refusals: newRefusalGate(), ids: newIDs(),
	}
	for i := range o.Projects {
		s.projects[o.Projects[i].Name] = &o.Projects[i]
	}
	return s
}
