package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kedrod/kedrod/internal/clock"
	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/executor"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/handover"
	"github.com/kedrod/kedrod/internal/store/postgres"
	"github.com/kedrod/kedrod/internal/store/sqlite"
	"github.com/kedrod/kedrod/internal/worker"
)

// stateVersion is of handedState: a binary takes over from one that speaks the same.
const stateVersion = 1

// handedState is what goes over to the next image of this process. Numbers of files are
// descriptors, which stay open.
type handedState struct {
	Version   int               `json:"version"`
	WorkerID  string            `json:"worker_id"`
	StartedAt time.Time         `json:"started_at"`
	DataDir   string            `json:"data_dir"`
	Listen    string            `json:"listen"` // the setting that the listener is of
	Listener  int               `json:"listener,omitempty"`
	Lock      int               `json:"lock"`
	Executor  executor.Handover `json:"executor"`
	Worker    worker.Handed     `json:"worker"`
	Stops     int               `json:"stops"`             // signals to stop that came meanwhile
	Written   time.Duration     `json:"written,omitempty"` // since boot
}

// inheritance is what a service begins with that goes on for another.
type inheritance struct {
	handedState
	listener net.Listener
	lock     *os.File
	exec     *executor.Executor // of this image, whose exec failed; nil: to be made
	failed   error              // why the exec failed
}

// inherit takes what an earlier image left; nil: this is a start like any other.
func inherit(cfg config.Config) (*inheritance, error) {
	b, err := handover.Received()
	if b == nil || err != nil {
		return nil, err
	}
	from := &inheritance{}
	if err := json.Unmarshal(b, &from.handedState); err != nil {
		return nil, fmt.Errorf("the state of the earlier program: %w", err)
	}
	if from.Version != stateVersion || from.DataDir != cfg.DataDir {
		return nil, fmt.Errorf("can't go on for a kedrod with another form of state or data folder (%d, %s)", from.Version, from.DataDir)
	}
	from.lock = os.NewFile(uintptr(from.Lock), "serve.lock")
	if from.Listener == 0 {
		return from, nil // a worker alone
	}
	f := os.NewFile(uintptr(from.Listener), "listener")
	from.listener, err = net.FileListener(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, fmt.Errorf("go on listening: %w", err)
	}
	return from, nil
}

// goOver goes over to the new binary. It returns only if that fails.
func (n *inheritance) goOver(p Process) error {
	for len(p.Signals) > 0 {
		<-p.Signals
		n.Stops++
	}
	descriptors := n.Executor.Descriptors()
	if n.listener != nil {
		listener, err := fileOf(n.listener)
		if err != nil {
			return err
		}
		defer func() { _ = listener.Close() }()
		if n.Listener, err = descriptor(listener); err != nil {
			return err
		}
		descriptors = append(descriptors, n.Listener)
	}
	var err error
	if n.Lock, err = descriptor(n.lock); err != nil {
		return err
	}
	state, err := json.Marshal(n.handedState)
	if err != nil {
		return fmt.Errorf("write the state for the new program: %w", err)
	}
	return handover.Exec(p.Binary, append([]string{p.Binary}, p.Args...), os.Environ(), state, append(descriptors, n.Lock))
}

// fileOf duplicates a listener.
func fileOf(l net.Listener) (*os.File, error) {
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("a listener of type %T can't be handed over", l)
	}
	return tcp.File()
}

// descriptor gives a file's number without a change of its mode, as Fd makes.
func descriptor(f *os.File) (n int, err error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	err = conn.Control(func(fd uintptr) { n = int(fd) })
	return n, err
}

// preflightVariable carries to a preflight what it is to take over. It is no setting.
const preflightVariable = "KEDROD_PREFLIGHT"

// preflightLimit bounds a preflight.
const preflightLimit = 30 * time.Second

// preflight has the new binary look, as a child, whether it could go on.
func (n *node) preflight(ctx context.Context) error {
	asked, err := json.Marshal(handedState{Version: stateVersion, DataDir: n.cfg.DataDir})
	if err != nil {
		return err
	}
	environ := []string{preflightVariable + "=" + string(asked)}
	for _, entry := range n.process.Environ {
		if !strings.HasPrefix(entry, "NOTIFY_SOCKET=") && !strings.HasPrefix(entry, preflightVariable+"=") {
			environ = append(environ, entry)
		}
	}
	argv := append([]string{n.process.Binary}, append(append([]string{}, n.process.Args...), "--preflight")...)
	res, err := n.hand.Load().exec.Output(ctx, executor.Command{Argv: argv, Env: environ, Limit: preflightLimit})
	if err != nil {
		return err
	}
	if res.ExitCode != 0 {
		return fmt.Errorf("%s says (exit code %d): %s", n.process.Binary, res.ExitCode, lastLines(string(res.Stderr)))
	}
	return nil
}

// lastLines is enough of an error to know it by.
func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-3):], "; ")
}

// Preflight looks whether this binary could go on for a running one, which asks by
// KEDROD_PREFLIGHT in environ. Of a file nothing is changed; a database, which several
// versions may use at once, gets what tables it lacks.
func Preflight(ctx context.Context, cfg config.Config, environ []string) error {
	var asked handedState
	for _, entry := range environ {
		if value, ok := strings.CutPrefix(entry, preflightVariable+"="); ok {
			if err := json.Unmarshal([]byte(value), &asked); err != nil {
				return fmt.Errorf("%s: %w", preflightVariable, err)
			}
		}
	}
	if asked.Version != stateVersion {
		return fault.Newf(fault.NotSupported, "this kedrod can't go on for the running one (its state has the form %d, this one knows %d): stop that one and start this", asked.Version, stateVersion)
	}
	if asked.DataDir != cfg.DataDir {
		return fault.Newf(fault.Invalid, "the settings name another data folder (%s, and not %s): that needs a stop and a start", cfg.DataDir, asked.DataDir)
	}
	last := readLastFound(cfg.DataDir)
	if _, err := findProjects(cfg, environ, func(settings config.Project) (foundProject, bool) {
		return last.instead(settings, slog.New(slog.DiscardHandler))
	}); err != nil {
		return err
	}
	if shared(cfg) {
		db, err := postgres.Open(ctx, cfg.DatabaseURL, postgres.Options{})
		if err != nil {
			return err
		}
		return db.Close()
	}
	return sqlite.Usable(ctx, jobsFile(cfg.DataDir))
}

// parting is how a running service goes over to another image.
type parting struct {
	replace sync.Mutex  // held while a lost worker is replaced, and while leaving is set
	leaving atomic.Bool // answers tell their clients to come again by a new connection
	stops   atomic.Int64
	next    *inheritance // set once everything stands still
}

// begin has the service leave. False: not now, as a worker is being replaced, which has
// neither an executor nor an id that could be handed over.
func (p *parting) begin() bool {
	if !p.replace.TryLock() {
		return false
	}
	defer p.replace.Unlock()
	p.leaving.Store(true)
	return true
}

// partTime is how long clients have to come again by new connections: those that are used
// all the time are closed by an answer and not in the middle of a question.
const partTime = 300 * time.Millisecond

// goodbye has every answer end its connection while the service is leaving.
func (p *parting) goodbye(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.leaving.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

// visitors are the connections that wait for an answer: those that have not asked yet, and
// those whose question is being answered. Others are idle.
type visitors struct {
	mu      sync.Mutex
	fresh   map[net.Conn]time.Time // since when
	active  map[net.Conn]bool
	changed chan struct{} // has an element when one has gone
}

func newVisitors() *visitors {
	return &visitors{fresh: map[net.Conn]time.Time{}, active: map[net.Conn]bool{}, changed: make(chan struct{}, 1)}
}

// note is the server's ConnState.
func (v *visitors) note(c net.Conn, state http.ConnState) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.fresh, c)
	delete(v.active, c)
	switch state {
	case http.StateNew:
		v.fresh[c] = time.Now()
	case http.StateActive:
		v.active[c] = true
	case http.StateIdle, http.StateClosed, http.StateHijacked:
	}
	select {
	case v.changed <- struct{}{}:
	default:
	}
}

// freshTime is how long a connection may be silent once nobody else is let in: browsers
// open some for what they may ask later.
const freshTime = time.Second

// waiting tells whether somebody waits for an answer.
func (v *visitors) waiting() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, since := range v.fresh {
		if time.Since(since) < freshTime {
			return true
		}
	}
	return len(v.active) > 0
}

// shutdownTime is what requests under way have.
const shutdownTime = 3 * time.Second

// letOut lets nobody in any more and waits for those who are in. Shutdown alone would cut
// who has connected and not asked yet: net/http drops what it reads after that.
func (s *server) letOut() {
	_ = s.listener.Close() // the duplicate keeps the socket open
	<-s.served
	timer := time.NewTimer(shutdownTime)
	defer timer.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for s.visitors.waiting() {
		select {
		case <-s.visitors.changed:
		case <-look.C: // silence makes no noise
		case <-timer.C:
			return
		}
	}
}

// shutdown ends the API.
func (s *server) shutdown(ctx context.Context) {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	if s.part.leaving.Load() { // who is left had the time
		_ = s.web.Close()
		return
	}
	if err := s.web.Shutdown(bounded); err != nil {
		_ = s.web.Close() // who is still connected after 3 s is cut off
	}
}

// upgrades goes over to another binary when it is asked to. It returns once that is under way.
func (n *node) upgrades(ctx context.Context, end ends) {
	for {
		select {
		case <-n.process.Upgrade:
		case <-ctx.Done():
			return
		}
		switch {
		case !handover.Supported:
			n.log.Error("SIGUSR2: an upgrade in place works on Linux only; stop kedrod and start the new one")
			continue
		case n.part.stops.Load() > 0:
			n.log.Warn("SIGUSR2: kedrod is stopping, so it is not upgraded")
			continue
		}
		n.log.Info("upgrade: the new program is tried first", "path", n.process.Binary)
		if err := n.preflight(ctx); err != nil {
			n.log.Error("the upgrade is not made: the new program can't go on; everything goes on as before", "error", err)
			continue
		}
		if n.part.stops.Load() > 0 || ctx.Err() != nil {
			continue
		}
		if !n.part.begin() {
			n.log.Error("the upgrade is not made: the worker was taken for lost, and its successor has not begun yet; try again when it has")
			continue
		}
		n.leave(ctx, end)
		return
	}
}

// ends are what leave brings to an end, in this order.
type ends struct {
	parts    func() // what works beside the API and the worker, until it has ended
	listener net.Listener
	api      func()
	rest     func() // the worker, where nothing runs
}

// leave brings everything to a standstill in which no run is ended, and notes it. The
// parting has begun.
func (n *node) leave(ctx context.Context, end ends) {
	n.tell(n.manager.Reloading("going over to a new program"))
	timer := time.NewTimer(partTime)
	defer timer.Stop()
	end.parts()
	<-timer.C
	h := n.hand.Load()
	next := &inheritance{handedState: handedState{
		Version: stateVersion, WorkerID: h.self.ID, StartedAt: h.self.StartedAt, DataDir: n.cfg.DataDir, Listen: n.cfg.Listen,
	}, lock: n.lock, exec: h.exec}
	quiet := func() (err error) {
		if end.listener != nil {
			if next.listener, err = duplicate(end.listener); err != nil {
				next.failed = err
			}
		}
		end.api()
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		next.Executor, err = h.exec.Freeze(bounded)
		return err
	}
	var err error
	if n.cfg.NoWorker {
		err = quiet()
	} else {
		next.Worker, err = h.worker.HandOver(quiet)
	}
	next.failed = errors.Join(next.failed, err)
	next.Stops, next.Written = int(n.part.stops.Load()), clock.SinceBoot()
	n.part.next = next
	end.rest()
}

// parts is what goes on beside the API and the worker, and can be ended before them.
type parts struct {
	goOn func(run func(context.Context) error)
	wait func() error // until all have ended
	end  func()       // and wait
}

func newParts(ctx context.Context) parts {
	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	ended := make(chan struct{})
	return parts{
		goOn: func(run func(context.Context) error) { group.Go(func() error { return run(ctx) }) },
		wait: func() error { defer cancel(); defer close(ended); return group.Wait() },
		end:  func() { cancel(); <-ended },
	}
}

// greet prints the one line about the address, which an upgrade does not repeat.
func (n *node) greet(line string) {
	if n.from != nil {
		n.log.Info("this program goes on for the one before", "runs", len(n.from.Worker.Attempts))
		if n.from.failed != nil {
			n.log.Error("the upgrade failed: everything goes on with the program as it was", "error", n.from.failed)
		}
		return
	}
	if _, err := fmt.Fprintln(n.process.Out, line); err != nil {
		n.log.Warn("the line about what runs could not be printed", "error", err)
	}
}

// inTurn runs services one after the other: each goes on for the one before, in another
// image of this process or, where the exec failed, in this one.
func inTurn(cfg config.Config, p Process, run func(from *inheritance) (next *inheritance, err error)) error {
	from, err := inherit(cfg)
	if err != nil {
		return err
	}
	for {
		next, err := run(from)
		if next == nil || err != nil {
			return err
		}
		if next.failed == nil {
			next.failed = next.goOver(p)
		}
		from = next
	}
}

// duplicate gives a listener on the same socket, so that closing one leaves it open.
func duplicate(l net.Listener) (net.Listener, error) {
	f, err := fileOf(l)
	if err != nil {
		return nil, err
	}
	copied, err := net.FileListener(f)
	return copied, errors.Join(err, f.Close())
}
