package httpapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/auth"
	"github.com/kedrod/kedrod/internal/httpapi"
	"github.com/kedrod/kedrod/internal/service"
	"github.com/kedrod/kedrod/internal/store"
)

// probe is a call that would succeed if its caller may do it.
type probe struct {
	path string // with {id} and {project} in place of those of one of two projects
	body string // likewise
	// outside is the answer to a key that is limited to the other project: 404 for a
	// thing by its id, 422 for a project by its name, 200 for a list without it.
	outside int
	stream  bool
}

// probes has one for each operation that needs a key: a new operation without one
// fails the test, so that nobody forgets what scopes mean for it.
func probes() map[string]probe {
	return map[string]probe{
		"submit-job":          {path: "/api/v1/jobs", body: `{"pipeline_name": "train", "project": "{project}"}`, outside: 422},
		"list-jobs":           {path: "/api/v1/jobs?project={project}", outside: 200},
		"get-job":             {path: "/api/v1/jobs/{id}", outside: 404},
		"cancel-job":          {path: "/api/v1/jobs/{id}/cancel", outside: 404},
		"submit-jobs":         {path: "/api/v1/jobs/batch", body: `{"items": [{"pipeline_name": "train", "project": "{project}"}]}`, outside: 422},
		"cancel-jobs":         {path: "/api/v1/jobs/cancel", body: `{"filter": {"id": "{id}"}, "expect": 1}`, outside: 409},
		"retry-jobs":          {path: "/api/v1/jobs/retry", body: `{"ids": ["{ended}"]}`, outside: 404},
		"get-stats":           {path: "/api/v1/stats", outside: 200},
		"validate-job":        {path: "/api/v1/jobs/validate", body: `{"pipeline_name": "train", "project": "{project}"}`, outside: 200},
		"change-job":          {path: "/api/v1/jobs/{pending}", body: `{"priority": 1}`, outside: 404},
		"delete-job":          {path: "/api/v1/jobs/{ended}", outside: 404},
		"retry-job":           {path: "/api/v1/jobs/{ended}/retry", outside: 404},
		"get-job-logs":        {path: "/api/v1/jobs/{id}/logs", outside: 404},
		"follow-job-events":   {path: "/api/v1/jobs/{id}/events", outside: 404, stream: true},
		"follow-events":       {path: "/api/v1/events", outside: 200, stream: true},
		"list-job-attempts":   {path: "/api/v1/jobs/{id}/attempts", outside: 404},
		"list-job-nodes":      {path: "/api/v1/jobs/{id}/nodes", outside: 404},
		"list-job-deliveries": {path: "/api/v1/jobs/{id}/deliveries", outside: 404},
		"list-projects":       {path: "/api/v1/projects", outside: 200},
		"list-pipelines":      {path: "/api/v1/pipelines?project={project}", outside: 422},
		"get-pipeline":        {path: "/api/v1/pipelines/train?project={project}", outside: 422},
		"refresh-pipelines":   {path: "/api/v1/pipelines/refresh?project={project}", outside: 422},
		"list-workers":        {path: "/api/v1/workers", outside: 200},
		"drain-worker":        {path: "/api/v1/workers/w1/drain"},
		"list-keys":           {path: "/api/v1/keys"},
		"create-key":          {path: "/api/v1/keys", body: `{"name": "{fresh}", "role": "viewer"}`},
		"revoke-key":          {path: "/api/v1/keys/{key}"},
		"list-audit":          {path: "/api/v1/audit"},
	}
}

// guarded is a rig of two projects, sales and lab, with a job in each, and keys.
type guarded struct {
	*rig
	admin string
	jobs  map[string]string // by project
	fresh int
}

func newGuarded(t *testing.T, set ...func(*httpapi.Options)) *guarded {
	t.Helper()
	g := &guarded{rig: newRigOf(t, []string{"sales", "lab"}, nil, set...), jobs: map[string]string{}}
	require.NoError(t, g.store.SaveWorker(t.Context(), store.Worker{ID: "w1", State: store.WorkerReady, StartedAt: time.Now()}))
	_, g.admin = g.key("root", "admin", nil)
	for _, p := range []string{"sales", "lab"} {
		a := g.call("POST", "/api/v1/jobs", `{"pipeline_name": "train", "project": "`+p+`"}`, bearer(g.admin)...)
		require.Equal(t, http.StatusCreated, a.status, a.body)
		g.jobs[p] = a.object(t)["id"].(string)
	}
	return g
}

func bearer(key string) []string {
	if key == "" {
		return nil
	}
	return []string{"Authorization", "Bearer " + key}
}

// key makes one beside the API.
func (g *guarded) key(name, role string, expires *time.Time, projects ...string) (id, secret string) {
	g.t.Helper()
	k, s, err := g.service.CreateKey(g.t.Context(), service.Anonymous(), service.NewKey{Name: name, Role: role, Projects: projects, Expires: expires})
	require.NoError(g.t, err)
	return k.ID, s.Reveal()
}

// ended gives a new job of the project that has ended.
func (g *guarded) ended(project string) string {
	g.t.Helper()
	id := g.pending(project)
	_, err := g.service.Cancel(g.t.Context(), service.Anonymous(), id)
	require.NoError(g.t, err)
	return id
}

// pending gives a new job of the project.
func (g *guarded) pending(project string) string {
	g.t.Helper()
	v, _, err := g.service.Submit(g.t.Context(), service.Anonymous(), service.Submission{Project: project, Pipeline: "train"})
	require.NoError(g.t, err)
	return v.ID
}

// try makes the probe's call for a thing of a project.
func (g *guarded) try(rule httpapi.Rule, p probe, project, key string) reply {
	g.t.Helper()
	g.fresh++
	victim := ""
	if strings.Contains(p.path, "{key}") {
		victim, _ = g.key(fmt.Sprintf("victim-%d", g.fresh), "viewer", nil)
	}
	fill := strings.NewReplacer("{id}", g.jobs[project], "{project}", project, "{fresh}", fmt.Sprintf("fresh-%d", g.fresh), "{key}", victim)
	path, body := fill.Replace(p.path), fill.Replace(p.body)
	switch {
	case strings.Contains(p.path+p.body, "{ended}"):
		ended := g.ended(project)
		path, body = strings.ReplaceAll(path, "{ended}", ended), strings.ReplaceAll(body, "{ended}", ended)
	case strings.Contains(p.path, "{pending}"):
		path = strings.ReplaceAll(path, "{pending}", g.pending(project))
	}
	if !p.stream {
		return g.call(rule.Method, path, body, bearer(key)...)
	}
	req, err := http.NewRequestWithContext(g.t.Context(), rule.Method, g.url+path, http.NoBody)
	require.NoError(g.t, err)
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := g.http.Transport.RoundTrip(req)
	require.NoError(g.t, err)
	require.NoError(g.t, resp.Body.Close())
	return reply{resp.StatusCode, resp.Header, ""}
}

// TestEveryOperationHasARule: who may call is said in the table, for each, and no
// public one changes anything.
func TestEveryOperationHasARule(t *testing.T) {
	for _, r := range httpapi.Rules() {
		if r.Public {
			require.Empty(t, r.Right, r.ID)
			require.Equal(t, http.MethodGet, r.Method, r.ID)
			continue
		}
		require.Contains(t, auth.Rights(), r.Right, "%s has no rule: say public, or the right that it needs", r.ID)
		require.Contains(t, probes(), r.ID, "say in probes how it is called, and what a key of another project is answered")
		if r.Method != http.MethodGet {
			require.NotEqual(t, auth.Read, r.Right, "%s changes something by the right to read", r.ID)
		}
	}
}

// TestTheTableAlone decides before any use case is asked; an operation without a rule,
// should one get past the test above, serves nobody.
func TestTheTableAlone(t *testing.T) {
	g := newGuarded(t)
	server := httptest.NewServer(httpapi.Lawless(httpapi.Options{Service: g.service}))
	t.Cleanup(server.Close)
	g.url = server.URL
	require.Equal(t, http.StatusForbidden, g.get("/lawless", bearer(g.admin)...).status)
	require.Equal(t, http.StatusUnauthorized, g.get("/lawless").status)
	_, runner := g.key("runner", "runner", nil)
	_, scoped := g.key("scoped", "admin", nil, "sales")
	require.Equal(t, http.StatusUnauthorized, g.get("/whole").status)
	require.Equal(t, http.StatusForbidden, g.get("/whole", bearer(runner)...).status)
	require.Equal(t, http.StatusForbidden, g.get("/whole", bearer(scoped)...).status)
	require.Equal(t, http.StatusOK, g.get("/whole", bearer(g.admin)...).status)
}

// TestRules holds every operation against every role and scope.
func TestRules(t *testing.T) {
	g := newGuarded(t)
	past := time.Now().Add(50 * time.Millisecond)
	_, expired := g.key("expired", "admin", &past)
	revokedID, revoked := g.key("revoked", "admin", nil)
	_, err := g.service.RevokeKey(t.Context(), service.Anonymous(), revokedID)
	require.NoError(t, err)
	keys := map[string]string{}
	for _, role := range auth.Roles() {
		_, keys[string(role)] = g.key(string(role), string(role), nil)
		_, keys["sales "+string(role)] = g.key("sales "+string(role), string(role), nil, "sales")
	}
	require.Eventually(t, func() bool { return time.Now().After(past) }, time.Second, time.Millisecond)
	for _, rule := range httpapi.Rules() {
		t.Run(rule.ID, func(t *testing.T) {
			g.t = t
			if rule.Public {
				for _, key := range []string{"", "nonsense", revoked} {
					require.Less(t, g.call(rule.Method, rule.Path, "", bearer(key)...).status, 400)
				}
				return
			}
			p := probes()[rule.ID]
			for name, key := range map[string]string{"no key": "", "nonsense": "nonsense", "unknown": auth.NewSecret().Reveal(), "expired": expired, "revoked": revoked} {
				a := g.try(rule, p, "sales", key)
				require.Equal(t, http.StatusUnauthorized, a.status, name)
				require.Contains(t, a.header.Get("WWW-Authenticate"), "Bearer")
			}
			for _, role := range auth.Roles() {
				may := slices.Contains(role.Rights(), rule.Right)
				for _, project := range []string{"sales", "lab"} {
					a := g.try(rule, p, project, keys[string(role)])
					requireAllowed(t, may, a, "%s on %s", role, project)
				}
				scoped := keys["sales "+string(role)]
				requireAllowed(t, may && !rule.Whole, g.try(rule, p, "sales", scoped), "%s of sales on sales", role)
				if !may || rule.Whole {
					require.Equal(t, http.StatusForbidden, g.try(rule, p, "lab", scoped).status)
					continue
				}
				a := g.try(rule, p, "lab", scoped)
				require.Equal(t, p.outside, a.status, "%s of sales on lab: %s", role, a.body)
				if a.status < 300 {
					require.NotRegexp(t, `\blab\b`, a.body)
					require.NotContains(t, a.body, g.jobs["lab"])
				} else {
					require.NotContains(t, a.body, `is lab`, "the other project is not named")
				}
			}
		})
	}
}

func requireAllowed(t *testing.T, may bool, a reply, format string, args ...any) {
	t.Helper()
	what := fmt.Sprintf(format, args...)
	if may {
		require.Less(t, a.status, 300, "%s: %s", what, a.body)
		return
	}
	require.Equal(t, http.StatusForbidden, a.status, "%s: %s", what, a.body)
}

// TestHiddenIsLikeAbsent: nothing tells a job of another project from none.
func TestHiddenIsLikeAbsent(t *testing.T) {
	g := newGuarded(t)
	_, key := g.key("k", "admin", nil, "sales")
	const none = "00000000-0000-7000-8000-000000000000"
	for _, rule := range httpapi.Rules() {
		p := probes()[rule.ID]
		if p.outside != http.StatusNotFound {
			continue
		}
		body := strings.ReplaceAll(p.body, "{project}", "sales")
		fill := func(id string) string { return strings.ReplaceAll(body, "{ended}", id) }
		p.path = strings.NewReplacer("{ended}", "{id}", "{pending}", "{id}").Replace(p.path)
		hidden := g.call(rule.Method, strings.ReplaceAll(p.path, "{id}", g.jobs["lab"]), fill(g.jobs["lab"]), bearer(key)...)
		absent := g.call(rule.Method, strings.ReplaceAll(p.path, "{id}", none), fill(none), bearer(key)...)
		require.Equal(t, http.StatusNotFound, absent.status)
		require.Equal(t, strings.ReplaceAll(absent.body, none, "X"), strings.ReplaceAll(hidden.body, g.jobs["lab"], "X"), rule.ID)
	}
	list := g.get("/api/v1/jobs", bearer(key)...)
	require.Contains(t, list.body, g.jobs["sales"])
	require.NotContains(t, list.body, g.jobs["lab"])
	require.Empty(t, g.get("/api/v1/jobs?id="+g.jobs["lab"], bearer(key)...).object(t)["items"])
	a := g.call("POST", "/api/v1/jobs", `{"pipeline_name": "train"}`, bearer(key)...)
	require.Equal(t, http.StatusCreated, a.status, "its only project need not be named")
	require.Equal(t, "sales", a.object(t)["project"])
	require.Equal(t, "k", a.object(t)["submitted_by"])
}
