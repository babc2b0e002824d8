//go:build race

package e2e

// raceDetector tells whether these tests run with it.
const raceDetector = true
