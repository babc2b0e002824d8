package registries

import (
	"bytes"
	"context"
	"crypto/sha256"
	"log/slog"
	"time"

	"github.com/kedrod/kedrod/internal/compress"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/store"
)

// Catalog is a project's registry as its worker has it; all but Refresh answer at once.
type Catalog interface {
	Snapshot() (r kedro.Registry, known bool)
	Current() bool
	Refresh(ctx context.Context) (kedro.Registry, error)
	Findings() []kedro.Finding
}

// Project is one that a worker runs.
type Project struct {
	Name     string
	Path     string
	Python   string
	Settings Settings
	Catalog  Catalog
}

// PublishStore is what a Publisher needs of the store.
type PublishStore interface {
	Publish(ctx context.Context, r store.Registry) error
	Asked(ctx context.Context) (map[string]int64, error)
	Subscribe(topic string) (<-chan struct{}, func())
}

// PublishOptions of NewPublisher. Everything must be set but Interval.
type PublishOptions struct {
	Store    PublishStore
	Worker   string // its id
	Projects []Project
	Packer   *compress.Packer
	Interval time.Duration // between looks at the projects; 0: a second
	Log      *slog.Logger
}

// Publisher tells the store what a worker knows of its projects, whenever that has
// changed, and reads them anew when the store asks for it.
type Publisher struct {
	o        PublishOptions
	projects []publishing
}

// publishing is a project with what was published of it.
type publishing struct {
	*Project
	looked   looked
	digest   [sha256.Size]byte
	answered int64
	told     bool // that it can't be published
}

// looked tells cheaply whether a catalog may have changed.
type looked struct {
	loaded         time.Time
	hash           string
	code           kedro.Code
	err            *kedro.LoadError
	known, current bool
	answered       int64
	ok             bool
}

// NewPublisher makes one; nothing is started.
func NewPublisher(o PublishOptions) *Publisher {
	if o.Interval == 0 {
		o.Interval = time.Second
	}
	p := &Publisher{o: o}
	for i := range o.Projects {
		p.projects = append(p.projects, publishing{Project: &o.Projects[i]})
	}
	return p
}

// Run publishes until ctx ends. What can't be published now is tried again.
func (p *Publisher) Run(ctx context.Context) error {
	wake, unsubscribe := p.o.Store.Subscribe(store.TopicRegistries)
	defer unsubscribe()
	ticker := time.NewTicker(p.o.Interval)
	defer ticker.Stop()
	failing, first := false, true
	for ctx.Err() == nil {
		err := p.look(ctx, first)
		if first = first && err != nil; err != nil && !failing && ctx.Err() == nil {
			p.o.Log.Warn("what is known of the projects can't be published; trying again each second", "error", err)
		}
		failing = err != nil
		woken := wake
		if failing {
			woken = nil // a wake-up must not turn this into a storm
		}
		select {
		case <-ctx.Done():
		case <-woken:
		case <-ticker.C:
		}
	}
	return nil
}

// look answers what was asked for, and publishes what has changed. What was asked before
// the first look is answered by it: the catalog has just begun.
func (p *Publisher) look(ctx context.Context, first bool) error {
	asked, err := p.o.Store.Asked(ctx)
	if err != nil {
		return err
	}
	for i := range p.projects {
		q := &p.projects[i]
		if n := asked[q.Name]; n != q.answered {
			if !first {
				if _, err := q.Catalog.Refresh(ctx); err != nil && ctx.Err() == nil {
					p.o.Log.Error("the registry can't be read", "project", q.Name, "error", err)
				}
			}
			q.answered = n
		}
		if err := p.publish(ctx, q); err != nil {
			return err
		}
	}
	return nil
}

func (p *Publisher) publish(ctx context.Context, q *publishing) error {
	r, known := q.Catalog.Snapshot()
	now := looked{r.LoadedAt, r.SourceHash, r.Code, r.Error, known, q.Catalog.Current(), q.answered, true}
	if now == q.looked {
		return nil
	}
	k := Known{Path: q.Path, Python: q.Python, Settings: q.Settings, Registry: r, Read: known, Current: now.current, Findings: q.Catalog.Findings()}
	packed, err := k.pack(p.o.Packer)
	if err != nil {
		if !q.told {
			p.o.Log.Error("what is known of a project can't be published", "project", q.Name, "error", err)
		}
		q.told, q.looked = true, now
		return nil
	}
	digest := sha256.Sum256(packed)
	if q.looked.answered == now.answered && bytes.Equal(digest[:], q.digest[:]) && q.looked.ok {
		q.looked = now
		return nil
	}
	out := store.Registry{Project: q.Name, Worker: p.o.Worker, SourceHash: r.SourceHash, Refreshed: q.answered, Body: packed}
	if !r.LoadedAt.IsZero() {
		out.ReadAt = &r.LoadedAt
	}
	if err := p.o.Store.Publish(ctx, out); err != nil {
		return err
	}
	q.looked, q.digest = now, digest
	return nil
}
