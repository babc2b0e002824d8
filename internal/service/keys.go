package service

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/kedrod/kedrod/internal/auth"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// NewKey is what a key is to be.
type NewKey struct {
	Name     string
	Role     string
	Projects []string // empty: all
	Expires  *time.Time
}

// Bounds of a key.
const (
	maxKeyName  = 100
	maxProjects = 100
)

// CreateKey makes a key and turns authentication on. The secret is given here and
// nowhere else. The key counts when CreateKey returns, if the store can be read.
func (s *Service) CreateKey(ctx context.Context, c Caller, n NewKey) (store.Key, auth.Secret, error) {
	if err := c.Need(Admin, true); err != nil {
		return store.Key{}, auth.Secret{}, err
	}
	now := job.Truncate(s.o.Now())
	if err := s.checkKey(c, &n, now); err != nil {
		return store.Key{}, auth.Secret{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return store.Key{}, auth.Secret{}, fmt.Errorf("make an id: %w", err)
	}
	secret := auth.NewSecret()
	hash := secret.Hash()
	k := store.Key{ID: id.String(), Name: n.Name, Role: n.Role, Prefix: secret.Prefix(), Hash: hash[:], CreatedAt: now, CreatedBy: c.Name,
		ExpiresAt: n.Expires}
	if len(n.Projects) > 0 {
		k.Projects = slices.Compact(slices.Sorted(slices.Values(n.Projects)))
	}
	store.AuditOf(ctx).Target(k.ID)
	if err := s.o.Store.AddKey(ctx, k); err != nil {
		return store.Key{}, auth.Secret{}, err
	}
	s.o.Log.Info("key created", "key", k.ID, "name", k.Name, "role", k.Role)
	if err := s.LoadKeys(context.WithoutCancel(ctx)); err != nil { // WatchKeys tries again; the key is shown only once
		s.o.Log.Error("a key that was created does not count yet", "key", k.ID, "error", err)
	}
	return k, secret, nil
}

func (s *Service) checkKey(c Caller, n *NewKey, now time.Time) error {
	var f faults
	bad := func(r rune) bool { return !unicode.IsPrint(r) }
	switch {
	case n.Name == "":
		f.add("name", "is needed: it tells in jobs and in the audit who called")
	case len(n.Name) > maxKeyName:
		f.add("name", fmt.Sprintf("at most %d bytes", maxKeyName))
	case !utf8.ValidString(n.Name) || strings.ContainsFunc(n.Name, bad) || strings.TrimSpace(n.Name) != n.Name:
		f.add("name", "printable characters only, and no blank at either end")
	case n.Name == "local" || strings.HasPrefix(n.Name, "local:"):
		f.add("name", "must not be local or begin with local:, which in the audit is the command line on the store itself")
	}
	if !slices.Contains(auth.Roles(), auth.Role(n.Role)) {
		f.add("role", "one of viewer, runner, admin")
	}
	if len(n.Projects) > maxProjects {
		f.add("projects", fmt.Sprintf("at most %d", maxProjects))
		return f.err()
	}
	for i, p := range n.Projects {
		field := fmt.Sprintf("projects[%d]", i)
		switch {
		case p == "" || len(p) > maxName:
			f.add(field, fmt.Sprintf("a project's name, at most %d bytes", maxName))
		case len(s.projects) > 0 && s.projects[p] == nil:
			f.add(field, "no such project is served here"+nearest(p, s.projectNames(c)))
		}
	}
	if n.Expires != nil {
		at := job.Truncate(*n.Expires)
		n.Expires = &at
		if !at.After(now) {
			f.add("expires_at", "has passed already")
		} else if at.After(now.Add(job.MaxAhead)) {
			f.add("expires_at", "at most ten years ahead")
		}
	}
	return f.err()
}

// RevokeKey ends a key, and everything that is open under it, before it returns. A key
// that has ended already stays as it is.
func (s *Service) RevokeKey(ctx context.Context, c Caller, id string) (store.Key, error) {
	if err := c.Need(Admin, true); err != nil {
		return store.Key{}, err
	}
	k, err := s.o.Store.RevokeKey(ctx, id, s.o.Now())
	if err != nil {
		return store.Key{}, err
	}
	s.o.Log.Info("key revoked", "key", k.ID, "name", k.Name)
	return k, s.LoadKeys(context.WithoutCancel(ctx))
}

// Keys gives a page of keys, newest first, those that were revoked included.
func (s *Service) Keys(ctx context.Context, c Caller, limit int, cursor string) (store.KeyPage, error) {
	if err := c.Need(Admin, true); err != nil {
		return store.KeyPage{}, err
	}
	limit, err := pageLimit(limit)
	if err != nil {
		return store.KeyPage{}, err
	}
	return s.o.Store.Keys(ctx, limit, cursor)
}

// pageLimit fills in and checks the length of a page.
func pageLimit(limit int) (int, error) {
	if limit == 0 {
		return DefaultLimit, nil
	}
	var f faults
	if limit < 1 || limit > MaxLimit {
		f.add("limit", fmt.Sprintf("between 1 and %d", MaxLimit))
	}
	return limit, f.err()
}
