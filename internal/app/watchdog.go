package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// silentMost is how long a loop of the worker may take to come round before the process
// counts as hung. A store that answers with errors holds no loop up.
const silentMost = 20 * time.Second

// feedWatchdog tells the service manager that this process is alive, as long as the
// worker's loops come round and the API answers: a process that hangs is started anew.
func (s *server) feedWatchdog(ctx context.Context) {
	once := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	s.manager.Watch(ctx, func(ctx context.Context) error {
		if err := s.silence(); err != nil {
			return err
		}
		return answers(ctx, once, "http://"+s.listener.Addr().String()+"/livez")
	}, s.unfed)
}

// answers tells whether anything at all is answered there: who is told to come again is
// told so by a process that lives.
func answers(ctx context.Context, c *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return fmt.Errorf("the API does not answer: %w", err)
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<10))
	return errors.Join(err, resp.Body.Close())
}
