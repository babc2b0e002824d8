//go:build race

package hostile

// crowdLimit: the race detector ends a process of more than 8,128 goroutines.
const crowdLimit = 1500
