package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/kedrod/kedrod/internal/fault"
)

// sqlState is the SQLSTATE of err, "" when it has none.
func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// errGone stands for a job that was there a moment ago.
var errGone = errors.New("the job has just been deleted")

// again tells errors after which the same transaction may be tried anew at once: nothing
// of it stands, and who was in the way has gone on.
func again(err error) bool {
	switch sqlState(err) {
	case "40001", "40P01": // others were in the way, or each in the other's
		return true
	}
	return false
}

// storeFault makes what a person is told of a database that can't be used; other errors
// stay as they are.
func storeFault(err error) error {
	var known *fault.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	if message := trouble(err); message != "" {
		return fault.Wrap(bare(err), fault.Unavailable, message)
	}
	return err
}

// trouble is the sentence for an error that means that the store is away; "" for others.
func trouble(err error) string {
	state := sqlState(err)
	switch state {
	case "53100":
		return "the database's disk is full; nothing was accepted: free some space there and try again"
	case "53300":
		return "the database takes no more connections; nothing was accepted: raise max_connections, or lower pool_max_conns in database_url"
	case "57014": // query_canceled: statement_timeout
		return "the database took too long; nothing was accepted: try again"
	case "55P03": // lock_not_available
		return "another change of the same job is still under way; nothing was accepted: try again"
	case "25006": // read_only_sql_transaction
		return "the database takes no writes (a standby, or set read-only); nothing was accepted"
	case "28000", "28P01", "3D000", "42501":
		return "the database refuses us: check user, password and database in database_url, and what that user may do"
	case "40001", "40P01":
		return "the database is too busy with other changes of the same jobs; nothing was accepted: try again"
	}
	switch class := state[:min(2, len(state))]; class {
	case "08", "53", "57", "58", "XX": // connection, resources, operator intervention, system, internal
		return "the database has trouble; nothing was accepted: try again, and see its log"
	}
	var connect *pgconn.ConnectError
	var network net.Error
	if state == "" && (errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || pgconn.Timeout(err) || strings.Contains(err.Error(), "conn closed") || strings.Contains(err.Error(), "closed pool")) {
		return "the database can't be reached; nothing was accepted: try again in a moment"
	}
	return ""
}

// bare leaves out of an error what names the URL's parts: the text of failed connects
// begins with user and database.
func bare(err error) error {
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		if inner := connect.Unwrap(); inner != nil {
			return inner
		}
	}
	return err
}

// callFault is the error of a call: an end of the caller's context stays what it is.
func callFault(caller context.Context, err error) error {
	if cerr := caller.Err(); cerr != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return cerr
	}
	return storeFault(err)
}
