package kedro

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kedrod/kedrod/internal/nearest"
)

// CatalogOptions is what a Catalog is made of. Inspector and CacheDir are needed.
type CatalogOptions struct {
	Inspector Inspector
	CacheDir  string        // the registry's cache file goes here, private
	Dynamic   bool          // dynamic_registry: never refuse a pipeline
	Interval  time.Duration // between looks at the sources; 3 s when 0
	Log       *slog.Logger  // discards when nil
}

// Catalog keeps a project's registry: served at once, from a cache at first, and
// read anew in the background when the sources change. All its methods may be called
// from any goroutine.
type Catalog struct {
	opts  CatalogOptions
	state atomic.Pointer[catalogState]

	loading   chan struct{} // holds one token: who has it may load
	mu        sync.Mutex
	requested int // loads asked for
	served    int // of those, begun by the last load that ended
	lastLook  time.Time
	retryAt   time.Time
	git       string // the stamp at which Registry.Code was read
}

type catalogState struct {
	Registry    Registry
	Known       bool   // pipelines were read at least once
	Fingerprint string // of the sources the newest load saw
	Seen        string // the newest fingerprint
	Findings    []Finding
}

// NewCatalog makes a Catalog and reads its cache file, if there is a usable one; the
// project is not touched before Run or Refresh.
func NewCatalog(opts CatalogOptions) *Catalog {
	if opts.Interval == 0 {
		opts.Interval = 3 * time.Second
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	c := &Catalog{opts: opts, loading: make(chan struct{}, 1)}
	c.loading <- struct{}{}
	c.state.Store(&catalogState{})
	if cached, ok := readCache(opts.CacheDir, opts.Inspector); ok {
		c.state.Store(&catalogState{Registry: cached.Registry, Known: true, Fingerprint: cached.Fingerprint})
	}
	return c
}

// Snapshot gives the registry as it is known now; known is false until it was read
// once. It never waits. After a failed load it is the last good one, with Error.
func (c *Catalog) Snapshot() (r Registry, known bool) {
	s := c.state.Load()
	return s.Registry, s.Known
}

// Findings are those of the newest load.
func (c *Catalog) Findings() []Finding { return c.state.Load().Findings }

// Current reports whether the registry was read, without error, from the sources as
// they were last seen.
func (c *Catalog) Current() bool {
	s := c.state.Load()
	return s.current()
}

func (s *catalogState) current() bool {
	return s.Known && s.Seen != "" && s.Seen == s.Fingerprint && (s.Registry.Error == nil || s.Registry.Error.Stage == "configuration")
}

// Known reports whether the registry, as known, has a pipeline.
func (c *Catalog) Known(name string) bool {
	r, _ := c.Snapshot()
	_, ok := r.Pipeline(name)
	return ok
}

// Refuses reports whether a pipeline certainly does not exist, and then up to three
// names like it. For a name it does not know it looks at the sources first, at most
// twice a second: one just added is not refused.
func (c *Catalog) Refuses(name string) (near []string, refuse bool) {
	if c.opts.Dynamic || c.Known(name) || !c.Current() {
		return nil, false
	}
	c.mu.Lock()
	look := time.Since(c.lastLook) > 500*time.Millisecond
	c.mu.Unlock()
	if look && c.look() {
		return nil, false
	}
	r, _ := c.Snapshot()
	return nearest.Names(name, r.Names(), 3), true
}

// look compares the sources with what was read; true when they differ.
func (c *Catalog) look() bool {
	s := c.state.Load()
	seen := fingerprint(c.opts.Inspector.Project, s.Registry.SitePath)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastLook = time.Now()
	for {
		s = c.state.Load()
		next := *s
		next.Seen = seen
		if c.state.CompareAndSwap(s, &next) {
			return seen != s.Fingerprint
		}
	}
}

// Run keeps the registry fresh until ctx ends: it looks every interval and loads
// when the sources changed, and again after half a minute where the interpreter
// failed. Of a project whose folder is gone it keeps what it knows. It returns nil.
func (c *Catalog) Run(ctx context.Context) error {
	ticker := time.NewTicker(c.opts.Interval)
	defer ticker.Stop()
	for {
		switch {
		case Gone(c.opts.Inspector.Project.Path): // what is known stays
		case c.look() || c.retryDue():
			if _, err := c.Refresh(ctx); err != nil && ctx.Err() == nil {
				c.opts.Log.Error("the registry can't be read", "project", c.opts.Inspector.Project.Name, "error", err)
				c.setRetry()
			}
		default:
			c.refreshCode(ctx)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// refreshCode asks git again where something of it has changed and no source has.
func (c *Catalog) refreshCode(ctx context.Context) {
	stamp := gitStamp(c.opts.Inspector.Project)
	c.mu.Lock()
	same := c.git == stamp
	c.git = stamp
	c.mu.Unlock()
	if s := c.state.Load(); same || !s.Known {
		return
	}
	code := c.opts.Inspector.codeState(ctx)
	for ctx.Err() == nil {
		s := c.state.Load()
		next := *s
		code.Hash = next.Registry.SourceHash
		next.Registry.Code = code
		if c.state.CompareAndSwap(s, &next) {
			return
		}
	}
}

func (c *Catalog) retryDue() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.retryAt.IsZero() && time.Now().After(c.retryAt)
}

func (c *Catalog) setRetry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.retryAt = time.Now().Add(30 * time.Second)
}

// Refresh reads the registry anew and waits for it. Callers at the same time share
// a load that began after they asked. Faults of the project are in Registry.Error;
// an error is one of our side, or ctx's.
func (c *Catalog) Refresh(ctx context.Context) (Registry, error) {
	c.mu.Lock()
	c.requested++
	mine := c.requested
	c.mu.Unlock()
	select {
	case <-ctx.Done():
		return Registry{}, ctx.Err()
	case <-c.loading:
	}
	defer func() { c.loading <- struct{}{} }()
	c.mu.Lock()
	begun, done := c.requested, c.served >= mine
	c.mu.Unlock()
	if !done {
		if err := c.load(ctx); err != nil {
			return Registry{}, err
		}
		c.mu.Lock()
		c.served = begun
		c.mu.Unlock()
	}
	r, _ := c.Snapshot()
	return r, nil
}

func (c *Catalog) load(ctx context.Context) error {
	project, old := c.opts.Inspector.Project, c.state.Load()
	before := fingerprint(project, old.Registry.SitePath)
	found, err := c.opts.Inspector.Inspect(ctx)
	if err != nil {
		return err
	}
	r := found.Registry
	stamp := gitStamp(project)
	r.Code = c.opts.Inspector.codeState(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if len(r.SitePath) == 0 {
		r.SitePath = old.Registry.SitePath
	}
	seen := before
	if !slices.Equal(r.SitePath, old.Registry.SitePath) {
		seen = fingerprint(project, r.SitePath)
	}
	r.SourceHash = sourceHash(project, r.SitePath)
	r.Code.Hash = r.SourceHash
	failed := r.Error != nil && r.Error.Stage != "configuration"
	known := old.Known || !failed
	if failed {
		r.Pipelines, r.Datasets, r.Made, r.Parameters, r.Full = old.Registry.Pipelines, old.Registry.Datasets, old.Registry.Made, old.Registry.Parameters, false
		r.Kedro, r.Python = firstOf(r.Kedro, old.Registry.Kedro), firstOf(r.Python, old.Registry.Python)
	}
	c.mu.Lock()
	c.retryAt, c.git = time.Time{}, stamp
	c.mu.Unlock()
	if failed && r.Error.Stage == "kedro" {
		c.setRetry() // a package installed meanwhile may not show in the sources
	}
	c.state.Store(&catalogState{Registry: r, Known: known, Fingerprint: seen, Seen: seen, Findings: found.Findings})
	if !failed {
		if err := writeCache(c.opts.CacheDir, c.opts.Inspector, r, seen); err != nil {
			c.opts.Log.Warn("the registry's cache can't be written", "project", project.Name, "error", err)
		}
	}
	for _, f := range found.Findings {
		c.opts.Log.Warn("the project needs a look", "project", project.Name, "found", f.Message, "do", f.Fix)
	}
	return nil
}

// FullRegistry is what RunEnv.FullRegistry of this project's runs should be.
func (c *Catalog) FullRegistry() bool {
	r, known := c.Snapshot()
	if r.Error != nil && r.Error.Stage != "configuration" {
		return false
	}
	return !known || r.NeedsFull()
}

// Version is the project's Kedro as far as known.
func (c *Catalog) Version() Version {
	r, _ := c.Snapshot()
	return r.Version()
}
