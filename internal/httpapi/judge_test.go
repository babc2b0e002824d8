package httpapi_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestOneJudge: what POST accepts validate calls valid, and the reverse, in the same
// words; so does a batch.
func TestOneJudge(t *testing.T) {
	r := newRig(t)
	fields := map[string][]string{
		"pipeline_name": {`"train"`, `"__default__"`, `"gone"`, `""`, `5`, `null`},
		"tags":          {`["prepare"]`, `["none"]`, `[]`, `"prepare"`, `null`},
		"node_names":    {`["split"]`, `["fit", "none"]`},
		"from_nodes":    {`["fit"]`, `["split"]`, `[5]`},
		"to_nodes":      {`["split"]`, `["fit"]`},
		"priority":      {`1`, `"x"`, `1e99`, `null`},
		"env":           {`"prod"`, `"../x"`},
		"max_attempts":  {`2`, `0`},
		"retry_on":      {`["timeout"]`, `["unheard"]`},
		"run_at":        {`"2030-01-01T00:00:00Z"`, `"tomorrow"`},
		"expires_at":    {`"2031-01-01T00:00:00Z"`, `"2001-01-01T00:00:00Z"`},
		"labels":        {`{"team": "a"}`, `{"": "a"}`},
		"requires":      {`{"gpu": "yes"}`, `["gpu"]`},
		"unheard":       {`1`},
	}
	names := slices.Sorted(maps.Keys(fields))
	rapid.Check(t, func(rt *rapid.T) {
		given := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 4, rapid.ID[string]).Draw(rt, "fields")
		members := []string{}
		if rapid.IntRange(0, 9).Draw(rt, "pipeline") > 0 {
			given = append([]string{"pipeline_name"}, given...)
		}
		seen := map[string]bool{}
		for _, name := range given {
			if !seen[name] {
				seen[name] = true
				members = append(members, fmt.Sprintf("%q: %s", name, rapid.SampledFrom(fields[name]).Draw(rt, name)))
			}
		}
		body := "{" + strings.Join(members, ", ") + "}"

		verdict := r.call("POST", "/api/v1/jobs/validate", body)
		require.Equal(rt, http.StatusOK, verdict.status, verdict.body)
		v := verdict.object(t)
		one, batch := r.call("POST", "/api/v1/jobs", body), r.call("POST", "/api/v1/jobs/batch", `{"items": [`+body+`]}`)
		if v["valid"] == true {
			require.Equal(rt, http.StatusCreated, one.status, "%s: %s", body, one.body)
			require.Equal(rt, http.StatusCreated, batch.status, "%s: %s", body, batch.body)
			return
		}
		require.Equal(rt, http.StatusUnprocessableEntity, one.status, "%s: %s", body, one.body)
		require.Equal(rt, http.StatusUnprocessableEntity, batch.status, "%s: %s", body, batch.body)
		p, q := one.object(t), batch.object(t)
		require.Equal(rt, v["code"], p["code"], body)
		require.Equal(rt, v["errors"], p["errors"], body)
		require.Equal(rt, p["code"], q["code"], body)
		for i, e := range q["errors"].([]any) {
			require.Equal(rt, "items[0]."+p["errors"].([]any)[i].(map[string]any)["field"].(string), e.(map[string]any)["field"], body)
		}
	})
}
