package cli

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/signal"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kedrod/kedrod/client"
)

// printLogJSON prints a log as one object.
func (a *app) printLogJSON(id string, attempt int, body io.Reader) error {
	text, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	object := map[string]any{"id": id, "attempt": nil, "text": strings.ToValidUTF8(string(text), "\uFFFD")}
	if attempt > 0 {
		object["attempt"] = attempt
	}
	return printJSON(a.Streams.Out, object)
}

// jsonLines turns what is written at once into one object a line.
type jsonLines struct{ to io.Writer }

// Write prints {"text": …}.
func (j jsonLines) Write(p []byte) (int, error) {
	line, err := json.Marshal(map[string]string{"text": string(p)})
	if err != nil {
		return 0, err
	}
	if _, err := j.to.Write(append(line, '\n')); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (a *app) logs() *cobra.Command {
	var (
		follow        bool
		attempt, tail int
		format        string
	)
	cmd := &cobra.Command{
		Use:   "logs ID",
		Short: "Print a job's log",
		Long: `Print a job's log, every byte as the run wrote it. With -f it is printed as it grows,
until the job has ended; the exit code is then that of the job.`,
		Args: args(1, 1, "one id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case attempt < 0 || cmd.Flags().Changed("attempt") && attempt == 0:
				return usagef("--attempt counts from 1")
			case tail < 0 || cmd.Flags().Changed("tail") && tail == 0:
				return usagef("--tail must be 1 or more")
			case format != "text" && format != "jsonl":
				return usagef("--format must be text or jsonl")
			case format == "jsonl" && a.json():
				return usagef("give either --format jsonl or -o json")
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			c, err := a.client()
			if err != nil {
				return err
			}
			id, err := a.resolve(ctx, c, args[0])
			if err != nil {
				return err
			}
			if !follow {
				body, err := c.Logs(ctx, id, client.LogOptions{Attempt: attempt, Tail: tail, Format: format})
				if err != nil {
					return err
				}
				if a.json() {
					err = a.printLogJSON(id, attempt, body)
				} else {
					_, err = io.Copy(a.Streams.Out, body)
				}
				err = errors.Join(err, body.Close())
				if ctx.Err() != nil {
					return ending(exitInterrupted)
				}
				return err
			}
			out := a.Streams.Out
			if a.json() {
				out = jsonLines{out}
			}
			err = a.followJob(ctx, c, id, client.FollowOptions{Attempt: attempt, Tail: tail, Format: format}, out)
			if ctx.Err() != nil {
				return ending(exitInterrupted)
			}
			if err != nil || attempt > 0 {
				return err
			}
			job, err := c.Wait(ctx, id)
			if err != nil {
				return err
			}
			a.tellEnd(job)
			return endOf(job)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "print it as it grows, until the end")
	cmd.Flags().IntVar(&attempt, "attempt", 0, "of this attempt (default the last one)")
	cmd.Flags().StringVar(&format, "format", "text", "text, or jsonl: an object a line with time, level, node and text")
	cmd.Flags().IntVar(&tail, "tail", 0, "only the last lines")
	return cmd
}
