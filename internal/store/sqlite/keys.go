package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
	"github.com/kedrod/kedrod/internal/store/rows"
)

const selectKey = `SELECT id, name, role, prefix, hash, projects, created_at, created_by, expires_at, revoked_at FROM keys`

const bumpKeys = `UPDATE authentication SET enabled = 1, version = version + 1`

// AddKey stores a key and turns authentication on. A name that a key in force has is a
// Conflict, as is one key too many.
func (s *Store) AddKey(ctx context.Context, k store.Key) error {
	projects, err := jsonOrNull(k.Projects, k.Projects != nil)
	if err != nil {
		return fmt.Errorf("add key: %w", err)
	}
	err = s.write.do(ctx, urgent, func(ctx context.Context, t *tx) error {
		var same, all int
		const count = `SELECT count(*) FILTER (WHERE name = ?), count(*) FROM keys WHERE revoked_at IS NULL`
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
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
		if err := t.exec(ctx, insert, k.ID, k.Name, k.Role, k.Prefix, k.Hash, projects, job.FormatTime(k.CreatedAt), k.CreatedBy,
			timeOrNull(k.ExpiresAt)); err != nil {
			return err
		}
		return t.exec(ctx, bumpKeys)
	})
	if err != nil {
		return fmt.Errorf("add key: %w", err)
	}
	return nil
}

// RevokeKey ends a key and gives it; one that has ended already stays as it is. A
// NotFound fault when there is none.
func (s *Store) RevokeKey(ctx context.Context, id string, at time.Time) (store.Key, error) {
	var k store.Key
	err := s.write.do(ctx, urgent, func(ctx context.Context, t *tx) error {
		st, err := t.stmt(ctx, selectKey+` WHERE id = ?`)
		if err != nil {
			return err
		}
		if k, err = scanKey(st.QueryRowContext(ctx, id)); err != nil {
			if errors.Is(err, sql.ErrNoRows) {
				return fault.New(fault.NotFound, "no such key; GET /api/v1/keys lists them")
			}
			return err
		}
		if k.RevokedAt != nil {
			return nil
		}
		at = job.Truncate(at)
		k.RevokedAt = &at
		if err := t.exec(ctx, `UPDATE keys SET revoked_at = ? WHERE id = ?`, job.FormatTime(at), id); err != nil {
			return err
		}
		return t.exec(ctx, bumpKeys)
	})
	if err != nil {
		return store.Key{}, fmt.Errorf("revoke key: %w", err)
	}
	return k, nil
}

// Keys gives a page of all keys, those that were revoked included, newest first.
func (s *Store) Keys(ctx context.Context, limit int, cursor string) (store.KeyPage, error) {
	q, args := selectKey, []any{}
	if cursor != "" {
		k, ok := rows.ReadCursor(cursor)
		if !ok {
			return store.KeyPage{}, rows.BadCursor()
		}
		q, args = q+" WHERE (created_at, id) < (?, ?)", append(args, k.Created, k.ID)
	}
	keys, err := collect(ctx, s.read, "list keys", q+" ORDER BY created_at DESC, id DESC LIMIT ?", append(args, limit+1), scanKey)
	if err != nil {
		return store.KeyPage{}, err
	}
	p := store.KeyPage{Keys: keys}
	if len(keys) > limit {
		p.Keys = keys[:limit]
		last := p.Keys[limit-1]
		p.Next = key{Created: job.FormatTime(last.CreatedAt), ID: last.ID}.Cursor()
	}
	return p, nil
}

// KeysVersion gives Authentication.Version alone: cheap enough to ask twice a second.
func (s *Store) KeysVersion(ctx context.Context) (int64, error) {
	var version int64
	if err := s.read.QueryRowContext(ctx, `SELECT version FROM authentication`).Scan(&version); err != nil {
		return 0, readFault("read the version of keys", err)
	}
	return version, nil
}

// Authentication gives the keys that are not revoked, and whether one is asked for. The
// version is read first: a change in between is seen again by the next look at it.
func (s *Store) Authentication(ctx context.Context) (store.Authentication, error) {
	var a store.Authentication
	if err := s.read.QueryRowContext(ctx, `SELECT enabled, version FROM authentication`).Scan(&a.On, &a.Version); err != nil {
		return a, readFault("read keys", err)
	}
	var err error
	a.Keys, err = collect(ctx, s.read, "read keys", selectKey+` WHERE revoked_at IS NULL ORDER BY id`, nil, scanKey)
	a.On = a.On || len(a.Keys) > 0
	return a, err
}

func scanKey(row scanner) (store.Key, error) {
	var k store.Key
	var projects, expires, revoked, created sql.NullString
	if err := row.Scan(&k.ID, &k.Name, &k.Role, &k.Prefix, &k.Hash, &projects, &created, &k.CreatedBy, &expires, &revoked); err != nil {
		return k, err
	}
	var d decoder
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
