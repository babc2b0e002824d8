package httpapi_test

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/httpapi"
)

var document = httpapi.Document()

// conforms holds an answer against the OpenAPI document: its status, its media type
// and its body must stand there. Paths that the document does not have are left out.
func conforms(t testing.TB, method, path string, a reply) {
	t.Helper()
	path, _, _ = strings.Cut(path, "?")
	op := operationOf(method, strings.TrimSuffix(path, "/"))
	if op == nil {
		return
	}
	response := op.Responses[strconv.Itoa(a.status)]
	require.NotNil(t, response, "%s %s answered %d, which is not documented: %s", method, path, a.status, a.body)
	if a.body == "" || method == http.MethodHead {
		return
	}
	kind, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	content := response.Content[kind]
	require.NotNil(t, content, "%s %s answered %d as %s, which is not documented", method, path, a.status, kind)
	if !strings.HasSuffix(kind, "json") || strings.HasSuffix(kind, "ndjson") {
		return
	}
	var body any
	require.NoError(t, json.Unmarshal([]byte(a.body), &body))
	requireSchema(t, content.Schema, body, method+" "+path)
}

func operationOf(method, path string) *huma.Operation {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var found *huma.Operation
	for pattern, item := range document.Paths {
		op := map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete}[method]
		if op != nil && matchesPath(pattern, path) && (found == nil || !strings.Contains(pattern, "{")) {
			found = op
		}
	}
	return found
}

func matchesPath(pattern, path string) bool {
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return false
	}
	for i := range want {
		if want[i] != have[i] && !strings.HasPrefix(want[i], "{") {
			return false
		}
	}
	return true
}

// requireSchema is the part of JSON Schema that the document uses, strict in one more
// thing: a field that the schema does not name is refused.
func requireSchema(t testing.TB, s *huma.Schema, v any, at string) {
	t.Helper()
	if s.Ref != "" {
		s = document.Components.Schemas.SchemaFromRef(s.Ref)
	}
	if len(s.AllOf) == 1 {
		requireSchema(t, s.AllOf[0], v, at)
		return
	}
	if len(s.AnyOf) == 2 {
		if v != nil {
			requireSchema(t, s.AnyOf[0], v, at)
		}
		return
	}
	if v == nil {
		require.True(t, s.Nullable || s.Type == "", "%s is null", at)
		return
	}
	switch s.Type {
	case "":
	case huma.TypeObject:
		object, ok := v.(map[string]any)
		require.True(t, ok, "%s is no object", at)
		for _, name := range s.Required {
			require.Contains(t, object, name, at)
		}
		for name, value := range object {
			p := s.Properties[name]
			if each, ok := s.AdditionalProperties.(*huma.Schema); ok && p == nil {
				p = each
			}
			if s.AdditionalProperties == true {
				continue
			}
			require.NotNil(t, p, "%s.%s is not in the schema", at, name)
			requireSchema(t, p, value, at+"."+name)
		}
	case huma.TypeArray:
		list, ok := v.([]any)
		require.True(t, ok, "%s is no list", at)
		for _, item := range list {
			requireSchema(t, s.Items, item, at+"[]")
		}
	case huma.TypeString:
		require.IsType(t, "", v, at)
	case huma.TypeBoolean:
		require.IsType(t, true, v, at)
	case huma.TypeInteger, huma.TypeNumber:
		require.IsType(t, 0.0, v, at)
	default:
		require.Fail(t, "unknown type", "%s: %s", at, s.Type)
	}
}

// TestOperations holds the table against the contract's calls of this version.
func TestOperations(t *testing.T) {
	want := map[string]string{
		"POST /api/v1/jobs":                "submit-job",
		"GET /api/v1/jobs":                 "list-jobs",
		"GET /api/v1/jobs/{id}":            "get-job",
		"POST /api/v1/jobs/{id}/cancel":    "cancel-job",
		"POST /api/v1/jobs/batch":          "submit-jobs",
		"POST /api/v1/jobs/cancel":         "cancel-jobs",
		"POST /api/v1/jobs/retry":          "retry-jobs",
		"GET /api/v1/stats":                "get-stats",
		"POST /api/v1/jobs/validate":       "validate-job",
		"DELETE /api/v1/jobs/{id}":         "delete-job",
		"PATCH /api/v1/jobs/{id}":          "change-job",
		"POST /api/v1/jobs/{id}/retry":     "retry-job",
		"GET /api/v1/jobs/{id}/logs":       "get-job-logs",
		"GET /api/v1/jobs/{id}/events":     "follow-job-events",
		"GET /api/v1/events":               "follow-events",
		"GET /api/v1/jobs/{id}/attempts":   "list-job-attempts",
		"GET /api/v1/jobs/{id}/nodes":      "list-job-nodes",
		"GET /api/v1/jobs/{id}/deliveries": "list-job-deliveries",
		"GET /api/v1/projects":             "list-projects",
		"GET /api/v1/pipelines":            "list-pipelines",
		"GET /api/v1/pipelines/{name}":     "get-pipeline",
		"POST /api/v1/pipelines/refresh":   "refresh-pipelines",
		"GET /api/v1/workers":              "list-workers",
		"POST /api/v1/workers/{id}/drain":  "drain-worker",
		"GET /api/v1/keys":                 "list-keys",
		"POST /api/v1/keys":                "create-key",
		"DELETE /api/v1/keys/{id}":         "revoke-key",
		"GET /api/v1/audit":                "list-audit",
		"GET /api/v1/health":               "get-health",
		"GET /livez":                       "get-livez",
		"GET /readyz":                      "get-readyz",
	}
	got := map[string]string{}
	for path, item := range document.Paths {
		for method, op := range map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PATCH": item.Patch, "DELETE": item.Delete, "PUT": item.Put} {
			if op != nil {
				got[method+" "+path] = op.OperationID
			}
		}
	}
	require.Equal(t, want, got)
	require.Empty(t, document.Servers, "paths are whole, so there is no base")
}
