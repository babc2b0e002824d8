package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

func (a *app) login() *cobra.Command {
	var forget bool
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Keep a service's URL and key for the other verbs",
		Long: `Keep a service's URL and key for the other verbs.

The key is read from --api-key-file, KEDROD_API_KEY or KEDROD_API_KEY_FILE, else asked
for, or read from standard input. The service is asked whether it knows the key; then
URL and key go into $XDG_CONFIG_HOME/kedrod/credentials, which only you may read. The
key is sent to that URL only. Flags and variables go before it.`,
		Example: "  kedrod login --url https://kedrod.example.com\n  kedrod login --api-key-file key.txt",
		Args:    args(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if forget {
				return a.forget()
			}
			t := target{url: a.url}
			if t.url == "" {
				t.url = or(a.environ["KEDROD_URL"], defaultURL)
			}
			var err error
			if t.key, err = a.givenKey(); err == nil && t.key == "" {
				t.key, err = a.askKey(t.url)
			}
			if err != nil {
				return err
			}
			c, err := a.clientOf(t)
			if err != nil {
				return err
			}
			if _, err := c.Projects(cmd.Context()); err != nil {
				return err
			}
			path, err := a.writeCredentials(credentials{URL: t.url, Key: t.key})
			if err != nil {
				return err
			}
			if a.json() {
				return printJSON(a.Streams.Out, map[string]string{"url": c.URL(), "path": path})
			}
			a.say("logged in to %s; the key is in %s", c.URL(), path)
			return nil
		},
	}
	cmd.Flags().BoolVar(&forget, "forget", false, "remove what was kept")
	return cmd
}

func (a *app) forget() error {
	path := a.credentialsPath()
	if path == "" {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	a.say("no key is kept")
	return nil
}

// askKey reads a key, without showing it on a terminal.
func (a *app) askKey(url string) (string, error) {
	var line string
	if f, ok := a.Streams.In.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		_, _ = fmt.Fprintf(a.Streams.Err, "key for %s: ", url)
		b, err := term.ReadPassword(int(f.Fd()))
		_, _ = fmt.Fprintln(a.Streams.Err)
		if err != nil {
			return "", fmt.Errorf("read the key: %w", err)
		}
		line = string(b)
	} else {
		var err error
		if line, err = bufio.NewReader(io.LimitReader(a.Streams.In, maxKeyFile)).ReadString('\n'); err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the key: %w", err)
		}
	}
	key := strings.TrimSpace(line)
	if key == "" {
		return "", usagef("there is no key: give it on standard input, or in a file by --api-key-file")
	}
	return key, nil
}
