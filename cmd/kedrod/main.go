// Command kedrod serves Kedro projects over HTTP, and calls such a service.
package main

import (
	"context"
	"os"

	"github.com/kedrod/kedrod/internal/cli"
)

// version is stamped in by -ldflags "-X main.version=…".
var version = "dev"

func main() {
	dir, err := os.Getwd()
	if err != nil {
		dir = "."
	}
	os.Exit(cli.Program{
		Version: version,
		Backend: backend(version),
		Streams: cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr},
		Environ: os.Environ(),
		Dir:     dir,
	}.Run(context.Background(), os.Args[1:]))
}
