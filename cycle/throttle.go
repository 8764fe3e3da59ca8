package cycle

import (
	"log/slog"
	"sync"
	"time"
)

// Throttle keeps the lines that every cycle of a lasting fault would write from
// filling the log of a fast loop. The Python program, whose cycle takes 2 s,
// writes one in each; so does a loop as slow as that, and a faster one writes
// the first and then one every 2 s.
//
// Note: nobody has to say that a fault is over. Away for 2 s it begins afresh by
// itself; and one that comes and goes every other cycle fills no log either.
type Throttle struct {
	off   bool
	mu    sync.Mutex
	lines map[string]*told
}

// told is when a line was last said, and how often it was held back since.
type told struct {
	at     time.Time
	unsaid int64
}

const (
	// throttleEvery is the least time between two lines of one name.
	throttleEvery = 2 * time.Second
	// maxThrottled bounds the names; those beyond share one.
	maxThrottled = 64
)

// NewThrottle returns the Throttle of a loop that runs at the interval.
func NewThrottle(interval time.Duration) *Throttle {
	return &Throttle{off: interval >= throttleEvery, lines: map[string]*told{}}
}

// Say tells whether the line of that name is to be written now, and counts it as
// unsaid if not. A line to be written carries with it how many were not.
func (t *Throttle) Say(name string, now time.Time) (unsaid slog.Attr, ok bool) {
	if t.off {
		return slog.Attr{}, true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lines[name] == nil && len(t.lines) >= maxThrottled {
		name = ""
	}
	l := t.lines[name]
	switch {
	case l == nil:
		t.lines[name] = &told{at: now}
		return slog.Attr{}, true
	case now.Sub(l.at) < throttleEvery:
		l.unsaid++
		return slog.Attr{}, false
	case l.unsaid > 0:
		unsaid = Values("unsaid", l.unsaid)
	}
	*l = told{at: now}
	return unsaid, true
}
