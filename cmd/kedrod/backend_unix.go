//go:build unix

package main

import "github.com/kedrod/kedrod/internal/cli"

// backend wires the service into the command line.
func backend(string) cli.Backend { return cli.Backend{} }
