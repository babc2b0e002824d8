// Command bench measures kedrod from outside, and beside it the stack in --yardstick (FastAPI, Celery, Redis), in one run
// on one machine: rounds of the same measurements, one stack up at a time, the stacks in turn. It prints a Markdown table
// of medians and writes every figure to a JSON file. Linux only: memory is read from /proc.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are bench's flags.
type options struct {
	kedrod, python, project, pipeline string
	serveArgs, data                   string
	open                              bool // kedrod without authentication
	yardstick, yardstickVenv          string
	out                               string
	rounds, jobs, starts, realJobs    int
	window, limit                     time.Duration
}

func parse(args []string, stderr io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.kedrod, "kedrod", "bin/kedrod", "kedrod's binary (empty: measure the yardstick alone)")
	flags.StringVar(&o.python, "python", ".cache/venv-kedro/bin/python", "an interpreter that has Kedro")
	flags.StringVar(&o.project, "project", "test/projects/minimal", "a Kedro project whose run is trivial")
	flags.StringVar(&o.pipeline, "pipeline", "__default__", "the pipeline to run in it")
	flags.BoolVar(&o.open, "no-auth", false, "measure kedrod without authentication; else each call carries a key (the yardstick knows none)")
	flags.StringVar(&o.data, "data", "", "a data folder of kedrod's to measure with, as one with a long history (none: a new one each round)")
	flags.StringVar(&o.serveArgs, "serve-args", "", "more arguments for kedrod serve, separated by spaces")
	flags.StringVar(&o.yardstick, "yardstick", "", "folder of the stack to measure beside (none: kedrod alone)")
	flags.StringVar(&o.yardstickVenv, "yardstick-venv", ".cache/venv-yardstick", "its Python environment")
	flags.StringVar(&o.out, "out", ".cache/bench/results", "folder for the JSON file")
	flags.IntVar(&o.rounds, "rounds", 3, "rounds; the table has the medians over them")
	flags.DurationVar(&o.window, "window", 3*time.Second, "how long each submission load lasts")
	flags.IntVar(&o.jobs, "jobs", 1000, "no-op jobs that go through, submission to end")
	flags.IntVar(&o.starts, "starts", 50, "jobs whose time from submission to process is taken, one at a time")
	flags.IntVar(&o.realJobs, "real-jobs", 10, "jobs of real Kedro that go through (0: none)")
	flags.DurationVar(&o.limit, "limit", time.Hour, "give up after this long")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	for _, path := range []*string{&o.kedrod, &o.python, &o.project, &o.out, &o.yardstick, &o.yardstickVenv} {
		if err := absolute(path); err != nil {
			return o, err
		}
	}
	return o, nil
}

// absolute leaves symbolic links alone (a virtual environment's python is one), and what is not set.
func absolute(path *string) error {
	if *path == "" {
		return nil
	}
	found, err := filepath.Abs(*path)
	if err != nil {
		return err
	}
	*path = found
	return nil
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	// On the disk of the results: /tmp may be memory, where a durable write costs nothing.
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp(filepath.Dir(o.out), "work-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	// Runs write into their project: into a copy.
	project := filepath.Join(work, "project")
	if err := os.CopyFS(project, os.DirFS(o.project)); err != nil {
		return fmt.Errorf("copying the project: %w", err)
	}
	o.project = project
	noop, err := newNoop(work, o.python)
	if err != nil {
		return err
	}
	defer noop.close()

	var stacks []stack
	if o.kedrod != "" {
		stacks = append(stacks, kedrodStack{o})
	}
	if o.yardstick == "" {
		fmt.Fprintln(stderr, "bench: no yardstick is given: kedrod is measured alone")
	} else {
		stacks = append(stacks, yardstickStack{o})
	}
	say := func(format string, a ...any) { fmt.Fprintf(stderr, "bench: "+format+"\n", a...) }
	report := newReport(ctx, o, noop, work)
	for round := range o.rounds {
		for i := range stacks {
			// Who goes first changes from round to round.
			s := stacks[(i+round)%len(stacks)]
			say("round %d of %d: %s", round+1, o.rounds, s.name())
			folder := filepath.Join(work, fmt.Sprintf("%s-%d", s.name(), round))
			if err := measure(ctx, o, s, noop, folder, report.record(s.name()), say); err != nil {
				return fmt.Errorf("%s, round %d: %w", s.name(), round+1, err)
			}
		}
	}
	return report.write(stdout, o.out)
}
