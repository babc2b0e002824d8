package auth

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Key is what is known of a key that is in force.
type Key struct {
	ID        string
	Name      string
	Prefix    string
	Hash      Hash
	Role      Role
	Projects  []string   // nil: all
	ExpiresAt *time.Time // nil: never
}

// Directory holds every key that is in force, so that asking for one touches no disk.
// It is made anew as a whole when a key comes or goes.
type Directory struct {
	mu      sync.Mutex // of Set
	current atomic.Pointer[listing]
}

type listing struct {
	on     bool
	keys   map[string]*Holder // by prefix
	over   []Key              // expired: in force again should the clock be set back
	nobody *Holder            // while authentication is off
}

// Holder is a caller's standing: its key, and a context that ends when it ends.
type Holder struct {
	Key
	Valid context.Context // ends with the key's revocation or expiry; for what outlasts a request's beginning
	end   context.CancelFunc
}

// NewDirectory makes one that knows no key yet: it refuses everybody until Set is called.
func NewDirectory() *Directory {
	d := &Directory{}
	d.current.Store(&listing{on: true})
	return d
}

// On reports whether a key is asked for.
func (d *Directory) On() bool { return d.current.Load().on }

// Set replaces everything. Holders of keys that are gone or expired are ended, and
// once authentication is on, so is everybody who came without a key.
func (d *Directory) Set(on bool, keys []Key, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.current.Load()
	next := &listing{on: on, keys: make(map[string]*Holder, len(keys))}
	for _, k := range keys {
		if k.expired(now) {
			next.over = append(next.over, k)
			continue
		}
		old := before.keys[k.Prefix]
		if old != nil && old.ID == k.ID && old.Hash.Same(k.Hash) {
			next.keys[k.Prefix] = &Holder{Key: k, Valid: old.Valid, end: old.end}
			continue
		}
		next.keys[k.Prefix] = newHolder(k)
	}
	if !on {
		if next.nobody = before.nobody; next.nobody == nil {
			next.nobody = newHolder(Key{})
		}
	}
	d.current.Store(next)
	for prefix, old := range before.keys {
		if kept := next.keys[prefix]; kept == nil || kept.Valid != old.Valid {
			old.end()
		}
	}
	if on && before.nobody != nil {
		before.nobody.end()
	}
}

func newHolder(k Key) *Holder {
	ctx, end := context.WithCancel(context.Background())
	return &Holder{Key: k, Valid: ctx, end: end}
}

// Nobody is the standing of callers without a key while authentication is off; nil
// once it is on.
func (d *Directory) Nobody() *Holder { return d.current.Load().nobody }

// Find gives the holder of a key; nil for a key that is unknown, revoked or expired.
// An unknown prefix costs the same comparison as a known one.
func (d *Directory) Find(key Secret, now time.Time) *Holder {
	h := d.current.Load().keys[key.Prefix()]
	var stored Hash
	if h != nil {
		stored = h.Hash
	}
	if same := stored.Same(key.Hash()); h == nil || !same || h.expired(now) {
		return nil
	}
	return h
}

// Expire ends the holders whose time has come. It reports whether there were any, or
// whether keys are in force again since the clock was set back: then the keys are to be
// Set anew.
func (d *Directory) Expire(now time.Time) bool {
	l := d.current.Load()
	found := false
	for _, h := range l.keys {
		if h.expired(now) {
			h.end()
			found = true
		}
	}
	return found || slices.ContainsFunc(l.over, func(k Key) bool { return !k.expired(now) })
}

func (k *Key) expired(now time.Time) bool { return k.ExpiresAt != nil && !now.Before(*k.ExpiresAt) }
