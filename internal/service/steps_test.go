package service

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/auth"
	"github.com/kedrod/kedrod/internal/store"
)

// TestKeysThroughSteps: a step forward that is taken back costs no key.
func TestKeysThroughSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secret := auth.NewSecret()
		key := stored(secret)
		until := time.Now().Add(30 * time.Minute)
		key.ExpiresAt = &until
		k := &keyStore{load: func() store.Authentication { return store.Authentication{On: true, Keys: []store.Key{key}} }}
		var stepped atomic.Int64
		s := New(Options{Store: k, Now: func() time.Time { return time.Now().Add(time.Duration(stepped.Load())) }, Log: slog.New(slog.DiscardHandler)})
		require.NoError(t, s.LoadKeys(t.Context()))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.WatchKeys(ctx) }()
		for _, step := range []time.Duration{0, time.Hour, 0, -time.Hour, 0} {
			stepped.Store(int64(step))
			<-time.After(time.Second)
			synctest.Wait()
			require.Equal(t, step <= 0, s.knows(secret), step.String())
		}
		cancel()
		require.NoError(t, <-ended)
	})
}

// TestIDsNeverGoBack: the id after a step back is still a later one. A bubble's clock
// begins in the year 2000.
func TestIDsNeverGoBack(t *testing.T) {
	before, err := uuid.NewV7()
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		require.Less(t, time.Now().Year(), 2026)
		after, err := uuid.NewV7()
		require.NoError(t, err)
		require.Greater(t, after.String(), before.String())
	})
}
