package config

import (
	"net"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzUnits: what is taken is a bounded number, and means the same written in the
// smallest unit.
func FuzzUnits(f *testing.F) {
	for _, seed := range []string{"0", "15s", "1h30m", "90d", "0.5ms", "9999999999999w", "50MB", "1.5 GiB", "0B", "1e3B", "1048576TiB", "1ms1ms"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := ParseDuration(text); err == nil {
			require.GreaterOrEqual(t, d, time.Duration(0))
			require.LessOrEqual(t, d, maxDuration)
			whole := d.Truncate(time.Millisecond)
			again, err := ParseDuration(strconv.FormatInt(whole.Milliseconds(), 10) + "ms")
			require.NoError(t, err)
			require.Equal(t, whole, again)
			if timeout, err := parseTimeout(text); err == nil {
				require.Equal(t, d, timeout)
				require.Positive(t, timeout)
			}
		}
		if n, err := ParseSize(text); err == nil {
			require.GreaterOrEqual(t, n, int64(0))
			require.LessOrEqual(t, n, int64(1)<<60)
			if n < 1<<53 { // as far as a float is exact
				again, err := ParseSize(strconv.FormatInt(n, 10) + "B")
				require.NoError(t, err)
				require.Equal(t, n, again)
			}
		}
	})
}

// FuzzWords: values of settings that are no units.
func FuzzWords(f *testing.F) {
	for _, seed := range []string{"true", "OFF", "12", "gpu=a100,zone=b", "a=,b==", "127.0.0.1:8000", "[::1]:0", ":99999", "https://board.example", "http://a:1/", "Info"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if labels, err := parseLabels(text); err == nil && labels != nil {
			require.LessOrEqual(t, len(labels), maxLabels)
			var pairs []string
			for key, value := range labels {
				require.NotEmpty(t, key)
				require.NotContains(t, key, ":")
				pairs = append(pairs, key+"="+value)
			}
			again, err := parseLabels(strings.Join(pairs, ","))
			require.NoError(t, err)
			require.Equal(t, labels, again)
		}
		for _, item := range splitList(text) {
			require.Equal(t, []string{item}, splitList(item))
		}
		if n, err := parseCount(text); err == nil {
			require.True(t, 1 <= n && n <= 1024)
		}
		if x, err := parseCPUs(text); err == nil {
			require.True(t, x == 0 || 0.01 <= x && x <= 1024)
		}
		if b, err := parseBool(text); err == nil {
			again, err := parseBool(strconv.FormatBool(b))
			require.NoError(t, err)
			require.Equal(t, b, again)
		}
		if level, err := parseLevel(text); err == nil {
			require.True(t, strings.EqualFold(level.String(), text))
		}
		if isAddress(text) == nil {
			host, port, err := net.SplitHostPort(text)
			require.NoError(t, err)
			require.NotEmpty(t, port)
			if net.ParseIP(host) != nil || host == "" {
				local, err := isLoopback(host) // no name is looked up
				if err == nil && local {
					require.True(t, net.ParseIP(host).IsLoopback(), host)
				}
			}
		}
		if isOrigin(text) == nil {
			u, err := url.Parse(text)
			require.NoError(t, err)
			require.Empty(t, u.Path+u.RawQuery+u.Fragment)
			require.Nil(t, u.User)
			require.NotContains(t, text, "*")
		}
	})
}
