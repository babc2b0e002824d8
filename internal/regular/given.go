package regular

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// emptyPipe is how often a pipe is asked again that nobody has begun to write to.
const emptyPipe = 10 * time.Millisecond

// Given reads a file that a person names, or that lies in a project: links are
// followed, and a pipe is read until its writers close it (`--config <(decrypt …)`) or
// ctx ends. Of a file, pipe or device that has more than limit bytes no more are read:
// that is an error, and so is a folder. Missing files are errors that wrap
// os.ErrNotExist.
func Given(ctx context.Context, path string, limit int64) ([]byte, error) {
	// Opened to wait, a pipe would keep this thread for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|nonBlocking, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("it is a folder")}
	}
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) }) // only pipes know it, and only they wait
	defer stop()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	for err == nil && len(data) == 0 && info.Mode()&fs.ModeNamedPipe != 0 {
		select {
		case <-ctx.Done():
			err = os.ErrDeadlineExceeded
		case <-time.After(emptyPipe):
			data, err = io.ReadAll(io.LimitReader(f, limit+1))
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, &fs.PathError{Op: "read", Path: path, Err: errors.New("it is a pipe that nobody writes to, or whose writer does not end")}
	}
	if err == nil && int64(len(data)) > limit {
		err = &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("it has more than %d bytes", limit)}
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}
