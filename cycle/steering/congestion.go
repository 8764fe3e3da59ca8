package steering

import "wanctl/cycle"

// Queue is what one reading of the watched queue told.
type Queue struct {
	Drops  int64 // packets dropped since the reading before; 0 where that is not known
	Queued int64 // packets waiting when it was read
}

// Assess tells how congested the primary WAN is. RED needs every signal at
// once: bloat, drops and a standing queue. YELLOW needs bloat or a queue. Bloat
// is the smoothed delta in ms; drops and depth are the cycle's own, unsmoothed.
// A bloat equal to its threshold is the milder zone, a queue or a number of
// drops equal to theirs is the graver one.
func (t *Thresholds) Assess(bloat float64, q Queue) cycle.Zone {
	switch {
	case bloat > t.RedRTT && q.Drops >= t.MinDropsRed && q.Queued >= t.MinQueueRed:
		return cycle.Red
	case bloat > t.YellowRTT || q.Queued >= t.MinQueueYellow:
		return cycle.Yellow
	}
	return cycle.Green
}

// smooth takes one step of an exponentially weighted average; alpha, in [0, 1],
// is the weight of the new value. An average that is exactly zero counts as not
// begun and takes the new value whole.
//
// Each product is rounded by its conversion before the sum: without it the
// compiler may fuse the two, and the last bits would differ between machines.
func smooth(average, value, alpha float64) float64 {
	if average == 0 {
		return value
	}
	return float64((1-alpha)*average) + float64(alpha*value)
}
