package service

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/auth"
	"github.com/kedrod/kedrod/internal/store"
)

// keyStore is a store of keys alone.
type keyStore struct {
	Store
	load    func() store.Authentication
	version atomic.Int64
}

func (k *keyStore) Authentication(context.Context) (store.Authentication, error) {
	return k.load(), nil
}

func (k *keyStore) KeysVersion(context.Context) (int64, error) { return k.version.Load(), nil }

func stored(s auth.Secret) store.Key {
	hash := s.Hash()
	return store.Key{ID: s.Prefix(), Name: "k", Role: "viewer", Prefix: s.Prefix(), Hash: hash[:]}
}

func keyService(k *keyStore) *Service {
	return New(Options{Store: k, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
}

func (s *Service) knows(secret auth.Secret) bool {
	_, _, err := s.Authenticate(Credential{Key: secret, Given: true, Valid: true})
	return err == nil
}

// TestAnOlderLoadNeverWins: a load that read before a revocation and is slow must not
// bring the key back.
func TestAnOlderLoadNeverWins(t *testing.T) {
	secret := auth.NewSecret()
	k := &keyStore{}
	s := keyService(k)
	second := make(chan error, 1)
	var loads atomic.Int64
	k.load = func() store.Authentication {
		if loads.Add(1) > 1 {
			return store.Authentication{On: true, Version: 2} // the key is gone
		}
		done := make(chan struct{})
		go func() {
			second <- s.LoadKeys(context.Background())
			close(done)
		}()
		select {
		case <-done: // it could overtake
		case <-time.After(50 * time.Millisecond):
		}
		return store.Authentication{On: true, Version: 1, Keys: []store.Key{stored(secret)}}
	}
	require.NoError(t, s.LoadKeys(t.Context()))
	require.NoError(t, <-second)
	require.False(t, s.knows(secret))
}

// TestOtherProcessesAreNoticed within a second, and time alone ends a key.
func TestOtherProcessesAreNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secret, brief := auth.NewSecret(), auth.NewSecret()
		k := &keyStore{load: func() store.Authentication { return store.Authentication{} }}
		s := keyService(k)
		require.False(t, s.knows(secret), "nobody is let in before the keys are read")
		require.NoError(t, s.LoadKeys(t.Context()))
		require.True(t, s.knows(secret), "anybody, without keys")
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.WatchKeys(ctx) }()

		at := time.Now().Add(time.Minute)
		expiring := stored(brief)
		expiring.ExpiresAt = &at
		k.load = func() store.Authentication {
			return store.Authentication{On: true, Version: 1, Keys: []store.Key{stored(secret), expiring}}
		}
		k.version.Store(1)
		<-time.After(time.Second)
		synctest.Wait()
		require.True(t, s.AuthenticationOn())
		require.True(t, s.knows(secret))
		c, _, err := s.Authenticate(Credential{Key: brief, Given: true, Valid: true})
		require.NoError(t, err)
		<-time.After(time.Minute)
		synctest.Wait()
		require.False(t, s.knows(brief))
		require.Error(t, c.Valid.Err(), "what is open under it ends")

		k.load = func() store.Authentication { return store.Authentication{On: true, Version: 2} }
		k.version.Store(2)
		<-time.After(time.Second)
		synctest.Wait()
		require.False(t, s.knows(secret))
		cancel()
		require.NoError(t, <-ended)
	})
}
