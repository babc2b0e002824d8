package service

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/kedrod/kedrod/internal/auth"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/store"
)

// KeyStore is what keys and the audit need of the store.
type KeyStore interface {
	AddKey(ctx context.Context, k store.Key) error
	RevokeKey(ctx context.Context, id string, at time.Time) (store.Key, error)
	Keys(ctx context.Context, limit int, cursor string) (store.KeyPage, error)
	KeysVersion(ctx context.Context) (int64, error)
	Authentication(ctx context.Context) (store.Authentication, error)
	AddAudit(ctx context.Context, e store.AuditEntry) error
	Audit(ctx context.Context, f store.AuditFilter) (store.AuditPage, error)
	ProjectsOf(ctx context.Context, ids []string) (map[string]string, error)
}

// RateLimit bounds the calls of each key.
type RateLimit struct {
	PerSecond float64 // 0: no bound
	Burst     int     // at once
}

// keyring is this process's copy of the keys: no call waits for the disk to know its
// caller.
type keyring struct {
	directory *auth.Directory
	limiter   *auth.Limiter
	loading   sync.Mutex // one load after the other, so that an older one never wins
	version   int64      // under loading; -1 before the first load
}

func newKeyring(r RateLimit) *keyring {
	return &keyring{directory: auth.NewDirectory(), limiter: auth.NewLimiter(r.PerSecond, r.Burst), version: -1}
}

// LoadKeys reads the keys anew. Until it has once succeeded nobody is let in.
func (s *Service) LoadKeys(ctx context.Context) error {
	k := s.keys
	k.loading.Lock()
	defer k.loading.Unlock()
	a, err := s.o.Store.Authentication(ctx)
	if err != nil {
		return fmt.Errorf("load keys: %w", err)
	}
	keys := make([]auth.Key, len(a.Keys))
	for i := range a.Keys {
		stored := &a.Keys[i]
		keys[i] = auth.Key{ID: stored.ID, Name: stored.Name, Prefix: stored.Prefix, Role: auth.Role(stored.Role),
			Projects: stored.Projects, ExpiresAt: stored.ExpiresAt}
		copy(keys[i].Hash[:], stored.Hash)
	}
	k.directory.Set(a.On, keys, s.o.Now())
	k.version = a.Version
	return nil
}

// keysEvery is how often other processes' changes of keys are looked for: one that
// `kedrod keys` makes on the store counts within a second.
const keysEvery = 400 * time.Millisecond

// WatchKeys follows what other processes do to the keys, and ends keys whose time has
// come. It returns when ctx ends.
func (s *Service) WatchKeys(ctx context.Context) error {
	tick := time.NewTicker(keysEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := s.lookAtKeys(ctx)
		if err != nil && ctx.Err() == nil && !failing {
			s.o.Log.Error("the keys can't be read: a key that another process revokes still counts here", "error", err)
		}
		failing = err != nil
	}
}

func (s *Service) lookAtKeys(ctx context.Context) error {
	expired := s.keys.directory.Expire(s.o.Now())
	version, err := s.o.Store.KeysVersion(ctx)
	if err != nil {
		return err
	}
	s.keys.loading.Lock()
	same := version == s.keys.version
	s.keys.loading.Unlock()
	if same && !expired {
		return nil
	}
	return s.LoadKeys(ctx)
}

// AuthenticationOn reports whether a key is asked for.
func (s *Service) AuthenticationOn() bool { return s.keys.directory.On() }

// Credential is what a request brought to say who calls.
type Credential struct {
	Key   auth.Secret
	Given bool // something was brought
	Valid bool // and has the form of a key
}

// Authenticate says who calls. An error is Unauthenticated, or RateLimited: then the
// caller is known, and wait says when to come again. Without authentication everybody
// is Anonymous, whatever key they bring.
func (s *Service) Authenticate(cr Credential) (c Caller, wait time.Duration, err error) {
	d := s.keys.directory
	if nobody := d.Nobody(); nobody != nil {
		c = Anonymous()
		c.Valid = nobody.Valid
		return c, 0, nil
	}
	if !cr.Given {
		return c, 0, fault.New(fault.Unauthenticated, "this service asks for a key: send it as Authorization: Bearer KEY")
	}
	now := s.o.Now()
	var h *auth.Holder
	if cr.Valid {
		h = d.Find(cr.Key, now)
	}
	if h == nil {
		return c, 0, fault.New(fault.Unauthenticated, "the key is not known here: it is mistyped, was revoked, or has expired")
	}
	c = Caller{Name: &h.Name, KeyID: &h.ID, Rights: h.Role.Rights(), Projects: h.Projects, Valid: h.Valid}
	if wait, ok := s.keys.limiter.Allow(h.ID, now); !ok {
		return c, wait, fault.New(fault.RateLimited, "too many calls with this key: wait as long as Retry-After says, or ask the operator to raise rate_limit")
	}
	return c, 0, nil
}
