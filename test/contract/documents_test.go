package contract

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDocuments are what they say they are: OpenAPI 3.1 and 3.0.
func TestDocuments(t *testing.T) {
	t.Parallel()
	s := serve(t, project(t), t.TempDir(), "--no-worker")
	dir := t.TempDir()
	for path, schema := range map[string]string{"openapi.json": "3.1", "openapi.yaml": "3.1", "openapi-3.0.json": "3.0"} {
		file := filepath.Join(dir, path)
		s.download(t, "/"+path, file)
		out := tool(dir, "-m", "openapi_spec_validator", "--schema", schema, file).must(t)
		require.Contains(t, out, "OK", path)
	}
}
