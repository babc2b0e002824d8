package postgres_test

import (
	"testing"

	"github.com/kedrod/kedrod/internal/store/storetest"
	"github.com/kedrod/kedrod/test/pgtest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T, clock *storetest.Clock) storetest.Store {
		t.Helper()
		return open(t, pgtest.Database(t), clock)
	})
}

// TestPagesWithSmallWindows: however little a page looks at, the pages together hold what
// fits.
func TestPagesWithSmallWindows(t *testing.T) {
	storetest.RunPages(t, func(t *testing.T, clock *storetest.Clock) storetest.Store {
		t.Helper()
		s := open(t, pgtest.Database(t), clock)
		s.SetWindow(3)
		return s
	})
}
