package store

import "time"

// clock is the present as retention takes it. A wall clock that steps forward (a
// wrong time server, a board whose battery is empty) would make everything on
// record too old at once. So the present runs on with the monotonic clock, and a
// wall clock that is ahead of it is believed once it has been so for a day; one
// that is behind is believed at once, for that deletes nothing.
type clock struct {
	present time.Time
	seen    time.Time // the wall clock when it was last looked at
	ahead   time.Time // since when it is ahead; zero where it is not
	checked bool      // against what is on record
}

const (
	// aheadUnasked is how far the wall clock may run ahead without a doubt.
	aheadUnasked = time.Minute
	// believedAfter is how long it must be ahead to be believed.
	believedAfter = day
)

// start begins with what the wall clock says.
func (c *clock) start(wall time.Time) { c.present, c.seen = wall.Round(0), wall }

// found corrects the start by the newest moment on record, if there is one: the
// wall clock may be wrong already. Only a start that also finds cycles of the wrong
// time, from a start before it, takes that for the present.
func (c *clock) found(newest time.Time) {
	c.checked = true
	if !newest.IsZero() && newest.Before(c.present) {
		c.present = newest.Round(0)
	}
}

// step returns how far the wall clock was stepped since it was last looked at.
func (c *clock) step(wall time.Time) time.Duration {
	return wall.Round(0).Sub(c.seen.Round(0)) - wall.Sub(c.seen)
}

// at returns the present when the wall clock, as time.Now returns it, says wall.
func (c *clock) at(wall time.Time) time.Time {
	c.present = c.present.Add(wall.Sub(c.seen))
	c.seen = wall
	says := wall.Round(0)
	switch {
	case says.Sub(c.present) <= aheadUnasked:
		c.present, c.ahead = says, time.Time{}
	case c.ahead.IsZero():
		c.ahead = wall
	case wall.Sub(c.ahead) >= believedAfter:
		c.present, c.ahead = says, time.Time{}
	}
	return c.present
}
