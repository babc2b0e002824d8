package postgres

import (
	"context"
	"time"

	"github.com/kedrod/kedrod/internal/store"
)

// limit makes known that scopes have a limit, before the first claim that goes by it:
// what gives up a slot in one says so from then on.
func (s *Store) limit(ctx context.Context, slots map[string]int) error {
	var unknown []string
	s.mu.Lock()
	for scope := range slots {
		if !s.limited[scope] {
			unknown = append(unknown, scope)
		}
	}
	s.mu.Unlock()
	if len(unknown) == 0 {
		return nil
	}
	err := s.write(store.WithoutAudit(ctx), func(_ context.Context, t *tx) error {
		t.queue(`INSERT INTO limited (scope) SELECT scope FROM unnest($1::text[]) AS scope ORDER BY scope ON CONFLICT DO NOTHING`, unknown)
		return nil
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, scope := range unknown {
		s.limited[scope] = true
	}
	return nil
}

// sweep has scopes looked at, each few seconds, in which there may be room although
// nothing says so: another process has begun to limit one a moment ago, or has other
// limits. It brings up as many jobs as there is room for, of a key what has room.
func (s *Store) sweep(ctx context.Context, slots map[string]int) error {
	s.mu.Lock()
	due := time.Since(s.swept) >= sweepEvery
	if due {
		s.swept = time.Now()
	}
	s.mu.Unlock()
	if !due {
		return nil
	}
	scopes, err := collect(ctx, s, "scopes", parkedScopes+` LIMIT 1000`, nil, scanText)
	if err != nil || len(scopes) == 0 {
		return err
	}
	var look []string
	for _, scope := range scopes {
		for range max(1, min(slots[scope], sweepSlots)) {
			look = append(look, scope)
		}
	}
	return s.write(store.WithoutAudit(ctx), func(_ context.Context, t *tx) error {
		t.queue(`INSERT INTO freed (scope) SELECT * FROM unnest($1::text[])`, look)
		return nil
	})
}

// sweepSlots is how many jobs of a scope a sweep brings up at most.
const sweepSlots = 20
