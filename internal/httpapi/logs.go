package httpapi

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/joblog"
	"github.com/kedrod/kedrod/internal/service"
)

func (a *api) logs(c *call) error {
	last, err := readPosition(c.lastEventID()) // judged also where nothing is followed
	if err != nil {
		return err
	}
	l, err := a.service.Log(c.ctx(), c.caller, c.id(), c.query.integer("attempt"))
	if err != nil {
		return err
	}
	if l.Attempt > 0 {
		c.w.Header().Set("Kedrod-Attempt", strconv.Itoa(l.Attempt))
	}
	if c.query.flag("follow") {
		return a.followLog(c, l, last)
	}
	if c.query.text("format") == "jsonl" {
		return asLines(c, l)
	}
	c.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	c.w.Header().Set("Cache-Control", "no-store")
	f, err := l.Open(c.r.Context())
	if err != nil {
		return err
	}
	if f == nil {
		return c.plain("")
	}
	defer func() { _ = f.Close() }()
	if c.query.text("tail") != "" {
		return tailLog(c, f)
	}
	return wholeLog(c, l, f)
}

// asLines answers a log, or its last lines, as objects.
func asLines(c *call, l *service.Log) error {
	f, err := l.Open(c.r.Context())
	if err != nil {
		return err
	}
	var from int64
	if f != nil {
		defer func() { _ = f.Close() }()
		if c.query.text("tail") != "" {
			if from, err = f.Tail(c.query.integer("tail")); err != nil {
				return err
			}
		}
	}
	return jsonlLog(c, l, f, from)
}

// maxRanges is how many ranges of a log are answered at once.
const maxRanges = 32

// wholeLog answers a log, or ranges of it, as it is in this moment.
//
//kedrod:parser FuzzCalls by ServeHTTP
func wholeLog(c *call, l *service.Log, f *joblog.Log) error {
	v, err := f.View()
	if err != nil {
		return err
	}
	c.w.Header().Set("ETag", `"`+strconv.Itoa(l.Attempt)+"-"+v.Tag()+`"`)
	// The tag is of the layout, for If-Range: a log that grew has it still.
	c.r.Header.Del("If-None-Match")
	c.r.Header.Del("If-Match")
	onlyBytes(c.r.Header)
	// Thousands of small ranges cost more than the log, and nobody reads a log so: all of it
	// is an answer, too (RFC 9110, 14.2).
	if strings.Count(c.r.Header.Get("Range"), ",") >= maxRanges {
		c.r.Header.Del("Range")
	}
	w := &rangeWriter{writer: c.w}
	http.ServeContent(w, c.r, "", time.Time{}, io.NewSectionReader(v, 0, v.Size()))
	if w.refused {
		return fault.New(fault.BadRange, "the range lies outside the log, or is not well formed; Content-Range tells the log's size")
	}
	return nil
}

// onlyBytes takes away a Range of another unit, which is as good as none (RFC 9110,
// 14.2), and writes bytes as http.ServeContent knows them.
//
//kedrod:parser FuzzCalls by ServeHTTP
func onlyBytes(h http.Header) {
	unit, ranges, _ := strings.Cut(h.Get("Range"), "=")
	switch {
	case strings.EqualFold(strings.TrimSpace(unit), "bytes"):
		h.Set("Range", "bytes="+ranges)
	default:
		h.Del("Range")
	}
}

// rangeWriter turns http.ServeContent's own words for a range that can't be had into
// a problem.
type rangeWriter struct {
	*writer
	refused bool
}

// WriteHeader keeps a 416 back.
func (w *rangeWriter) WriteHeader(status int) {
	if status == http.StatusRequestedRangeNotSatisfiable {
		w.refused = true
		return
	}
	w.writer.WriteHeader(status)
}

// Write drops the words that go with a 416.
func (w *rangeWriter) Write(p []byte) (int, error) {
	if w.refused {
		return len(p), nil
	}
	return w.writer.Write(p)
}

func tailLog(c *call, f *joblog.Log) error {
	from, err := f.Tail(c.query.integer("tail"))
	if err != nil {
		return err
	}
	r, err := f.Reader(from, -1)
	if err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method == http.MethodHead {
		return nil
	}
	_, err = io.Copy(struct{ io.Writer }{c.w}, r)
	return err
}
