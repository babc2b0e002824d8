package sqlite

import (
	"context"
	"database/sql"
	"sync"
	"sync/atomic"
	"time"
)

// The WAL is copied into the file beside the writer, on a connection of its own:
// SQLite's automatic checkpoint would run inside a commit, which waits meanwhile for
// hundreds of pages to be written to all over a large file. What is committed during
// a copy is left over by it, and SQLite begins its WAL anew only when nothing is; so
// the writer copies that little rest itself, between two transactions, once the WAL
// is worth it.
const (
	checkpointWrites = 200         // writes after which the WAL is copied
	checkpointAge    = time.Second // or this after the last time, if there were any
	checkpointFrames = 1000        // pages in the WAL from which on the writer ends the copy
)

// checkpointer copies when the writer kicks it. Its goroutine ends with close.
type checkpointer struct {
	db    *sql.DB // holds no connection between two checkpoints
	kicks chan struct{}
	long  atomic.Bool // the rest is for the writer
	ended chan struct{}
	once  sync.Once
}

func startCheckpointer(path string) (*checkpointer, error) {
	db, err := sql.Open("sqlite", dsn(path, "synchronous(FULL)"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	db.SetMaxIdleConns(0)
	c := &checkpointer{db: db, kicks: make(chan struct{}, 1), ended: make(chan struct{})}
	go c.loop()
	return c, nil
}

func (c *checkpointer) loop() {
	defer close(c.ended)
	for range c.kicks {
		var busy, frames, copied int
		// An error is the disk's: the writer meets it as well, and tells of it.
		if err := c.db.QueryRowContext(context.Background(), partial).Scan(&busy, &frames, &copied); err == nil && frames >= checkpointFrames {
			c.long.Store(true)
		}
	}
}

// partial: PASSIVE waits for nobody, and nobody waits for it.
const partial = "PRAGMA wal_checkpoint(PASSIVE)"

// kick asks for a copy; one that is under way goes on first.
func (c *checkpointer) kick() {
	select {
	case c.kicks <- struct{}{}:
	default:
	}
}

// close waits for the copy under way.
func (c *checkpointer) close() error {
	c.once.Do(func() { close(c.kicks) })
	<-c.ended
	return c.db.Close()
}
