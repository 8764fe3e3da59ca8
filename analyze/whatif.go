package analyze

import (
	"cmp"
	"context"
	"slices"
	"time"

	"wanctl/cycle"
)

// Forecast is what a loop would do at another interval, if its cycles took as
// long as those recorded.
type Forecast struct {
	Daemon      cycle.Daemon
	WAN         string
	Interval    time.Duration
	Cycles      int64   // that the forecast rests on
	Overruns    float64 // share of the cycles
	Missed      float64 // share of the slots
	Utilization float64 // share of the time that a cycle is under way
	BytesPerDay int64   // that the recording would keep, before it is bounded by age and size
}

// schedule runs recorded cycles by the loop's rule at another interval.
type schedule struct {
	interval time.Duration
	now      time.Duration // since the first slot
	slot     int64         // the next one
	busy     time.Duration
	cycles   int64
	overruns int64
	missed   int64
	timings  int64
}

// run runs one more cycle: in the slot that is due, at once if that has begun.
func (s *schedule) run(took time.Duration, timings int) {
	s.now = max(s.now, time.Duration(s.slot)*s.interval)
	due := int64(s.now / s.interval)
	s.missed += max(0, due-s.slot)
	s.slot = max(s.slot, due) + 1
	s.now += took
	s.busy += took
	s.cycles++
	s.timings += int64(timings)
	if took.Microseconds() > s.interval.Microseconds() { // as recorded
		s.overruns++
	}
}

// What a recording keeps: per cycle, per timing of it in the minutes, and per
// minute and series. Measured on a week at 20 Hz.
const (
	bytesPerCycle  = 100
	bytesPerTiming = 1.3
	bytesPerSeries = 90
)

func (s *schedule) forecast() Forecast {
	slots := s.cycles + s.missed
	end := max(s.now, time.Duration(s.slot)*s.interval)
	timings := float64(s.timings)/float64(s.cycles) + 2 // the total and the lateness
	perDay := float64(24*time.Hour) / float64(end) * float64(s.cycles)
	return Forecast{
		Interval: s.interval, Cycles: s.cycles, Overruns: ratio(s.overruns, s.cycles), Missed: ratio(s.missed, slots),
		Utilization: float64(s.busy) / float64(end),
		BytesPerDay: int64(perDay*(bytesPerCycle+bytesPerTiming*timings) + 24*60*timings*bytesPerSeries),
	}
}

// WhatIf tells for each interval what each loop would do, by running its recorded
// cycles on that schedule.
func WhatIf(ctx context.Context, w cycle.Window, intervals []time.Duration, o Options, sources ...Source) (fs []Forecast, err error) {
	loops := map[loopKey][]*schedule{}
	for c, err := range Cycles(ctx, w, o, sources...) {
		if err != nil {
			return nil, err
		}
		k := loopKey{c.Run.Daemon, c.Run.WAN}
		if loops[k] == nil {
			for _, d := range intervals {
				loops[k] = append(loops[k], &schedule{interval: d})
			}
		}
		for _, s := range loops[k] {
			s.run(c.Total, len(c.Spans))
		}
	}
	for k, schedules := range loops {
		for _, s := range schedules {
			f := s.forecast()
			f.Daemon, f.WAN = k.daemon, k.wan
			fs = append(fs, f)
		}
	}
	slices.SortFunc(fs, func(a, b Forecast) int {
		return cmp.Or(cmp.Compare(a.Daemon, b.Daemon), cmp.Compare(a.WAN, b.WAN), cmp.Compare(a.Interval, b.Interval))
	})
	return fs, nil
}
