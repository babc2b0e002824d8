package cli

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDryRun(t *testing.T) {
	f := newFake(t, map[string]string{"POST /api/v1/jobs/validate": `{"valid": true, "errors": [], "project": "sales", "timeout_seconds": 1800, "nodes": ["split", "fit"]}`})
	said := run(t.Context(), t, f.URL, []string{"submit", "train", "--dry-run"})
	require.Equal(t, ran{0, "split\nfit\n", "it would run 2 nodes of the project sales, for at most 30 min\n"}, said)
	require.Equal(t, []string{"POST /api/v1/jobs/validate"}, f.requests)
	require.Contains(t, run(t.Context(), t, f.URL, []string{"submit", "train", "--dry-run", "-o", "json"}).out, `"valid": true`)

	f.answers["POST /api/v1/jobs/validate"] = `{"valid": false, "errors": [{"field": "tags[0]", "message": "no such tag"}]}`
	said = run(t.Context(), t, f.URL, []string{"submit", "train", "--dry-run"})
	require.Equal(t, ran{exitRefused, "", "it would be refused:\n  tags[0]: no such tag\n"}, said)
}
