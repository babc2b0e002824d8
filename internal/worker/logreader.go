package worker

import (
	"bytes"
	"time"

	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/regular"
)

// logReader reads new lines of a run's log, for runs whose project keeps our hook
// out: then Kedro's own log lines tell the progress.
type logReader struct {
	path    string
	offset  int64
	partial []byte
}

// readAtOnce bounds one read: a run may write faster than anybody reads.
const (
	readAtOnce = 4 << 20
	readTime   = 50 * time.Millisecond
)

// maxLogLine bounds what is kept of a line without an end.
const maxLogLine = 64 << 10

func newLogReader(path string) *logReader { return &logReader{path: path} }

// read takes what is new, up to readAtOnce; more reports whether it stopped there.
func (r *logReader) read(state *kedro.State) (more bool) {
	f, err := regular.Open(r.path)
	if err != nil {
		return false // no log, no progress
	}
	defer f.Close()
	buffer := make([]byte, 32<<10)
	now := time.Now()
	for end := r.offset + readAtOnce; r.offset < end && time.Since(now) < readTime; {
		n, err := f.ReadAt(buffer, r.offset)
		r.offset += int64(n)
		for chunk := buffer[:n]; len(chunk) > 0; {
			line, rest, whole := bytes.Cut(chunk, []byte{'\n'})
			chunk = rest
			if len(r.partial) < maxLogLine {
				r.partial = append(r.partial, line...)
			}
			if whole {
				state.LogLine(string(r.partial), now)
				r.partial = r.partial[:0]
			}
		}
		if err != nil || n == 0 {
			return false
		}
	}
	return true
}
