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
	// writePiece is how much is written under one deadline; less fits the kernel's
	// buffers and needs none.
	writePiece = 64 << 10
)

// writer counts an answer's bytes and gives every large write a deadline.
type writer struct {
	http.ResponseWriter
	status  int
	bytes   int64
	timed   bool // a deadline stands on the connection
	control *http.ResponseController
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
	if len(p) <= writePiece && w.bytes < writePiece {
		n, err := w.ResponseWriter.Write(p)
		w.bytes += int64(n)
		return n, err
	}
	done := 0
	for done < len(p) {
		w.extend()
		n, err := w.ResponseWriter.Write(p[done:min(len(p), done+writePiece)])
		done += n
		w.bytes += int64(n)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// extend moves the deadline. A server whose connections have none, as in tests, is
// left without.
func (w *writer) extend() {
	if w.control == nil {
		w.control = http.NewResponseController(w.ResponseWriter)
	}
	w.timed = w.control.SetWriteDeadline(time.Now().Add(writeTime)) == nil
}

// settle takes the deadline off, for the connection's next request.
func (w *writer) settle() {
	if w.timed {
		_ = w.control.SetWriteDeadline(time.Time{})
	}
}

// flush sends what was written, within writeTime.
func (w *writer) flush() error {
	w.extend()
	return w.control.Flush()
}

func writeBytes(w http.ResponseWriter, status int, b []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	_, _ = w.Write(b) // an error here is the client's going away
}
