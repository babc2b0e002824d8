package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// through submits count jobs and waits for all of them; jobs a second from the first submission to the last end, as the
// jobs' own completed_at tells it. Polling is thin meanwhile, so that it costs neither stack much.
func (s *service) through(ctx context.Context, count, clients int) (float64, error) {
	done, err := s.load(ctx, min(clients, count), count, 0)
	if err != nil {
		return 0, err
	}
	end, err := s.drain(ctx, done.ids)
	if err != nil {
		return 0, err
	}
	return float64(count) / end.Sub(done.began).Seconds(), nil
}

// drain waits until every job has ended, and well, and returns the last end.
func (s *service) drain(ctx context.Context, ids []string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	c, err := dial(ctx, s.address)
	if err != nil {
		return time.Time{}, err
	}
	defer c.Close()
	var last time.Time
	// From the newest on: when that one has ended, most of the others have.
	for _, id := range slices.Backward(ids) {
		end, err := s.ended(ctx, c, id, 20*time.Millisecond)
		if err != nil {
			return last, err
		}
		if end.After(last) {
			last = end
		}
	}
	return last, nil
}

// ended polls a job until it has completed; any other end is an error.
func (s *service) ended(ctx context.Context, c *conn, id string, every time.Duration) (time.Time, error) {
	for {
		answer, err := c.exchange(s.get("/api/v1/jobs/" + id))
		if err != nil {
			return time.Time{}, fmt.Errorf("asking for job %s: %w", id, err)
		}
		var job struct {
			Status       string          `json:"status"`
			ErrorMessage string          `json:"error_message"`
			CompletedAt  json.RawMessage `json:"completed_at"`
		}
		if err := json.Unmarshal(answer, &job); err != nil {
			return time.Time{}, fmt.Errorf("job %s: %w", id, err)
		}
		switch job.Status {
		case "completed":
			return moment(job.CompletedAt)
		case "failed", "cancelled":
			return time.Time{}, fmt.Errorf("job %s is %s: %s", id, job.Status, job.ErrorMessage)
		}
		if err := pause(ctx, every); err != nil {
			return time.Time{}, fmt.Errorf("waiting for job %s, which is %s: %w", id, job.Status, err)
		}
	}
}

// moment reads a time as kedrod writes it, or as seconds since 1970.
func moment(raw json.RawMessage) (time.Time, error) {
	text := strings.Trim(string(raw), `"`)
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at, nil
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("completed_at is no time: %s", raw)
	}
	return time.UnixMicro(int64(seconds * 1e6)), nil
}
