package store

import (
	"context"
	"sync"
	"time"
)

// AuditEntry says who did what, or was refused. It never holds a secret.
type AuditEntry struct {
	Seq        int64 // set by the store
	At         time.Time
	Who        *string // the key's name; nil: nobody had to say who they are, or could
	KeyID      *string
	Call       string // the operation's id: "submit-job"
	Target     string // what it was about: a job's id, a key's; "" for none
	Outcome    string // AuditDone or AuditRefused
	Code       string // of the refusal
	Address    string // of the peer, without its port
	RequestID  string
	Suppressed int // refusals before this one that were not written, since there were too many
}

// The outcomes.
const (
	AuditDone    = "done"
	AuditRefused = "refused"
)

// MaxRefusals is how many refusals are kept; those that are too many go in batches of
// a thousand.
const MaxRefusals = 100_000

// AuditFilter selects entries, newest first.
type AuditFilter struct {
	Outcome string // "" for both
	Limit   int    // 1 to 500
	Cursor  string
}

// AuditPage is one page of entries; Next is "" at the end.
type AuditPage struct {
	Entries []AuditEntry
	Next    string
}

// Audited is the entry of a change under way. It travels in the context of the call, so
// that a store writes it in the transaction of the change itself, whichever method
// makes it: no change without its entry, no entry without its change, and no use case
// that could forget it. Only the first write of a call carries it.
type Audited struct {
	mu      sync.Mutex
	entry   AuditEntry
	written bool
}

type auditedKey struct{}

// WithAudit gives a context whose first write carries the entry.
func WithAudit(ctx context.Context, e AuditEntry) (context.Context, *Audited) {
	a := &Audited{entry: e}
	return context.WithValue(ctx, auditedKey{}, a), a
}

// WithoutAudit gives a context whose writes carry no entry.
func WithoutAudit(ctx context.Context) context.Context {
	return context.WithValue(ctx, auditedKey{}, (*Audited)(nil))
}

// AuditOf finds what WithAudit put there; nil where there is none. Its methods work on
// nil, too.
func AuditOf(ctx context.Context) *Audited {
	a, _ := ctx.Value(auditedKey{}).(*Audited)
	return a
}

// Target says what the change is about, where only the use case knows.
func (a *Audited) Target(id string) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.entry.Target = id
}

// Pending gives the entry while it is still to be written.
func (a *Audited) Pending() (AuditEntry, bool) {
	if a == nil {
		return AuditEntry{}, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.entry, !a.written
}

// Written is told by the store once the entry is on disk.
func (a *Audited) Written() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.written = true
}
