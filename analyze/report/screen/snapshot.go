package screen

import (
	"slices"
	"time"

	"wanctl/analyze"
	"wanctl/analyze/report"
)

// Snapshot is what is known at one moment. It is not changed once it is made.
type Snapshot struct {
	At     time.Time
	Window time.Duration // what the figures of the loops are of
	Files  []File
	Loops  []Loop
}

// Loading tells whether there is more on record that is yet to be read.
func (s *Snapshot) Loading() bool {
	return slices.ContainsFunc(s.Files, func(f File) bool { return !f.Loading.IsZero() && f.Trouble == "" })
}

// File is a recording as it is being watched.
type File struct {
	Path    string
	Newest  time.Time // the newest record in it; zero for none
	Rings   int       // daemons that are looked in on while they record
	Loading time.Time // its cycles are read up to here so far; zero: up to the newest
	Trouble string    // why it cannot be read at present; "" if it can
	Unseen  string    // why a daemon cannot be looked in on; "" if there is none
}

// Loop is what is known of a loop.
type Loop struct {
	analyze.Recent
	Live bool // seen as it runs; else as the file is flushed
}

// String names the loop, e.g. "autorate wan1".
func (l *Loop) String() string { return report.Printable(l.Loop.String()) }

// Age is how long ago the newest cycle ended, at least 0.
func (l *Loop) Age(now time.Time) time.Duration {
	return max(0, now.Sub(l.Last.Start.Add(l.Last.Total)))
}

// Silent tells whether there should have been another cycle by now: of a loop that
// is seen as it runs after some intervals; of one that is not after the longest time
// that may pass between two flushes.
func (l *Loop) Silent(now time.Time) bool {
	allowed := 65 * time.Minute
	if l.Live {
		allowed = max(5*time.Second, 5*l.Run.Budget)
	}
	return l.Age(now) > allowed
}
