package storetest

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/store"
)

func (s *suite) worker(id string, state store.WorkerState) {
	s.t.Helper()
	require.NoError(s.t, s.SaveWorker(s.ctx(), store.Worker{ID: id, State: state, Projects: []string{"proj"}, StartedAt: s.clock.Now()}))
}

func (s *suite) publish(project, worker, hash string) {
	s.t.Helper()
	require.NoError(s.t, s.Publish(s.ctx(), store.Registry{Project: project, Worker: worker, SourceHash: hash, Body: []byte(hash + " of " + worker)}))
}

// published gives who has published something, each as project/worker=hash, a living
// worker's with a star, in the store's order.
func (s *suite) published() []string {
	s.t.Helper()
	all, err := s.Registries(s.ctx())
	require.NoError(s.t, err)
	out := []string{}
	for _, r := range all {
		require.Nil(s.t, r.Body, "a list has no bodies")
		text := fmt.Sprintf("%s/%s=%s", r.Project, r.Worker, r.SourceHash)
		if r.Living {
			text += "*"
		}
		out = append(out, text)
	}
	return out
}

func (s *suite) registries() {
	s.worker("one", store.WorkerReady)
	s.worker("two", store.WorkerDraining)
	wake, unsubscribe := s.Subscribe(store.TopicRegistries)
	defer unsubscribe()
	at := s.clock.Now().Add(123456 * time.Microsecond)
	want := store.Registry{Project: "proj", Worker: "one", SourceHash: "h1", ReadAt: &at, Refreshed: 7, Body: []byte{0, 1, 255}}
	require.NoError(s.t, s.Publish(s.ctx(), want))
	<-wake
	got, err := s.Registry(s.ctx(), "proj", "one")
	require.NoError(s.t, err)
	require.Positive(s.t, got.Seq)
	want.Seq, want.Living = got.Seq, true
	require.Equal(s.t, want, got)

	s.publish("proj", "two", "h2")
	s.publish("other", "two", "h3")
	require.Equal(s.t, []string{"other/two=h3*", "proj/two=h2*", "proj/one=h1*"}, s.published())
	s.publish("proj", "one", "h4")
	require.Equal(s.t, []string{"other/two=h3*", "proj/one=h4*", "proj/two=h2*"}, s.published(), "what is published again is the newest")
	again, err := s.Registry(s.ctx(), "proj", "one")
	require.NoError(s.t, err)
	require.Greater(s.t, again.Seq, got.Seq)
	require.Nil(s.t, again.ReadAt)
	require.Equal(s.t, "h4 of one", string(again.Body))

	_, err = s.Registry(s.ctx(), "proj", "nobody")
	require.True(s.t, fault.Is(err, fault.NotFound), "%v", err)
	require.Error(s.t, s.Publish(s.ctx(), store.Registry{Project: "proj", Worker: "one", Body: make([]byte, store.MaxRegistry+1)}))
	require.NoError(s.t, s.Publish(s.ctx(), store.Registry{Project: "proj", Worker: "one", Body: make([]byte, store.MaxRegistry)}))
}

// oldRegistries: of workers that ended only the newest of a project is kept.
func (s *suite) oldRegistries() {
	s.worker("a", store.WorkerReady)
	s.worker("b", store.WorkerReady)
	s.publish("proj", "a", "h1")
	s.publish("only", "a", "h1")
	s.publish("proj", "b", "h2")
	s.worker("a", store.WorkerLost)
	require.Equal(s.t, []string{"only/a=h1", "proj/b=h2*", "proj/a=h1"}, s.published())
	require.NoError(s.t, s.DeleteWorkers(s.ctx(), s.clock.Now()))
	require.Equal(s.t, []string{"only/a=h1", "proj/b=h2*"}, s.published(), "nobody else has published the other")

	s.worker("b", store.WorkerStopped)
	s.clock.Add(time.Hour)
	require.NoError(s.t, s.DeleteWorkers(s.ctx(), s.clock.Now()))
	require.Equal(s.t, []string{"only/a=h1", "proj/b=h2"}, s.published(), "also when the workers' rows are gone")
	s.worker("c", store.WorkerReady)
	s.publish("proj", "c", "h3")
	require.Equal(s.t, []string{"only/a=h1", "proj/c=h3*"}, s.published(), "replaced as soon as there is something newer")
}

func (s *suite) refreshes() {
	asked, err := s.Asked(s.ctx())
	require.NoError(s.t, err)
	require.Empty(s.t, asked)
	wake, unsubscribe := s.Subscribe(store.TopicRegistries)
	defer unsubscribe()
	first, err := s.AskRefresh(s.ctx(), []string{"proj"})
	require.NoError(s.t, err)
	<-wake
	second, err := s.AskRefresh(s.ctx(), []string{"proj", "other"})
	require.NoError(s.t, err)
	require.Greater(s.t, second["proj"], first["proj"])
	asked, err = s.Asked(s.ctx())
	require.NoError(s.t, err)
	require.Equal(s.t, second, asked)
}
