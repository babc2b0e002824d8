//go:build !unix

package main

import "github.com/kedrod/kedrod/internal/cli"

// backend is empty here: the service runs on Linux and macOS, the client's verbs
// everywhere.
func backend(string) cli.Backend { return cli.Backend{} }
