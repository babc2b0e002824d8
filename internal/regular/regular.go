//go:build unix

// Package regular opens files in folders that a run can write to, where something
// else may stand in a file's place: opening a pipe would wait for ever, and a link
// would lead elsewhere.
package regular

import (
	"fmt"
	"os"
	"syscall"
)

// Open opens a file for reading. What is no regular file is an error, and so is a
// symbolic link; a missing file is one that wraps os.ErrNotExist.
func Open(path string) (*os.File, error) { return open(path, os.O_RDONLY, 0) }

// Overwrite opens a file for writing, making it if it is not there. It is not
// emptied: ext4 takes that for a replacement that must reach the disk at once.
func Overwrite(path string) (*os.File, error) { return open(path, os.O_WRONLY|os.O_CREATE, 0o600) }

// Update opens a file for reading and writing, on the same terms as Open.
func Update(path string) (*os.File, error) { return open(path, os.O_RDWR, 0) }

func open(path string, flags int, mode os.FileMode) (*os.File, error) {
	f, err := os.OpenFile(path, flags|syscall.O_NONBLOCK|syscall.O_NOFOLLOW, mode)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("open %s: not a regular file", path)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
