package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeService accepts jobs and completes each at its second look.
func fakeService(t *testing.T, accept func(n int64) int) *service {
	t.Helper()
	var submitted atomic.Int64
	looks := make(chan struct{}, 1)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/jobs", func(w http.ResponseWriter, _ *http.Request) {
		n := submitted.Add(1)
		w.WriteHeader(accept(n))
		fmt.Fprintf(w, `{"id": "job-%d"}`, n)
	})
	mux.HandleFunc("GET /api/v1/jobs/{id}", func(w http.ResponseWriter, _ *http.Request) {
		select {
		case looks <- struct{}{}:
			fmt.Fprint(w, `{"status": "running"}`)
		default:
			fmt.Fprint(w, `{"status": "completed", "completed_at": "2026-11-25T01:20:16.340000+00:00"}`)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return &service{address: strings.TrimPrefix(server.URL, "http://"), pipeline: "p"}
}

func TestLoadSubmitsAsManyAsAsked(t *testing.T) {
	s := fakeService(t, func(int64) int { return http.StatusCreated })
	done, err := s.load(t.Context(), 4, 50, 0)
	require.NoError(t, err)
	require.Len(t, done.ids, 50)
	require.Len(t, done.latencies, 50)
	require.IsNonDecreasing(t, done.latencies)

	end, err := s.drain(t.Context(), done.ids)
	require.NoError(t, err)
	require.Equal(t, "2026-11-25T01:20:16.34Z", end.UTC().Format(time.RFC3339Nano))
}

func TestLoadEndsWithItsWindow(t *testing.T) {
	s := fakeService(t, func(int64) int { return http.StatusAccepted })
	done, err := s.load(t.Context(), 2, -1, 50*time.Millisecond)
	require.NoError(t, err)
	require.NotEmpty(t, done.ids)
	require.Less(t, done.elapsed, 10*time.Second)
}

func TestLoadFailsWithTheFirstRefusal(t *testing.T) {
	s := fakeService(t, func(n int64) int {
		if n == 20 {
			return http.StatusServiceUnavailable
		}
		return http.StatusCreated
	})
	_, err := s.load(t.Context(), 2, 1000, 0)
	require.ErrorContains(t, err, "503")
}

func TestMomentReadsBothStacks(t *testing.T) {
	for raw, want := range map[string]string{
		`"2026-11-25T01:20:16.340000+00:00"`: "2026-11-25T01:20:16.34Z",
		`1795569616.25`:                      "2026-11-25T01:20:16.25Z",
	} {
		at, err := moment(json.RawMessage(raw))
		require.NoError(t, err)
		require.Equal(t, want, at.UTC().Format(time.RFC3339Nano))
	}
	_, err := moment(json.RawMessage(`null`))
	require.Error(t, err)
}

func TestQuantile(t *testing.T) {
	values := []time.Duration{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	require.EqualValues(t, 6, quantile(values, 0.5))
	require.EqualValues(t, 10, quantile(values, 0.99))
	require.EqualValues(t, 10, quantile(values, 1))
	require.Zero(t, quantile(nil, 0.5))
}
