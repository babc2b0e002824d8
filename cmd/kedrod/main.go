// Command kedrod runs the pipelines of a Kedro project as a service.
package main

import (
	"context"
	"os"

	"github.com/kedrod/kedrod/internal/cli"
)

// version is stamped by the build (-ldflags "-X main.version=…").
var version = "dev"

func main() {
	dir, err := os.Getwd()
	if err != nil {
		dir = "."
	}
	p := cli.Program{
		Version: version, Backend: backend(), Environ: os.Environ(), Dir: dir,
		Streams: cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr},
	}
	os.Exit(p.Run(context.Background(), os.Args[1:]))
}
