package storetest

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

func (s *suite) makeKey(name string) store.Key {
	s.n++
	s.clock.Add(time.Second)
	return store.Key{
		ID: fmt.Sprintf("key-%04d", s.n), Name: name, Role: "runner", Prefix: fmt.Sprintf("pre%05d", s.n),
		Hash: []byte(strings.Repeat(string(rune('a'+s.n%20)), 32)), CreatedAt: s.clock.Now(),
	}
}

func (s *suite) keys() {
	a, err := s.Authentication(s.ctx())
	require.NoError(s.t, err)
	require.False(s.t, a.On, "it begins without keys")
	require.Empty(s.t, a.Keys)
	version := func(why string) {
		s.t.Helper()
		v, err := s.KeysVersion(s.ctx())
		require.NoError(s.t, err)
		require.Greater(s.t, v, a.Version, why)
		a, err = s.Authentication(s.ctx())
		require.NoError(s.t, err)
		require.Equal(s.t, v, a.Version)
	}
	expires := s.clock.Now().Add(time.Hour)
	one := s.makeKey("one")
	one.Projects, one.CreatedBy, one.ExpiresAt = []string{"a", "b"}, ptr("root"), &expires
	require.NoError(s.t, s.AddKey(s.ctx(), one))
	version("a new key")
	two := s.makeKey("two")
	require.NoError(s.t, s.AddKey(s.ctx(), two))
	version("another")
	require.True(s.t, a.On)
	require.Equal(s.t, []store.Key{one, two}, a.Keys, "no projects stays none, which is all")

	at := s.clock.Now()
	for range 2 { // the second changes nothing
		got, err := s.RevokeKey(s.ctx(), one.ID, s.clock.Now())
		require.NoError(s.t, err)
		one.RevokedAt = &at
		require.Equal(s.t, one, got)
		s.clock.Add(time.Minute)
	}
	version("a revoked key")
	require.Equal(s.t, []store.Key{two}, a.Keys)
	_, err = s.RevokeKey(s.ctx(), two.ID, s.clock.Now())
	require.NoError(s.t, err)
	version("the last one")
	require.True(s.t, a.On, "it stays on when the last key goes")
	require.Empty(s.t, a.Keys)
	_, err = s.RevokeKey(s.ctx(), "absent", s.clock.Now())
	require.True(s.t, fault.Is(err, fault.NotFound), "%v", err)
}

func (s *suite) keyNames() {
	first := s.makeKey("same")
	require.NoError(s.t, s.AddKey(s.ctx(), first))
	before, err := s.KeysVersion(s.ctx())
	require.NoError(s.t, err)
	err = s.AddKey(s.ctx(), s.makeKey("same"))
	require.True(s.t, fault.Is(err, fault.Conflict), "%v", err)
	after, err := s.KeysVersion(s.ctx())
	require.NoError(s.t, err)
	require.Equal(s.t, before, after)
	_, err = s.RevokeKey(s.ctx(), first.ID, s.clock.Now())
	require.NoError(s.t, err)
	require.NoError(s.t, s.AddKey(s.ctx(), s.makeKey("same")), "a revoked key gives its name free")
	twin := s.makeKey("other")
	twin.Prefix = first.Prefix
	require.Error(s.t, s.AddKey(s.ctx(), twin), "a prefix finds one key")
}

func (s *suite) keyPages() {
	var want, got []string
	for i := range 7 {
		k := s.makeKey(fmt.Sprint(i))
		if i%3 == 1 {
			k.CreatedAt = k.CreatedAt.Add(-time.Second) // the same moment as the one before
		}
		require.NoError(s.t, s.AddKey(s.ctx(), k))
		want = append([]string{k.ID}, want...)
	}
	for cursor, pages := "", 0; pages < 10; pages++ {
		p, err := s.Keys(s.ctx(), 2, cursor)
		require.NoError(s.t, err)
		for _, k := range p.Keys {
			got = append(got, k.ID)
		}
		if cursor = p.Next; cursor == "" {
			break
		}
	}
	require.Equal(s.t, want, got)
	_, err := s.Keys(s.ctx(), 2, "garbage")
	require.True(s.t, fault.Is(err, fault.Invalid), "%v", err)
}

func (s *suite) audit(f store.AuditFilter) []store.AuditEntry {
	s.t.Helper()
	if f.Limit == 0 {
		f.Limit = 100
	}
	p, err := s.Audit(s.ctx(), f)
	require.NoError(s.t, err)
	for i := range p.Entries {
		require.Positive(s.t, p.Entries[i].Seq)
		p.Entries[i].Seq = 0
	}
	return p.Entries
}

func (s *suite) auditedChange() {
	entry := store.AuditEntry{At: s.clock.Now(), Who: ptr("ann"), KeyID: ptr("k"), Call: "submit-job", Outcome: store.AuditDone, Address: "10.0.0.1", RequestID: "r"}
	ctx, audited := store.WithAudit(s.ctx(), entry)
	j, _, err := s.Submit(ctx, s.make(nil), &store.Idempotency{Key: "i", Hash: "h"})
	require.NoError(s.t, err)
	_, pending := audited.Pending()
	require.False(s.t, pending)
	_, err = s.Update(ctx, j.ID, func(*job.Job) error { return nil })
	require.NoError(s.t, err)
	entry.Target = j.ID
	require.Equal(s.t, []store.AuditEntry{entry}, s.audit(store.AuditFilter{}), "one call has one entry")

	again, _ := store.WithAudit(s.ctx(), entry)
	_, existed, err := s.Submit(again, s.make(nil), &store.Idempotency{Key: "i", Hash: "h"})
	require.NoError(s.t, err)
	require.True(s.t, existed)
	require.Equal(s.t, j.ID, s.audit(store.AuditFilter{})[0].Target, "a repetition is about the first job")

	failing, audited := store.WithAudit(s.ctx(), entry)
	wrong := errors.New("wrong")
	_, err = s.Update(failing, j.ID, func(*job.Job) error { return wrong })
	require.ErrorIs(s.t, err, wrong)
	_, pending = audited.Pending()
	require.True(s.t, pending)
	require.Len(s.t, s.audit(store.AuditFilter{}), 2, "what was undone has no entry")

	_, err = s.Update(store.WithoutAudit(failing), j.ID, func(*job.Job) error { return nil })
	require.NoError(s.t, err)
	require.Len(s.t, s.audit(store.AuditFilter{}), 2)
}

func (s *suite) auditPages() {
	for i := range 9 {
		e := store.AuditEntry{At: s.clock.Now(), Call: fmt.Sprint(i), Outcome: store.AuditDone, Suppressed: i}
		if i%3 == 0 {
			e.Outcome, e.Code = store.AuditRefused, "forbidden"
		}
		require.NoError(s.t, s.AddAudit(s.ctx(), e))
	}
	for outcome, want := range map[string]string{"": "876543210", store.AuditRefused: "630", store.AuditDone: "875421"} {
		got := ""
		f := store.AuditFilter{Outcome: outcome, Limit: 2}
		for range 10 {
			p, err := s.Audit(s.ctx(), f)
			require.NoError(s.t, err)
			for _, e := range p.Entries {
				got += e.Call
				require.Equal(s.t, e.Call, fmt.Sprint(e.Suppressed))
			}
			if f.Cursor = p.Next; f.Cursor == "" {
				break
			}
		}
		require.Equal(s.t, want, got, outcome)
	}
	_, err := s.Audit(s.ctx(), store.AuditFilter{Limit: 2, Cursor: "garbage"})
	require.True(s.t, fault.Is(err, fault.Invalid), "%v", err)
}

func (s *suite) projectsOf() {
	want := map[string]string{}
	ids := []string{"absent"}
	for i := range 3 {
		j := s.submit(func(j *job.Job) { j.Project = fmt.Sprint("p", i) })
		want[j.ID], ids = j.Project, append(ids, j.ID)
	}
	got, err := s.ProjectsOf(s.ctx(), ids)
	require.NoError(s.t, err)
	require.Equal(s.t, want, got)
	got, err = s.ProjectsOf(s.ctx(), nil)
	require.NoError(s.t, err)
	require.Empty(s.t, got)
}
