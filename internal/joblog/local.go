package joblog

import (
	"io"
	"os"

	"github.com/kedrod/kedrod/internal/regular"
)

// Open opens a log on disk for reading. A missing one is an error that wraps os.ErrNotExist.
func Open(path string) (*Log, error) {
	f, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	return &Log{source: &local{file: f, path: path}}, nil
}

// local is a log on disk.
type local struct {
	file
	path string
}

// file is what is used of *os.File.
type file interface {
	io.ReaderAt
	io.Closer
	Stat() (os.FileInfo, error)
}

func (l *local) size() (int64, error) {
	st, err := l.file.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

func (l *local) gap() (Gap, error) { return readGap(l.path) }
