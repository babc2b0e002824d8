package kedro

import (
	"testing"

	"github.com/stretchr/testify/require"
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
