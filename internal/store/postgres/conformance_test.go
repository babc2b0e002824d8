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
