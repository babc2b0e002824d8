package hostile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/kedrod/kedrod/internal/job"
	"github.com/kedrod/kedrod/internal/store"
)

// peak samples the heap until it is asked for the most that it held. It is collected
// often meanwhile: what is garbage, which grows with all that tests before have left
// and with the machine's load, is not held.
func peak() func() uint64 {
	percent := debug.SetGCPercent(25)
	done := make(chan struct{})
	var most uint64
	var sampling sync.WaitGroup
	sampling.Go(func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			most = max(most, m.HeapInuse)
			select {
			case <-tick.C:
			case <-done:
				return
			}
		}
	})
	return func() uint64 {
		close(done)
		sampling.Wait()
		debug.SetGCPercent(percent)
		return most
	}
}

// TestOneLongLine: a log that is one endless line is read, followed and cut to its
// last line in a small part of its size.
func TestOneLongLine(t *testing.T) {
	s := newServer(t)
	ref, path := s.running()
	const size = 128 << 20
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	block := bytes.Repeat([]byte("x"), 1<<20)
	for range size / len(block) {
		_, err := f.Write(block)
		require.NoError(t, err)
	}
	require.NoError(t, f.Close())
	_, err = s.store.Report(t.Context(), ref, job.Outcome{Status: job.Completed, EndedAt: time.Now()}, store.Advance{})
	require.NoError(t, err)

	before := memory()
	most := peak()
	for _, query := range []string{"", "?tail=1", "?follow=true", "?format=jsonl", "?format=jsonl&follow=true", "?format=jsonl&tail=1"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"/api/v1/jobs/"+ref.JobID+"/logs"+query, nil)
		require.NoError(t, err)
		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, resp.StatusCode)
		n, err := countX(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, size, n, query)
	}
	held := int64(most()) - before
	t.Logf("%d MiB held at most", held>>20)
	require.Less(t, held, int64(size/4))
}

// countX counts the log's letters.
func countX(r io.Reader) (n int, err error) {
	b := bufio.NewReaderSize(r, 64<<10)
	for {
		part, err := b.ReadSlice('\n')
		if !bytes.HasPrefix(part, []byte("event: ")) {
			n += strings.Count(string(part), "x")
			n -= strings.Count(string(part), `"text"`)
		}
		if err == io.EOF {
			return n, nil
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return n, err
		}
	}
}
