package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/service"
)

func (r *rig) count(status string) int {
	r.t.Helper()
	return len(r.get("/api/v1/jobs?limit=500&status=" + status).object(r.t)["items"].([]any))
}

func TestCancelMany(t *testing.T) {
	r := newRig(t)
	full := `{"items": [` + strings.TrimSuffix(strings.Repeat(`{"pipeline_name": "train", "user_id": "ann"},`, 250), ",") + `]}`
	require.Equal(t, http.StatusCreated, r.call("POST", "/api/v1/jobs/batch", full).status)
	other := r.submit()
	for _, expect := range []int{0, 249, 251} {
		a := r.call("POST", "/api/v1/jobs/cancel", fmt.Sprintf(`{"filter": {"user_id": "ann"}, "expect": %d}`, expect))
		require.Equal(t, http.StatusConflict, a.status, a.body)
	}
	require.Equal(t, 251, r.count("pending"), "nothing was done")
	a := r.call("POST", "/api/v1/jobs/cancel", `{"filter": {"user_id": ["ann"], "status": ["pending", "running"]}, "expect": 250}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.InDelta(t, 250, a.object(t)["count"], 0)
	require.Len(t, a.object(t)["items"], 250)
	require.Equal(t, 250, r.count("cancelled"))
	require.Equal(t, "pending", r.get("/api/v1/jobs/" + other).object(t)["status"])

	r.claim()
	ended := r.cancelled(`{"pipeline_name": "train"}`)
	a = r.call("POST", "/api/v1/jobs/cancel", fmt.Sprintf(`{"ids": [%q, %q]}`, other, ended))
	require.Equal(t, http.StatusOK, a.status, a.body)
	require.NotNil(t, r.get("/api/v1/jobs/" + other).object(t)["cancel_requested_at"], "one that runs")
	require.InDelta(t, 0, r.call("POST", "/api/v1/jobs/cancel", `{"filter": {"q": "nobody"}, "expect": 0}`).object(t)["count"], 0)
}

func TestRetryMany(t *testing.T) {
	r := newRig(t)
	one, two := r.cancelled(`{"pipeline_name": "train", "priority": 1}`), r.cancelled(`{"pipeline_name": "train", "priority": 2}`)
	a := r.call("POST", "/api/v1/jobs/retry", `{"filter": {"status": "cancelled"}, "expect": 2, "from": "start"}`)
	require.Equal(t, http.StatusOK, a.status, a.body)
	items := a.object(t)["items"].([]any)
	require.Len(t, items, 2)
	for i, old := range []string{one, two} {
		j := r.get("/api/v1/jobs/" + items[i].(string)).object(t)
		require.Equal(t, old, j["retry_of"], "oldest first")
		require.InDelta(t, i+1, j["priority"], 0)
	}
	pending := items[0].(string)
	a = r.call("POST", "/api/v1/jobs/retry", fmt.Sprintf(`{"ids": [%q, %q]}`, one, pending))
	require.Equal(t, http.StatusConflict, a.status, a.body)
	require.Contains(t, a.object(t)["detail"], pending)
	require.Equal(t, 2, r.count("pending"))
	// More than one transaction, and only the last is refused.
	ids := []string{}
	for range 101 {
		v, _, err := r.service.Submit(t.Context(), service.Anonymous(), service.Submission{Pipeline: "train"})
		require.NoError(t, err)
		_, err = r.service.Cancel(t.Context(), service.Anonymous(), v.ID)
		require.NoError(t, err)
		ids = append(ids, v.ID)
	}
	_, err := r.service.RetryAll(t.Context(), service.Anonymous(), service.Selection{IDs: append(ids, pending)})
	require.Error(t, err)
	require.Equal(t, 2, r.count("pending"), "each is judged before the first is submitted")
	require.Equal(t, http.StatusUnprocessableEntity, r.call("POST", "/api/v1/jobs/retry", fmt.Sprintf(`{"ids": [%q], "from": "failure"}`, one)).status)
}

func TestSelectionsAreRefused(t *testing.T) {
	r := newRig(t)
	id := r.submit()
	for body, want := range map[string]string{
		`{}`: "filter", `{"expect": 1}`: "filter", `{"filter": {}, "expect": 1}`: "filter", `{"filter": {"status": null}, "expect": 1}`: "filter",
		`{"filter": {"status": []}, "expect": 1}`: "filter.status", `{"filter": {"user_id": ""}, "expect": 1}`: "filter.user_id",
		`{"filter": {"status": ["x"]}, "expect": 1}`: "filter.status", `{"filter": {"stauts": "failed"}, "expect": 1}`: "filter.stauts",
		`{"filter": {"id": "abc"}, "expect": 1}`: "filter.id", `{"filter": {"label": "x"}, "expect": 1}`: "filter.label",
		`{"filter": {"schedule_id": "x"}, "expect": 1}`: "filter.schedule_id", `{"filter": {"q": ""}, "expect": 1}`: "filter.q",
		`{"filter": {"created_since": "x"}, "expect": 1}`: "filter.created_since", `{"filter": [], "expect": 1}`: "filter",
		`{"filter": {"status": "pending"}}`: "expect", `{"filter": {"status": "pending"}, "expect": 10001}`: "expect",
		`{"filter": {"status": "pending"}, "ids": ["x"], "expect": 1}`: "ids", `{"ids": ["` + id + `", "` + id + `"]}`: "ids[1]",
		`{"ids": "x"}`: "ids", `{"id": ["x"]}`: "id", `{"ids": ["x"], "from": "start"}`: "from",
	} {
		a := r.call("POST", "/api/v1/jobs/cancel", body)
		require.Equal(t, http.StatusUnprocessableEntity, a.status, "%s: %s", body, a.body)
		require.Equal(t, want, a.object(t)["errors"].([]any)[0].(map[string]any)["field"], "%s: %s", body, a.body)
	}
	require.Equal(t, http.StatusNotFound, r.call("POST", "/api/v1/jobs/cancel", `{"ids": ["`+id+`", "none"]}`).status)
	require.Equal(t, http.StatusConflict, r.call("POST", "/api/v1/jobs/cancel", `{"ids": ["`+id+`"], "expect": 2}`).status)
	require.Equal(t, http.StatusUnprocessableEntity, r.call("POST", "/api/v1/jobs/cancel", `{"ids": ["`+id+`"]}`, "Idempotency-Key", "k").status)
	require.Equal(t, 1, r.count("pending"), "nothing was done")
}

// TestManyIsAuditedOnce with how many they were.
func TestManyIsAuditedOnce(t *testing.T) {
	g := newGuarded(t)
	full := `{"items": [` + strings.TrimSuffix(strings.Repeat(`{"pipeline_name": "train", "project": "lab", "user_id": "ann"},`, 250), ",") + `]}`
	require.Equal(t, http.StatusCreated, g.call("POST", "/api/v1/jobs/batch", full, bearer(g.admin)...).status)
	_, scoped := g.key("scoped", "runner", nil, "sales")
	body := `{"filter": {"user_id": "ann"}, "expect": 250}`
	require.Equal(t, http.StatusConflict, g.call("POST", "/api/v1/jobs/cancel", body, bearer(scoped)...).status, "of another project")
	lab := g.jobs["lab"]
	require.Equal(t, http.StatusNotFound, g.call("POST", "/api/v1/jobs/cancel", `{"ids": ["`+lab+`"]}`, bearer(scoped)...).status)
	require.Equal(t, "pending", g.get("/api/v1/jobs/"+lab, bearer(g.admin)...).object(t)["status"])
	for _, verb := range []string{"cancel", "retry"} {
		require.Equal(t, http.StatusOK, g.call("POST", "/api/v1/jobs/"+verb, body, bearer(g.admin)...).status)

	}
	page := g.get("/api/v1/audit?outcome=done&limit=3", bearer(g.admin)...).object(t)["items"].([]any)
	for i, call := range []string{"retry-jobs", "cancel-jobs", "submit-jobs"} {
		entry := page[i].(map[string]any)
		require.Equal(t, call, entry["call"])
		require.Equal(t, "250 jobs", entry["target"])
	}
	_, err := g.service.CancelAll(t.Context(), service.Caller{}, service.Selection{IDs: []string{"x"}})
	require.Error(t, err, "nobody may do this")
}
