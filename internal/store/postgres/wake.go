package postgres

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	channel = "kedrod" // of NOTIFY

	notifyGap   = time.Millisecond     // between two notifications of a process: what comes meanwhile is merged
	notifyLong  = 8 * time.Millisecond // the same while changes come in a crowd
	notifyCrowd = 8                    // changes in one gap
	notifyBytes = 7000                 // of topics in one; PostgreSQL takes 8000
	notifyMost  = 8                    // at once: for more, everybody is told to look at everything
	everything  = "*"

	listenPause = 200 * time.Millisecond // before a lost connection is made again, at first
	listenMost  = 3 * time.Second
	askClock    = 15 * time.Second // how often the listener asks for the time, and so sees whether its connection lives
)

// wakes tells the processes on the database of changes, after their commits: this one at
// once, the others by NOTIFY from one goroutine. Notifications can be lost, as with the
// connection they come on: whoever waits for one also looks now and then.
type wakes struct {
	self string // begins our notifications, so that we know them again

	mu     sync.Mutex
	topics map[string]struct{}
	calls  int           // of publish since the last notification
	kick   chan struct{} // holds one

	end     context.CancelFunc
	running sync.WaitGroup
}

// publish wakes those who wait for a change, in every process.
func (s *Store) publish(topics ...string) {
	if len(topics) == 0 {
		return
	}
	s.hub.Publish(topics...)
	w := &s.wakes
	w.mu.Lock()
	for _, t := range topics {
		w.topics[t] = struct{}{}
	}
	w.calls++
	w.mu.Unlock()
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// soon wakes those in this process a moment later.
func (s *Store) soon(topics ...string) {
	time.AfterFunc(wakeSoon, func() { s.hub.Publish(topics...) })
}

// startWakes starts the goroutines that notify and listen. They end with stopWakes. From
// its return on notifications are heard.
func (s *Store) startWakes(ctx context.Context, cfg *pgx.ConnConfig, self string) error {
	conn, err := s.ear(ctx, cfg)
	if err != nil {
		return err
	}
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	s.wakes.topics, s.wakes.kick = map[string]struct{}{}, make(chan struct{}, 1)
	s.wakes.self, s.wakes.end = self, end
	s.wakes.running.Go(func() { s.notify(running) })
	s.wakes.running.Go(func() { s.listen(running, cfg, conn) })
	return nil
}

func (s *Store) stopWakes() {
	s.wakes.end()
	s.wakes.running.Wait()
}

// notify sends what waits, over and over. Not within the transactions that make the
// changes: a NOTIFY there makes their commits wait for each other.
func (s *Store) notify(ctx context.Context) {
	for gap := notifyGap; ; {
		select {
		case <-s.wakes.kick:
		case <-ctx.Done():
			return
		}
		s.wakes.mu.Lock()
		topics := slices.Sorted(maps.Keys(s.wakes.topics))
		clear(s.wakes.topics)
		if gap = min(2*gap, notifyLong); s.wakes.calls < notifyCrowd {
			gap = notifyGap
		}
		s.wakes.calls = 0
		s.wakes.mu.Unlock()
		if err := s.send(ctx, payloads(s.wakes.self, topics)); err != nil && ctx.Err() == nil {
			s.log.WarnContext(ctx, "other processes could not be told of changes; they look each second", "error", bare(err))
			s.again()
			if pause(ctx, time.Second/2) != nil {
				return
			}
		}
		if wait(ctx, gap) != nil {
			return
		}
	}
}

// again has everybody told to look at everything, since it is not known what was lost.
func (s *Store) again() {
	s.wakes.mu.Lock()
	s.wakes.topics[everything] = struct{}{}
	s.wakes.mu.Unlock()
	select {
	case s.wakes.kick <- struct{}{}:
	default:
	}
}

func (s *Store) send(ctx context.Context, payloads []string) error {
	if len(payloads) == 0 {
		return nil
	}
	ctx, conn, done, err := s.acquire(ctx)
	if err != nil {
		return err
	}
	defer done()
	_, err = conn.Exec(ctx, `SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload`, channel, payloads)
	return err
}

// payloads packs topics into few notifications.
func payloads(self string, topics []string) []string {
	var all []string
	var b strings.Builder
	for _, t := range topics {
		if b.Len()+len(t) > notifyBytes {
			all = append(all, b.String())
			b.Reset()
		}
		if b.Len() == 0 {
			b.WriteString(self)
		}
		b.WriteString("\n" + t)
	}
	if b.Len() > 0 {
		all = append(all, b.String())
	}
	if len(all) > notifyMost {
		return []string{self + "\n" + everything}
	}
	return all
}

// listen passes on what comes on a connection that listens, and makes another when it is
// lost. Then everybody is woken, since nobody knows what was missed.
func (s *Store) listen(ctx context.Context, cfg *pgx.ConnConfig, conn *pgx.Conn) {
	gap := listenPause
	for {
		begun := time.Now()
		err := s.listenOn(ctx, conn)
		if ctx.Err() != nil {
			return
		}
		s.log.WarnContext(ctx, "the connection that tells of other processes' changes was lost; it is made again", "error", bare(err))
		if time.Since(begun) > time.Minute {
			gap = listenPause
		}
		for conn = nil; conn == nil; gap = min(2*gap, listenMost) {
			if pause(ctx, gap) != nil {
				return
			}
			if conn, err = s.ear(ctx, cfg); err != nil {
				s.log.DebugContext(ctx, "no connection that tells of changes yet", "error", bare(err))
			}
		}
		s.hub.WakeAll()
	}
}

// ear makes a connection that listens.
func (s *Store) ear(ctx context.Context, cfg *pgx.ConnConfig) (*pgx.Conn, error) {
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return nil, errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
	}
	return conn, nil
}

func (s *Store) listenOn(ctx context.Context, conn *pgx.Conn) error {
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	for {
		if err := s.askClock(ctx, conn); err != nil {
			return err
		}
		if err := s.hear(ctx, conn, askClock); err != nil {
			return err
		}
	}
}

// hear passes notifications on for some time.
func (s *Store) hear(ctx context.Context, conn *pgx.Conn, d time.Duration) error {
	until, end := context.WithTimeout(ctx, d)
	defer end()
	for {
		n, err := conn.WaitForNotification(until)
		switch {
		case err != nil && until.Err() != nil && !conn.IsClosed():
			return ctx.Err()
		case err != nil:
			return err
		}
		from, topics, _ := strings.Cut(n.Payload, "\n")
		switch {
		case from == s.wakes.self:
		case topics == everything || strings.HasPrefix(topics, everything+"\n"):
			s.hub.WakeAll()
		default:
			s.hub.Publish(strings.Split(topics, "\n")...)
		}
	}
}

// wait waits for d.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
