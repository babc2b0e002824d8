package config

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
)

// Bounds of a lease: under it a machine that is busy counts as lost, above it a job is
// held up for long by one that is.
const (
	defaultLease = 15 * time.Second
	minLease     = 3 * time.Second
	maxLease     = 5 * time.Minute
)

func isLease(text string) error {
	d, err := ParseDuration(text)
	if err != nil {
		return err
	}
	if d < minLease || d > maxLease {
		return fmt.Errorf("must be %s to %s", minLease, maxLease)
	}
	return nil
}

// databaseURL gives the URL as it is, or as the file has it that is named in its place; of
// the two the one that counts more, by where it was given.
func (l *loader) databaseURL() (string, error) {
	plain, file := l.values["database_url"], l.values["database_url_file"]
	if file.text == "" || plain.rank() > file.rank() {
		return plain.text, nil
	}
	if plain.rank() == file.rank() {
		return "", fault.InvalidField("database_url", "has a value and a file, which are given in one place; keep one")
	}
	base := l.cwd
	if strings.HasPrefix(file.source, "file ") {
		base = filepath.Dir(l.path)
	}
	data, err := readBounded(l.absolute(file.text, base))
	if err != nil {
		return "", &fault.Error{Code: fault.Invalid, Message: "database_url_file: the file can't be read: check its path, what it is, and its mode",
			Fields: []fault.Field{{Field: "database_url_file", Message: "the file can't be read"}}, Err: err}
	}
	text := strings.TrimSpace(string(data))
	if text == "" || bytes.ContainsRune(data, 0) {
		return "", fault.InvalidField("database_url_file", "the file must hold the database's URL and nothing else")
	}
	return text, nil
}

// rank orders the layers.
func (v layered) rank() int {
	switch {
	case strings.HasPrefix(v.source, "flag "):
		return 3
	case strings.HasPrefix(v.source, "environment "):
		return 2
	case strings.HasPrefix(v.source, "file "):
		return 1
	}
	return 0
}

// lease gives 0 without a database: then nobody else can take jobs.
func (l *loader) lease(databaseURL string) (time.Duration, error) {
	d, err := ParseDuration(l.text("lease"))
	switch {
	case err != nil || databaseURL != "":
		return d, err
	case d != defaultLease:
		return 0, fault.InvalidField("lease", "is of workers that share a database: give database_url too, or leave it out; on SQLite nobody else can take this worker's jobs")
	}
	return 0, nil
}

// listens reports whether what is started has an address.
func (l *loader) listens() bool { return l.flags == nil || l.flags.Lookup("listen") != nil }
