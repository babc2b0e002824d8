package service

import (
	"errors"
	"io/fs"
	"os"
)

// folderGone reports whether a project's folder does not exist (any more). One that
// can't be looked at counts as there: the run says what is wrong.
func folderGone(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}
