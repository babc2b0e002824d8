package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/clock"
	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/test/pgtest"
)

func TestPreflightOpensTheDatabase(t *testing.T) {
	server := pgtest.Start(t, pgtest.Options{})
	dir := t.TempDir()
	cfg := config.Config{DataDir: dir, DatabaseURL: server.Database(t), Projects: []config.Project{{Path: filepath.Join(dir, "project"), Python: "/bin/sh"}}}
	require.NoError(t, os.MkdirAll(filepath.Join(cfg.Projects[0].Path, "src", "p"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(cfg.Projects[0].Path, "pyproject.toml"), []byte("[tool.kedro]\npackage_name = \"p\"\nproject_name = \"p\"\nkedro_init_version = \"1.0.0\"\n"), 0o600))
	asked, err := json.Marshal(handedState{Version: stateVersion, DataDir: dir})
	require.NoError(t, err)
	preflight := func() error { return Preflight(t.Context(), cfg, []string{preflightVariable + "=" + string(asked)}) }

	require.NoError(t, preflight())
	c := connect(t, cfg.DatabaseURL)
	var tables int
	require.NoError(t, c.QueryRow(t.Context(), "SELECT count(*) FROM pg_tables WHERE tablename = 'jobs'").Scan(&tables))
	require.Equal(t, 1, tables, "what the new program needs is there before it begins")
	_, err = c.Exec(t.Context(), "UPDATE kedrod_schema SET major = major + 1")
	require.NoError(t, err)
	require.ErrorContains(t, preflight(), "later major version")
	_, err = c.Exec(t.Context(), "UPDATE kedrod_schema SET major = major - 1")
	require.NoError(t, err)
	require.NoError(t, preflight())

	require.NoError(t, c.Close(t.Context()))
	require.NoError(t, server.Stop(pgtest.Immediate))
	err = preflight()
	require.True(t, fault.Is(err, fault.Unavailable), "%v", err)
}

// A worker that is lost is not replaced while the service leaves, and the service does not
// leave while a worker is being replaced.
func TestALostWorkerIsNotReplacedDuringAHandover(t *testing.T) {
	n := &node{log: slog.New(slog.DiscardHandler)}
	n.part.replace.Lock()
	require.False(t, n.part.begin())
	require.False(t, n.part.leaving.Load())
	n.part.replace.Unlock()
	require.True(t, n.part.begin())
	require.True(t, n.part.leaving.Load())
	require.False(t, n.replace(t.Context()), "with what it has nothing could be enlisted: it would panic")
	require.Nil(t, n.hand.Load())
}

// TestInsist: what fails is tried again, until the process ends.
func TestInsist(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &node{log: slog.New(slog.DiscardHandler)}
		began, tries := time.Now(), 0
		require.True(t, n.insist(t.Context(), func() error {
			if tries++; tries < 4 {
				return errors.New("the disk is full")
			}
			return nil
		}))
		require.Equal(t, 3*time.Second, time.Since(began))
		ctx, cancel := context.WithCancel(t.Context())
		require.False(t, n.insist(ctx, func() error { cancel(); return errors.New("the disk is full") }))
	})
}

// TestWhoGoesOnWaitsForTheStore for half a lease, and a start like any other does not.
func TestWhoGoesOnWaitsForTheStore(t *testing.T) {
	away := errors.New("the database is away")
	tries := 0
	try := func() error {
		if tries++; tries < 3 {
			return away
		}
		return nil
	}
	synctest.Test(t, func(t *testing.T) { // the time since boot goes on by itself: next to nothing
		from := &inheritance{handedState: handedState{Written: clock.SinceBoot()}}
		began := time.Now()
		require.NoError(t, from.persist(t.Context(), time.Hour, try))
		require.Equal(t, 2*tryGap, time.Since(began))
	})
	tries = 0
	var nobody *inheritance
	require.ErrorIs(t, nobody.persist(t.Context(), time.Hour, try), away)
	require.Equal(t, 1, tries)
	late := &inheritance{handedState: handedState{Written: clock.SinceBoot() - time.Minute}}
	require.ErrorIs(t, late.persist(t.Context(), 2*time.Minute, try), away)
	require.Equal(t, 2, tries, "the guard's deadline comes near")
}
