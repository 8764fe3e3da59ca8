package page

import (
	"math"
	"strconv"
	"time"
)

// full is the height of a picture's data in their own units: whole numbers are
// fine enough.
const full = 1000

// scale places values on a picture's vertical axis: 0 is its top, full its bottom.
type scale struct {
	low, high float64 // low < high; both positive if log
	log       bool
}

// logScale fits the values from low to high, which are durations in milliseconds,
// with some air around them.
func logScale(low, high float64) scale {
	low = max(low, 0.001)
	high = max(high, low*1.2)
	air := math.Pow(high/low, 0.06)
	return scale{low: low / air, high: high * air, log: true}
}

// linearScale fits the values from 0 to high.
func linearScale(high float64) scale {
	if !(high > 0) {
		high = 1
	}
	return scale{low: 0, high: high * 1.08}
}

// share returns where a value lies: 0 at the low end, 1 at the high end.
func (s scale) share(v float64) float64 {
	v = min(max(v, s.low), s.high)
	if s.log {
		return math.Log(v/s.low) / math.Log(s.high/s.low)
	}
	return (v - s.low) / (s.high - s.low)
}

// y returns a value's place from the top.
func (s scale) y(v float64) int { return int(math.Round((1 - s.share(v)) * full)) }

// ticks returns round values on the scale, at most about n.
func (s scale) ticks(n int) []float64 {
	if s.log && s.high/s.low > 5 {
		return s.decades(n)
	}
	step := roundStep((s.high - s.low) / float64(n))
	var ticks []float64
	for i := math.Ceil(s.low / step); i*step <= s.high; i++ {
		ticks = append(ticks, clean(i*step))
	}
	return ticks
}

// decades returns 1, 2 and 5 of each power of ten, or the powers alone where those
// are too many.
func (s scale) decades(n int) []float64 {
	for _, of := range [][]float64{{1, 2, 5}, {1, 3}, {1}} {
		var ticks []float64
		for e := math.Floor(math.Log10(s.low)); e <= math.Log10(s.high); e++ {
			for _, m := range of {
				if v := clean(m * math.Pow(10, e)); v >= s.low && v <= s.high {
					ticks = append(ticks, v)
				}
			}
		}
		if len(ticks) <= n+1 || len(of) == 1 {
			return ticks
		}
	}
	return nil
}

// roundStep returns 1, 2 or 5 of a power of ten, at least as long as step.
func roundStep(step float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(step)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= step*0.999 {
			return clean(m * power)
		}
	}
	return clean(10 * power)
}

// clean takes away what floating point added.
func clean(v float64) float64 {
	v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', 12, 64), 64)
	return v
}

// moment is a tick on a time axis.
type moment struct {
	at    float64 // share of the axis
	text  string
	minor bool // left out where there is little room
}

// momentSteps are the distances there may be between ticks below a day.
var momentSteps = []time.Duration{
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
}

// moments returns about n round ticks between two moments, in the local time of a
// zone: whatever the clocks do, noon is noon.
func moments(since, until time.Time, zone *time.Location, n int) (ticks []moment) {
	length := until.Sub(since)
	step, days := 24*time.Hour, 1
	for length/(time.Duration(days)*step) > time.Duration(n) {
		days++
	}
	for _, s := range momentSteps {
		if length/s <= time.Duration(n) {
			step = s
			break
		}
	}
	y, m, d := since.In(zone).Date()
	if step == 24*time.Hour { // count from a fixed day, so that a moving window keeps its ticks
		d -= int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix()/86400) % days
	}
	last := time.Time{}
	for day := 0; ; day += days {
		for of := time.Duration(0); of < 24*time.Hour; of += step {
			at := time.Date(y, m, d+day, 0, 0, int(of/time.Second), 0, zone)
			if at.After(until) {
				return ticks
			}
			if at.Before(since) || !at.After(last) {
				continue
			}
			last = at
			ticks = append(ticks, moment{
				at: float64(at.Sub(since)) / float64(length), text: momentText(at, step), minor: len(ticks)%2 == 1,
			})
		}
	}
}

func momentText(at time.Time, step time.Duration) string {
	switch {
	case step >= 24*time.Hour || at.Hour() == 0 && at.Minute() == 0 && at.Second() == 0 && step >= time.Hour:
		return at.Format("Mon 2 Jan")
	case step < time.Minute:
		return at.Format("15:04:05")
	}
	return at.Format("15:04")
}
