package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Events follows what happens to a job: everything from its first event, or from the
// one after lastEventID. A cut connection is taken up again where it was cut. The
// sequence ends after the event of type end, or with an error as its last element;
// it ends at once where lastEventID is that end's.
func (c *Client) Events(ctx context.Context, id, lastEventID string) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for m, err := range c.stream(ctx, api("jobs", id, "events"), url.Values{}, lastEventID) {
			if err != nil {
				yield(Event{}, err)
				return
			}
			ev, err := eventOf(m)
			if !yield(ev, err) || err != nil {
				return
			}
		}
	}
}

// eventOf reads what every event's data has in common.
func eventOf(m message) (Event, error) {
	var common struct {
		JobID string `json:"job_id"`
		Time  Time   `json:"time"`
	}
	if err := json.Unmarshal([]byte(m.data), &common); err != nil {
		return Event{}, fmt.Errorf("event %s of the stream is not kedrod's: %w", m.id, err)
	}
	return Event{ID: m.id, Type: m.event, JobID: common.JobID, Time: common.Time, Data: json.RawMessage(m.data)}, nil
}

// LogChunk is a piece of a log that is followed.
type LogChunk struct {
	Text string // bytes that are not UTF-8 stand as U+FFFD
	End  int64  // how many bytes of the log lie before the chunk's end
}

// FollowOptions say where following a log begins.
type FollowOptions struct {
	Attempt int   // 0: the last one
	Tail    int   // last lines of what is there already; 0: all of it
	From    int64 // the End of the last chunk that was seen; 0: the beginning
	// Format is "" or "text"; "jsonl": each chunk's Text is the JSON of a LogLine and a
	// line break.
	Format string
}

// FollowLogs gives a log as it grows, every byte once, until the attempt has ended. A
// cut connection is taken up again where it was cut. An error is the last element.
func (c *Client) FollowLogs(ctx context.Context, id string, o FollowOptions) iter.Seq2[LogChunk, error] {
	query := url.Values{"follow": {"true"}}
	if o.Attempt > 0 {
		query.Set("attempt", strconv.Itoa(o.Attempt))
	}
	if o.Tail > 0 {
		query.Set("tail", strconv.Itoa(o.Tail))
	}
	if o.Format != "" {
		query.Set("format", o.Format)
	}
	last := ""
	if o.From > 0 {
		last = strconv.FormatInt(o.From, 10)
	}
	return func(yield func(LogChunk, error) bool) {
		seen := o.From
		for m, err := range c.stream(ctx, api("jobs", id, "logs"), query, last) {
			if err != nil {
				yield(LogChunk{}, err)
				return
			}
			if m.event != "log" {
				continue
			}
			end, err := strconv.ParseInt(m.id, 10, 64)
			var data struct {
				Text string `json:"text"`
			}
			if err == nil {
				err = json.Unmarshal([]byte(m.data), &data)
			}
			if err != nil {
				yield(LogChunk{}, fmt.Errorf("event %s of the log is not kedrod's: %w", m.id, err))
				return
			}
			if end <= seen {
				continue
			}
			seen = end
			if o.Format == "jsonl" {
				data.Text = m.data + "\n"
			}
			if !yield(LogChunk{Text: data.Text, End: end}, nil) {
				return
			}
		}
	}
}

// lively is how long a connection must have held for its service to count as up, even
// if it sent no event.
const lively = 5 * time.Second

// stream reads a stream of server-sent events up to and with the event end, over as
// many connections as it takes.
func (c *Client) stream(ctx context.Context, path string, query url.Values, lastID string) iter.Seq2[message, error] {
	return func(yield func(message, error) bool) {
		var silent silence
		for {
			begun := time.Now()
			more, err := c.connection(ctx, path, query, &lastID, func(m message) bool {
				silent.heard()
				return yield(m, nil)
			})
			if !more {
				if err != nil {
					yield(message{}, err)
				}
				return
			}
			if isCut(err) && time.Since(begun) > lively {
				silent.heard()
			}
			if err := silent.endure(ctx, err); err != nil {
				if ctx.Err() != nil {
					err = fmt.Errorf("following %s: %w", path, ctx.Err())
				}
				yield(message{}, err)
				return
			}
			if lastID != "" && query.Has("tail") {
				query = without(query, "tail")
			}
		}
	}
}

// connection reads one connection's events and keeps lastID. It reports whether the
// stream is to be taken up again, and why.
func (c *Client) connection(ctx context.Context, path string, query url.Values, lastID *string, yield func(message) bool) (bool, error) {
	k := call{method: http.MethodGet, path: path, query: query, accept: "text/event-stream", header: http.Header{}}
	if *lastID != "" {
		k.header.Set("Last-Event-Id", *lastID)
	}
	resp, err := c.open(ctx, k)
	if err != nil {
		return unreachable(err) || temporary(err) || ctx.Err() != nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusNoContent {
		return false, nil
	}
	if n := resp.Header.Get("Kedrod-Attempt"); n != "" {
		query.Set("attempt", n) // an offset is one attempt's: a retry meanwhile must not be taken for it
	}
	events := newSSEReader(resp.Body)
	events.lastID = *lastID
	for {
		m, err := events.next()
		if err != nil {
			return true, &ConnError{URL: c.URL(), Err: err, cut: true}
		}
		*lastID = m.id
		if !yield(m) || m.event == "end" {
			return false, nil
		}
	}
}

func without(query url.Values, name string) url.Values {
	rest := url.Values{}
	for n, values := range query {
		if n != name {
			rest[n] = values
		}
	}
	return rest
}
