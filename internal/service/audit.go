package service

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/store"
)

// Act is a call as the audit names it.
type Act struct {
	Call      string // the operation's id
	Target    string // from the path; "" where the use case finds it
	Address   string // of the peer
	RequestID string
}

// refusalGate bounds how many refusals are written, so that a flood of them can
// neither fill the disk nor hold up the writer.
type refusalGate struct {
	limiter    *rate.Limiter
	suppressed *atomic.Int64 // since the last that was written
}

// A thousand at once is more than people and broken scripts come to.
const (
	refusalsPerSecond = 10
	refusalsAtOnce    = 1000
)

func newRefusalGate() refusalGate {
	return refusalGate{limiter: rate.NewLimiter(refusalsPerSecond, refusalsAtOnce), suppressed: new(atomic.Int64)}
}

func (s *Service) entry(c Caller, a Act) store.AuditEntry {
	return store.AuditEntry{
		At: s.o.Now(), Who: c.Name, KeyID: c.KeyID, Call: a.Call, Target: shown(a.Target), Outcome: store.AuditDone, Address: shown(a.Address),
		RequestID: shown(a.RequestID),
	}
}

// shown bounds what a client may have us keep.
func shown(s string) string {
	const most = 200
	return strings.ToValidUTF8(s[:min(len(s), most)], "\uFFFD")
}

// BeginAudit gives the context for a call that changes something: the store writes the
// entry together with the change. EndAudit belongs to it.
func (s *Service) BeginAudit(ctx context.Context, c Caller, a Act) context.Context {
	ctx, _ = store.WithAudit(ctx, s.entry(c, a))
	return ctx
}

// EndAudit writes the entry of a call that succeeded without changing the store, such
// as a refreshed registry.
func (s *Service) EndAudit(ctx context.Context) error {
	audited := store.AuditOf(ctx)
	e, pending := audited.Pending()
	if !pending {
		return nil
	}
	ctx, cancel := context.WithTimeout(store.WithoutAudit(ctx), auditTime)
	defer cancel()
	if err := s.o.Store.AddAudit(ctx, e); err != nil {
		return err
	}
	audited.Written()
	return nil
}

const auditTime = 5 * time.Second

// AuditRefusal writes that a call was refused for who its caller is, if that is what
// err says. It never fails: what it can't write it logs.
func (s *Service) AuditRefusal(ctx context.Context, c Caller, a Act, err error) {
	code := fault.CodeOf(err)
	switch {
	case code == fault.Unauthenticated, code == fault.Forbidden, code == fault.RateLimited, errors.Is(err, errHidden):
	default:
		return
	}
	g := s.refusals
	if !g.limiter.AllowN(s.o.Now(), 1) {
		g.suppressed.Add(1)
		return
	}
	e := s.entry(c, a)
	e.Outcome, e.Code, e.Suppressed = store.AuditRefused, string(code), int(g.suppressed.Swap(0))
	ctx, cancel := context.WithTimeout(store.WithoutAudit(context.WithoutCancel(ctx)), auditTime)
	defer cancel()
	if err := s.o.Store.AddAudit(ctx, e); err != nil {
		g.suppressed.Add(int64(e.Suppressed) + 1)
		s.o.Log.Warn("a refusal could not be audited", "call", a.Call, "error", err)
	}
}

// Audit gives a page of what was changed and refused, newest first. f.Limit 0 means
// DefaultLimit.
func (s *Service) Audit(ctx context.Context, c Caller, f store.AuditFilter) (store.AuditPage, error) {
	if err := c.Need(Admin, true); err != nil {
		return store.AuditPage{}, err
	}
	limit, err := pageLimit(f.Limit)
	if err != nil {
		return store.AuditPage{}, err
	}
	f.Limit = limit
	return s.o.Store.Audit(ctx, f)
}
