package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWhatARunSees of the environment, in both modes.
func TestWhatARunSees(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, "from a file\n")
	own := []string{"SHOP=open", "GIVEN=by name", "PYTHONDONTWRITEBYTECODE=1", "KEDROD_LOG_LEVEL=debug", "KEDROD_API_KEY=abc", "LC_TIME=C", "https_proxy=http://127.0.0.1:1"}
	for _, mode := range []string{"inherit", "strict"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "kedrod.yaml")
			write(t, file, "projects:\n  - path: "+project(t, "witness")+"\n    python: "+python+"\n    run_env: "+mode+
				"\n    pass_env: [GIVEN, NOT_SET]\n    env: {SET: here, SECRET_FILE: "+secret+"}\n")
			s := serve(t, setup{python: "none", args: []string{"--config", file, "--pass-env", "ALSO,SHOP2"}, env: append(own, "ALSO=flag")})
			to := filepath.Join(t.TempDir(), "environment.json")
			job := s.run(t, "environment", params{"path": to})
			require.Equal(t, "completed", job.Status, explain(job))
			content, err := os.ReadFile(to)
			require.NoError(t, err)
			var seen map[string]string
			require.NoError(t, json.Unmarshal(content, &seen))

			for name, value := range map[string]string{
				"GIVEN": "by name", "ALSO": "flag", "SET": "here", "SECRET": "from a file", "LC_TIME": "C", "https_proxy": "http://127.0.0.1:1",
				"PATH": os.Getenv("PATH"), "KEDROD_JOB_ID": job.ID, "KEDROD_ATTEMPT": "1", "DO_NOT_TRACK": "1", "PYTHONUNBUFFERED": "1", "COLUMNS": "300",
			} {
				require.Equal(t, value, seen[name], name)
			}
			require.DirExists(t, seen["KEDROD_RUN_DIR"])
			for _, name := range []string{"PYTHONDONTWRITEBYTECODE", "KEDROD_LOG_LEVEL", "KEDROD_API_KEY", "SECRET_FILE", "NOT_SET"} {
				require.NotContains(t, seen, name)
			}
			if mode == "inherit" {
				require.Equal(t, "open", seen["SHOP"])
				return
			}
			allowed := map[string]bool{"PATH": true, "HOME": true, "LANG": true, "TZ": true, "TMPDIR": true, "VIRTUAL_ENV": true,
				"GIVEN": true, "ALSO": true, "SET": true, "SECRET": true, "PYTHONPATH": true, "DO_NOT_TRACK": true, "PYTHONUNBUFFERED": true, "COLUMNS": true}
			for name := range seen {
				known := allowed[name] || strings.HasPrefix(name, "LC_") || strings.HasPrefix(name, "KEDROD_") || strings.HasPrefix(name, "CONDA_") ||
					strings.HasSuffix(strings.ToLower(name), "_proxy") || name == "PYTHONPYCACHEPREFIX"
				require.True(t, known, "a strict run sees %s", name)
			}
		})
	}
}
