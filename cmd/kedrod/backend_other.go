//go:build !unix

package main

import "github.com/kedrod/kedrod/internal/cli"

// backend is empty here: this system has the client's verbs only.
func backend() cli.Backend { return cli.Backend{} }
