//go:build !race

package hostile

// crowdLimit is what one server is to hold.
const crowdLimit = 10_000
