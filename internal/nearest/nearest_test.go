package nearest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNearest(t *testing.T) {
	names := []string{"__default__", "data_processing", "data_science", "report", "train", "train_big"}
	require.Equal(t, []string{"train"}, Names("trian", names, 2))
	require.Equal(t, "train", Names("TRAIN", names, 3)[0])
	require.Equal(t, "data_science", Names("data-science", names, 3)[0])
	require.Contains(t, Names("data", names, 3), "data_processing", "a beginning is near")
	require.Empty(t, Names("xyzzy123456", names, 3))
	require.LessOrEqual(t, len(Names("", names, 3)), 3)
}

func TestSettings(t *testing.T) {
	known := []string{"listen", "data_dir", "python", "pass_env"}
	for written, want := range map[string][]string{
		"listn": {"listen"}, "pyhton": {"python"}, "datadir": {"data_dir"}, "passenv": {"pass_env"}, "xyz": nil,
		strings.Repeat("x", 100000): nil,
	} {
		require.Equal(t, want, Names(written, known, 1), written)
	}
}

func TestDistanceIsOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := []rune(rapid.StringN(2, 12, -1).Draw(t, "a"))
		i := rapid.IntRange(0, len(a)-2).Draw(t, "i")
		swapped := append([]rune{}, a...)
		swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
		if d := distance(string(a), string(swapped)); d > 1 {
			t.Fatalf("a swap is %d", d)
		}
		shorter := string(a[:i]) + string(a[i+1:])
		if d := distance(string(a), shorter); d != 1 {
			t.Fatalf("a deletion is %d", d)
		}
		if distance(string(a), string(a)) != 0 || distance(string(a), shorter) != distance(shorter, string(a)) {
			t.Fatal("no distance")
		}
	})
}
