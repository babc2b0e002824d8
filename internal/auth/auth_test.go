package auth_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/auth"
)

var now = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

func TestRoles(t *testing.T) {
	require.Equal(t, []auth.Right{auth.Read}, auth.RoleViewer.Rights())
	require.Equal(t, []auth.Right{auth.Read, auth.Run}, auth.RoleRunner.Rights())
	require.Equal(t, []auth.Right{auth.Read, auth.Run, auth.Admin}, auth.RoleAdmin.Rights())
	for _, word := range []auth.Role{"", "Admin", "root"} {
		require.Empty(t, word.Rights(), word)
	}
}

func TestSecretsDifferAndComeBack(t *testing.T) {
	seen := map[string]bool{}
	highest := new(big.Int)
	for range 300 {
		s := auth.NewSecret()
		require.Regexp(t, `^kdr_[0-9A-Za-z]{8}_[0-9A-Za-z]{43}$`, s.Reveal())
		require.False(t, seen[s.Prefix()])
		seen[s.Prefix()] = true
		again, ok := auth.ParseSecret(s.Reveal())
		require.True(t, ok)
		require.Equal(t, s, again)
		require.True(t, s.Hash().Same(again.Hash()))
		require.False(t, s.Hash().Same(auth.NewSecret().Hash()))
		if n := number(s.Reveal()[13:]); n.Cmp(highest) > 0 {
			highest = n
		}
	}
	require.Greater(t, highest.BitLen(), 250, "all 256 bits are drawn")
	require.LessOrEqual(t, highest.BitLen(), 256)
}

func number(text string) *big.Int {
	n := new(big.Int)
	for _, c := range text {
		n.Mul(n, big.NewInt(62))
		n.Add(n, big.NewInt(int64(strings.IndexRune("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", c))))
	}
	return n
}

// A key does not get into a log by accident, however it is printed.
func TestSecretsDoNotPrint(t *testing.T) {
	s := auth.NewSecret()
	hidden := s.Reveal()[13:]
	var b strings.Builder
	slog.New(slog.NewJSONHandler(&b, nil)).Info("x", "key", s)
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "key", s)
	data, err := json.Marshal(map[string]any{"key": s})
	require.NoError(t, err)
	b.Write(data)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		fmt.Fprintf(&b, verb, s)
	}
	require.NotContains(t, b.String(), hidden)
	require.NotContains(t, b.String(), fmt.Sprintf("%x", hidden))
	require.Contains(t, b.String(), s.Prefix())
}

func TestBearer(t *testing.T) {
	key := auth.NewSecret().Reveal()
	for _, c := range []struct {
		values    []string
		given, ok bool
	}{
		{nil, false, false},
		{[]string{"Bearer " + key}, true, true},
		{[]string{"bearer  " + key + " "}, true, true},
		{[]string{""}, true, false},
		{[]string{"Bearer"}, true, false},
		{[]string{"Bearer "}, true, false},
		{[]string{key}, true, false},
		{[]string{"Basic " + key}, true, false},
		{[]string{"Bearer " + key[:len(key)-1]}, true, false},
		{[]string{"Bearer " + key + "x"}, true, false},
		{[]string{"Bearer " + key[:20] + "\x00" + key[21:]}, true, false},
		{[]string{"Bearer " + strings.ToUpper(key[:4]) + key[4:]}, true, false},
		{[]string{"Bearer " + key, "Bearer " + key}, true, false},
		{[]string{"Bearer " + strings.Repeat(" ", 1<<20) + key}, true, false},
	} {
		got, given, ok := auth.Bearer(c.values)
		require.Equal(t, c.given, given, "%.80q", c.values)
		require.Equal(t, c.ok, ok, "%.80q", c.values)
		if ok {
			require.Equal(t, key, got.Reveal())
		}
	}
}

func FuzzBearer(f *testing.F) {
	for _, seed := range []string{"", "Bearer ", "Bearer kdr_12345678_" + strings.Repeat("a", 43), "bearer x", "Basic eDp5", "Bearer  kdr__", "kdr_\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		key, given, ok := auth.Bearer([]string{header})
		require.True(t, given)
		if !ok {
			require.Empty(t, key.Reveal())
			return
		}
		require.Len(t, key.Reveal(), 56)
		require.True(t, strings.HasSuffix(strings.TrimRight(header, " "), key.Reveal()))
		again, ok := auth.ParseSecret(key.Reveal())
		require.True(t, ok)
		require.Equal(t, key.Hash(), again.Hash())
	})
}

func keyOf(s auth.Secret, id string) auth.Key {
	return auth.Key{ID: id, Name: id, Prefix: s.Prefix(), Hash: s.Hash(), Role: auth.RoleViewer}
}

func TestDirectory(t *testing.T) {
	d := auth.NewDirectory()
	one, two := auth.NewSecret(), auth.NewSecret()
	require.True(t, d.On(), "nobody is let in before the keys are known")
	require.Nil(t, d.Nobody())
	require.Nil(t, d.Find(one, now))

	d.Set(false, nil, now)
	nobody := d.Nobody()
	require.NoError(t, nobody.Valid.Err())

	at := now.Add(time.Hour)
	expiring := keyOf(two, "two")
	expiring.ExpiresAt = &at
	d.Set(true, []auth.Key{keyOf(one, "one"), expiring}, now)
	require.Nil(t, d.Nobody())
	require.Error(t, nobody.Valid.Err(), "who came without a key is ended by the first one")
	first, second := d.Find(one, now), d.Find(two, now)
	require.Equal(t, "one", first.ID)
	require.Equal(t, "two", second.ID)
	require.Nil(t, d.Find(auth.NewSecret(), now))
	require.Nil(t, d.Find(auth.Secret{}, now))
	mixed, ok := auth.ParseSecret(one.Reveal()[:13] + two.Reveal()[13:])
	require.True(t, ok)
	require.Nil(t, d.Find(mixed, now), "a prefix is no key")

	require.Nil(t, d.Find(two, at), "it expires without anybody's doing")
	require.False(t, d.Expire(at.Add(-1)))
	require.NoError(t, second.Valid.Err())
	require.True(t, d.Expire(at))
	require.Error(t, second.Valid.Err())
	d.Set(true, []auth.Key{keyOf(one, "one"), expiring}, at)
	require.False(t, d.Expire(at))
	require.NoError(t, first.Valid.Err(), "others are not touched")
	require.NotNil(t, d.Find(one, at))

	d.Set(true, nil, at)
	require.Error(t, first.Valid.Err())
	require.Nil(t, d.Find(one, at))
	require.True(t, d.On())
}

func TestLimiter(t *testing.T) {
	l := auth.NewLimiter(2, 3)
	for range 3 {
		_, ok := l.Allow("a", now)
		require.True(t, ok)
	}
	wait, ok := l.Allow("a", now)
	require.False(t, ok)
	require.Equal(t, time.Second, wait)
	_, ok = l.Allow("b", now)
	require.True(t, ok, "another key has its own")
	_, ok = l.Allow("a", now.Add(500*time.Millisecond))
	require.True(t, ok)

	slow := auth.NewLimiter(0.1, 1)
	_, ok = slow.Allow("a", now)
	require.True(t, ok)
	wait, ok = slow.Allow("a", now)
	require.False(t, ok)
	require.Equal(t, 10*time.Second, wait)
	_, ok = slow.Allow("a", now.Add(wait))
	require.True(t, ok, "it holds what it said")

	off := auth.NewLimiter(0, 1)
	for range 1000 {
		_, ok := off.Allow("a", now)
		require.True(t, ok)
	}
}

func BenchmarkFind(b *testing.B) {
	d := auth.NewDirectory()
	keys := make([]auth.Key, 10000)
	var last auth.Secret
	for i := range keys {
		last = auth.NewSecret()
		keys[i] = keyOf(last, fmt.Sprint(i))
	}
	d.Set(true, keys, now)
	l := auth.NewLimiter(1e6, 1e6)
	header := []string{"Bearer " + last.Reveal()}
	for b.Loop() {
		key, _, _ := auth.Bearer(header)
		h := d.Find(key, time.Now())
		l.Allow(h.ID, time.Now())
	}
}
