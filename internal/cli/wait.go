package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/pflag"

	"github.com/kedrod/kedrod/client"
)

// waitFlags are --wait and --wait-timeout.
type waitFlags struct {
	on   bool
	text string
}

func (w *waitFlags) flags(flags *pflag.FlagSet) {
	flags.BoolVar(&w.on, "wait", false, "wait for the job's end; the exit code tells it")
	flags.StringVar(&w.text, "wait-timeout", "", "wait at most this long, seconds or a duration, then exit 6; the job goes on")
}

// limit gives the time limit, 0 for none.
func (w *waitFlags) limit() (time.Duration, error) {
	s, err := secondsOf("--wait-timeout", w.text)
	if err != nil || s == nil {
		return 0, err
	}
	if *s <= 0 {
		return 0, usagef("--wait-timeout must be more than 0")
	}
	return time.Duration(*s * float64(time.Second)), nil
}

// errTimeUp is the cause when --wait-timeout ends the waiting.
var errTimeUp = errors.New("--wait-timeout is over")

// see waits for a job's end, with its log or a progress line, and tells how it ended.
// When the waiting ends first, by Ctrl-C or its limit, the job goes on: it is given as
// last known, with an error.
func (a *app) see(ctx context.Context, c *client.Client, job *client.Job, follow bool, limit time.Duration) (*client.Job, error) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, errTimeUp)
		defer cancel()
	}
	var err error
	if follow {
		out := a.Streams.Out
		if a.json() {
			out = a.Streams.Err
		}
		err = a.followJob(ctx, c, job.ID, client.FollowOptions{}, out)
	} else {
		a.watch(ctx, c, job)
	}
	var ended *client.Job
	if err == nil {
		ended, err = c.Wait(ctx, job.ID)
	}
	if err == nil {
		a.tellEnd(ended)
		return ended, nil
	}
	if ctx.Err() == nil {
		return nil, err
	}
	code := exitInterrupted
	if errors.Is(context.Cause(ctx), errTimeUp) {
		code = exitNotEnded
	}
	a.say("the job goes on; to follow it: kedrod logs -f %s; to stop it: kedrod cancel %s", short(job.ID), short(job.ID))
	return a.lastKnown(c, job, code), ending(code)
}

// lastKnown asks once more how the job is, for -o json.
func (a *app) lastKnown(c *client.Client, job *client.Job, code int) *client.Job {
	if !a.json() || code == exitInterrupted {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if now, err := c.Job(ctx, job.ID, 0); err == nil {
		return now
	}
	return job
}

// tellEnd says how a job ended and what to do next.
func (a *app) tellEnd(job *client.Job) {
	length := ""
	if job.ExecutionTime != nil {
		length = seconds(*job.ExecutionTime)
	}
	id := short(job.ID)
	switch job.Status {
	case "completed":
		a.say("%s %s in %s", id, a.err.status("completed"), or(length, "no time"))
	case "failed":
		a.say("%s %s%s: %s", id, a.err.status("failed"), after(length), failure(job))
		a.say("its log: kedrod logs %s", id)
	default:
		a.say("%s %s%s", id, a.err.status(clean(job.Status)), after(length))
	}
}

func after(length string) string {
	if length == "" {
		return ""
	}
	return " after " + length
}

// failure is the typed reason with its sentence, on one line.
func failure(job *client.Job) string {
	reason, message := text(job.Reason), clean(text(job.ErrorMessage))
	switch {
	case message == "":
		return or(reason, "no reason is known")
	case reason == "":
		return message
	}
	return reason + ": " + message
}

func or(first, second string) string {
	if first != "" {
		return first
	}
	return second
}

// followJob prints the log of a job as it grows, attempt after attempt from the given
// one (0: the last), until the job has ended.
func (a *app) followJob(ctx context.Context, c *client.Client, id string, o client.FollowOptions, out io.Writer) error {
	attempt, tail := o.Attempt, o.Tail
	once := attempt > 0
	for {
		job, err := c.WaitAttempt(ctx, id, attempt)
		if err != nil {
			return err
		}
		if attempt == 0 {
			attempt = job.Attempt
		}
		if job.Attempt == 0 || job.Attempt < attempt && !once {
			return nil // it ended before this attempt
		}
		for chunk, err := range c.FollowLogs(ctx, id, client.FollowOptions{Attempt: attempt, Tail: tail, Format: o.Format}) {
			if err != nil {
				return err
			}
			if _, err := io.WriteString(out, chunk.Text); err != nil {
				return err
			}
		}
		if once {
			return nil
		}
		attempt, tail = attempt+1, 0
	}
}
