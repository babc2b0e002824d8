package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// recorder keeps one figure of one stack.
type recorder func(key string, value float64)

const (
	settle    = 2 * time.Second  // after a start, before memory is read
	drainTime = 10 * time.Minute // for everything submitted to end
	startTime = 60 * time.Second // for a stack to answer
	many      = 16               // clients of the heavier load
)

// measure takes one round of figures of one stack, with a no-op in place of Kedro and then with Kedro itself.
func measure(ctx context.Context, o options, s stack, n *noop, folder string, record recorder, say func(string, ...any)) error {
	err := during(ctx, s, folder, n.path, func(up *service) error {
		record("ready", milliseconds(time.Since(up.began)))
		return measureNoop(ctx, o, up, n, record, say)
	})
	if err != nil || o.realJobs == 0 {
		return err
	}
	return during(ctx, s, folder+"-real", "", func(up *service) error {
		// The first run fills Python's caches of compiled files.
		if _, err := up.through(ctx, 1, 1); err != nil {
			return err
		}
		rate, err := up.through(ctx, o.realJobs, many)
		if err != nil {
			return err
		}
		say("  %.1f Kedro jobs/s through", rate)
		record("real_through", rate)
		return nil
	})
}

// during starts a stack, waits until it answers, and ends it after what is done with it, whatever comes of that.
func during(ctx context.Context, s stack, folder, kedro string, do func(*service) error) (err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	up, err := s.start(ctx, folder, kedro)
	defer func() {
		if stopped := up.stop(); err == nil {
			err = stopped
		}
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, tails(folder))
		}
	}()
	if err != nil {
		return err
	}
	if err := up.await(ctx, startTime); err != nil {
		return err
	}
	return do(up)
}

func measureNoop(ctx context.Context, o options, up *service, n *noop, record recorder, say func(string, ...any)) error {
	if _, err := up.through(ctx, 1, 1); err != nil {
		return err
	}
	if err := pause(ctx, settle); err != nil {
		return err
	}
	memory, err := up.memory()
	if err != nil {
		return err
	}
	record("memory_fresh", memory)

	delays, err := up.starts(ctx, n, o.starts)
	if err != nil {
		return err
	}
	record("start_p50", milliseconds(quantile(delays, 0.5)))
	record("start_p99", milliseconds(quantile(delays, 0.99)))
	say("  submission to process: p50 %.2f ms", milliseconds(quantile(delays, 0.5)))

	for _, clients := range []int{1, many} {
		done, err := up.load(ctx, clients, -1, o.window)
		if err != nil {
			return err
		}
		key := fmt.Sprintf("submit_%d_", clients)
		record(key+"rate", float64(len(done.ids))/done.elapsed.Seconds())
		record(key+"p50", milliseconds(quantile(done.latencies, 0.5)))
		record(key+"p99", milliseconds(quantile(done.latencies, 0.99)))
		record(key+"max", milliseconds(quantile(done.latencies, 1)))
		say("  %d clients: %.0f submissions/s, p99 %.1f ms", clients,
			float64(len(done.ids))/done.elapsed.Seconds(), milliseconds(quantile(done.latencies, 0.99)))
		if _, err := up.drain(ctx, done.ids); err != nil {
			return err
		}
	}

	rate, err := up.through(ctx, o.jobs, many)
	if err != nil {
		return err
	}
	record("through", rate)
	say("  %.0f no-op jobs/s through", rate)
	if err := pause(ctx, settle); err != nil {
		return err
	}
	memory, err = up.memory()
	if err != nil {
		return err
	}
	record("memory_after", memory)
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// tails returns the last lines of a stack's logs, for the error that ends the run.
func tails(folder string) string {
	const most = 2000
	var text strings.Builder
	logs, _ := filepath.Glob(filepath.Join(folder, "*.log"))
	for _, path := range logs {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		fmt.Fprintf(&text, "--- the end of %s\n%s\n", filepath.Base(path), content[max(0, len(content)-most):])
	}
	return text.String()
}
