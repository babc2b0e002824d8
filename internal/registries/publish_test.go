package registries_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/kedrod/kedrod/internal/compress"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/registries"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// catalog is a registry that the test changes.
type catalog struct {
	mu      sync.Mutex
	r       kedro.Registry
	known   bool
	refresh int
}

func (c *catalog) Snapshot() (kedro.Registry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.r, c.known
}
func (c *catalog) Current() bool             { return true }
func (c *catalog) Findings() []kedro.Finding { return []kedro.Finding{{Code: "import", Message: "m"}} }
func (c *catalog) Refresh(context.Context) (kedro.Registry, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refresh++
	c.r.LoadedAt = c.r.LoadedAt.Add(time.Second)
	return c.r, nil
}

func (c *catalog) set(r kedro.Registry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.r, c.known = r, true
}

// failing is a store that takes nothing while it is told to.
type failing struct {
	*sqlite.Store
	mu    sync.Mutex
	away  bool
	tries int
	took  int
}

func (f *failing) Publish(ctx context.Context, r store.Registry) error {
	f.mu.Lock()
	f.tries++
	away := f.away
	f.mu.Unlock()
	if away {
		return errors.New("away")
	}
	err := f.Store.Publish(ctx, r)
	f.mu.Lock()
	f.took++
	f.mu.Unlock()
	return err
}

func (f *failing) be(away bool) { f.mu.Lock(); f.away = away; f.mu.Unlock() }

func (f *failing) counts() (tries, took int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tries, f.took
}

func registry(hash string, pipelines ...string) kedro.Registry {
	r := kedro.Registry{
		Kedro: "1.7.0", SourceHash: hash, LoadedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		Parameters: map[string]kedro.Parameter{"a": {Default: json.RawMessage(`1`)}},
	}
	for _, name := range pipelines {
		r.Pipelines = append(r.Pipelines, kedro.Pipeline{Name: name, Nodes: []kedro.PipelineNode{{Name: "n", Inputs: []string{"a"}}}})
	}
	return r
}

type fixture struct {
	t       *testing.T
	store   *failing
	catalog *catalog
	packer  *compress.Packer
}

// start runs a publisher of the project `sales` until the test ends.
func start(t *testing.T) *fixture {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "jobs.db"), sqlite.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	require.NoError(t, db.SaveWorker(t.Context(), store.Worker{ID: "w", State: store.WorkerReady, StartedAt: time.Now()}))
	f := &fixture{t: t, store: &failing{Store: db}, catalog: &catalog{}, packer: &compress.Packer{}}
	f.publisher("w", f.catalog)
	return f
}

func (f *fixture) publisher(worker string, c *catalog) {
	f.t.Helper()
	p := registries.NewPublisher(registries.PublishOptions{
		Store: f.store, Worker: worker, Packer: f.packer, Interval: time.Millisecond, Log: slog.New(slog.DiscardHandler),
		Projects: []registries.Project{{Name: "sales", Path: "/srv/sales", Python: "/venv/bin/python", Settings: registries.Settings{Slots: 3}, Catalog: c}},
	})
	ctx, cancel := context.WithCancel(f.t.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	f.t.Cleanup(func() { cancel(); require.NoError(f.t, <-done) })
}

func (f *fixture) published() (store.Registry, bool) {
	r, err := f.store.Registry(f.t.Context(), "sales", "w")
	return r, err == nil
}

func (f *fixture) eventually(what string, ok func() bool) {
	f.t.Helper()
	require.Eventually(f.t, ok, 20*time.Second, time.Millisecond, what)
}

func TestPublish(t *testing.T) {
	f := start(t)
	f.eventually("what is not known yet is published too", func() bool { r, ok := f.published(); return ok && r.ReadAt == nil })
	f.catalog.set(registry("h1", "train"))
	f.eventually("a change is published", func() bool { r, _ := f.published(); return r.SourceHash == "h1" && r.ReadAt != nil })
	first, _ := f.published()

	f.store.be(true)
	f.catalog.set(registry("h2", "train"))
	before, _ := f.store.counts()
	f.eventually("it is tried again", func() bool { tries, _ := f.store.counts(); return tries > before+2 })
	f.store.be(false)
	f.eventually("and gets there", func() bool { r, _ := f.published(); return r.SourceHash == "h2" })
	second, _ := f.published()
	require.Greater(t, second.Seq, first.Seq)

	asked, err := f.store.AskRefresh(t.Context(), []string{"sales"})
	require.NoError(t, err)
	f.eventually("a refresh is answered", func() bool { r, _ := f.published(); return r.Refreshed == asked["sales"] })
	f.catalog.mu.Lock()
	require.Equal(t, 1, f.catalog.refresh)
	f.catalog.mu.Unlock()
	f.eventually("all is counted", func() bool { _, took := f.store.counts(); return took >= 4 })
	_, took := f.store.counts()
	require.Equal(t, 4, took, "nothing is published that has not changed")
}

// TestPublishLarge: what is too large is published with less of it.
func TestPublishLarge(t *testing.T) {
	f := start(t)
	large := registry("h1", "train")
	random := make([]byte, store.MaxRegistry+store.MaxRegistry/8)
	_, _ = rand.NewChaCha8([32]byte{}).Read(random) // never fails
	text := hex.EncodeToString(random)              // half of it stays when it is packed
	large.Pipelines[0].Nodes[0].Func = text
	f.catalog.set(large)
	f.eventually("published all the same", func() bool { r, ok := f.published(); return ok && r.SourceHash == "h1" && len(r.Body) < 1<<10 })
	large.Parameters["a"] = kedro.Parameter{Default: json.RawMessage(`"` + text + `"`)}
	large.SourceHash = "h2"
	f.catalog.set(large)
	f.eventually("published all the same", func() bool { r, ok := f.published(); return ok && r.SourceHash == "h2" && len(r.Body) < 1<<10 })
}
