//go:build !unix

package regular

// nonBlocking: a name of a file is no pipe here.
const nonBlocking = 0
