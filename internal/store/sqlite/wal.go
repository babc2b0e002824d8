package sqlite

import (
	"context"
	"os"
	"time"
)

// walLimit is the size at which the WAL file is emptied by force: it begins anew only
// in a moment without readers, which need not come.
const walLimit = 64 << 20

// wal watches the size of the WAL file.
type wal struct {
	path   string
	limit  int64
	looked time.Time
}

// copyLog sees to it that the WAL gets into the file, see checkpointer.
func (w *writer) copyLog(writes int) {
	if w.writes += writes; w.writes >= checkpointWrites || time.Since(w.kicked) >= checkpointAge {
		w.writes, w.kicked = 0, time.Now()
		w.copier.kick()
	}
	if w.tx == nil || !w.copier.long.CompareAndSwap(true, false) {
		return
	}
	if _, err := w.tx.conn.ExecContext(context.Background(), partial); err != nil && poisonsConnection(err) {
		w.forget()
	}
}

// boundLog empties the WAL when it has grown past its limit. It looks each second at
// most. Readers keep it from that for as long as they read; then it is tried again.
func (w *writer) boundLog() {
	if w.tx == nil || time.Since(w.wal.looked) < time.Second {
		return
	}
	w.wal.looked = time.Now()
	info, err := os.Stat(w.wal.path)
	if err != nil || info.Size() < w.wal.limit {
		return
	}
	ctx := context.Background() // between two transactions: no caller waits for this one
	for _, q := range []string{
		"PRAGMA busy_timeout = 250", // writes wait behind this
		"PRAGMA wal_checkpoint(TRUNCATE)",
		"PRAGMA busy_timeout = 5000",
	} {
		if _, err := w.tx.conn.ExecContext(ctx, q); err != nil && poisonsConnection(err) {
			w.forget()
			return
		}
	}
}

// poisonsConnection tells a broken disk from readers in the way.
func poisonsConnection(err error) bool { return poisons(err) && !busy(err) }
