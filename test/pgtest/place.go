package pgtest

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// binaries finds the folder that has PostgreSQL's programs: that of PATH, or the newest
// of those where Debian puts them.
func binaries() (string, error) {
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil && complete(filepath.Dir(path)) {
			return filepath.Dir(path), nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	for _, dir := range slices.Backward(found) {
		if complete(dir) {
			return dir, nil
		}
	}
	return "", errMissing
}

func complete(dir string) bool {
	for _, name := range []string{"postgres", "initdb", "psql"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

const (
	folderPattern = "kedrod-pgtest-*"
	claimName     = "claim" // locked while the test binary lives
)

// places are where folders are made: in memory where there is plenty, since making and
// dropping databases is mostly a matter of making and removing files, and for good.
func places() (quick, lasting string) {
	lasting = os.TempDir()
	if len(lasting) > 60 {
		lasting = "/tmp" // the name of a socket must fit
	}
	return cmp.Or(memory(), lasting), lasting
}

// makeFolder makes a folder that everybody can pass and whoever runs PostgreSQL can
// write to.
func makeFolder(durable bool) (folder string, claim *os.File, err error) {
	above, lasting := places()
	if durable {
		above = lasting
	}
	if folder, err = os.MkdirTemp(above, folderPattern); err != nil {
		return "", nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(folder))
		}
	}()
	if err := os.Chmod(folder, 0o755); err != nil {
		return "", nil, err
	}
	if err := giveAway(folder); err != nil {
		return "", nil, fmt.Errorf("a folder for PostgreSQL: %w", err)
	}
	if claim, err = os.Create(filepath.Join(folder, claimName)); err != nil {
		return "", nil, err
	}
	return folder, claim, syscall.Flock(int(claim.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}

// sweep removes what test binaries left behind that were killed.
func sweep() {
	quick, lasting := places()
	found, _ := filepath.Glob(filepath.Join(lasting, folderPattern)) // the pattern is a good one
	if quick != lasting {
		more, _ := filepath.Glob(filepath.Join(quick, folderPattern))
		found = append(found, more...)
	}
	for _, folder := range found {
		info, err := os.Stat(folder)
		if err != nil || time.Since(info.ModTime()) < time.Minute { // it may be in the making
			continue
		}
		claim, err := os.Open(filepath.Join(folder, claimName))
		if err != nil {
			continue
		}
		if syscall.Flock(int(claim.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(folder) // somebody else's next start tries again
		}
		_ = claim.Close()
	}
}
