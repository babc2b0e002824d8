package httpapi_test

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/auth"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/httpapi"
	"github.com/kedrod/kedrod/internal/service"
)

// TestKeysLive: authentication is on from the first key and stays on after the last.
func TestKeysLive(t *testing.T) {
	r := newRig(t)
	require.Equal(t, http.StatusOK, r.get("/api/v1/jobs").status)
	a := r.call("POST", "/api/v1/keys", `{"name": "root", "role": "admin"}`)
	require.Equal(t, http.StatusCreated, a.status, a.body)
	k := a.object(t)
	key, id := k["key"].(string), k["id"].(string)
	require.Equal(t, "/api/v1/keys/"+id, a.header.Get("Location"))
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.Equal(t, http.StatusUnauthorized, r.get("/api/v1/jobs").status)
	require.Equal(t, http.StatusOK, r.get("/api/v1/jobs", bearer(key)...).status)
	require.Equal(t, http.StatusConflict, r.call("POST", "/api/v1/keys", `{"name": "root", "role": "viewer"}`, bearer(key)...).status)

	list := r.get("/api/v1/keys", bearer(key)...)
	require.Contains(t, list.body, id)
	require.NotContains(t, list.body, key)
	require.Equal(t, http.StatusNotFound, r.call("DELETE", "/api/v1/keys/absent", "", bearer(key)...).status)
	a = r.call("DELETE", "/api/v1/keys/"+id, "", bearer(key)...)
	require.Equal(t, http.StatusOK, a.status)
	require.NotNil(t, a.object(t)["revoked_at"])
	require.Equal(t, http.StatusUnauthorized, r.get("/api/v1/jobs", bearer(key)...).status)
	require.Equal(t, http.StatusUnauthorized, r.get("/api/v1/jobs").status)
	for _, path := range []string{"/api/v1/health", "/livez", "/readyz", "/openapi.json", "/docs", "/"} {
		require.Less(t, r.plain("GET", path, "").status, 400, path)
	}
}

func TestKeysThatAreRefused(t *testing.T) {
	r := newRig(t)
	for body, field := range map[string]string{
		`{}`:                            "name",
		`{"name": "", "role": "admin"}`: "name",
		`{"name": "` + strings.Repeat("x", 101) + `", "role": "admin"}`:                          "name",
		`{"name": "a\nb", "role": "admin"}`:                                                      "name",
		`{"name": "local:ann", "role": "admin"}`:                                                 "name",
		`{"name": " a", "role": "admin"}`:                                                        "name",
		`{"name": "a", "role": "root"}`:                                                          "role",
		`{"name": "a", "role": 1}`:                                                               "role",
		`{"name": "a", "role": "viewer", "projects": []}`:                                        "projects",
		`{"name": "a", "role": "viewer", "projects": ["absent"]}`:                                "projects[0]",
		`{"name": "a", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z"}`:                  "expires_at",
		`{"name": "a", "role": "viewer", "expires_at": "9020-01-01T00:00:00Z"}`:                  "expires_at",
		`{"name": "a", "role": "viewer", "key": "kdr_aaaaaaaa_` + strings.Repeat("a", 43) + `"}`: "key",
	} {
		a := r.call("POST", "/api/v1/keys", body)
		require.Equal(t, http.StatusUnprocessableEntity, a.status, body)
		require.Contains(t, a.body, `"field":"`+field+`"`, body)
	}
	require.Equal(t, http.StatusOK, r.get("/api/v1/jobs").status, "what was refused turns nothing on")
}

// TestIdempotencyIsOfTheKey: also of one that bears another's name after it.
func TestIdempotencyIsOfTheKey(t *testing.T) {
	g := newGuarded(t)
	submit := func(key string) reply {
		return g.call("POST", "/api/v1/jobs", `{"pipeline_name": "train", "project": "sales"}`, append(bearer(key), "Idempotency-Key", "same")...)
	}
	oneID, one := g.key("one", "runner", nil)
	_, two := g.key("two", "runner", nil)
	first := submit(one)
	require.Equal(t, http.StatusCreated, first.status)
	require.Equal(t, http.StatusOK, submit(one).status)
	second := submit(two)
	require.Equal(t, http.StatusCreated, second.status)
	require.NotEqual(t, first.object(t)["id"], second.object(t)["id"])
	_, err := g.service.RevokeKey(t.Context(), service.Anonymous(), oneID)
	require.NoError(t, err)
	_, again := g.key("one", "runner", nil)
	require.Equal(t, http.StatusCreated, submit(again).status)
}

// TestTheAuditNamesTheJobOfARepetition as it does that of the first call.
func TestTheAuditNamesTheJobOfARepetition(t *testing.T) {
	g := newGuarded(t)
	_, admin := g.key("one", "admin", nil)
	target := func() any {
		return g.get("/api/v1/audit?outcome=done&limit=1", bearer(admin)...).object(t)["items"].([]any)[0].(map[string]any)["target"]
	}
	send := func(path, body string, status int) reply {
		a := g.call("POST", path, body, append(bearer(admin), "Idempotency-Key", "same")...)
		require.Equal(t, status, a.status, a.body)
		return a
	}
	for _, status := range []int{http.StatusCreated, http.StatusOK} {
		id := send("/api/v1/jobs", `{"pipeline_name": "train", "project": "sales"}`, status).object(t)["id"]
		require.Equal(t, id, target())
		send("/api/v1/jobs/batch", `{"items": [{"pipeline_name": "train", "project": "sales"}]}`, status)
		require.Equal(t, "1 jobs", target())
	}
}

func TestRateLimit(t *testing.T) {
	g := &guarded{rig: newRigOf(t, []string{"sales"}, func(o *service.Options) { o.RateLimit = service.RateLimit{PerSecond: 0.2, Burst: 3} })}
	require.Equal(t, http.StatusOK, g.get("/api/v1/jobs").status)
	_, one := g.key("one", "admin", nil)
	_, two := g.key("two", "viewer", nil)
	for range 3 {
		require.Equal(t, http.StatusOK, g.get("/api/v1/jobs", bearer(two)...).status)
	}
	a := g.get("/api/v1/jobs", bearer(two)...)
	require.Equal(t, http.StatusTooManyRequests, a.status)
	require.Equal(t, "rate_limited", a.object(t)["code"])
	require.Contains(t, []string{"4", "5"}, a.header.Get("Retry-After"))
	require.Equal(t, http.StatusOK, g.get("/api/v1/health", bearer(two)...).status)
	audit := g.get("/api/v1/audit?outcome=refused", bearer(one)...)
	require.Contains(t, audit.body, `"who":"two"`)
	require.Contains(t, audit.body, `"code":"rate_limited"`)
}

// TestAuditTellsEverything that was changed or refused, with who and what, and no secret.
func TestAuditTellsEverything(t *testing.T) {
	var log lockedText
	g := newGuarded(t, func(o *httpapi.Options) { o.Log = textLog(&log) })
	_, viewer := g.key("ann", "viewer", nil, "sales")
	made := g.call("POST", "/api/v1/keys", `{"name": "made", "role": "viewer"}`, bearer(g.admin)...).object(t)
	g.call("POST", "/api/v1/jobs/"+g.jobs["sales"]+"/cancel", "", bearer(g.admin)...)
	g.call("POST", "/api/v1/pipelines/refresh", "", bearer(g.admin)...)
	g.call("POST", "/api/v1/jobs", `{"pipeline_name": "absent", "project": "sales"}`, bearer(g.admin)...) // refused for what it says
	stranger := auth.NewSecret().Reveal()
	g.get("/api/v1/jobs", bearer(stranger)...)
	g.get("/api/v1/keys", bearer(viewer)...)
	g.get("/api/v1/jobs/"+g.jobs["lab"], bearer(viewer)...)
	g.get("/api/v1/jobs/"+g.jobs["sales"], bearer(viewer)...)
	a := g.get("/api/v1/audit", append(bearer(g.admin), "X-Request-Id", "mine")...)
	var got []string
	for _, item := range a.object(t)["items"].([]any) {
		e := item.(map[string]any)
		require.Equal(t, "127.0.0.1", e["address"])
		require.NotEmpty(t, e["request_id"])
		got = append(got, strings.NewReplacer(g.jobs["sales"], "SALES", g.jobs["lab"], "LAB", made["id"].(string), "KEY").
			Replace(fmt.Sprint(e["who"], " ", e["call"], " ", e["target"], " ", e["outcome"], " ", e["code"])))
	}
	require.Equal(t, []string{
		"ann get-job LAB refused not_found",
		"ann list-keys <nil> refused forbidden",
		"<nil> list-jobs <nil> refused unauthenticated",
		"root refresh-pipelines <nil> done <nil>",
		"root cancel-job SALES done <nil>",
		"root create-key KEY done <nil>",
		"root submit-job LAB done <nil>",
		"root submit-job SALES done <nil>",
	}, got)
	for _, key := range []string{g.admin, viewer, stranger, made["key"].(string)} {
		s, ok := auth.ParseSecret(key)
		require.True(t, ok)
		hash := s.Hash()
		for _, secret := range []string{key[13:], hex.EncodeToString(hash[:]), base64.StdEncoding.EncodeToString(hash[:]), base64.RawURLEncoding.EncodeToString(hash[:])} {
			require.NotContains(t, a.body, secret)
			require.NotContains(t, log.String(), secret)
		}
	}
	require.NotEmpty(t, log.String())
}

// TestAFloodOfRefusals is thinned, and what was left out is counted.
func TestAFloodOfRefusals(t *testing.T) {
	var clock atomic.Int64
	clock.Store(time.Now().UnixNano())
	g := &guarded{rig: newRigOf(t, []string{"sales"}, func(o *service.Options) { o.Now = func() time.Time { return time.Unix(0, clock.Load()) } })}
	_, admin := g.key("root", "admin", nil)
	refuse := func() {
		g.service.AuditRefusal(t.Context(), service.Caller{}, service.Act{Call: "list-jobs"}, fault.New(fault.Unauthenticated, ""))
	}
	const flood, written = 1200, 1000
	for range flood {
		refuse()
	}
	entries := func() (n int, newest map[string]any) {
		for path := "/api/v1/audit?outcome=refused&limit=500"; ; {
			page := g.get(path, bearer(admin)...).object(t)
			items := page["items"].([]any)
			if newest == nil {
				newest = items[0].(map[string]any)
			}
			n += len(items)
			if page["next_cursor"] == nil {
				return n, newest
			}
			path = "/api/v1/audit?outcome=refused&limit=500&cursor=" + page["next_cursor"].(string)
		}
	}
	n, _ := entries()
	require.Equal(t, written, n)
	clock.Add(int64(time.Second))
	refuse()
	n, newest := entries()
	require.Equal(t, written+1, n)
	require.InDelta(t, flood-written, newest["suppressed"], 0)
}

// TestRevokeEndsWhatIsOpen: a stream, and a wait.
func TestRevokeEndsWhatIsOpen(t *testing.T) {
	g := newGuarded(t)
	id, key := g.key("k", "viewer", nil, "sales")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.url+"/api/v1/events?last_event_id=1", http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := g.http.Transport.RoundTrip(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	require.True(t, lines.Scan())

	waited := make(chan int, 1)
	go func() {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, g.url+"/api/v1/jobs/"+g.jobs["sales"]+"?wait=50", http.NoBody)
		if err == nil {
			req.Header.Set("Authorization", "Bearer "+key)
			var resp *http.Response
			if resp, err = g.http.Transport.RoundTrip(req); err == nil {
				_ = resp.Body.Close()
				waited <- resp.StatusCode
				return
			}
		}
		waited <- 0
	}()
	for _, p := range []string{"lab", "sales"} { // the stream shows its own project's events alone
		g.call("POST", "/api/v1/jobs", `{"pipeline_name": "train", "project": "`+p+`"}`, bearer(g.admin)...)
	}
	var seen strings.Builder
	for lines.Scan() && !strings.Contains(seen.String(), `"status":"pending"`) {
		seen.WriteString(lines.Text())
	}
	require.NotContains(t, seen.String(), g.jobs["lab"])
	_, err = g.service.RevokeKey(t.Context(), service.Anonymous(), id)
	require.NoError(t, err)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines.Scan() {
		}
	}()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		require.FailNow(t, "the stream goes on after its key is revoked")
	}
	select {
	case status := <-waited:
		require.Equal(t, http.StatusUnauthorized, status)
	case <-time.After(20 * time.Second):
		require.FailNow(t, "the wait goes on after its key is revoked")
	}
}

// TestRevokeRace: no call that begins after a revocation was answered succeeds, however
// many come and go meanwhile, keys being made and revoked from several sides.
func TestRevokeRace(t *testing.T) {
	g := newGuarded(t)
	var wg sync.WaitGroup
	for round := range 4 {
		id, key := g.key(fmt.Sprint("k", round), "viewer", nil)
		var revoked atomic.Bool
		for range 4 {
			wg.Go(func() {
				for range 200 {
					before := revoked.Load()
					secret, _ := auth.ParseSecret(key)
					_, _, err := g.service.Authenticate(service.Credential{Key: secret, Given: true, Valid: true})
					if before && err == nil {
						t.Error("a revoked key was let in")
						return
					}
				}
			})
		}
		wg.Go(func() {
			if _, err := g.service.RevokeKey(t.Context(), service.Anonymous(), id); err != nil {
				t.Error(err)
			}
			revoked.Store(true)
		})
		wg.Go(func() {
			for range 3 {
				if err := g.service.LoadKeys(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
