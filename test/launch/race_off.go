//go:build !race

package launch

// RaceDetector tells whether the tests run with it, and so the binary that Build makes.
const RaceDetector = false
