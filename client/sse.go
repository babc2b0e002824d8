package client

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxLine and maxEvent bound what one line and one event of a stream may take.
const (
	maxLine  = 4 << 20
	maxEvent = 8 << 20
)

// message is one server-sent event.
type message struct {
	id    string
	event string // "message" when the stream names none
	data  string
}

// sseReader reads a text/event-stream as the HTML standard describes it (section
// 9.2.6): lines end in LF, CR or CRLF, comments and unknown fields are passed over,
// and an event that the stream's end cuts off is dropped.
type sseReader struct {
	r      *bufio.Reader
	lastID string
	begun  bool
	skipLF bool // the last line ended in CR: an LF right after it belongs to it
}

func newSSEReader(r io.Reader) *sseReader { return &sseReader{r: bufio.NewReader(r)} }

// next gives the next event; io.EOF at the stream's end.
//
//kedrod:parser FuzzSSE
func (s *sseReader) next() (message, error) {
	m := message{event: "message"}
	var data strings.Builder
	hasData := false
	for {
		line, err := s.line()
		if err != nil {
			return message{}, err
		}
		if line == "" {
			if !hasData {
				m.event = "message"
				continue
			}
			m.id, m.data = s.lastID, data.String()
			return m, nil
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			if m.event = value; value == "" {
				m.event = "message"
			}
		case "data":
			if hasData {
				data.WriteByte('\n')
			}
			hasData = true
			data.WriteString(value)
			if data.Len() > maxEvent {
				return message{}, fmt.Errorf("an event of the stream has more than %d bytes", maxEvent)
			}
		case "id":
			if !strings.ContainsRune(value, 0) {
				s.lastID = value
			}
		}
	}
}

// line reads up to a line's end, which it takes off.
func (s *sseReader) line() (string, error) {
	var b strings.Builder
	for {
		c, err := s.r.ReadByte()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return "", io.EOF
			}
			return "", err
		}
		if s.skipLF {
			s.skipLF = false
			if c == '\n' {
				continue
			}
		}
		switch c {
		case '\r':
			s.skipLF = true
			return s.first(b.String()), nil
		case '\n':
			return s.first(b.String()), nil
		}
		if b.Len() >= maxLine {
			return "", fmt.Errorf("a line of the stream has more than %d bytes", maxLine)
		}
		b.WriteByte(c)
	}
}

// first takes the byte order mark off the stream's first line.
func (s *sseReader) first(line string) string {
	if !s.begun {
		s.begun = true
		return strings.TrimPrefix(line, "\ufeff")
	}
	return line
}
