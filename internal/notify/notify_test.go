package notify_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/notify"
	"github.com/kedrod/kedrod/internal/store"
)

// memory is a store that goes by the bubble's clock.
type memory struct {
	*store.Hub
	mu      sync.Mutex
	all     []*store.Delivery
	trouble error // of reading
	deaf    int   // so many words are not written
	shifts  []time.Duration
	looks   int
	dear    time.Duration // what a look takes
}

func newMemory() *memory { return &memory{Hub: store.NewHub()} }

// add records that a host is to be told of n jobs.
func (m *memory) add(host string, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for range n {
		now := time.Now()
		id := fmt.Sprintf("d%d", len(m.all))
		m.all = append(m.all, &store.Delivery{ID: id, JobID: "j" + id[1:], Event: "job.completed", URL: "http://" + host + "/", State: store.DeliveryPending, CreatedAt: now, NextAt: &now})
	}
	m.Publish(store.TopicDeliveries)
}

func (m *memory) get(i int) store.Delivery {
	m.mu.Lock()
	defer m.mu.Unlock()
	return *m.all[i]
}

func (m *memory) pending() (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.all {
		if d.State == store.DeliveryPending {
			n++
		}
	}
	return n
}

func (m *memory) DeliveryHosts(context.Context) ([]store.DeliveryHost, error) {
	<-time.After(m.dear)
	m.mu.Lock()
	m.looks++
	defer m.mu.Unlock()
	first := map[string]time.Time{}
	for _, d := range m.all {
		host := store.HostOf(d.URL)
		if at, ok := first[host]; d.State == store.DeliveryPending && (!ok || d.NextAt.Before(at)) {
			first[host] = *d.NextAt
		}
	}
	var hosts []store.DeliveryHost
	for host, at := range first {
		hosts = append(hosts, store.DeliveryHost{Host: host, NextAt: at})
	}
	return hosts, m.trouble
}

func (m *memory) looked() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.looks
}

func (m *memory) TakeDeliveries(_ context.Context, host string, lease time.Duration, limit int) (taken []store.Delivery, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.all {
		if len(taken) < limit && d.State == store.DeliveryPending && store.HostOf(d.URL) == host && !d.NextAt.After(time.Now()) {
			until := time.Now().Add(lease)
			d.Attempts, d.NextAt = d.Attempts+1, &until
			taken = append(taken, *d)
		}
	}
	return taken, nil
}

func (m *memory) SaveDelivery(_ context.Context, a store.Attempted) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.deaf > 0 {
		m.deaf--
		return errors.New("the disk is full")
	}
	for _, d := range m.all {
		if d.ID == a.ID && d.Attempts == a.Attempt {
			d.State, d.NextAt, d.Answer, d.Error = a.State, a.NextAt, a.Answer, a.Error
		}
	}
	return nil
}

func (m *memory) ShiftDeliveries(_ context.Context, by time.Duration) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.trouble != nil {
		return m.trouble
	}
	m.shifts = append(m.shifts, by)
	return nil
}

func (m *memory) Brief(_ context.Context, id string) (job.Job, error) {
	switch id {
	case "j-gone":
		return job.Job{}, fault.New(fault.NotFound, "no such job")
	case "j-broken":
		return job.Job{}, errors.New("the row makes no sense")
	}
	return job.Job{ID: id}, nil
}

// roundTrip answers in place of a network.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int, headers ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: http.NoBody}
}

// hang answers when the request is given up.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func seldom(n *notify.Notifier) { n.SetPoll(10 * time.Minute) }

// pass lets time pass in a bubble, and what was due then happen.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// running is a notifier at work in a bubble.
type running struct {
	*memory
	log      strings.Builder
	outcomes map[notify.Outcome]int
	stop     func()
}

func run(t *testing.T, m *memory, network roundTrip, set ...func(*notify.Notifier)) *running {
	t.Helper()
	r := &running{memory: m, outcomes: map[notify.Outcome]int{}}
	var mu sync.Mutex
	n := notify.New(notify.Options{
		Store: m, Targets: notify.NewTargets(false), Transport: network, Version: "1", Rand: func() float64 { return 0.5 },
		Job: func(j *job.Job) (json.RawMessage, error) { return json.Marshal(map[string]string{"id": j.ID}) },
		Observe: func(o notify.Outcome) {
			mu.Lock()
			defer mu.Unlock()
			r.outcomes[o]++
		},
		Log: slog.New(slog.NewTextHandler(&r.log, nil)),
	})
	for _, f := range set {
		f(n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- n.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(r.stop)
	return r
}

// TestSchedule: what fails comes again after 5 s and then at longer intervals, with the
// same body, for a day; then it is given up, with a line in the log.
func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		var at []time.Duration
		bodies := map[string]bool{}
		m := newMemory()
		r := run(t, m, func(req *http.Request) (*http.Response, error) {
			at = append(at, time.Since(begun))
			b, err := io.ReadAll(req.Body)
			require.NoError(t, err)
			bodies[string(b)] = true
			return answer(500), nil
		}, seldom)
		m.add("h.example", 1)
		pass(30 * time.Hour)
		r.stop()
		require.Equal(t, []time.Duration{0, 5 * time.Second, 20 * time.Second, 65 * time.Second}, at[:4])
		for i := 2; i < len(at); i++ {
			require.GreaterOrEqual(t, at[i]-at[i-1], at[i-1]-at[i-2])
		}
		require.LessOrEqual(t, at[len(at)-1], notify.Window)
		require.Greater(t, at[len(at)-1], notify.Window-notify.Longest)
		d := m.get(0)
		require.Equal(t, store.DeliveryFailed, d.State)
		require.Len(t, at, d.Attempts)
		require.Equal(t, map[notify.Outcome]int{notify.Retried: len(at) - 1, notify.GivenUp: 1}, r.outcomes)
		require.Contains(t, r.log.String(), `level=WARN msg="the receiver is not told of the job's end" delivery=d0 job=j0 host=h.example:80`)
		require.Len(t, bodies, 1)
		require.JSONEq(t, `{"event": "job.completed", "id": "d0", "time": "`+job.FormatTime(begun)+`", "job": {"id": "j0"}}`, one(bodies))
	})
}

func one(set map[string]bool) string {
	for s := range set {
		return s
	}
	return ""
}

// TestARetrySucceeds, and a 410 is the end of it.
func TestARetrySucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		m := newMemory()
		r := run(t, m, func(req *http.Request) (*http.Response, error) {
			switch calls++; {
			case req.URL.Host == "gone.example":
				return answer(410), nil
			case calls < 3:
				return answer(503, "Retry-After", "100"), nil
			}
			return answer(204), nil
		})
		m.add("h.example", 1)
		pass(199 * time.Second)
		require.Equal(t, 2, m.get(0).Attempts, "as late as the receiver asks for")
		pass(2 * time.Second)
		m.add("gone.example", 1)
		synctest.Wait()
		r.stop()
		require.Equal(t, store.DeliveryDelivered, m.get(0).State)
		require.Equal(t, 3, m.get(0).Attempts)
		require.Equal(t, store.DeliveryFailed, m.get(1).State)
		require.Equal(t, map[notify.Outcome]int{notify.Retried: 2, notify.Delivered: 1, notify.Gone: 1}, r.outcomes)
	})
}

// TestASlowReceiverHoldsUpNobody: it has its part of the room, and there is a bound
// over all.
func TestASlowReceiverHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		now, most := map[string]int{}, map[string]int{}
		count := func(host string, by int) {
			mu.Lock()
			defer mu.Unlock()
			for _, key := range []string{host, "all"} {
				now[key] += by
				most[key] = max(most[key], now[key])
			}
		}
		m := newMemory()
		m.add("slow.example", 500)
		r := run(t, m, func(req *http.Request) (*http.Response, error) {
			count(req.URL.Host, 1)
			defer count(req.URL.Host, -1)
			if strings.HasPrefix(req.URL.Host, "slow") {
				return hang(req)
			}
			return answer(200), nil
		})
		synctest.Wait()
		begun := time.Now()
		m.add("quick.example", 100)
		synctest.Wait()
		require.Equal(t, 500, m.pending(), "all of the quick one's")
		require.Zero(t, time.Since(begun), "at once")
		require.Equal(t, notify.AtOnceOfHost, most["slow.example"])

		for i := range 100 {
			m.add(fmt.Sprintf("slow%d.example", i), 1)
		}
		synctest.Wait()
		require.Equal(t, notify.AtOnce, most["all"])
		m.add("quick.example", 1)
		pass(25 * time.Second)
		mu.Lock()
		require.Equal(t, notify.AtOnce, most["all"])
		mu.Unlock()
		require.Equal(t, store.DeliveryDelivered, m.get(len(m.all)-1).State, "also while slow ones have all the room, once their time is over")
		r.stop()
	})
}

// TestStop: attempts under way may end; what does not is cut off, and unknown.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		r := run(t, m, func(req *http.Request) (*http.Response, error) {
			if req.URL.Host == "late.example" {
				<-time.After(notify.Grace / 2)
				return answer(200), nil
			}
			return hang(req)
		})
		m.add("late.example", 1)
		m.add("hung.example", 1)
		synctest.Wait()
		begun := time.Now()
		r.stop()
		require.Equal(t, notify.Grace, time.Since(begun))
		require.Equal(t, store.DeliveryDelivered, m.get(0).State)
		require.Equal(t, store.DeliveryPending, m.get(1).State)
		require.Empty(t, m.get(1).Error)
		require.Equal(t, map[notify.Outcome]int{notify.Delivered: 1}, r.outcomes)
	})
}

// TestTrouble of the store: nothing is lost, and it goes on by itself.
func TestTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		m := newMemory()
		m.trouble, m.deaf = errors.New("locked"), 1
		r := run(t, m, func(*http.Request) (*http.Response, error) { calls++; return answer(200), nil })
		m.add("h.example", 1)
		pass(time.Minute)
		require.Zero(t, calls)
		m.mu.Lock()
		m.trouble = nil
		m.mu.Unlock()
		pass(10 * time.Second)
		require.Equal(t, 1, calls)
		require.Equal(t, store.DeliveryPending, m.get(0).State, "what came of it could not be written")
		pass(notify.Lease)
		require.Equal(t, 2, calls)
		require.Equal(t, store.DeliveryDelivered, m.get(0).State)
		r.stop()
		require.Equal(t, 1, strings.Count(r.log.String(), "deliveries wait"), "told once")
	})
}

// TestJobsThatCantBeTold: one that is gone is nobody's business any more, one that
// can't be read is given up in the end.
func TestJobsThatCantBeTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.add("h.example", 2)
		m.all[0].JobID, m.all[1].JobID = "j-gone", "j-broken"
		r := run(t, m, func(*http.Request) (*http.Response, error) {
			require.Fail(t, "nothing can be sent")
			return nil, errors.ErrUnsupported
		}, seldom)
		pass(2 * notify.Window)
		r.stop()
		require.Equal(t, store.DeliveryFailed, m.get(1).State)
		require.Contains(t, m.get(1).Error, "can't be read")
		require.Empty(t, m.get(0).Error)
	})
}

// TestClockSteps: what waits is moved by a step, once the store takes it.
func TestClockSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var off time.Duration
		now := func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(off)
		}
		begun := time.Now()
		m := newMemory()
		m.trouble = errors.New("locked")
		n := notify.New(notify.Options{
			Store: m, Targets: notify.NewTargets(false), Transport: roundTrip(hang), Now: now, Elapsed: func() time.Duration { return time.Since(begun) }, Log: slog.New(slog.DiscardHandler),
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- n.Run(ctx) }()
		pass(time.Minute)
		step := func(by time.Duration) {
			mu.Lock()
			off += by
			mu.Unlock()
			pass(10 * time.Second)
		}
		step(time.Hour)
		step(-10 * time.Hour)
		m.mu.Lock()
		m.trouble = nil
		m.mu.Unlock()
		pass(time.Minute)
		step(time.Second)
		cancel()
		require.NoError(t, <-ended)
		require.Equal(t, []time.Duration{-9 * time.Hour}, m.shifts)
	})
}

// TestDearLooks: where looking takes long, it takes a tenth of the time at most, however
// many attempts end.
func TestDearLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		m.dear = 100 * time.Millisecond
		for i := range 600 {
			m.add(fmt.Sprintf("h%d.example", i), 1)
		}
		r := run(t, m, func(*http.Request) (*http.Response, error) {
			<-time.After(10 * time.Millisecond)
			return answer(200), nil
		})
		pass(3 * time.Second)
		require.LessOrEqual(t, m.looked(), 4)
		pass(10 * time.Second)
		require.Zero(t, m.pending())
		m.add("h.example", 1)
		pass(2 * time.Second)
		require.Zero(t, m.pending(), "it goes on")
		r.stop()
	})
}
