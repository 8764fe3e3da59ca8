package cycle

import "time"

// Critical divides a cycle's time among the parts it waited on. RTT, CAKE and
// Rule start together, so the longest of them takes the stretch they share and
// the others take nothing; parts that follow take all of their own. What is
// left of the total belongs to no part. With sequential set (imported
// recordings) every part takes its own.
//
// Durations go in and come out in whole microseconds, indexed by Part; a
// negative one did not run. The result depends on the recorded durations
// alone, so rows and minutes of the same cycles agree to the microsecond.
func Critical(us *[NumParts]int64, sequential bool) (critical [NumParts]int64, other int64) {
	longest := RTT
	other = us[Total]
	for _, p := range Stretches {
		if us[p] < 0 {
			continue
		}
		if p <= Rule && !sequential {
			if us[p] > us[longest] {
				longest = p
			}
			continue
		}
		critical[p] = us[p]
		other -= us[p]
	}
	if !sequential && us[longest] > 0 {
		critical[longest] = us[longest]
		other -= us[longest]
	}
	return critical, max(other, 0)
}

// NumParts is the length of an array indexed by Part.
const NumParts = int(parts)

// Micros returns the cycle's durations in whole microseconds, by Part; -1 where
// the part did not run. Probes and other spans, of which there may be several,
// are not in it.
func (c *Cycle) Micros() (us [NumParts]int64) {
	for p := range us {
		us[p] = -1
	}
	us[Total], us[Late] = c.Total.Microseconds(), c.Late.Microseconds()
	for i := range c.Spans {
		switch p := c.Spans[i].Part; p {
		case RTT, CAKE, Rule, Adjust, Update:
			us[p] = max(us[p], 0) + c.Spans[i].Duration.Microseconds()
		}
	}
	return us
}

// FromMicros turns recorded microseconds into a duration.
func FromMicros(us int64) time.Duration { return time.Duration(us) * time.Microsecond }
