package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/joblog"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/service"
)

// endMark follows the number in the id of a log's `end`, so that a client that comes
// again with it can be told that nothing follows.
const endMark = "-end"

// logPosition is where a client goes on with a log's stream.
type logPosition struct {
	given  bool
	offset int64
	over   bool // nothing follows
}

//kedrod:parser FuzzWindow
func readPosition(id, field string) (logPosition, error) {
	number, over := strings.CutSuffix(id, endMark)
	if over && number == "" {
		return logPosition{}, fault.InvalidField(field, notAnEvent)
	}
	offset, err := readSeq(number, field)
	return logPosition{given: id != "", offset: offset, over: over}, err
}

func (a *api) followLog(c *call, l *service.Log, last logPosition) error {
	if last.over {
		c.w.WriteHeader(http.StatusNoContent)
		return nil
	}
	from := last.offset
	var err error
	if !last.given && c.query.text("tail") != "" {
		if from, err = tailOffset(c, l); err != nil {
			return err
		}
	}
	s, ctx, done := a.stream(c)
	defer done()
	if c.r.Method == http.MethodHead {
		return nil
	}
	t := &logText{stream: s, sent: from}
	defer t.close()
	if c.query.text("format") == "jsonl" {
		if t.records, err = seenRecords(ctx, l, from); err != nil {
			return err
		}
	}
	err = l.Follow(ctx, from, t.chunk)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return err
	}
	if err := t.end(); err != nil && !ended(ctx, err) {
		return err
	}
	return nil
}

// seenRecords has seen what lies before an offset.
func seenRecords(ctx context.Context, l *service.Log, from int64) (*kedro.LogRecords, error) {
	if from == 0 {
		return l.Records(ctx), nil
	}
	f, err := l.Open(ctx)
	if err != nil || f == nil {
		return l.Records(ctx), err
	}
	defer func() { _ = f.Close() }()
	return recordsUpTo(ctx, l, f, from)
}

// tailOffset is where a stream begins that is to show the last lines first.
func tailOffset(c *call, l *service.Log) (int64, error) {
	f, err := l.Open(c.r.Context())
	if err != nil || f == nil {
		return 0, err
	}
	defer func() { _ = f.Close() }()
	return f.Tail(c.query.integer("tail"))
}

const (
	// lineTime is how long a line without its end is kept back, in the hope of the
	// rest; so long at most the stream trails the log.
	lineTime = 150 * time.Millisecond
	// lineMax is how much of a line is kept back at most: so much may stand in memory
	// several times over for each of thousands who follow.
	lineMax = 8 << 10
	// sendMax is how much is written as events before it is sent: as JSON it may be six
	// times as long, and is held until the client has taken it.
	sendMax = 6 << 10
)

// logData is the data of an event `log`.
type logData struct {
	Text string `json:"text"`
}

// logText makes events of a log's bytes: of whole lines where they come in time, and
// never of a part of a character.
type logText struct {
	*stream
	sent  int64  // the offset behind what was sent
	rest  []byte // what follows it, kept back
	timer *time.Timer
	over  bool
	// records is there where lines are sent as objects: then none is sent in parts, but
	// for those longer than lineMax.
	records *kedro.LogRecords
}

// chunk takes the next piece of the log.
func (t *logText) chunk(c joblog.Chunk) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.LeftOut > 0 { // a line of ours in the place of bytes that are gone
		if err := t.emit(len(t.rest)); err != nil {
			return err
		}
		t.put(c.Data, c.Next)
		return t.send()
	}
	t.rest = append(t.rest, c.Data...)
	line := bytes.LastIndexByte(t.rest, '\n') + 1
	if len(t.rest)-line > lineMax {
		line = whole(t.rest)
	}
	if err := t.emit(line); err != nil {
		return err
	}
	if line > 0 && t.timer != nil { // it was for the line before
		t.timer.Stop()
		t.timer = nil
	}
	if len(t.rest) > 0 && t.timer == nil && t.records == nil {
		t.timer = time.AfterFunc(lineTime, t.late)
	}
	return nil
}

// late sends the part of a line whose end did not come in time.
func (t *logText) late() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timer = nil
	if !t.over {
		_ = t.emit(whole(t.rest)) // its failure has ended the context
	}
}

// emit sends the first n bytes of what was kept back; the caller holds mu.
func (t *logText) emit(n int) error {
	for n > 0 {
		k := n
		if n > sendMax {
			if k = bytes.LastIndexByte(t.rest[:sendMax], '\n') + 1; k == 0 {
				k = max(whole(t.rest[:sendMax]), 1)
			}
		}
		t.put(t.rest[:k], t.sent+int64(k))
		t.rest = append(t.rest[:0], t.rest[k:]...)
		if len(t.rest) == 0 && cap(t.rest) > keepBuffer {
			t.rest = nil
		}
		if err := t.send(); err != nil {
			return err
		}
		n -= k
	}
	return nil
}

func (t *logText) put(text []byte, next int64) {
	t.sent = next
	if t.records != nil {
		t.putLines(text, next)
		return
	}
	t.buf.WriteString("event: log\nid: " + formatSeq(next) + "\ndata: ")
	// Encode makes U+FFFD of each byte that is not UTF-8, wherever the pieces are cut,
	// and ends the line.
	_ = json.NewEncoder(&t.buf).Encode(logData{string(text)}) // cannot fail: text into memory
	t.buf.WriteByte('\n')
}

// end sends what is left and the last event.
func (t *logText) end() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.emit(len(t.rest)); err != nil {
		return err
	}
	n := formatSeq(t.sent)
	t.add("end", n+endMark, []byte(`{"bytes":`+n+`}`))
	return t.send()
}

func (t *logText) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	if t.timer != nil {
		t.timer.Stop()
	}
}

// whole is how many bytes of b are not the beginning of a character whose rest is
// still to come.
func whole(b []byte) int {
	for i := len(b) - 1; i >= max(0, len(b)-utf8.UTFMax); i-- {
		if utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) {
				return i
			}
			break
		}
	}
	return len(b)
}
