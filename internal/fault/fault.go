// Package fault holds the one error type that people outside the program see.
//
// Rooms return it where the cause is the caller's or the operator's to mend;
// anything else stays a plain wrapped error and counts as Internal. It is mapped
// to HTTP in internal/httpapi and to exit codes in internal/cli, in one place each.
package fault

import (
	"errors"
	"fmt"
	"strings"
)

// Code is a stable word for a kind of error; clients may branch on it. The list
// stands in docs/api.md. It is an open set: new codes may come.
type Code string

// The codes, with the HTTP status each is mapped to.
const (
	Malformed        Code = "malformed"          // 400: not JSON, or not the shape of a request
	Unauthenticated  Code = "unauthenticated"    // 401: no key, or not a known one
	Forbidden        Code = "forbidden"          // 403: known, but not allowed
	NotFound         Code = "not_found"          // 404: no such thing
	MethodNotAllowed Code = "method_not_allowed" // 405: the path exists, not with this verb
	Conflict         Code = "conflict"           // 409: the thing's state forbids it
	TooLarge         Code = "too_large"          // 413: more bytes than are taken
	BadRange         Code = "bad_range"          // 416: a byte range outside the log
	Invalid          Code = "invalid"            // 422: a value that is refused
	UnknownField     Code = "unknown_field"      // 422: a field that does not exist
	UnknownPipeline  Code = "unknown_pipeline"   // 422: not in the project's registry
	UnknownProject   Code = "unknown_project"    // 422: not served here
	NotSupported     Code = "not_supported"      // 422: known, and not in this version or project
	RateLimited      Code = "rate_limited"       // 429: too often
	Internal         Code = "internal"           // 500: our fault
	Unavailable      Code = "unavailable"        // 503: try again later; nothing was accepted
)

// Field is one refused value: where it stands ("parameters.model", "query.limit")
// and what to do. It never repeats the value, which may be a secret.
type Field struct {
	Field   string
	Message string
}

// Error is an error with a code and a sentence for a person. Message says what is
// wrong and what to do; Err, the cause, goes to the log and never to a client.
type Error struct {
	Code    Code
	Message string
	Fields  []Field
	Err     error
}

// New makes an Error that has no cause beneath it.
func New(code Code, message string, fields ...Field) *Error {
	return &Error{Code: code, Message: message, Fields: fields}
}

// Newf is New with a formatted message.
func Newf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes an Error from a cause. The cause's text is part of Error() for the
// log, and not of Message.
func Wrap(err error, code Code, message string) *Error {
	return &Error{Code: code, Message: message, Err: err}
}

// InvalidField is the commonest refusal: one field, one sentence.
func InvalidField(field, message string) *Error {
	return &Error{Code: Invalid, Message: field + ": " + message, Fields: []Field{{field, message}}}
}

// Error gives the message, the fields it does not name yet, and the cause.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	for _, f := range e.Fields {
		if !strings.Contains(e.Message, f.Message) {
			b.WriteString("; " + f.Field + ": " + f.Message)
		}
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether err is, or wraps, an Error with the code.
func Is(err error, code Code) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

// CodeOf gives the code of err; Internal when it carries none, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return Internal
}
