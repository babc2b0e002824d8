package httpapi_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/httpapi"
)

// TestOpenAPIGolden: every change of the API's description shows in docs/openapi.json.
func TestOpenAPIGolden(t *testing.T) {
	golden, err := os.ReadFile("../../docs/openapi.json")
	require.NoError(t, err)
	var info struct{ Info struct{ Version string } }
	require.NoError(t, json.Unmarshal(golden, &info))
	now, _, _, err := httpapi.OpenAPI(info.Info.Version)
	require.NoError(t, err)
	require.Equal(t, strings.TrimSpace(string(golden)), strings.TrimSpace(string(now)), "run make docs and look at the difference")
}

func TestOpenAPIForms(t *testing.T) {
	json31, yaml31, json30, err := httpapi.OpenAPI("1.2.3")
	require.NoError(t, err)
	require.True(t, json.Valid(json31))
	require.Contains(t, string(yaml31), "openapi: 3.1.0")
	require.Contains(t, string(json30), `"openapi": "3.0.3"`)
	require.NotContains(t, string(json30), `"null"`, "OpenAPI 3.0 has no type null")
	require.NotRegexp(t, `"type": \[`, string(json30), "nor lists of types")
	require.Equal(t, strings.Count(string(json31), `"operationId"`), strings.Count(string(json30), `"operationId"`))

	r := newRig(t)
	for path, want := range map[string][]byte{"/openapi.json": json31, "/openapi.yaml": yaml31, "/openapi-3.0.json": json30} {
		require.Equal(t, string(want), r.get(path).body, path)
	}
}

// TestDocumented holds docs/api.md against the code: every call, query parameter and
// code stands there.
func TestDocumented(t *testing.T) {
	b, err := os.ReadFile("../../docs/api.md")
	require.NoError(t, err)
	text := string(b)
	for path, item := range document.Paths {
		for _, op := range []struct {
			method string
			there  bool
		}{{"GET", item.Get != nil}, {"POST", item.Post != nil}, {"DELETE", item.Delete != nil}} {
			if op.there {
				require.Contains(t, text, "`"+op.method+" "+strings.TrimPrefix(path, "/api/v1")+"`")
			}
		}
	}
	for _, code := range []fault.Code{
		fault.Malformed, fault.Unauthenticated, fault.Forbidden, fault.NotFound, fault.MethodNotAllowed, fault.Conflict, fault.TooLarge,
		fault.BadRange, fault.Invalid, fault.UnknownField, fault.UnknownPipeline, fault.UnknownProject, fault.NotSupported,
		fault.RateLimited, fault.Internal, fault.Unavailable,
	} {
		require.Contains(t, text, "| `"+string(code)+"` |")
	}
	schemas := document.Components.Schemas.Map()
	for _, name := range []string{"Submission", "Job", "Attempt", "Node", "Delivery", "Worker", "Key", "CreatedKey", "AuditEntry"} {
		for field := range schemas[name].Properties {
			require.Contains(t, text, "`"+field+"`", name)
		}
	}
}
