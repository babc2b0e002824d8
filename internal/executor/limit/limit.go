// Package limit bounds the addresses of a process that is about to become a command: our binary, started with Arg, takes the limit upon itself and
// executes the command. So the limit holds from the command's first instruction, and never for whoever starts it.
//
// It happens in an init function. This package needs only syscall, so its turn comes before that of os, which raises the number of open files, and of
// nearly everything else. Once the limit is set nothing is allocated any more: the Go runtime has more addresses than the limit may allow.
package limit

const (
	// Arg is the first argument that has our binary do this: Arg BYTES PATH ARGV...
	Arg = "__limit"
	// Status is the descriptor of a pipe on which the number of an error comes, in decimal, if the process could not become the command. It closes
	// when it has.
	Status = 3
)
