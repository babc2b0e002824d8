package httpapi_test

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/httpapi"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file, so that every change of the API's description shows in
// a review: go test -update writes it anew.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "run go test ./internal/httpapi -update and look at the difference")
}

func TestOpenAPIGolden(t *testing.T) {
	json31, yaml31, json30, err := httpapi.OpenAPI("1.2.3")
	require.NoError(t, err)
	golden(t, "openapi.json", json31)
	golden(t, "openapi-3.0.json", json30)
	require.True(t, json.Valid(json31))
	require.True(t, json.Valid(json30))
	require.Contains(t, string(yaml31), "openapi: 3.1.0")
	require.NotContains(t, string(json30), `"null"`, "OpenAPI 3.0 has no type null")

	r := newRig(t)
	for path, want := range map[string][]byte{"/openapi.json": json31, "/openapi.yaml": yaml31, "/openapi-3.0.json": json30} {
		require.Equal(t, string(want), r.get(path).body, path)
	}
}
