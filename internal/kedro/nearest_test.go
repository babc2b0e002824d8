package kedro

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestNearest(t *testing.T) {
	names := []string{"__default__", "data_processing", "data_science", "report", "train", "train_big"}
	require.Equal(t, []string{"train"}, nearest("trian", names, 2))
	require.Equal(t, "train", nearest("TRAIN", names, 3)[0])
	require.Equal(t, "data_science", nearest("data-science", names, 3)[0])
	require.Contains(t, nearest("data", names, 3), "data_processing", "a beginning is near")
	require.Empty(t, nearest("xyzzy123456", names, 3))
	require.LessOrEqual(t, len(nearest("", names, 3)), 3)
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
