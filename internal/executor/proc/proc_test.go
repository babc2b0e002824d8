package proc

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMarkerIn(t *testing.T) {
	for _, c := range []struct {
		environ string
		marker  Marker
		want    bool
	}{
		{"A=1\x00M=w/1\x00B=2\x00", Marker{Entry: "M=w/1"}, true},
		{"M=w/1\x00", Marker{Entry: "M=w/1"}, true},
		{"M=w/1", Marker{Entry: "M=w/1"}, true},
		{"M=w/12\x00", Marker{Entry: "M=w/1"}, false},
		{"M=w/12\x00M=w/1\x00", Marker{Entry: "M=w/1"}, true},
		{"M=w/12\x00", Marker{Entry: "M=w/", Prefix: true}, true},
		{"M=w2/1\x00", Marker{Entry: "M=w/", Prefix: true}, false},
		{"XM=w/1\x00", Marker{Entry: "M=w/1"}, false},
		{"X=M=w/1\x00", Marker{Entry: "M=w/1"}, false},
		{"", Marker{Entry: "M=w/1"}, false},
		{"A=1\x00", Marker{}, false},
	} {
		require.Equal(t, c.want, c.marker.In([]byte(c.environ)), "%q %+v", c.environ, c.marker)
	}
}

func TestAlive(t *testing.T) {
	require.True(t, Process{State: 'S', Threads: 1}.Alive())
	require.True(t, Process{State: 'D', Threads: 1}.Alive())
	require.False(t, Process{State: 'Z', Threads: 1}.Alive())
	require.True(t, Process{State: 'Z', Threads: 3}.Alive(), "only its first thread has ended")
	require.False(t, Process{State: 'X'}.Alive())
	require.False(t, Process{}.Alive())
}

func TestFamily(t *testing.T) {
	all := []Process{
		{PID: 1, PPID: 0, Group: 1, Session: 1, Start: 1},
		{PID: 50, PPID: 1, Group: 50, Session: 50, Start: 10},     // the worker
		{PID: 100, PPID: 50, Group: 100, Session: 100, Start: 20}, // the leader
		{PID: 101, PPID: 100, Group: 100, Session: 100, Start: 21},
		{PID: 102, PPID: 101, Group: 102, Session: 102, Start: 22}, // left by setsid, still in the tree
		{PID: 103, PPID: 50, Group: 103, Session: 100, Start: 23},  // adopted, another group, same session
		{PID: 104, PPID: 50, Group: 104, Session: 104, Start: 24},  // adopted, has the marker
		{PID: 105, PPID: 104, Group: 104, Session: 104, Start: 25},
		{PID: 106, PPID: 50, Group: 106, Session: 106, Start: 26}, // a neighbour
		{PID: 107, PPID: 50, Group: 107, Session: 107, Start: 27}, // adopted, known from before
	}
	marked := func(pid int) bool { return pid == 104 }
	pids := func(w Wanted) (got []int) {
		for _, p := range family(all, w, marked) {
			got = append(got, p.PID)
		}
		return got
	}
	require.ElementsMatch(t, []int{100, 101, 102, 103, 104, 105, 107}, pids(Wanted{Groups: map[int]uint64{100: 20}, Known: map[int]uint64{107: 27}}))
	require.ElementsMatch(t, []int{104, 105}, pids(Wanted{Groups: map[int]uint64{100: 19}, Known: map[int]uint64{107: 26}}),
		"numbers that were given to strangers: nothing of them is taken")
	require.ElementsMatch(t, []int{100, 101, 102, 103, 104, 105}, pids(Wanted{Groups: map[int]uint64{100: 0}}))
	require.ElementsMatch(t, []int{100, 101, 103}, pids(Wanted{Groups: map[int]uint64{100: 20}, Except: 102})[:3])
	require.NotContains(t, pids(Wanted{Groups: map[int]uint64{100: 20}, Except: 102}), 102)
}
