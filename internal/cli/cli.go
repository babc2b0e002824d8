// Package cli is kedrod's command line: one file a verb. It talks to a service
// through the public client; what needs the service's own rooms (serve, doctor) is
// handed in, so that the client's verbs build where those do not.
//
// Standard output carries the answer, standard error progress and messages. Exit
// codes are decided in exit.go alone.
package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kedrod/kedrod/client"
	"github.com/kedrod/kedrod/internal/config"
	"github.com/kedrod/kedrod/internal/nearest"
)

// Backend is what the command line takes from the rooms it does not know. A nil
// function says that this build has no such part.
type Backend struct {
	// Serve runs the service until it is told to stop by a signal, which it handles
	// itself.
	Serve func(context.Context, config.Config, Streams) error
	// Preflight looks whether this binary could go on for a running service, which asks.
	Preflight func(context.Context, config.Config) error
	// Doctor looks at what serve would find.
	Doctor func(context.Context, config.Config) ([]client.Finding, error)
	// OpenAPI gives the description of the HTTP calls, as JSON.
	OpenAPI func(version string) ([]byte, error)
	// Worker runs jobs of a database, without an address, until it is told to stop by a
	// signal, which it handles itself, or drained.
	Worker func(context.Context, config.Config, Streams) error
	// Local opens a store, without a server, for the verbs of administration; create makes
	// a data folder that is not there yet. It is to be closed.
	Local func(ctx context.Context, at config.StoreAt, create bool) (c *client.Client, closing func() error, err error)
	// Backup, Restore and Import are the verbs of these names, on a data folder.
	Backup  func(ctx context.Context, dataDir, to string) error
	Restore func(ctx context.Context, dataDir, from string) (aside string, err error)
	Import  func(ctx context.Context, cfg config.Config, environ []string, from, project string, resubmit bool) (Imported, error)
	// Migrate is the verb of this name: from is a jobs.db or its folder, to the URL of an
	// empty database.
	Migrate func(ctx context.Context, from, to string, tell func(table string, done, of int64)) (Moved, error)
}

// Imported counts what became of the jobs of another file.
type Imported struct{ New, Known, Unfinished, Skipped int }

// Streams are the three of a process.
type Streams struct {
	In  io.Reader
	Out io.Writer
	Err io.Writer
}

// Program is one call of the command line.
type Program struct {
	Version string
	Backend Backend
	Streams Streams
	Environ []string // "NAME=value"
	Dir     string   // the working directory, for relative paths

	// For tests; nil asks the system.
	Terminal func(io.Writer) (width int, ok bool)
	Now      func() time.Time
	Zone     *time.Location
}

// Run does what args (without the program's name) say and gives the exit code. The
// context ends what waits, as Ctrl-C does.
func (p Program) Run(ctx context.Context, args []string) int {
	a := p.app(args)
	root := a.root()
	root.SetArgs(args)
	root.SetIn(p.Streams.In)
	root.SetOut(p.Streams.Out)
	root.SetErr(p.Streams.Err)
	err := root.ExecuteContext(ctx)
	if err != nil && !a.started {
		err = &usageError{message: err.Error()}
	}
	a.report(err)
	return exitCode(err)
}

// app is what every verb needs.
type app struct {
	Program
	args     []string
	environ  map[string]string
	out, err terminal
	started  bool // flags and arguments were in order
	url      string
	keyFile  string
	output   string
}

func (p Program) app(args []string) *app {
	a := &app{Program: p, args: args, environ: map[string]string{}}
	for _, entry := range p.Environ {
		if name, value, ok := strings.Cut(entry, "="); ok {
			a.environ[name] = value
		}
	}
	if a.Terminal == nil {
		a.Terminal = systemTerminal
	}
	if a.Now == nil {
		a.Now = time.Now
	}
	if a.Zone == nil {
		a.Zone = time.Local
	}
	a.out, a.err = a.terminal(p.Streams.Out), a.terminal(p.Streams.Err)
	return a
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "kedrod",
		Short:         "Kedro projects as a service: submit pipeline runs over HTTP, watch, cancel and find them",
		Version:       a.Version,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          a.noVerb,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate(a.versionLine() + "\n")
	root.PersistentFlags().StringVar(&a.url, "url", "", "the service to call (default $KEDROD_URL, kedrod login, else http://127.0.0.1:8000)")
	root.PersistentFlags().StringVar(&a.keyFile, "api-key-file", "", "file that holds the key to send (default $KEDROD_API_KEY, $KEDROD_API_KEY_FILE, kedrod login)")
	root.PersistentFlags().StringVarP(&a.output, "output", "o", "text", "form of the answer: text or json")
	root.PersistentPreRunE = func(*cobra.Command, []string) error {
		if a.output != "text" && a.output != "json" {
			return fmt.Errorf("-o must be text or json")
		}
		a.started = true
		return nil
	}
	root.SetFlagErrorFunc(nearestFlag)
	root.AddCommand(
		a.serve(), a.worker(), a.doctor(), a.backup(), a.restore(), a.importJobs(), a.migrate(), a.config(),
		a.submit(), a.ps(), a.show(), a.logs(), a.cancel(), a.retry(),
		a.pipelines(), a.projects(), a.workers(),
		a.keys(), a.audit(), a.login(),
		a.openapi(), a.version(),
	)
	root.AddCommand(laterVerbs()...)
	return root
}

// noVerb refuses words that are no verb, with the nearest one.
func (a *app) noVerb(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		if !c.Hidden {
			names = append(names, c.Name())
		}
	}
	message := fmt.Sprintf("there is no verb %s", quote(args[0]))
	if near := nearest.Names(args[0], names, 1); len(near) > 0 {
		message += "; kedrod " + near[0] + " is the nearest"
	}
	return fmt.Errorf("%s. kedrod --help lists them", message)
}

func (a *app) json() bool { return a.output == "json" }
