package rundir

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Found is an attempt's folder as it lies on disk.
type Found struct {
	Dir
	ID      string // "" where the name does not tell it
	Attempt int
	Changed time.Time // when a file was made or renamed in it last
}

// Each goes through all attempts' folders, one by one, until fn gives an error, which
// it returns. Folders that go meanwhile are passed over, and so is what is not ours.
func (r Root) Each(fn func(Found) error) error {
	shards, err := os.ReadDir(r.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, shard := range shards {
		if !shard.IsDir() {
			continue
		}
		runs, err := os.ReadDir(filepath.Join(r.path, shard.Name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, run := range runs {
			f, ok := r.found(shard.Name(), run)
			if !ok {
				continue
			}
			if err := fn(f); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r Root) found(shard string, entry fs.DirEntry) (f Found, ok bool) {
	dot := strings.LastIndexByte(entry.Name(), '.')
	if dot < 0 || !entry.IsDir() {
		return f, false
	}
	var err error
	if f.Attempt, err = strconv.Atoi(entry.Name()[dot+1:]); err != nil {
		return f, false
	}
	info, err := entry.Info()
	if err != nil {
		return f, false
	}
	f.Dir, f.Changed = Dir{filepath.Join(r.path, shard, entry.Name())}, info.ModTime()
	f.ID = unname(entry.Name()[:dot])
	return f, true
}

// unname is the reverse of Name, "" where there is none.
func unname(name string) string {
	id, err := url.PathUnescape(name)
	if err != nil || hashed.MatchString(name) || Name(id) != name {
		return ""
	}
	return id
}

var hashed = regexp.MustCompile(`^x[0-9a-f]{1,16}$`)

// Size is what the folder takes on disk, holes of logs not counted.
func (d Dir) Size() (int64, error) {
	entries, err := os.ReadDir(d.Path)
	if err != nil {
		return 0, err
	}
	var n int64
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			n += onDisk(info)
		}
	}
	return n, nil
}

// Remove removes the folder and what is in it. One that is not there is removed.
func (d Dir) Remove() error { return os.RemoveAll(d.Path) }
