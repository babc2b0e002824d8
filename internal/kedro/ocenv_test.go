package kedro_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/kedro"
)

func TestEnvUses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	write("conf/base/credentials.yml", "db: ${oc.env:DB_URL}\n# old: ${oc.env:GONE}\nuser: ${ oc.env : DB_USER , guest }\n")
	write("conf/local/catalog.yaml", "a: ${oc.env:DB_USER}-${oc.env:REGION,eu}\n")
	write("conf/base/notes.txt", "${oc.env:NOT_CONFIGURATION}")
	uses, err := kedro.EnvUses(kedro.Project{Path: dir})
	require.NoError(t, err)
	require.Equal(t, []kedro.EnvUse{
		{Name: "DB_URL", File: "conf/base/credentials.yml"},
		{Name: "DB_USER", File: "conf/base/credentials.yml"}, // needed in one place
		{Name: "REGION", File: "conf/local/catalog.yaml", Optional: true},
	}, uses)

	none, err := kedro.EnvUses(kedro.Project{Path: filepath.Join(dir, "absent")})
	require.NoError(t, err)
	require.Empty(t, none)
}
