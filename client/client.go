package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Config says how a Client speaks to its service. The zero value will do where no
// key is asked for.
type Config struct {
	APIKey     string       // sent as Authorization: Bearer; "" sends none
	HTTPClient *http.Client // nil: one of the client's own, without a time limit of the whole call
	UserAgent  string       // "" is kedrod-client
}

// Client calls one kedrod service.
type Client struct {
	base   *url.URL
	config Config
	http   *http.Client
}

// tries and retryPause bound how a call that finds no server is repeated: after one
// pause and after two, well below a second in all.
const (
	tries      = 3
	retryPause = 100 * time.Millisecond
)

// maxAnswer bounds an answer that is read into memory: 500 jobs with parameters fit.
const maxAnswer = 1 << 30

// New makes a Client for the service at baseURL, such as http://127.0.0.1:8000, with
// or without a path before /api/v1. It connects to nothing yet.
func New(baseURL string, config Config) (*Client, error) {
	u, err := url.Parse(baseURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("the service's URL must begin with http:// or https:// and name a host, such as http://127.0.0.1:8000")
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("the service's URL can't have a query or fragment: take out what follows %s", strings.TrimRight(u.Host+u.Path, "/"))
	}
	u.Path = strings.TrimRight(u.Path, "/")
	c := &Client{base: u, config: config, http: config.HTTPClient}
	if c.config.UserAgent == "" {
		c.config.UserAgent = "kedrod-client"
	}
	if c.http == nil {
		c.http = &http.Client{Transport: transport()}
	}
	return c, nil
}

// transport is like Go's own default one, with connections of the client's own.
func transport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          100,
		MaxIdleConnsPerHost:   100,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: MaxWait + 30*time.Second,
	}
}

// URL is the base URL, without a password.
func (c *Client) URL() string { return c.base.Redacted() }

// call is one HTTP call. Its body is held whole, so that it can be sent again.
type call struct {
	method string
	path   string // below the base, percent-encoded
	query  url.Values
	header http.Header
	body   []byte
	accept string // media type that is wanted, application/json when empty
}

// api is the path of a resource, its parts percent-encoded.
func api(parts ...string) string {
	var b strings.Builder
	b.WriteString("/api/v1")
	for _, p := range parts {
		b.WriteString("/" + url.PathEscape(p))
	}
	return b.String()
}

// send does the call until there is an answer, and gives it whatever its status. The
// caller closes its body.
func (c *Client) send(ctx context.Context, k call) (*http.Response, error) {
	var err error
	for i := range tries {
		if i > 0 {
			if err := pause(ctx, retryPause*time.Duration(i)); err != nil {
				return nil, err
			}
		}
		resp, failed := c.once(ctx, k)
		if failed == nil {
			return resp, nil
		}
		err = failed
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s %s: %w", k.method, k.path, ctx.Err())
		}
	}
	return nil, &ConnError{URL: c.URL(), Err: err}
}

func (c *Client) once(ctx context.Context, k call) (*http.Response, error) {
	target := c.base.String() + k.path
	if len(k.query) > 0 {
		target += "?" + k.query.Encode()
	}
	var body io.Reader
	if k.body != nil {
		body = bytes.NewReader(k.body)
	}
	req, err := http.NewRequestWithContext(ctx, k.method, target, body)
	if err != nil {
		return nil, err
	}
	for name, values := range k.header {
		req.Header[name] = values
	}
	if k.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	accept := k.accept
	if accept == "" {
		accept = "application/json"
	}
	req.Header.Set("Accept", accept)
	req.Header.Set("User-Agent", c.config.UserAgent)
	if c.config.APIKey != "" {
		req.Header.Set("Authorization", "Bearer "+c.config.APIKey)
	}
	return c.http.Do(req)
}

// open does the call and refuses every status but 2xx.
func (c *Client) open(ctx context.Context, k call) (*http.Response, error) {
	resp, err := c.send(ctx, k)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		defer func() { _ = resp.Body.Close() }()
		return nil, problemOf(resp)
	}
	return resp, nil
}

// get does the call and reads its JSON answer into the value that into points at.
func (c *Client) get(ctx context.Context, k call, into any) error {
	resp, err := c.open(ctx, k)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	return c.decode(ctx, resp, into)
}

// decode reads a JSON answer. An answer that was cut counts as no
// connection: the call may be repeated.
func (c *Client) decode(ctx context.Context, resp *http.Response, into any) error {
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if ctx.Err() != nil {
		return fmt.Errorf("reading the answer: %w", ctx.Err())
	}
	if err != nil {
		return &ConnError{URL: c.URL(), Err: err, cut: true}
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s answered with something that is not kedrod's (%s): check the URL: %w",
			c.URL(), resp.Header.Get("Content-Type"), err)
	}
	return nil
}

// items reads every page of a collection.
func items[T any](ctx context.Context, c *Client, path string, query url.Values) ([]T, error) {
	all := []T{}
	for {
		var page Page[T]
		if err := c.get(ctx, call{method: http.MethodGet, path: path, query: query}, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.NextCursor == nil || *page.NextCursor == "" {
			return all, nil
		}
		query = withCursor(query, *page.NextCursor)
	}
}

func withCursor(query url.Values, cursor string) url.Values {
	next := url.Values{"cursor": {cursor}}
	for name, values := range query {
		if name != "cursor" {
			next[name] = values
		}
	}
	return next
}

// pause waits, or gives the context's error.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// unreachable reports whether err says that no server answered, or not to the end.
func unreachable(err error) bool {
	var conn *ConnError
	return errors.As(err, &conn)
}
