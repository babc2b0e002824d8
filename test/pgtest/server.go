package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// patience bounds every wait for something that must happen. It is long, since the
// machine may be busy; nothing waits that long when all is well.
const patience = 2 * time.Minute

// Options are those of a server. The zero value is quick and forgets what it was told
// when the machine loses its power, but nothing when only its processes die.
type Options struct {
	Durable  bool              // fsync is on, as in production
	Settings map[string]string // further ones of postgresql.conf
}

// Server is a PostgreSQL of our own.
type Server struct {
	bin    string // folder of postgres, initdb and psql
	folder string // of everything that it writes
	port   int
	args   []string
	own    bool // of one test, which may leave it stopped
	claim  *os.File

	databases atomic.Int64
	mu        sync.Mutex
	process   *process // the one that runs now; nil for none
}

// start makes a server and waits until it answers.
func start(o Options) (s *Server, err error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	sweep()
	s = &Server{bin: bin, own: true}
	if s.folder, s.claim, err = makeFolder(o.Durable); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.end())
		}
	}()
	// Names and texts must not depend on what a database holds for alphabetical, nor on its
	// time zone, so these are as unlike C and UTC as can be.
	initdb := s.command("initdb", "--pgdata", s.data(), "--username", superuser, "--auth", "trust", "--encoding", "UTF8",
		"--locale-provider", "icu", "--icu-locale", "en-US", "--locale", "C.UTF-8", "--no-sync", "--no-instructions")
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w\n%s", err, out)
	}
	s.args = arguments(o)
	return s, s.Restart()
}

func arguments(o Options) []string {
	settings := map[string]string{
		"listen_addresses": "127.0.0.1", "max_connections": "300", "shared_buffers": "64MB", "timezone": "Asia/Kathmandu",
		"logging_collector": "off", "log_timezone": "UTC",
		"dynamic_shared_memory_type": "mmap", // in the folder: nothing is left elsewhere when it is killed
	}
	if !o.Durable {
		settings["fsync"], settings["full_page_writes"] = "off", "off"
	}
	for name, value := range o.Settings {
		settings[name] = value
	}
	var args []string
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	return args
}

// superuser is who owns everything inside the server; nobody needs a password.
const superuser = "postgres"

// URL names a database of this server for kedrod and pgx.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/%s?sslmode=disable", superuser, s.port, database)
}

// Address is HOST:PORT, for a proxy before it.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// SQL runs statements in a database by psql, over the server's own socket, and gives
// rows and columns as text, separated by newlines and bars.
func (s *Server) SQL(database, statements string) (string, error) {
	psql := s.command("psql", "--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set", "ON_ERROR_STOP=1",
		"--host", s.folder, "--port", strconv.Itoa(s.port), "--username", superuser, "--dbname", database, "--command", statements)
	var out, complaint bytes.Buffer
	psql.Stdout, psql.Stderr = &out, &complaint
	if err := psql.Run(); err != nil {
		return "", fmt.Errorf("psql: %w: %s", err, strings.TrimSpace(complaint.String()))
	}
	return strings.TrimSuffix(out.String(), "\n"), nil
}

// command is one of PostgreSQL's programs, run as somebody whom they accept.
func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), filepath.Join(s.bin, name), args...)
	cmd.Dir = s.folder
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C.UTF-8"}
	cmd.SysProcAttr = attributes()
	return cmd
}

func (s *Server) data() string { return filepath.Join(s.folder, "data") }

func (s *Server) logFile() string { return filepath.Join(s.folder, "log") }

func (s *Server) complain(err error) { fmt.Fprintln(os.Stderr, "pgtest:", err) }

// end ends the server for good and removes what it wrote.
func (s *Server) end() error {
	err := s.Stop(Immediate)
	// What a killed postmaster leaves behind goes by itself, but may write until then.
	deadline := time.Now().Add(patience)
	for {
		removed := os.RemoveAll(s.folder)
		if removed == nil || time.Now().After(deadline) {
			return errors.Join(err, removed, s.claim.Close())
		}
	}
}

// freePort gives a port that nobody listens on. It is none of those that systems give
// out by themselves, so that a stopped server finds it free when it starts again.
func freePort() (int, error) {
	for range 1000 {
		port := 20000 + rand.IntN(12000)
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))) //nolint:noctx // at once
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("no free port between 20000 and 32000 on 127.0.0.1")
}
