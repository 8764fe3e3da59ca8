//go:build race

package cycle

const raceDetector = true
