package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"syscall"
	"time"

	"code.dny.dev/ssrf"

	"github.com/kedrod/kedrod/internal/store"
)

// bounds are those of one attempt.
type bounds struct {
	connect time.Duration // and as much again for TLS
	whole   time.Duration // from the first name looked up to the answer's last byte
}

func usual() bounds { return bounds{connect: 5 * time.Second, whole: 10 * time.Second} }

const (
	maxAnswer  = 64 << 10 // bytes of a body that are read, so that the connection can be used again
	maxHeaders = 64 << 10
)

// newTransport speaks to nobody but the receiver: no proxy, which would dial in place
// of the dialer that targets watch.
func newTransport(t *Targets, b bounds) *http.Transport {
	dialer := &net.Dialer{Timeout: b.connect, KeepAlive: 30 * time.Second, Control: t.control}
	return &http.Transport{
		Proxy: nil, DialContext: dialer.DialContext, TLSHandshakeTimeout: b.connect,
		MaxResponseHeaderBytes: maxHeaders, MaxIdleConns: atOnce, MaxIdleConnsPerHost: atOnceOfHost, IdleConnTimeout: 30 * time.Second,
		DisableCompression: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
}

func newClient(transport http.RoundTripper) *http.Client {
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// reply is what came of one attempt.
type reply struct {
	status int           // of the answer; 0: none came
	after  time.Duration // its Retry-After; 0: none
	err    error         // why no answer came
}

// send posts a message once.
func (n *Notifier) send(ctx context.Context, d *store.Delivery, body []byte) reply {
	ctx, cancel := context.WithTimeout(ctx, n.bounds.whole)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.URL, bytes.NewReader(body))
	if err != nil {
		return reply{err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "kedrod/"+n.o.Version)
	req.Header.Set("Kedrod-Delivery", d.ID)
	resp, err := n.client.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	// The status tells all; a body that is longer, or never ends, costs the connection.
	_, _ = io.CopyN(io.Discard, resp.Body, maxAnswer)
	return reply{status: resp.StatusCode, after: retryAfter(resp.Header.Get("Retry-After"), n.o.Now())}
}

// retryAfter reads seconds or a date; 0 for neither, and for the past.
//
//kedrod:parser FuzzRetryAfter
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(now), 0)
	}
	return 0
}

func (r reply) delivered() bool { return r.status >= 200 && r.status < 300 }

// why says what was wrong, without the URL, which may hold a secret; "" for nothing.
func (r reply) why(b bounds) string {
	switch {
	case r.err != nil:
		return whyNot(r.err, b)
	case r.delivered():
		return ""
	case r.status >= 300 && r.status < 400:
		return fmt.Sprintf("answered %d; redirects are not followed", r.status)
	}
	return fmt.Sprintf("answered %d", r.status)
}

var errUnreadable = errors.New("the job can't be read")

func whyNot(err error, b bounds) string {
	var (
		dns         *net.DNSError
		op          *net.OpError
		certificate *tls.CertificateVerificationError
		whole       *url.Error
		timeout     net.Error
	)
	switch {
	case errors.Is(err, errUnreadable):
		return errUnreadable.Error()
	case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedNetwork):
		return private
	case errors.As(err, &dns):
		return "the host's name can't be resolved"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection was refused"
	case errors.As(err, &timeout) && timeout.Timeout():
		if errors.As(err, &op) && op.Op == "dial" {
			return fmt.Sprintf("no connection within %s", b.connect)
		}
		return fmt.Sprintf("no answer within %s", b.whole)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the connection ended without an answer"
	case errors.As(err, &certificate):
		return cut("the certificate is refused: " + certificate.Err.Error())
	case errors.As(err, &whole):
		return cut("the call failed: " + whole.Err.Error())
	}
	return "the call failed"
}

// cut bounds a text that others had a part in.
func cut(text string) string {
	text = string(bytes.ToValidUTF8([]byte(text), []byte("\uFFFD")))
	if r := []rune(text); len(r) > 200 {
		return string(r[:200]) + "…"
	}
	return text
}
