package hostile

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// crowdOrder is what a crowd is told to do.
type crowdOrder struct {
	Address string // host:port
	Path    string
	Count   int
	Events  int // each ends after so many events, unless `end` comes first
}

// crowd opens many streams, says when all are open, reads each to its end, and prints
// how many there were of each digest of what was told.
func crowd(text string) int {
	var o crowdOrder
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return 2
	}
	var open sync.WaitGroup
	var all sync.WaitGroup
	var failed atomic.Int64
	var mu sync.Mutex
	digests := map[string]int{}
	gate := make(chan struct{}, 200) // connects at once: a listener's backlog is short
	for range o.Count {
		open.Add(1)
		all.Go(func() {
			gate <- struct{}{}
			conn, r, err := o.open()
			<-gate
			open.Done()
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				failed.Add(1)
				return
			}
			defer conn.Close()
			d, err := o.read(r)
			if err != nil {
				d = err.Error()
			}
			mu.Lock()
			defer mu.Unlock()
			digests[d]++
		})
	}
	open.Wait()
	fmt.Printf("open %d\n", int64(o.Count)-failed.Load())
	all.Wait()
	b, err := json.Marshal(digests)
	if err != nil {
		return 1
	}
	fmt.Println(string(b))
	return 0
}

func (o *crowdOrder) open() (net.Conn, *bufio.Reader, error) {
	conn, err := (&net.Dialer{Timeout: 30 * time.Second}).Dial("tcp", o.Address)
	if err != nil {
		return nil, nil, err
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", o.Path, o.Address); err != nil {
		return nil, nil, err
	}
	r := bufio.NewReaderSize(conn, 1<<10)
	line, err := r.ReadString('\n')
	if err != nil || !strings.Contains(line, " 200 ") {
		return nil, nil, fmt.Errorf("answered %q: %w", line, err)
	}
	for line != ":\n" { // the first heartbeat: the stream has begun
		if line, err = r.ReadString('\n'); err != nil {
			return nil, nil, err
		}
	}
	return conn, r, nil
}

// read makes a digest of the ids and data of the events.
func (o *crowdOrder) read(r *bufio.Reader) (string, error) {
	h := sha256.New()
	end := false
	for events := 0; events < o.Events; {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", err
		}
		switch {
		case line == "event: end\n":
			end = true
		case strings.HasPrefix(line, "data: ") && !end:
			_, _ = io.WriteString(h, textOf(line))
			events++
		case strings.HasPrefix(line, "data: "):
			return hex.EncodeToString(h.Sum(nil)), nil
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// textOf is a log's text, however it was cut; or the whole line.
func textOf(line string) string {
	var d struct{ Text *string }
	if json.Unmarshal([]byte(strings.TrimPrefix(line, "data: ")), &d) == nil && d.Text != nil {
		return *d.Text
	}
	return line
}
