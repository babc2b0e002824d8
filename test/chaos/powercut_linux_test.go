package chaos

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// What was answered is on disk: the file system of the data folder is cut off as by a
// power failure, with nothing flushed, while clients submit; every job whose submission
// was answered is there afterwards. It mounts a file system of its own, so it needs root.
func TestPowerCut(t *testing.T) {
	image, folder := filepath.Join(t.TempDir(), "disk"), filepath.Join(t.TempDir(), "mounted")
	require.NoError(t, os.Mkdir(folder, 0o755))
	f, err := os.Create(image)
	require.NoError(t, err)
	require.NoError(t, f.Truncate(600<<20)) // above what must be free for runs
	require.NoError(t, f.Close())
	command(t, "mkfs.ext4", "-q", "-F", image)
	command(t, "mount", "-o", "loop", image, folder)
	mounted := true
	t.Cleanup(func() {
		if mounted {
			command(t, "umount", "--lazy", folder)
		}
	})

	w := newWorld(t)
	n := w.node("serve", "serve", "--no-worker", "--data-dir", filepath.Join(folder, "data"))
	w.serves, w.workers = []*node{n}, []*node{}
	require.NoError(t, n.start())
	submitting, stop := context.WithCancel(t.Context())
	defer stop()
	cut := make(chan error, 1)
	go func() {
		defer stop()
		for deadline := time.Now().Add(patience); w.open() < 200; {
			if time.Now().After(deadline) {
				cut <- fmt.Errorf("only %d submissions were answered", w.open())
				return
			}
			hold(submitting, time.Millisecond)
		}
		cut <- shutDown(folder)
	}()
	// Submissions that are under way at the cut are not answered, or refused.
	var clients sync.WaitGroup
	for client := range 4 {
		clients.Go(func() {
			for i := 0; submitting.Err() == nil; i++ {
				_ = w.submit(submitting, fmt.Sprintf("client-%d-%d", client, i))
			}
		})
	}
	require.NoError(t, <-cut)
	clients.Wait()
	n.kill()
	command(t, "umount", folder)
	command(t, "mount", "-o", "loop", image, folder)
	require.NoError(t, n.start())
	for id := range w.accepted {
		_, err := w.job(t.Context(), id)
		require.NoError(t, err, "of %d", len(w.accepted))
	}
	t.Logf("%d answered submissions are there", len(w.accepted))
	n.end(t)
	command(t, "umount", folder)
	mounted = false
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	require.NoError(t, err, "%s %v (as root?): %s", name, args, out)
}

// shutDown cuts the file system off its disk at once, see EXT4_IOC_SHUTDOWN with
// EXT4_GOING_FLAGS_NOLOGFLUSH in Linux's fs/ext4/ext4.h: what no fsync has asked for is
// gone, as after a power failure.
func shutDown(folder string) error {
	d, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer d.Close()
	const shutdown, noLogFlush = 0x8004587d, 2
	return unix.IoctlSetPointerInt(int(d.Fd()), shutdown, noLogFlush)
}
