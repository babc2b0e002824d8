package auth_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/auth"
)

// TestExpiryGoesByTheClock: a key that a step forward has ended is in force again when
// the clock is set right; what was open under it is not.
func TestExpiryGoesByTheClock(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	until := now.Add(30 * time.Minute)
	secret := auth.NewSecret()
	keys := []auth.Key{{ID: "k", Prefix: secret.Prefix(), Hash: secret.Hash(), ExpiresAt: &until}}
	d := auth.NewDirectory()
	d.Set(true, keys, now)
	open := d.Find(secret, now)
	require.NotNil(t, open)
	require.False(t, d.Expire(now))

	ahead := now.Add(time.Hour)
	require.Nil(t, d.Find(secret, ahead))
	require.True(t, d.Expire(ahead))
	d.Set(true, keys, ahead)
	require.Error(t, open.Valid.Err())
	require.False(t, d.Expire(ahead), "nothing is left to do")

	require.True(t, d.Expire(now), "the clock was set back: the keys are to be set anew")
	d.Set(true, keys, now)
	again := d.Find(secret, now)
	require.NotNil(t, again)
	require.NoError(t, again.Valid.Err())
	require.Error(t, open.Valid.Err())
	require.False(t, d.Expire(now))
}
