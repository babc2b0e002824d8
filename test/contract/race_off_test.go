//go:build !race

package contract

// raceDetector tells whether these tests run with it.
const raceDetector = false
