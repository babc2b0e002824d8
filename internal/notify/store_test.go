package notify_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/notify"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/sqlite"
	"github.com/kedrod/kedrod/internal/store/storetest"
)

// TestFromTheStoreToAReceiver: a real store and real HTTP; a receiver that fails in
// several ways and then takes it. The clock is moved on after each failure.
func TestFromTheStoreToAReceiver(t *testing.T) {
	clock := storetest.NewClock()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "jobs.db"), sqlite.Options{Now: clock.Now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	elsewhere, led := receiver(t, func(http.ResponseWriter, *http.Request) {})
	var mu sync.Mutex
	var bodies []string
	url, _ := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		bodies = append(bodies, string(b))
		n := len(bodies)
		mu.Unlock()
		switch n {
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
		case 2:
			if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
				_ = c.Close()
			}
		case 3:
			http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
		}
	})
	outcomes := make(chan notify.Outcome, 9)
	n := notify.New(notify.Options{
		Store: s, Targets: notify.NewTargets(true), Version: "1", Now: clock.Now, Log: slog.New(slog.DiscardHandler),
		Job: func(j *job.Job) (json.RawMessage, error) {
			return json.Marshal(map[string]string{"id": j.ID, "status": string(j.Status)})
		},
		Observe: func(o notify.Outcome) {
			clock.Add(time.Hour)
			outcomes <- o
		},
	})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	_, _, err = s.Submit(t.Context(), job.Job{ID: "one", Project: "p", Pipeline: "x", Status: job.Pending, CreatedAt: clock.Now(), CallbackURL: url}, nil)
	require.NoError(t, err)
	_, err = s.Update(t.Context(), "one", func(j *job.Job) error { j.RequestCancel(clock.Now()); return nil })
	require.NoError(t, err)
	for _, want := range []notify.Outcome{notify.Retried, notify.Retried, notify.Retried, notify.Delivered} {
		require.Equal(t, want, <-outcomes)
	}
	cancel()
	require.NoError(t, <-ended)
	all, err := s.Deliveries(t.Context(), "one")
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, []any{store.DeliveryDelivered, 4, 200, ""}, []any{all[0].State, all[0].Attempts, all[0].Answer, all[0].Error})
	for _, b := range bodies {
		require.JSONEq(t, `{"event": "job.cancelled", "id": "`+all[0].ID+`", "time": "2026-01-01T00:00:00.000000+00:00", "job": {"id": "one", "status": "cancelled"}}`, b)
	}
	require.Zero(t, led.Load())
}
