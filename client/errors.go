package client

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Error is an answer by which the service refused the call.
type Error struct {
	Problem    Problem
	StatusCode int           // of HTTP
	RetryAfter time.Duration // 0 when the service names none
}

// Error gives the problem's detail, and the fields that it does not name.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Problem.Detail)
	for _, f := range e.Problem.Errors {
		if f.Message == "" || strings.Contains(e.Problem.Detail, f.Message) {
			continue
		}
		b.WriteString("; ")
		if f.Field != "" {
			b.WriteString(f.Field + ": ")
		}
		b.WriteString(f.Message)
	}
	return b.String()
}

// ConnError says that no service could be reached, or that it went away in the
// middle of an answer. Its text tells what to do.
type ConnError struct {
	URL string
	Err error
	cut bool
}

// Error names the URL and what to do.
func (e *ConnError) Error() string {
	if e.cut {
		return fmt.Sprintf("the server at %s went away in the middle of an answer (%v): try again", e.URL, e.Err)
	}
	return fmt.Sprintf("no server at %s: start one with kedrod serve, or set --url or KEDROD_URL (%v)", e.URL, cause(e.Err))
}

// Unwrap gives the network's error.
func (e *ConnError) Unwrap() error { return e.Err }

// maxProblem bounds what is read of a refusal.
const maxProblem = 1 << 20

// maxRetryAfter bounds what a server's Retry-After is taken for.
const maxRetryAfter = 24 * time.Hour

// problemOf makes an Error of any answer, a proxy's or a stranger's included.
//
//kedrod:parser FuzzProblem
func problemOf(resp *http.Response) *Error {
	e := &Error{StatusCode: resp.StatusCode}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	if err != nil || json.Unmarshal(body, &e.Problem) != nil {
		e.Problem = Problem{}
	}
	if e.Problem.Status == 0 {
		e.Problem.Status = resp.StatusCode
	}
	if e.Problem.Title == "" {
		e.Problem.Title = http.StatusText(resp.StatusCode)
	}
	if e.Problem.Detail == "" {
		e.Problem.Detail = strings.TrimSpace(fmt.Sprintf("the server answered %d %s", resp.StatusCode, e.Problem.Title))
		if e.Problem.Code == "" {
			e.Problem.Detail += ", and not in kedrod's form: check the URL"
		}
	}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && seconds > 0 {
		e.RetryAfter = min(time.Duration(min(seconds, 1<<31))*time.Second, maxRetryAfter)
	}
	return e
}

// cause shortens net/http's `Get "URL": dial tcp …`, since the URL stands before it.
func cause(err error) error {
	for {
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return err
		}
		next := u.Unwrap()
		if next == nil {
			return err
		}
		if _, isOp := next.(interface{ Temporary() bool }); !isOp {
			return err
		}
		err = next
	}
}
