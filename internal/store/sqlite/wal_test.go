package sqlite_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/store/storetest"
)

// TestTheWALStaysBounded: readers that overlap without a pause keep SQLite from
// beginning its WAL anew, and ours is emptied all the same.
func TestTheWALStaysBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := open(t, path, storetest.NewClock())
	defer func() { require.NoError(t, s.Close()) }()
	const limit = 6 << 20
	s.SetWALLimit(limit)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := s.Read(t.Context(), 15*time.Millisecond); err != nil {
					t.Errorf("read: %v", err)
					return
				}
			}
		})
	}
	defer readers.Wait()
	defer close(stop)
	size := func() int64 {
		info, err := os.Stat(path + "-wal")
		require.NoError(t, err)
		return info.Size()
	}
	large := false
	require.Eventually(t, func() bool {
		for i := range 20 {
			require.NoError(t, s.Write(t.Context(), func(exec func(string) error) error {
				return exec(fmt.Sprintf("INSERT INTO events (job_id, attempt, type, at, data) VALUES ('%d', 0, 'x', '', '%050000d')", i, i))
			}))
		}
		now := size()
		large = large || now > limit
		return large && now < limit
	}, 20*time.Second, 10*time.Millisecond, "the WAL grows and grows")
}

// TestTheWALBeginsAnewUnderLoad: a writer that never rests leaves the copier always a
// little to copy, and the WAL begins anew all the same.
func TestTheWALBeginsAnewUnderLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := open(t, path, storetest.NewClock())
	defer func() { require.NoError(t, s.Close()) }()
	s.SetWALLimit(1 << 40)
	var committed int64 // at least, bytes of pages
	for i := range 1500 {
		require.NoError(t, s.Write(t.Context(), func(exec func(string) error) error {
			return exec(fmt.Sprintf("INSERT INTO events (job_id, attempt, type, at, data) VALUES ('%d', 0, 'x', '', '%08000d')", i, i))
		}))
		committed += 4 * 4096 // the row on two, its index, the counter
	}
	info, err := os.Stat(path + "-wal")
	require.NoError(t, err)
	require.Less(t, info.Size(), committed/2)
	t.Logf("%d MB of WAL for %d MB of pages", info.Size()>>20, committed>>20)
}
