// Package rundir is the folder of a run: where it lies, what stands in it, and the
// record of how the run ended, which is written before it is reported so that a
// restart can report it.
package rundir

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/regular"
)

// Root is the folder that holds the folders of all runs, <data folder>/runs.
type Root struct{ path string }

// New names the root; nothing is made yet.
func New(path string) Root { return Root{path: path} }

// Attempt is the folder of one attempt. Folders are spread by the end of the job's
// id, as a folder of millions is slow to list, and each attempt has one of its own
// beside the others', since making a folder is dear.
func (r Root) Attempt(id string, number int) Dir {
	name := Name(id)
	shard := "__"
	if n := len(name); n >= 2 && strings.IndexFunc(name[n-2:], notAlnum) < 0 {
		shard = name[n-2:]
	}
	return Dir{Path: filepath.Join(r.path, shard, name+"."+strconv.Itoa(number))}
}

// Name turns any id into a word of at most 180 bytes that may be a file's name and
// holds no blank; a UUID stays as it is.
func Name(id string) string {
	name := url.PathEscape(id)
	if strings.Trim(name, ".") == "" || len(name) > 180 {
		name = "x" + strconv.FormatUint(fnv(id), 16)
	}
	return name
}

func notAlnum(c rune) bool {
	return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
}

func fnv(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// Dir is the folder of one attempt.
type Dir struct{ Path string }

// Make makes the folder with its parents, for the service's user only.
func (d Dir) Make() error {
	err := os.Mkdir(d.Path, 0o700) // the shard is there already, but for the first times
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) {
		err = os.MkdirAll(d.Path, 0o700)
	}
	if err != nil {
		return fmt.Errorf("run folder: %w", err)
	}
	return nil
}

// Log is everything that the run printed.
func (d Dir) Log() string { return filepath.Join(d.Path, "run.log") }

// Config is what `kedro run --config` reads, until the run has ended.
func (d Dir) Config() string { return filepath.Join(d.Path, "config.json") }

// Events is where the hook writes.
func (d Dir) Events() string { return filepath.Join(d.Path, "events.jsonl") }

func (d Dir) outcome() string { return filepath.Join(d.Path, "outcome.json") }

// Record is an outcome with the attempt that it belongs to.
type Record struct {
	Ref     job.Ref
	Outcome job.Outcome
}

// WriteOutcome writes the record, to be found by the next process if this one dies
// before the store has it. It need not outlive the machine, so it is not synced:
// after a power cut what the run itself saved may be gone as well, and running it
// again is right.
func (d Dir) WriteOutcome(r Record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("outcome: %w", err)
	}
	// The configuration has had its use: its file becomes the record's, as making one
	// more costs as much as all the rest here (0.3 ms, measured on ext4).
	err = overwrite(d.Config(), b)
	if errors.Is(err, fs.ErrNotExist) { // it never started, or the run removed its folder
		if err = d.Make(); err == nil {
			err = overwrite(d.Config(), b)
		}
	}
	if err != nil {
		return fmt.Errorf("outcome: %w", err)
	}
	if err := os.Rename(d.Config(), d.outcome()); err != nil {
		return fmt.Errorf("outcome: %w", err)
	}
	return nil
}

func overwrite(path string, b []byte) error {
	f, err := regular.Overwrite(path)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Truncate(int64(len(b)))
	}
	return errors.Join(err, f.Close())
}

// maxOutcome bounds what is read: the results of a run of ten thousand nodes are
// some megabytes.
const maxOutcome = 64 << 20

// ReadOutcome gives the record; ok is false when there is none.
//
//kedrod:parser FuzzOutcome
func (d Dir) ReadOutcome() (r Record, ok bool, err error) {
	f, err := regular.Open(d.outcome())
	if errors.Is(err, fs.ErrNotExist) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("outcome: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxOutcome))
	if err != nil {
		return r, false, fmt.Errorf("outcome: %w", err)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, false, fmt.Errorf("outcome in %s: %w", d.Path, err)
	}
	return r, true, nil
}
