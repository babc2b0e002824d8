package kedro

import (
	"errors"
	"io"
	"io/fs"
	"os"
)

// Gone reports whether a project's folder is not there (any more), or is empty: so a
// mount point looks while its disk is not mounted. One that can't be looked at, or is
// incomplete, counts as there: the run says what is wrong.
func Gone(path string) bool {
	dir, err := os.Open(path)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	defer dir.Close()
	_, err = dir.Readdirnames(1)
	return errors.Is(err, io.EOF)
}
