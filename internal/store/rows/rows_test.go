package rows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store/rows"
)

// TestValuesFitTheirColumns: statements are made of both.
func TestValuesFitTheirColumns(t *testing.T) {
	count := func(columns string) int { return len(strings.Split(columns, ",")) }
	fixed, err := rows.Fixed(&job.Job{})
	require.NoError(t, err)
	require.Len(t, fixed, count(rows.FixedColumns))
	changing, err := rows.Changing(&job.Job{}, time.Unix(0, 0))
	require.NoError(t, err)
	require.Len(t, changing, count(rows.ChangingColumns))
	require.Equal(t, count(rows.Job), count(rows.BriefJob))
}

// TestAJobBeforeItsTimeIsParked: whichever of its two times comes last counts.
func TestAJobBeforeItsTimeIsParked(t *testing.T) {
	now := time.Unix(100, 0)
	sooner, later := now.Add(-time.Second), now.Add(time.Second)
	for _, j := range []job.Job{
		{Status: job.Pending, NextTryAt: &sooner, Queue: job.Queue{RunAt: &later}},
		{Status: job.Pending, NextTryAt: &later, Queue: job.Queue{RunAt: &sooner}},
	} {
		changing, err := rows.Changing(&j, now)
		require.NoError(t, err)
		require.Equal(t, "time", changing[len(changing)-1])
		require.Equal(t, later.UnixMicro(), changing[len(changing)-2])
		changing, err = rows.Changing(&j, later)
		require.NoError(t, err)
		require.Nil(t, changing[len(changing)-1])
	}
}

func TestItemsOfABatchSortByTheirNumbers(t *testing.T) {
	require.Less(t, rows.ItemKey("k", 9), rows.ItemKey("k", 10))
	require.Less(t, rows.ItemKey("k", 99998), rows.ItemKey("k", rows.MaxItem))
}

// FuzzCursor: what is read is what was given out, and nothing else is taken.
func FuzzCursor(f *testing.F) {
	for _, seed := range []string{"", "!", "fHw", rows.Key{Created: job.FormatTime(time.Unix(0, 0)), ID: "x|y"}.Cursor()} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		k, ok := rows.ReadCursor(cursor)
		if !ok {
			return
		}
		again, ok := rows.ReadCursor(k.Cursor())
		require.True(t, ok)
		require.Equal(t, k, again)
		require.True(t, k.Older(rows.Key{Created: k.Created, ID: k.ID + "x"}))
		require.False(t, k.Older(k))
	})
}
