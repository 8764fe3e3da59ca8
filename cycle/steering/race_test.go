//go:build race

package steering

// raceDetector tells long series to be shorter: they race with nothing, and
// under the detector they take ten times as long.
const raceDetector = true
