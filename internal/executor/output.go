package executor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"
	"time"
)

// maxOutput is how much of each of its two streams a helper process may write.
const maxOutput = 16 << 20

// ErrOutputTooLong is what Output returns for a helper that writes more than 16 MiB to one stream; it is killed then.
var ErrOutputTooLong = errors.New("the process wrote more than 16 MiB")

// Command is a short helper process: its output is gathered in memory.
type Command struct {
	Argv  []string
	Dir   string
	Env   []string      // the whole environment
	Limit time.Duration // 0: ctx alone bounds it
}

// Result is what a helper process left. ExitCode is 128 + the signal's number if one ended it.
type Result struct {
	Stdout, Stderr []byte
	ExitCode       int
}

// Output runs a helper process through the same door as runs, with a group and marker of its own and no standard input, and returns when its last
// process is gone. An exit status other than 0 is no error. If ctx ends or the limit passes, all of it is killed and the error wraps
// context.Canceled or context.DeadlineExceeded; what it had written until then is in the result.
func (e *Executor) Output(ctx context.Context, cmd Command) (Result, error) {
	if cmd.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, cmd.Limit)
		defer cancel()
	}
	var out, errOut gatherer
	defer out.close()
	defer errOut.close()
	if err := errors.Join(out.open(), errOut.open()); err != nil {
		return Result{}, fmt.Errorf("make a pipe: %w", err)
	}
	r, err := e.begin(ctx, Spec{
		RunID: "helper-" + strconv.FormatUint(e.helpers.Add(1), 10),
		Argv:  cmd.Argv, Dir: cmd.Dir, Env: cmd.Env,
	}, streams{e.null, out.w, errOut.w})
	if err != nil {
		return Result{}, err
	}
	over := make(chan struct{}, 2)
	out.start(over)
	errOut.start(over)
	select {
	case <-r.Done():
	case <-over:
		err = ErrOutputTooLong
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		if stuck := r.Stop(context.WithoutCancel(ctx), Grace{}); stuck != nil {
			err = errors.Join(err, stuck)
		}
	}
	res := Result{Stdout: out.bytes(), Stderr: errOut.bytes()}
	if r.isDone() {
		res.ExitCode = r.exit.ShellCode()
	}
	if err == nil && (out.over || errOut.over) {
		err = ErrOutputTooLong
	}
	if err != nil {
		return res, fmt.Errorf("%s: %w", cmd.Argv[0], err)
	}
	return res, nil
}

// gatherer reads one stream of a helper into memory.
type gatherer struct {
	r, w *os.File
	buf  bytes.Buffer
	over bool // more came than may
	wg   sync.WaitGroup
}

func (g *gatherer) open() (err error) {
	g.r, g.w, err = os.Pipe()
	return err
}

// start closes our copy of the writing end, which the child has by now, and reads until the last writer is gone.
func (g *gatherer) start(over chan<- struct{}) {
	_ = g.w.Close()
	g.wg.Go(func() {
		n, _ := io.Copy(&g.buf, io.LimitReader(g.r, maxOutput+1))
		if n > maxOutput {
			g.over = true
			g.buf.Truncate(maxOutput)
			over <- struct{}{}
		}
	})
}

// bytes is what was read. The processes are gone by now; should a stranger hold the pipe all the same, it is not waited for.
func (g *gatherer) bytes() []byte {
	_ = g.r.SetReadDeadline(time.Now().Add(time.Second))
	g.wg.Wait()
	return g.buf.Bytes()
}

func (g *gatherer) close() {
	for _, f := range []*os.File{g.r, g.w} {
		if f != nil {
			_ = f.Close() // one end may be closed already
		}
	}
}
