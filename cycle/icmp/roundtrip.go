package icmp

import "time"

// roundTrip returns the time from sending an echo to the arrival of its answer,
// in whole microseconds and at least one.
//
// The program's own clock tells how long it was until the answer was read. The
// kernel's stamp tells how long before that it had arrived. The stamp is wall
// time, which may have been set in between; only the wait for being read is ever
// measured with it, so that a step in flight does no harm, and one during that
// wait shows as a wait that cannot be.
func roundTrip(sent, read, stamp time.Time) time.Duration {
	rtt := read.Sub(sent)
	if !stamp.IsZero() {
		if wait := read.Round(0).Sub(stamp); wait >= 0 && wait <= rtt {
			rtt -= wait
		}
	}
	return max(rtt.Round(time.Microsecond), time.Microsecond)
}
