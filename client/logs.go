package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

// LogOptions say which part of a log is wanted.
type LogOptions struct {
	Attempt int    // 0: the last one
	Tail    int    // last lines only; 0: all
	Range   string // bytes, as in HTTP: "bytes=0-99", "bytes=-500"; "": all
	Format  string // "" or "text"; "jsonl": one object a line
}

// Logs gives a log as it is now, every byte as the run wrote it. The caller closes
// it. A read that fails with *ConnError is no end of the log: ask for the rest by
// Range.
func (c *Client) Logs(ctx context.Context, id string, o LogOptions) (io.ReadCloser, error) {
	query := url.Values{}
	if o.Attempt > 0 {
		query.Set("attempt", strconv.Itoa(o.Attempt))
	}
	if o.Tail > 0 {
		query.Set("tail", strconv.Itoa(o.Tail))
	}
	if o.Format != "" {
		query.Set("format", o.Format)
	}
	k := call{method: http.MethodGet, path: api("jobs", id, "logs"), query: query, accept: "*/*", header: http.Header{}}
	if o.Range != "" {
		k.header.Set("Range", o.Range)
	}
	resp, err := c.open(ctx, k)
	if err != nil {
		return nil, err
	}
	if o.Range != "" && resp.StatusCode != http.StatusPartialContent {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("the server answered the whole log where %s was asked for", o.Range)
	}
	return &logBody{ReadCloser: resp.Body, url: c.URL()}, nil
}

// logBody tells a connection that was cut from the end of the log.
type logBody struct {
	io.ReadCloser
	url string
}

// Read gives a *ConnError where the answer was cut.
func (b *logBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		err = &ConnError{URL: b.url, Err: err, cut: true}
	}
	return n, err
}
