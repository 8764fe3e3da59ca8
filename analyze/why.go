package analyze

import (
	"cmp"
	"context"
	"slices"
	"time"

	"wanctl/cycle"
)

// Explained is a cycle with what made it slow.
type Explained struct {
	Cycle cycle.Cycle // a copy: its spans are its own
	Cause Cause
	Parts []Unusual // the parts that ran, the rest between them, and the total
}

// Unusual is a duration beside what is usual for it.
type Unusual struct {
	Part     cycle.Part // Other stands for what lies between the parts
	Duration time.Duration
	P50, P99 time.Duration // of the label in the window; of the rest 0 where it is not known: its p99, and its p50 where few cycles were read
	Beyond   bool          // longer than 99 of 100, or than anything if they are few
}

// Tally counts the cycles that waited for the same.
type Tally struct {
	Cause Cause
	Count int64
}

// Whys is the answer to "why was it slow?".
type Whys struct {
	Analysis *Analysis
	Cycles   []Explained // slowest first; or the one that was asked for
	Overruns int64       // in the window, of the loops asked for
	Of       int64       // how many cycles the tally is of: the overruns, else those shown
	Tally    []Tally     // most frequent first
	Rows     int64       // cycles of the window that are kept one by one
	// With At, the starts of the cycles on either side of it; zero: none is kept.
	Before, After time.Time
}

// Idle tells whether nothing ran at the moment asked for, as far as is on record: no
// cycle was under way, and those of the window are all there, or those around it are.
func (y *Whys) Idle() bool {
	return len(y.Cycles) == 0 && (y.Rows >= y.Analysis.Cycles() || !y.Before.IsZero() && !y.After.IsZero())
}

// Question chooses the cycles to be explained.
type Question struct {
	Slowest int       // so many, by their total
	At      time.Time // if set: of each loop the cycle that was under way at this moment
}

// Why explains the slowest cycles of the window and counts what its overruns
// waited for. It needs the cycles themselves: minutes do not tell.
func Why(ctx context.Context, w cycle.Window, q Question, o Options, sources ...Source) (*Whys, error) {
	a, err := Analyze(ctx, w, o, sources...)
	if err != nil {
		return nil, err
	}
	y := &Whys{Analysis: a}
	usual := map[loopKey]*usual{}
	for i := range a.Loops {
		l := &a.Loops[i]
		usual[loopKey{l.Daemon, l.WAN}] = usualOf(l)
	}
	counts := map[Cause]int64{}
	rests := map[loopKey]*Distribution{}
	found := map[loopKey]*cycle.Cycle{} // with At
	for c, err := range Cycles(ctx, w, o, sources...) {
		if err != nil {
			return nil, err
		}
		y.Rows++
		u := usual[loopKey{c.Run.Daemon, c.Run.WAN}]
		if u == nil {
			continue // recorded since the analysis
		}
		if err := addRest(rests, c); err != nil {
			return nil, err
		}
		if c.Overrun() {
			y.Overruns++
			counts[attribute(c, u)]++
		}
		if q.At.IsZero() {
			y.keep(c, u, q.Slowest)
		} else if !c.Start.After(q.At) {
			y.Before = c.Start
			found[loopKey{c.Run.Daemon, c.Run.WAN}] = copied(c, found[loopKey{c.Run.Daemon, c.Run.WAN}])
		} else if y.After.IsZero() {
			y.After = c.Start
		}
	}
	for k, c := range found {
		if q.At.Before(c.Start.Add(max(c.Total, c.Run.Budget, time.Second))) {
			y.Cycles = append(y.Cycles, explain(c, usual[k]))
		}
	}
	slices.SortStableFunc(y.Cycles, slowerFirst)
	y.restsUsual(rests)
	y.tally(counts)
	return y, nil
}

// addRest counts what lies between the parts of a cycle.
func addRest(rests map[loopKey]*Distribution, c *cycle.Cycle) error {
	k := loopKey{c.Run.Daemon, c.Run.WAN}
	if rests[k] == nil {
		rests[k] = new(Distribution)
	}
	us := c.Micros()
	_, rest := cycle.Critical(&us, c.Run.Sequential)
	return rests[k].Add(rest)
}

// restsUsual puts the median of the rests beside those of the cycles kept.
func (y *Whys) restsUsual(rests map[loopKey]*Distribution) {
	for i := range y.Cycles {
		e := &y.Cycles[i]
		for j := range e.Parts {
			if p := &e.Parts[j]; p.Part == cycle.Other {
				p.P50 = rests[loopKey{e.Cycle.Run.Daemon, e.Cycle.Run.WAN}].Quantile(500)
				p.Beyond = restBeyond(p.Duration, p.P50)
			}
		}
	}
}

// restBeyond tells whether so much between the parts is unusual. Nothing is kept of
// its p99.
func restBeyond(d, usual time.Duration) bool { return d > 10*usual && d > time.Millisecond }

func slowerFirst(a, b Explained) int {
	return cmp.Or(cmp.Compare(b.Cycle.Total, a.Cycle.Total), a.Cycle.Start.Compare(b.Cycle.Start), cmp.Compare(a.Cycle.Run.Daemon, b.Cycle.Run.Daemon))
}

// copied copies a cycle, into the memory of an older copy where there is one.
func copied(c, old *cycle.Cycle) *cycle.Cycle {
	if old == nil {
		old = new(cycle.Cycle)
	}
	spans := append(old.Spans[:0], c.Spans...)
	*old = *c
	old.Spans = spans
	return old
}

// keep keeps the cycle if it is one of the slowest so far.
func (y *Whys) keep(c *cycle.Cycle, u *usual, most int) {
	if n := len(y.Cycles); n == most && (n == 0 || y.Cycles[n-1].Cycle.Total >= c.Total) {
		return
	}
	if len(y.Cycles) == most {
		y.Cycles = y.Cycles[:most-1]
	}
	e := explain(copied(c, nil), u)
	at, _ := slices.BinarySearchFunc(y.Cycles, e, slowerFirst)
	y.Cycles = slices.Insert(y.Cycles, at, e)
}

// tally sorts the counts; without overruns it counts the cycles shown.
func (y *Whys) tally(counts map[Cause]int64) {
	y.Of = y.Overruns
	if y.Overruns == 0 {
		for i := range y.Cycles {
			counts[y.Cycles[i].Cause]++
			y.Of++
		}
	}
	for c, n := range counts {
		y.Tally = append(y.Tally, Tally{c, n})
	}
	slices.SortFunc(y.Tally, func(a, b Tally) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Cause.String(), b.Cause.String()))
	})
}

// usual is what is usual for a loop.
type usual struct {
	p50, p99, max [cycle.NumParts]time.Duration // of the cycles in which the part ran
	all           [cycle.NumParts]time.Duration // the median of all cycles, 0 being that of one without the part
	few           [cycle.NumParts]bool
	rest          time.Duration // between the parts, more or less: nothing is kept of it
	echo          map[string]time.Duration
}

func usualOf(l *Loop) *usual {
	u := &usual{echo: map[string]time.Duration{}}
	for i := range l.Spans {
		s := &l.Spans[i]
		if s.Part == cycle.Probe {
			u.echo[s.Target] = s.P50.Value
		}
		if s.Target != "" || s.Count == 0 {
			continue
		}
		u.p50[s.Part], u.p99[s.Part], u.max[s.Part], u.few[s.Part] = s.P50.Value, s.P99.Value, s.Max, s.P99.Thin
		u.all[s.Part] = medianOfAll(s, l.Cycles)
	}
	// Not the mean: a single pause of the process would make pauses usual.
	u.rest = u.all[cycle.Total] - max(u.all[cycle.RTT], u.all[cycle.CAKE], u.all[cycle.Rule]) - u.all[cycle.Adjust] - u.all[cycle.Update]
	u.rest = max(u.rest, 0)
	return u
}

// medianOfAll returns the median of a part over so many cycles, of which those in
// which it did not run count as 0. A router write that one cycle in ten makes is
// usual for a write, not for a cycle.
func medianOfAll(s *Span, cycles int64) time.Duration {
	without := cycles - s.Count
	if without <= 0 {
		return s.P50.Value
	}
	if at := rank(cycles, 500) - without; at > 0 {
		return s.Dist.At(at)[0]
	}
	return 0
}

// explain tells what was unusual in a cycle, and what it waited for.
func explain(c *cycle.Cycle, u *usual) Explained {
	e := Explained{Cycle: *c, Cause: attribute(c, u)}
	us := c.Micros()
	_, rest := cycle.Critical(&us, c.Run.Sequential)
	for _, p := range append(slices.Clone(cycle.Stretches[:]), cycle.Total) {
		if us[p] < 0 {
			continue
		}
		d := cycle.FromMicros(us[p])
		beyond := d > u.p99[p]
		if u.few[p] {
			beyond = d >= u.max[p] && d > 2*u.p50[p]
		}
		e.Parts = append(e.Parts, Unusual{Part: p, Duration: d, P50: u.p50[p], P99: u.p99[p], Beyond: beyond})
	}
	if d := cycle.FromMicros(rest); d > 0 {
		i := len(e.Parts) - 1 // before the total
		e.Parts = slices.Insert(e.Parts, i, Unusual{Part: cycle.Other, Duration: d, Beyond: restBeyond(d, u.rest)})
	}
	return e
}
