package httpapi

import (
	"net/http"
	"strconv"
	"time"
)

const (
	// writeTime is how long one write may take: a client that reads nothing for so
	// long is gone, and must hold no goroutine.
	writeTime = 30 * time.Second
	// writePiece is how much is written under one deadline.
	writePiece = 64 << 10
	// freshTime is how old a deadline may be that is not moved: setting one costs.
	freshTime = time.Second
)

// writer counts an answer's bytes and gives every write a deadline. The last one
// stays on the connection for what net/http itself writes, until the next request
// moves it.
type writer struct {
	http.ResponseWriter
	status   int
	bytes    int64
	extended time.Time
	control  *http.ResponseController
}

func newWriter(w http.ResponseWriter) *writer {
	nw := &writer{ResponseWriter: w, control: http.NewResponseController(w)}
	nw.extend()
	return nw
}

// Unwrap is for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// WriteHeader notes the status.
func (w *writer) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write writes in pieces, each within writeTime.
func (w *writer) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	done := 0
	for {
		w.extend()
		n, err := w.ResponseWriter.Write(p[done:min(len(p), done+writePiece)])
		done += n
		w.bytes += int64(n)
		if err != nil || done >= len(p) {
			return done, err
		}
	}
}

// extend moves the deadline. A response writer that knows none, as of a test, is left
// without.
func (w *writer) extend() {
	if now := time.Now(); now.Sub(w.extended) > freshTime {
		w.extended = now
		_ = w.control.SetWriteDeadline(now.Add(writeTime))
	}
}

// flush sends what was written.
func (w *writer) flush() error {
	w.extend()
	return w.control.Flush()
}

func writeBytes(w http.ResponseWriter, status int, b []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b) // an error here is the client's going away
}
