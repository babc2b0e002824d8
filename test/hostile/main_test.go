// Package hostile holds kedrod's API against clients that mean it harm, or are many.
// The server runs in the test's process, so that its memory can be measured; clients
// that must not count are a process of their own.
package hostile

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// crowdEnv makes the test's binary a crowd of clients instead.
const crowdEnv = "KEDROD_TEST_CROWD"

func TestMain(m *testing.M) {
	if text := os.Getenv(crowdEnv); text != "" {
		os.Exit(crowd(text))
	}
	goleak.VerifyTestMain(m)
}
