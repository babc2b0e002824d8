package sqlite_test

import (
	"database/sql"
	"database/sql/driver"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	driverOf "modernc.org/sqlite"

	"github.com/kedrod/kedrod/internal/store/sqlite"
	"github.com/kedrod/kedrod/internal/store/storetest"
)

var rowsRead atomic.Int64

// registerCounted makes a function known that is true and counts its calls; the driver
// takes a name once in a process.
var registerCounted = sync.OnceValue(func() error {
	return driverOf.RegisterScalarFunction("counted", 1, func(*driverOf.FunctionContext, []driver.Value) (driver.Value, error) {
		rowsRead.Add(1)
		return int64(1), nil
	})
})

// TestLanesAreSkipped: the next lane of a key is found without a look at the jobs of the
// one before, which EXPLAIN QUERY PLAN does not tell. A function in the condition counts
// the rows that are read.
func TestLanesAreSkipped(t *testing.T) {
	require.NoError(t, registerCounted())
	rowsBefore := rowsRead.Load()
	read := func() int64 { return rowsRead.Load() - rowsBefore }
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := open(t, path, storetest.NewClock())
	crowd(t, s, 1000)
	require.NoError(t, s.Close())
	db, err := sql.Open("sqlite", path)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	q := strings.Replace(sqlite.NextLane, "AND (project", "AND counted(order_key) AND (project", 1)
	var project, pipeline string
	var limit int
	require.NoError(t, db.QueryRowContext(t.Context(), q, "key:db", "", "", 1).Scan(&project, &pipeline, &limit))
	require.EqualValues(t, 1, read(), "the condition counts what is read")
	err = db.QueryRowContext(t.Context(), q, "key:db", project, pipeline, limit+1).Scan(&project, &pipeline, &limit)
	require.ErrorIs(t, err, sql.ErrNoRows)
	require.EqualValues(t, 1, read(), "nothing of the lane is read again")
}
