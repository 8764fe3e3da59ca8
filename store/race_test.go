//go:build race

package store

// raceDetector makes SQLite itself some twenty times slower.
const raceDetector = true
