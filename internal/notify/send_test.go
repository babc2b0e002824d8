package notify_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/notify"
	"github.com/kedrod/kedrod/internal/store"
)

// sender is a notifier that is used for single attempts.
func sender(t *testing.T, allowPrivate bool) *notify.Notifier {
	t.Helper()
	n := notify.New(notify.Options{
		Targets: notify.NewTargets(allowPrivate), Version: "1.2.3", Log: slog.New(slog.DiscardHandler), Rand: func() float64 { return 0.5 },
		Job: func(*job.Job) (json.RawMessage, error) { return nil, nil },
	})
	t.Cleanup(n.Close)
	return n
}

func to(url string) store.Delivery {
	return store.Delivery{ID: "d1", URL: url, Event: "job.failed", Attempts: 1, CreatedAt: time.Now()}
}

// receiver counts what reaches it.
func receiver(t *testing.T, answer http.HandlerFunc) (url string, calls *atomic.Int32) {
	t.Helper()
	calls = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, calls
}

func TestWhatIsPosted(t *testing.T) {
	n := sender(t, true)
	var got *http.Request
	var body []byte
	url, _ := receiver(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusNoContent)
	})
	a, outcome := n.Send(t.Context(), to(url+"/hook?token=x"), `{"a": 1}`)
	require.Equal(t, notify.Delivered, outcome)
	require.Equal(t, store.Attempted{ID: "d1", Attempt: 1, State: store.DeliveryDelivered, Answer: 204}, a)
	require.Equal(t, "POST /hook?token=x", got.Method+" "+got.RequestURI)
	require.JSONEq(t, `{"a": 1}`, string(body))
	require.EqualValues(t, len(body), got.ContentLength)
	require.Equal(t, []string{"application/json", "kedrod/1.2.3", "d1"}, []string{got.Header.Get("Content-Type"), got.Header.Get("User-Agent"), got.Header.Get("Kedrod-Delivery")})
}

func TestAnswers(t *testing.T) {
	n := sender(t, true)
	elsewhere, led := receiver(t, func(http.ResponseWriter, *http.Request) {})
	for status, want := range map[int]struct {
		outcome notify.Outcome
		state   store.DeliveryState
		says    string
	}{
		200: {notify.Delivered, store.DeliveryDelivered, ""}, 202: {notify.Delivered, store.DeliveryDelivered, ""}, 299: {notify.Delivered, store.DeliveryDelivered, ""},
		302: {notify.Retried, store.DeliveryPending, "redirects are not followed"}, 307: {notify.Retried, store.DeliveryPending, "redirects"}, 308: {notify.Retried, store.DeliveryPending, "redirects"},
		400: {notify.Retried, store.DeliveryPending, "answered 400"}, 404: {notify.Retried, store.DeliveryPending, "answered 404"}, 429: {notify.Retried, store.DeliveryPending, "answered 429"},
		410: {notify.Gone, store.DeliveryFailed, "wants no more"}, 500: {notify.Retried, store.DeliveryPending, "answered 500"}, 503: {notify.Retried, store.DeliveryPending, "answered 503"},
	} {
		url, calls := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", elsewhere)
			w.WriteHeader(status)
		})
		a, outcome := n.Send(t.Context(), to(url), "{}")
		require.Equal(t, want.outcome, outcome, status)
		require.Equal(t, want.state, a.State, status)
		require.Equal(t, status, a.Answer)
		require.Contains(t, a.Error, want.says)
		require.Equal(t, want.state == store.DeliveryPending, a.NextAt != nil)
		require.EqualValues(t, 1, calls.Load(), status)
	}
	require.Zero(t, led.Load(), "a redirect leads nowhere")
}

func TestRetryAfterIsHeeded(t *testing.T) {
	n := sender(t, true)
	url, _ := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "600")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	before := time.Now()
	a, _ := n.Send(t.Context(), to(url), "{}")
	require.GreaterOrEqual(t, a.NextAt.Sub(before), 10*time.Minute-time.Millisecond)
}

// TestGivenUp: once the next attempt would lie more than a day after the job's end.
func TestGivenUp(t *testing.T) {
	n := sender(t, true)
	url, _ := receiver(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	d := to(url)
	d.CreatedAt = time.Now().Add(-notify.Window)
	a, outcome := n.Send(t.Context(), d, "{}")
	require.Equal(t, notify.GivenUp, outcome)
	require.Equal(t, store.DeliveryFailed, a.State)
	require.Equal(t, "given up after a day: answered 418", a.Error)
	require.Equal(t, 418, a.Answer)
}

// TestReceiversThatHarm cost an attempt its bounds and nothing more.
func TestReceiversThatHarm(t *testing.T) {
	n := sender(t, true)
	n.SetBounds(time.Second, time.Second)
	t.Cleanup(n.Close)
	cases := map[string]struct {
		answer http.HandlerFunc
		says   string
	}{
		"hangs": {func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then the server sees that the client has gone
			<-r.Context().Done()
		}, "no answer within 1s"},
		"ends the connection": {func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = c.Close()
			}
		}, "ended without an answer"},
		"speaks no HTTP": {func(w http.ResponseWriter, _ *http.Request) {
			if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
				_, _ = c.Write([]byte("s3cret\r\n\r\n"))
				_ = c.Close()
			}
		}, "the call failed"},
		"sends endless headers": {func(w http.ResponseWriter, _ *http.Request) {
			if c, _, err := w.(http.Hijacker).Hijack(); err == nil {
				_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\n"))
				for err == nil {
					_, err = c.Write([]byte("X: " + strings.Repeat("x", 4096) + "\r\n"))
				}
				_ = c.Close()
			}
		}, "the call failed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			url, _ := receiver(t, c.answer)
			a, outcome := n.Send(t.Context(), to(url+"/?token=t0ken"), "{}")
			require.Equal(t, notify.Retried, outcome)
			require.Contains(t, a.Error, c.says)
			require.NotContains(t, a.Error, "t0ken")
			require.Zero(t, a.Answer)
		})
	}
}

// TestALargeAnswer: the status counts, and of the body no more is taken than is read.
func TestALargeAnswer(t *testing.T) {
	n := sender(t, true)
	var sent atomic.Int64
	over := make(chan struct{})
	url, _ := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		defer close(over)
		for block := bytes.Repeat([]byte("x"), 1<<16); sent.Load() < 1<<30; {
			k, err := w.Write(block)
			sent.Add(int64(k))
			if err != nil {
				return
			}
		}
	})
	a, outcome := n.Send(t.Context(), to(url), "{}")
	require.Equal(t, notify.Delivered, outcome)
	require.Equal(t, 200, a.Answer)
	<-over
	require.Less(t, sent.Load(), int64(1<<30), "the connection was given up")
}

func TestNobodyThere(t *testing.T) {
	n := sender(t, true)
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	a, outcome := n.Send(t.Context(), to("http://"+address+"/"), "{}")
	require.Equal(t, notify.Retried, outcome)
	require.Equal(t, "the connection was refused", a.Error)

	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0) // it tells of the handshake
	s.StartTLS()
	t.Cleanup(s.Close)
	a, outcome = n.Send(t.Context(), to(s.URL), "{}")
	require.Equal(t, notify.Retried, outcome)
	require.Contains(t, a.Error, "the certificate is refused")
}

// TestPrivateAddressesAreNotDialled, whatever name or form leads to them: it is the
// dialler that is watched.
func TestPrivateAddressesAreNotDialled(t *testing.T) {
	url, calls := receiver(t, func(http.ResponseWriter, *http.Request) {})
	_, port, err := net.SplitHostPort(strings.TrimPrefix(url, "http://"))
	require.NoError(t, err)
	strict, open := sender(t, false), sender(t, true)
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"} {
		a, outcome := strict.Send(t.Context(), to("http://"+host+":"+port+"/"), "{}")
		require.Equal(t, notify.Retried, outcome, host)
		require.Equal(t, notify.Private, a.Error, host)
	}
	require.Zero(t, calls.Load())
	for _, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]"} {
		a, outcome := open.Send(t.Context(), to("http://"+host+":"+port+"/"), "{}")
		require.Equal(t, notify.Delivered, outcome, "%s: %s", host, a.Error)
	}
	require.EqualValues(t, 3, calls.Load())
}

// TestNoProxy: a proxy would dial in place of the dialler that is watched.
func TestNoProxy(t *testing.T) {
	proxy, asked := receiver(t, func(http.ResponseWriter, *http.Request) {})
	t.Setenv("HTTP_PROXY", proxy)
	t.Setenv("http_proxy", proxy)
	n := sender(t, true)
	n.SetBounds(200*time.Millisecond, 200*time.Millisecond)
	t.Cleanup(n.Close)
	_, outcome := n.Send(t.Context(), to("http://192.0.2.1/"), "{}") // of no network
	require.Equal(t, notify.Retried, outcome)
	require.Zero(t, asked.Load())
}
