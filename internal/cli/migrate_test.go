package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// migrates has the verb's work done by a fake, which notes what it was given.
func migrates(given *[]string, moved Moved, err error) func(*Program) {
	return func(p *Program) {
		p.Backend.Migrate = func(_ context.Context, from, to string, tell func(table string, done, of int64)) (Moved, error) {
			*given = []string{from, to}
			tell("jobs", 1000, 2000)
			return moved, err
		}
	}
}

func TestMigrate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "url")
	require.NoError(t, os.WriteFile(file, []byte("postgres://of-file\n"), 0o600))
	moved := Moved{Rows: map[string]int64{"jobs": 2000, "attempts": 2001, "nodes": 1, "events": 9, "keys": 2, "audit": 3}, Runs: "/data/runs"}
	for name, c := range map[string]struct {
		args    string
		environ []string
		to      string // "" for a refusal
		says    string
	}{
		"by flag":        {"--from /data/jobs.db --to postgres://of-flag", []string{"KEDROD_DATABASE_URL=postgres://other"}, "postgres://of-flag", "2,000 jobs moved"},
		"by environment": {"--from /data/jobs.db", []string{"KEDROD_DATABASE_URL=postgres://of-env"}, "postgres://of-env", "logs and run folders stay in /data/runs"},
		"by file":        {"--from /data/jobs.db", []string{"KEDROD_DATABASE_URL_FILE=" + file}, "postgres://of-file", "2,001 attempts, 1 node, 9 events, 0 callbacks, 2 keys and 3 lines of the audit"},
		"both":           {"--from /data/jobs.db", []string{"KEDROD_DATABASE_URL_FILE=" + file, "KEDROD_DATABASE_URL=postgres://other"}, "", "both set"},
		"nowhere":        {"--from /data/jobs.db", nil, "", "--to postgres://"},
		"from nowhere":   {"--to postgres://of-flag", nil, "", "--from FILE"},
		"no file":        {"--from /data/jobs.db", []string{"KEDROD_DATABASE_URL_FILE=" + file + "x"}, "", "KEDROD_DATABASE_URL_FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			var given []string
			said := run(t.Context(), t, "", append([]string{"migrate"}, strings.Fields(c.args)...), environ(c.environ...), migrates(&given, moved, nil))
			require.Contains(t, said.err, c.says)
			require.NotContains(t, said.err, "held characters")
			require.NotContains(t, said.err, "1000", "progress is for terminals")
			if c.to == "" {
				require.NotZero(t, said.code)
				require.Empty(t, given)
				return
			}
			require.Zero(t, said.code)
			require.Equal(t, []string{"/data/jobs.db", c.to}, given)
			require.NotContains(t, said.err+said.out, c.to)
		})
	}
}

func TestMigrateAsJSONAndOnATerminal(t *testing.T) {
	var given []string
	moved := Moved{Rows: map[string]int64{"jobs": 1}, Altered: 2, Runs: "/data/runs"}
	args := []string{"migrate", "--from", "/data", "--to", "postgres://x"}
	said := run(t.Context(), t, "", append(args, "-o", "json"), migrates(&given, moved, nil))
	require.JSONEq(t, `{"rows": {"jobs": 1}, "altered": 2, "runs": "/data/runs"}`, said.out)
	said = run(t.Context(), t, "", args, migrates(&given, moved, nil), onTerminal(80))
	require.Contains(t, said.err, "jobs 1000/2000")
	require.Contains(t, said.err, "2 texts held characters")
}
