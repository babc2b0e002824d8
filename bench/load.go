package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// loaded is what a closed-loop load came to: each client sends its next request when the last is answered.
type loaded struct {
	ids       []string
	latencies []time.Duration // sorted
	began     time.Time
	elapsed   time.Duration
}

// load submits jobs from a number of clients until count are accepted (count < 0: any number) or the window is over
// (window 0: no end). A refused or broken submission ends it with an error: both stacks must accept everything.
func (s *service) load(ctx context.Context, clients, count int, window time.Duration) (loaded, error) {
	total := loaded{began: time.Now()}
	var (
		mu    sync.Mutex
		first error
		group sync.WaitGroup
		left  = count
	)
	more := func() bool {
		mu.Lock()
		defer mu.Unlock()
		if first != nil || ctx.Err() != nil || left == 0 || window > 0 && time.Since(total.began) >= window {
			return false
		}
		left--
		return true
	}
	for range clients {
		group.Go(func() {
			mine, err := s.submitWhile(ctx, more)
			mu.Lock()
			defer mu.Unlock()
			total.ids = append(total.ids, mine.ids...)
			total.latencies = append(total.latencies, mine.latencies...)
			if err != nil && first == nil {
				first = err
			}
		})
	}
	group.Wait()
	total.elapsed = time.Since(total.began)
	slices.Sort(total.latencies)
	if first == nil {
		first = ctx.Err()
	}
	return total, first
}

// submitWhile is one client.
func (s *service) submitWhile(ctx context.Context, more func() bool) (loaded, error) {
	var mine loaded
	c, err := dial(ctx, s.address)
	if err != nil {
		return mine, err
	}
	defer c.Close()
	request := s.submission()
	for more() {
		began := time.Now()
		id, err := c.submit(request)
		if err != nil {
			return mine, err
		}
		mine.latencies = append(mine.latencies, time.Since(began))
		mine.ids = append(mine.ids, id)
	}
	return mine, nil
}

// submission is the whole request, as sent.
func (s *service) submission() []byte {
	body := fmt.Sprintf(`{"pipeline_name": %q, "parameters": {}}`, s.pipeline)
	return fmt.Appendf(nil, "POST /api/v1/jobs HTTP/1.1\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", s.headers(), len(body), body)
}

// get is the whole request, as sent.
func (s *service) get(path string) []byte {
	return fmt.Appendf(nil, "GET %s HTTP/1.1\r\n%s\r\n", path, s.headers())
}

func (s *service) headers() string {
	headers := "Host: " + s.address + "\r\n"
	if s.key != "" {
		headers += "Authorization: Bearer " + s.key + "\r\n"
	}
	return headers
}

// conn is one kept-alive connection. net/http's client would take more of the two cores than the service measured.
type conn struct {
	net.Conn
	reader *bufio.Reader
}

func dial(ctx context.Context, address string) (*conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReader(c)}, nil
}

// exchange sends one whole request and returns the body of a 2xx answer.
func (c *conn) exchange(request []byte) ([]byte, error) {
	if err := c.SetDeadline(time.Now().Add(60 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := c.Write(request); err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		return nil, fmt.Errorf("%s: %.300s", response.Status, body)
	}
	return body, nil
}

// submit returns the id of the accepted job.
func (c *conn) submit(request []byte) (string, error) {
	answer, err := c.exchange(request)
	if err != nil {
		return "", fmt.Errorf("submitting: %w", err)
	}
	var job struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(answer, &job); err != nil || job.ID == "" {
		return "", fmt.Errorf("submitting: no job in the answer %.200s", answer)
	}
	return job.ID, nil
}

// quantile of sorted values; 1 is the greatest.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}
