package notify_test

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"code.dny.dev/ssrf"
	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/notify"
)

func TestCheck(t *testing.T) {
	strict, open := notify.NewTargets(false), notify.NewTargets(true)
	for _, raw := range []string{
		"https://hooks.example/a/b?token=x", "http://hooks.example", "HTTPS://Hooks.Example.:8443/", "http://203.0.114.9:1/x", "http://[2606:4700::1]/", "https://xn--bcher-kva.example/ü",
		"http://a_b.example", "https://hooks.example/%2e%2e/", "https://hooks.example/" + strings.Repeat("x", job.MaxCallbackURL-len("https://hooks.example/")),
	} {
		require.Empty(t, strict.Check(raw), raw)
		require.Empty(t, open.Check(raw), raw)
	}
	for raw, says := range map[string]string{
		"": "http or https", "hooks.example/x": "http or https", "//hooks.example/x": "http or https", "/x": "http or https", "ftp://hooks.example/": "http or https",
		"file:///etc/passwd": "http or https", "javascript:alert(1)": "http or https", "http:hooks.example": "http or https", "http://": "http or https", "http:///x": "http or https",
		"http://:80/": "http or https", "http://[::1/": "http or https", "http://h/%zz": "http or https", "unix:///run/x.sock": "http or https",
		"http://h /": "blanks", "http://h/\r\nX: y": "blanks", "http://h/\x00": "blanks", "http://h/\tx": "blanks", "http://h/a b": "blanks", "http://h/\x7f": "blanks", "http://h/\xff": "blanks",
		"http://user@h/": "user name", "http://user:s3cret@h/": "user name", "http://:s3cret@h/": "user name", "http://@h/": "user name", "http://h/#x": "fragment", "http://h/#": "fragment",
		"http://h:0/": "port", "http://h:65536/": "port", "http://h:/": "port", "http://h:99999999999999999999/": "port",
		"http://h%2ex/": "http or https", "http://hä.example/": "may hold", "http://a..b/": "may hold", "http://" + strings.Repeat("a", 64) + ".example/": "may hold", "http://./": "may hold",
		"http://" + strings.Repeat("a.", 130) + "example/": "too long", "http://127.1/": "four numbers", "http://2130706433/": "four numbers", "http://0x7f000001/": "four numbers",
		"http://0x7f.0.0.1/": "four numbers", "http://0177.0.0.1/": "four numbers", "http://127.0.0.1./": "four numbers", "http://256.1.1.1/": "four numbers",
		"http://[fe80::1%25eth0]/": "zone", "https://h/" + strings.Repeat("x", job.MaxCallbackURL): "at most 2000",
	} {
		for _, targets := range []*notify.Targets{strict, open} {
			got := targets.Check(raw)
			require.Contains(t, got, says, "%q", raw)
			require.NotContains(t, got, "s3cret")
		}
	}
	for _, raw := range []string{"http://[v1.x]/", "http://[h]/", "http://[127.0.0.1]/x", "http://[]/"} {
		require.NotEmpty(t, strict.Check(raw), raw)
	}
	for _, raw := range []string{
		"http://127.0.0.1/", "http://127.0.0.1:8000/", "http://127.8.9.10/", "http://0.0.0.0/", "http://10.1.2.3/", "http://172.16.0.1/", "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data",
		"http://100.64.0.1/", "http://224.0.0.1/", "http://255.255.255.255/", "http://[::1]/", "http://[::]/", "http://[fe80::1]/", "http://[fc00::1]/", "http://[fd00:ec2::254]/", "http://[ff02::1]/",
		"http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::ffff:a9fe:a9fe]/", "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/",
		"http://localhost/", "http://LOCALHOST:80/", "http://localhost./", "http://a.localhost/",
	} {
		require.Equal(t, notify.Private, strict.Check(raw), raw)
		require.Empty(t, open.Check(raw), raw)
	}
}

// FuzzCheck: what is let through can be sent to, names no private address in any form
// that Go or the checks know, and holds no user.
func FuzzCheck(f *testing.F) {
	for _, raw := range []string{"https://hooks.example/a?b=c", "http://[::ffff:127.0.0.1]:80/", "http://0x7f.1/", "http://u:p@h/", "http://h:1/%41#x", "http://localhost.", "http://169.254.169.254"} {
		f.Add(raw)
	}
	strict, open, guard := notify.NewTargets(false), notify.NewTargets(true), ssrf.New(ssrf.WithAnyPort())
	f.Fuzz(func(t *testing.T, raw string) {
		if open.Check(raw) != "" {
			require.NotEmpty(t, strict.Check(raw), "to allow private addresses allows nothing else")
			return
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, raw, http.NoBody)
		require.NoError(t, err)
		require.Nil(t, req.URL.User)
		require.LessOrEqual(t, len(raw), job.MaxCallbackURL)
		require.Contains(t, []string{"http", "https"}, req.URL.Scheme)
		u, err := url.Parse(req.URL.String())
		require.NoError(t, err)
		require.Equal(t, req.URL.Host, u.Host)
		if strict.Check(raw) != "" {
			return
		}
		if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
			require.NoError(t, guard.SafeAddr(addr.Unmap()))
		}
	})
}
