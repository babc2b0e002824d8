package store

import "time"

// Key is an API key as it is stored: never the key itself. It is kept after its
// revocation, so that the audit's ids keep their meaning.
type Key struct {
	ID        string
	Name      string // unique among keys that are not revoked
	Role      string
	Prefix    string // unique
	Hash      []byte // SHA-256 of the whole key
	Projects  []string
	CreatedAt time.Time
	CreatedBy *string // nil: nobody had a key yet
	ExpiresAt *time.Time
	RevokedAt *time.Time
}

// KeyPage is one page of keys, newest first; Next is "" at the end.
type KeyPage struct {
	Keys []Key
	Next string
}

// Authentication is the state that a process keeps a copy of.
type Authentication struct {
	On      bool  // from the first key on, and never off again
	Version int64 // grows with every change of a key, whichever process made it
	Keys    []Key // those that are not revoked
}

// MaxKeys bounds the keys that are not revoked, since every process holds them in
// memory.
const MaxKeys = 10000
