package client

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// silence counts how long a service has not answered, so that what waits for a job
// outlasts a restart of the service and not its end.
type silence struct {
	since time.Time
	pause time.Duration
}

func (s *silence) heard() { *s = silence{} }

// endure pauses before the next call; it gives err where going on has no sense.
func (s *silence) endure(ctx context.Context, err error) error {
	if ctx.Err() != nil || !unreachable(err) && !temporary(err) {
		return err
	}
	if s.since.IsZero() {
		s.since, s.pause = time.Now(), retryPause
	}
	if time.Since(s.since) > patience {
		return err
	}
	if pause(ctx, s.pause) != nil {
		return err
	}
	s.pause = min(2*s.pause, 2*time.Second)
	return nil
}

// temporary reports whether the service, or a proxy before it, asks to come again.
func temporary(err error) bool {
	var e *Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// isCut reports whether the answer began and was cut.
func isCut(err error) bool {
	var conn *ConnError
	return errors.As(err, &conn) && conn.cut
}
