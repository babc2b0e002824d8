package httpapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/joblog"
	"github.com/kedrod/kedrod/internal/kedro"
	"github.com/kedrod/kedrod/internal/service"
)

const mediaLines = "application/x-ndjson"

// wireLine is one line of a log as an object. Of records that nothing tells the time
// of, and so on, the fields are null.
//
//kedrod:parser FuzzLogLines
func wireLine(records *kedro.LogRecords, line []byte) client.LogLine {
	text := strings.ToValidUTF8(string(bytes.TrimRight(line, "\r\n")), "\uFFFD")
	known := records.Line(text)
	out := client.LogLine{Level: given(known.Level), Node: given(known.Node), Text: text}
	if !known.Time.IsZero() {
		out.Time = &client.Time{Time: known.Time}
	}
	return out
}

// jsonlLog answers a log from an offset on, one object a line.
func jsonlLog(c *call, l *service.Log, f *joblog.Log, from int64) error {
	c.w.Header().Set("Content-Type", mediaLines)
	c.w.Header().Set("Cache-Control", "no-store")
	if f == nil || c.r.Method == http.MethodHead {
		c.w.WriteHeader(http.StatusOK)
		return nil
	}
	records, err := recordsUpTo(c.r.Context(), l, f, from)
	if err != nil {
		return err
	}
	r, err := f.Reader(from, -1)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(c.w, 16<<10)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	if err := eachLine(r, func(line []byte) error { return enc.Encode(wireLine(records, line)) }); err != nil {
		return err
	}
	return out.Flush()
}

// recordsUpTo has seen the lines before an offset, so that what it tells of the next
// ones is the same as if all had been asked for.
func recordsUpTo(ctx context.Context, l *service.Log, f *joblog.Log, from int64) (*kedro.LogRecords, error) {
	records := l.Records(ctx)
	if from <= 0 {
		return records, nil
	}
	r, err := f.Reader(0, from)
	if err != nil {
		return nil, err
	}
	return records, eachLine(r, func(line []byte) error {
		records.Line(strings.ToValidUTF8(string(bytes.TrimRight(line, "\r\n")), "\uFFFD"))
		return nil
	})
}

// eachLine hands over lines with their ends; one longer than lineMax in pieces, none
// of which ends within a character.
//
//kedrod:parser FuzzLogLines
func eachLine(r io.Reader, fn func([]byte) error) error {
	in := bufio.NewReaderSize(r, lineMax)
	for {
		line, err := in.Peek(lineMax)
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i+1]
		} else if err == nil { // more is to come
			line = line[:whole(line)]
		}
		if len(line) > 0 {
			if fnErr := fn(line); fnErr != nil {
				return fnErr
			}
			_, _ = in.Discard(len(line)) // it was peeked at
			continue
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// putLines makes an event of each line; the caller holds mu. The last one's id is
// next.
func (t *logText) putLines(text []byte, next int64) {
	at := next - int64(len(text))
	for line := range bytes.Lines(text) {
		at += int64(len(line))
		data, err := json.Marshal(wireLine(t.records, line))
		if err != nil { // cannot be: text
			data = []byte(`{"text":""}`)
		}
		t.add("log", formatSeq(at), data)
	}
}
