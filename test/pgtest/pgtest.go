// Package pgtest runs PostgreSQL for tests: servers of their own in temporary folders,
// on free ports of 127.0.0.1, which end with the test binary, however that ends.
//
// Most tests want Database: an empty database on the one server of the test binary. Start
// gives a test a server of its own, to stop, kill and start again.
package pgtest

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// Database makes an empty database on the server of this test binary, which is started
// by the first call, and gives its URL. It is dropped after the test, with whatever is
// still connected. Where a test binary has a TestMain, it should end by Main, which
// removes the server's folder at once; else a later test binary does.
func Database(t testing.TB) string {
	t.Helper()
	shared.once.Do(func() {
		if shared.server, shared.err = start(Options{}); shared.err == nil {
			shared.server.own = false
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server.Database(t)
}

// shared is the one server of a test binary.
var shared struct { //nolint:gochecknoglobals // tests of a binary have nothing else in common
	once   sync.Once
	server *Server
	err    error
}

// Start starts a server for one test and ends it after it.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.end(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Main wraps a testing.M so that the server of Database ends before what follows the
// tests: goleak.VerifyTestMain(pgtest.Main(m)), os.Exit(pgtest.Main(m).Run()).
func Main(m interface{ Run() int }) Tests { return Tests{m} }

// Tests are the tests of a binary.
type Tests struct{ m interface{ Run() int } }

// Run runs them and ends the server.
func (t Tests) Run() int {
	code := t.m.Run()
	if shared.server == nil {
		return code
	}
	if err := shared.server.end(); err != nil && code == 0 {
		shared.server.complain(err)
		return 1
	}
	return code
}

// Database makes an empty database on this server and gives its URL; see the function
// of that name.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := s.nextName(t.Name())
	if _, err := s.SQL("postgres", `CREATE DATABASE "`+name+`"`); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.own && !s.Running() {
			return // its folder goes, too
		}
		if _, err := s.SQL("postgres", `DROP DATABASE "`+name+`" WITH (FORCE)`); err != nil {
			t.Error(err)
		}
	})
	return s.URL(name)
}

// nextName makes a database's name that tells whose it is.
func (s *Server) nextName(test string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(test))
	return fmt.Sprintf("t%d_%.40s", s.databases.Add(1), name) // 63 bytes at most
}

// errMissing says what to do when there is no PostgreSQL here.
var errMissing = errors.New("no PostgreSQL in PATH or /usr/lib/postgresql/*/bin: run `make env-postgres`")
