package app

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/user"
	"path/filepath"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/auth"
	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/fault"
	"github.com/kedrod/kedrod/internal/httpapi"
	"github.com/kedrod/kedrod/internal/rundir"
	"github.com/kedrod/kedrod/internal/service"
)

// LocalStore opens a store for whoever may write a data folder's files, or has the
// database's URL: the client it gives calls the same operations as over HTTP, as an administrator, so that
// what is checked and audited is the same. A server may run on the folder meanwhile;
// it notices within a second. create makes a folder that is not there yet. Call close.
func LocalStore(ctx context.Context, at config.StoreAt, create bool) (c *client.Client, closing func() error, err error) {
	dir := at.DataDir
	if !create && at.DatabaseURL == "" {
		if _, err := os.Stat(jobsFile(dir)); errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fault.InvalidField("data_dir", "there is no store in "+dir+": name the data folder of the service with --data-dir, or the service with --url")
		}
	}
	if at.DatabaseURL == "" {
		if err := makeFolder(dir); err != nil {
			return nil, nil, err
		}
	}
	db, err := openStore(ctx, at, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, nil, err
	}
	svc := service.New(service.Options{Store: db, Runs: rundir.New(filepath.Join(dir, "runs")), DataDir: dir, Now: db.Now, Log: slog.New(slog.DiscardHandler)})
	who := localName()
	caller := service.Caller{Name: &who, Rights: auth.Rights()}
	handler := httpapi.New(httpapi.Options{Service: svc, Authenticate: func(*http.Request) (service.Caller, error) { return caller, nil }})
	c, err = client.New("http://local", client.Config{HTTPClient: &http.Client{Transport: direct{handler}}})
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return c, db.Close, nil
}

// localName is what the audit calls somebody who works on the store itself.
func localName() string {
	who := "local"
	if u, err := user.Current(); err == nil {
		who += ":" + u.Username
	}
	return who
}

// direct calls a handler in this process.
type direct struct{ handler http.Handler }

// RoundTrip answers from the handler.
func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := &answer{header: http.Header{}, status: http.StatusOK}
	inner := r.Clone(r.Context())
	inner.RemoteAddr, inner.RequestURI, inner.Host = "local", r.URL.RequestURI(), r.URL.Host
	if inner.Body == nil {
		inner.Body = http.NoBody
	}
	d.handler.ServeHTTP(w, inner)
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.header,
		Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

// answer holds a whole answer.
type answer struct {
	header http.Header
	body   bytes.Buffer
	status int
}

// Header gives the answer's headers, to be changed.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader keeps the status.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write keeps the body.
func (a *answer) Write(b []byte) (int, error) { return a.body.Write(b) }
