package postgres

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

const selectKey = `SELECT id, name, role, prefix, hash, projects, created_at, created_by, expires_at, revoked_at FROM keys`

// bumpKeys comes first in a change of keys: its row lock lets such changes follow each
// other, so that what is counted and compared then still holds.
const bumpKeys = `UPDATE authentication SET enabled = TRUE, version = version + 1`

// AddKey stores a key and turns authentication on. A name that a key in force has is a
// Conflict, as is one key too many.
func (s *Store) AddKey(ctx context.Context, k store.Key) error {
	projects, err := rows.JSONOrNull(k.Projects, k.Projects != nil)
	if err != nil {
		return fmt.Errorf("add key: %w", err)
	}
	return failed("add key", s.write(ctx, func(ctx context.Context, t *tx) error {
		t.queue(bumpKeys)
		var same, all int
		const count = `SELECT count(*) FILTER (WHERE name = $1), count(*) FROM keys WHERE revoked_at IS NULL`
		if err := t.row(ctx, count, []any{k.Name}, &same, &all); err != nil {
			return err
		}
		if same > 0 {
			return fault.New(fault.Conflict, "a key of this name is in force: choose another name, or revoke that key first",
				fault.Field{Field: "name", Message: "a key in force has it"})
		}
		if all >= store.MaxKeys {
			return fault.Newf(fault.Conflict, "there are %d keys in force, the most that are kept: revoke those that are not used", all)
		}
		const insert = `INSERT INTO keys (id, name, role, prefix, hash, projects, created_at, created_by, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
		t.queue(insert, k.ID, k.Name, k.Role, k.Prefix, k.Hash, projects, job.FormatTime(k.CreatedAt), k.CreatedBy, rows.TimeOrNull(k.ExpiresAt))
		return nil
	}))
}

// RevokeKey ends a key and gives it; one that has ended already stays as it is. A
// NotFound fault when there is none.
func (s *Store) RevokeKey(ctx context.Context, id string, at time.Time) (k store.Key, err error) {
	err = s.write(ctx, func(ctx context.Context, t *tx) error {
		found, err := rowsOf(ctx, t, selectKey+` WHERE id = $1 FOR UPDATE`, []any{id}, scanKey)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fault.New(fault.NotFound, "no such key; GET /api/v1/keys lists them")
		}
		if k = found[0]; k.RevokedAt != nil {
			return nil
		}
		at = job.Truncate(at)
		k.RevokedAt = &at
		t.queue(`UPDATE keys SET revoked_at = $1 WHERE id = $2`, job.FormatTime(at), id)
		t.queue(bumpKeys)
		return nil
	})
	if err != nil {
		return store.Key{}, fmt.Errorf("revoke key: %w", err)
	}
	return k, nil
}

// Keys gives a page of all keys, those that were revoked included, newest first.
func (s *Store) Keys(ctx context.Context, limit int, cursor string) (store.KeyPage, error) {
	within, err := within(store.Filter{Cursor: cursor})
	if err != nil {
		return store.KeyPage{}, err
	}
	var st selection
	q := selectKey + where(within.clause(&st)) + " ORDER BY created_at DESC, id DESC LIMIT " + strconv.Itoa(limit+1)
	keys, err := collect(ctx, s, "list keys", q, st.args, scanKey)
	if err != nil {
		return store.KeyPage{}, err
	}
	p := store.KeyPage{Keys: keys}
	if len(keys) > limit {
		p.Keys = keys[:limit]
		last := p.Keys[limit-1]
		p.Next = rows.Key{Created: job.FormatTime(last.CreatedAt), ID: last.ID}.Cursor()
	}
	return p, nil
}

// KeysVersion gives Authentication.Version alone: cheap enough to ask twice a second.
func (s *Store) KeysVersion(ctx context.Context) (int64, error) {
	version, _, err := one(ctx, s, "read the version of keys", `SELECT version FROM authentication`, nil, scanInt)
	return version, err
}

// Authentication gives the keys that are not revoked, and whether one is asked for. The
// version is read first: a change in between is seen again by the next look at it.
func (s *Store) Authentication(ctx context.Context) (store.Authentication, error) {
	a, _, err := one(ctx, s, "read keys", `SELECT enabled, version FROM authentication`, nil,
		func(row rows.Scanner) (a store.Authentication, err error) { return a, row.Scan(&a.On, &a.Version) })
	if err != nil {
		return a, err
	}
	a.Keys, err = collect(ctx, s, "read keys", selectKey+` WHERE revoked_at IS NULL ORDER BY id`, nil, scanKey)
	a.On = a.On || len(a.Keys) > 0
	return a, err
}

func scanKey(row rows.Scanner) (store.Key, error) {
	var k store.Key
	var projects, expires, revoked, created sql.NullString
	if err := row.Scan(&k.ID, &k.Name, &k.Role, &k.Prefix, &k.Hash, &projects, &created, &k.CreatedBy, &expires, &revoked); err != nil {
		return k, err
	}
	var d rows.Decoder
	if at := d.Time("created_at", created); at != nil {
		k.CreatedAt = *at
	}
	k.ExpiresAt, k.RevokedAt = d.Time("expires_at", expires), d.Time("revoked_at", revoked)
	if projects.Valid { // a list that can't be read must not open every project
		if err := json.Unmarshal([]byte(projects.String), &k.Projects); err != nil || k.Projects == nil {
			return k, fmt.Errorf("projects of key %s: no list", k.ID)
		}
	}
	return k, d.Err
}
