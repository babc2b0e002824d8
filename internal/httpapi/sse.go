package httpapi

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
)

// stream writes server-sent events. Its methods may be called from any goroutine. A
// stream that waits holds no goroutine: heartbeats come from a timer.
type stream struct {
	mu     sync.Mutex
	w      *writer
	stop   context.CancelFunc // called when the client can't be written to
	every  time.Duration
	beat   *time.Timer
	buf    bytes.Buffer
	closed bool
}

// stream begins one. Its context ends when the client goes, can't be written to, loses
// its key, or the server stops. done must be called.
func (a *api) stream(c *call) (s *stream, ctx context.Context, done func()) {
	ctx, cancel := a.within(c)
	h := c.w.Header()
	h.Set("Content-Type", mediaEvents)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	c.w.WriteHeader(http.StatusOK)
	s = &stream{w: c.w, stop: cancel, every: a.o.Heartbeat}
	s.mu.Lock()
	s.beat = time.AfterFunc(time.Hour, s.heartbeat) // set aright by send
	s.mu.Unlock()
	s.heartbeat() // so that the headers leave
	return s, ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		select {
		case <-a.o.Done: // another program goes on, mostly within a moment
			s.buf.WriteString(": the service goes down or over to another version: come again\nretry: 500\n\n")
			_ = s.send()
		default:
		}
		s.closed = true
		s.beat.Stop()
		cancel()
	}
}

// heartbeat writes a comment, which readers pass over and proxies count as life.
func (s *stream) heartbeat() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.buf.WriteString(":\n\n")
	_ = s.send() // its failure has ended the context
}

// add puts an event into the buffer; the caller holds mu and sends.
func (s *stream) add(kind, id string, data []byte) {
	s.buf.WriteString("event: " + kind + "\nid: " + id + "\n")
	for line := range bytes.SplitSeq(data, []byte("\n")) {
		s.buf.WriteString("data: ")
		s.buf.Write(line)
		s.buf.WriteByte('\n')
	}
	s.buf.WriteByte('\n')
}

func (s *stream) send() error {
	s.beat.Stop() // what is written now is a sign of life itself
	_, err := s.w.Write(s.buf.Bytes())
	if err == nil {
		err = s.w.flush()
	}
	if s.buf.Cap() > keepBuffer {
		s.buf = bytes.Buffer{}
	}
	s.buf.Reset()
	if err != nil {
		s.stop()
		return err
	}
	s.beat.Reset(s.every)
	return nil
}

// keepBuffer bounds what a stream that waits holds.
const keepBuffer = 4 << 10

// lastEventID is where a client goes on: the header, which browsers send when they
// come again, before the query, which was in the address from the first time on.
//
//kedrod:parser FuzzCalls by ServeHTTP
func (c *call) lastEventID() (id, field string) {
	if id := c.r.Header.Get("Last-Event-ID"); id != "" {
		return strings.TrimSpace(id), "Last-Event-ID"
	}
	return c.query.text("last_event_id"), "query.last_event_id"
}

// lastSeq is lastEventID as a number; 0 when there is none.
func (c *call) lastSeq() (int64, error) {
	id, field := c.lastEventID()
	return readSeq(id, field)
}

func formatSeq(n int64) string { return strconv.FormatInt(n, 10) }

//kedrod:parser FuzzWindow
func readSeq(id, field string) (int64, error) {
	if id == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil || len(id) > maxSeqDigits || id[0] < '0' { // + and - are signs to ParseInt
		return 0, fault.InvalidField(field, notAnEvent)
	}
	return n, nil
}

// maxSeqDigits of an id keep it within 64 bits.
const maxSeqDigits = 18

const notAnEvent = "is not the id of an event of this stream: leave it out to begin anew"

// ended reports whether an error is only that a stream's context is over.
func ended(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, context.Canceled)
}
