package kedro

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
)

func TestSavesVersions(t *testing.T) {
	r := Registry{
		Pipelines: []Pipeline{{Name: "plain", Datasets: []string{"csv"}}, {Name: "train", Datasets: []string{"csv", "model"}}},
		Datasets:  map[string]Dataset{"csv": {}, "model": {Versioned: true}},
	}
	require.False(t, r.SavesVersions("plain"))
	require.True(t, r.SavesVersions("train"))
	require.True(t, r.SavesVersions("unknown"))
	r.Datasets["{name}_v"] = Dataset{Versioned: true, Pattern: true}
	require.True(t, r.SavesVersions("plain"), "a pattern may fit any dataset")
	require.False(t, Registry{}.SavesVersions("unknown"))
}

// TestEnvIsAName: a path would take the configuration from outside the project.
func TestEnvIsAName(t *testing.T) {
	for _, env := range []string{"../../../elsewhere", "a/b", `a\b`, ".", "..", "/etc"} {
		_, err := RunConfig(RunOptions{Pipeline: "p", Env: env}, Version{})
		require.True(t, fault.Is(err, fault.Invalid), "%q: %v", env, err)
	}
	_, err := RunConfig(RunOptions{Pipeline: "p", Env: "prod-2.eu"}, Version{})
	require.NoError(t, err)
}
