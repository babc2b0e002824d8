//go:build unix

package regular_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/regular"
)

func TestGiven(t *testing.T) {
	dir := t.TempDir()
	file, link, pipe := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	require.NoError(t, os.WriteFile(file, []byte("text"), 0o600))
	require.NoError(t, os.Symlink(file, link))
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	require.NoError(t, os.Truncate(file, 4))
	for name, c := range map[string]struct{ path, want, wrong string }{
		"a file":          {file, "text", ""},
		"through a link":  {link, "text", ""},
		"nothing":         {os.DevNull, "", ""},
		"a folder":        {dir, "", "it is a folder"},
		"an endless file": {"/dev/zero", "", "it has more than 4 bytes"},
	} {
		got, err := regular.Given(t.Context(), c.path, 4)
		if c.wrong != "" {
			require.ErrorContains(t, err, c.wrong, name)
			continue
		}
		require.NoError(t, err, name)
		require.Equal(t, c.want, string(got), name)
	}
	_, err := regular.Given(t.Context(), file, 3)
	require.ErrorContains(t, err, "it has more than 3 bytes")
	_, err = regular.Given(t.Context(), filepath.Join(dir, "none"), 3)
	require.ErrorIs(t, err, os.ErrNotExist)

	// A pipe whose writer comes later, and writes in parts.
	wrote := make(chan error, 1)
	go func() {
		w, err := os.OpenFile(pipe, os.O_WRONLY, 0)
		if err == nil {
			_, err = w.WriteString("la")
		}
		if err == nil {
			_, err = w.WriteString("te")
		}
		if err == nil {
			err = w.Close()
		}
		wrote <- err
	}()
	got, err := regular.Given(t.Context(), pipe, 4)
	require.NoError(t, err)
	require.NoError(t, <-wrote)
	require.Equal(t, "late", string(got))

	// Pipes that nobody writes to, and whose writer writes nothing and stays.
	over, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = regular.Given(over, pipe, 4)
	require.ErrorContains(t, err, "pipe that nobody writes to")
	both, err := os.OpenFile(pipe, os.O_RDWR, 0)
	require.NoError(t, err)
	defer both.Close()
	_, err = regular.Given(over, pipe, 4)
	require.ErrorContains(t, err, "whose writer does not end")
	_, err = both.WriteString("endless")
	require.NoError(t, err)
	_, err = regular.Given(t.Context(), pipe, 4)
	require.ErrorContains(t, err, "more than 4 bytes")
}
