package registries

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/compress"
	"github.com/kedrod/kedrod/internal/kedro"
)

func known() Known {
	return Known{
		Path: "/srv/sales", Python: "/venv/bin/python", Read: true, Current: true,
		Settings: Settings{Timeout: 7, Slots: 2, Dynamic: true, Pipelines: map[string]PipelineSettings{"train": {Slots: 1, Timeout: 9}}},
		Registry: kedro.Registry{Pipelines: []kedro.Pipeline{{Name: "train", Nodes: []kedro.PipelineNode{{Name: "fit"}}}}, Error: &kedro.LoadError{Stage: "registry"}},
		Findings: []kedro.Finding{{Code: "import", Message: "m", Fix: "f", Stops: true}},
	}
}

func TestBody(t *testing.T) {
	var p compress.Packer
	packed, err := known().pack(&p)
	require.NoError(t, err)
	back, err := unpack(&p, packed)
	require.NoError(t, err)
	require.Equal(t, known(), back)

	newer, err := p.Pack([]byte(`{"Format": 2}`))
	require.NoError(t, err)
	_, err = unpack(&p, newer)
	require.ErrorContains(t, err, "run the same version everywhere")
}

func TestReduced(t *testing.T) {
	k := known()
	withoutNodes(&k)
	require.True(t, k.Reduced)
	require.Equal(t, []string{"train"}, k.Registry.Names())
	require.Empty(t, k.Registry.Pipelines[0].Nodes)
	require.NotEmpty(t, known().Registry.Pipelines[0].Nodes)
	withoutAll(&k)
	require.False(t, k.Current, "no name is refused where none is known")
	require.Empty(t, k.Registry.Names())
	require.NotNil(t, k.Registry.Error)
}

// FuzzUnpackBody: whatever stands in the store, reading it ends well.
func FuzzUnpackBody(f *testing.F) {
	var p compress.Packer
	packed, err := known().pack(&p)
	require.NoError(f, err)
	f.Add(packed)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, err := unpack(&p, b); err == nil {
			_, err := k.pack(&p)
			require.NoError(t, err)
		}
	})
}
