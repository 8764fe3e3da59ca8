package analyze

import (
	"cmp"
	"math"
	"slices"
	"time"

	"wanctl/cycle"
)

// Sliding is the analysis of the latest stretch of time, kept up to date while
// cycles come in: what is older than the stretch leaves at the other end. Its
// figures are those that Analyze would give for the same cycles, exact, at the cost
// of the cycles that came and went since. The stretch of each loop ends with that
// loop's newest cycle, not with now: a file that is flushed once a minute is as well
// told of as one that is written at once.
//
// It takes about 130 bytes a cycle, and no more than maxSliding cycles a loop.
type Sliding struct {
	span  time.Duration
	loops map[loopKey]*slidingLoop
}

// NewSliding returns the analysis of a stretch of so long.
func NewSliding(span time.Duration) *Sliding {
	return &Sliding{span: span, loops: map[loopKey]*slidingLoop{}}
}

const (
	// maxSliding is more than a loop of 20 ms, the fastest there is, makes in an hour.
	maxSliding = 200_000
	// Slots is how many stretches of equal length a trail is divided into.
	Slots = 60
	// slowestOf is how long the slowest cycle is remembered.
	slowestOf = time.Minute
	// clockStep is what a clock that is being adjusted may go back.
	clockStep = time.Second
)

// Recent is what a Sliding tells of one loop.
type Recent struct {
	Loop
	Run     *cycle.Run   // the latest
	Window  cycle.Window // from the oldest cycle in it to the newest, that one included
	Last    cycle.Cycle
	Slowest Explained         // of the last minute before the newest
	Slots   [Slots]Slot       // the last one holds the newest cycle
	Trails  [][Slots]Duration // beside Spans: the longest of each slot
}

// Duration is a time.Duration that may be unknown.
type Duration = cycle.Maybe[time.Duration]

// Slot is what happened in one stretch of a trail.
type Slot struct {
	Cycles, Overruns, Failed int64
	Missed                   int64
	Down, Up                 cycle.Zone // the worst
	Degraded                 bool       // steering: the rule was on at times
}

// slidingLoop is what is kept of one loop.
type slidingLoop struct {
	span      time.Duration
	tallies   *tallies
	kept      []keptCycle // oldest first, from first on; never none
	first     int
	spans     []keptSpan // of the kept cycles, in their order, from firstSpan on
	firstSpan int
	keys      []cycle.Span // what a span's key stands for
	index     map[spanKey]int
	slots     [Slots]slot
	slowest   []*cycle.Cycle // of the last minute: each slower than all that came after it
	spare     *cycle.Cycle
	last      *cycle.Cycle
	scratch   cycle.Cycle
}

// keptCycle and keptSpan are what counts of a cycle, in few bytes.
type keptCycle struct {
	run         *cycle.Run
	start       int64  // us
	total, late uint32 // us
	missed      uint32
	spans       uint8
	outcome     cycle.Outcome
}

type keptSpan struct {
	us      uint32
	key     uint16
	outcome cycle.Outcome
}

// slot is a Slot with the number that tells which stretch of time it is of, and the
// longest duration of each series, in us.
type slot struct {
	Slot
	number  int64
	longest map[spanKey]int64
}

// Add takes in a cycle. Those of a loop come in the order of their starts; where the
// clock was set back, what lies in its future is forgotten.
func (s *Sliding) Add(c *cycle.Cycle) error {
	if c.Run == nil {
		return errNoRun
	}
	k := loopKey{c.Run.Daemon, c.Run.WAN}
	l := s.loops[k]
	if l == nil || c.Start.Before(l.last.Start.Add(-clockStep)) {
		l = &slidingLoop{span: s.span, tallies: newTallies(), index: map[spanKey]int{}}
		s.loops[k] = l
	}
	return l.add(c)
}

func (l *slidingLoop) add(c *cycle.Cycle) error {
	l.keep(c)
	// What is added is what will be taken back, to the microsecond.
	if err := l.tallies.cycle(l.restored(len(l.kept)-1, len(l.spans))); err != nil {
		return err
	}
	l.last = copied(c, l.last)
	l.mark(c)
	l.rank(c)
	oldest := c.Start.Add(-l.span).UnixMicro()
	for l.kept[l.first].start <= oldest || len(l.kept)-l.first > maxSliding {
		if err := l.leave(); err != nil {
			return err
		}
	}
	return nil
}

// keep notes what is to be taken back when the cycle leaves.
func (l *slidingLoop) keep(c *cycle.Cycle) {
	n := uint8(0)
	for i := range c.Spans {
		sp := &c.Spans[i]
		k := spanKey{sp.Label, sp.Target}
		key, ok := l.index[k]
		if !ok {
			key = len(l.keys)
			l.keys = append(l.keys, cycle.Span{Label: sp.Label, Part: sp.Part, Target: sp.Target})
			l.index[k] = key
		}
		if key > math.MaxUint16 || n == math.MaxUint8 {
			break // more than a timer holds
		}
		l.spans = append(l.spans, keptSpan{us: small(sp.Duration), key: uint16(key), outcome: sp.Outcome})
		n++
	}
	l.kept = append(l.kept, keptCycle{
		run: c.Run, start: c.Start.UnixMicro(), total: small(c.Total), late: small(c.Late),
		missed: uint32(min(max(c.Missed, 0), math.MaxUint32)), spans: n, outcome: c.Outcome,
	})
}

// small is a duration in microseconds, cut at 71 minutes.
func small(d time.Duration) uint32 { return uint32(min(max(d.Microseconds(), 0), math.MaxUint32)) }

// restored returns what counts of a kept cycle, whose spans end at an index; it is
// good until the next call.
func (l *slidingLoop) restored(i, end int) *cycle.Cycle {
	k, c := &l.kept[i], &l.scratch
	*c = cycle.Cycle{
		Run: k.run, Start: time.UnixMicro(k.start).UTC(), Late: cycle.FromMicros(int64(k.late)), Missed: int64(k.missed),
		Total: cycle.FromMicros(int64(k.total)), Outcome: k.outcome, Spans: c.Spans[:0],
	}
	for _, sp := range l.spans[end-int(k.spans) : end] {
		of := l.keys[sp.key]
		of.Duration, of.Outcome = cycle.FromMicros(int64(sp.us)), sp.outcome
		c.Spans = append(c.Spans, of)
	}
	return c
}

// leave takes back the oldest cycle.
func (l *slidingLoop) leave() error {
	end := l.firstSpan + int(l.kept[l.first].spans)
	err := l.tallies.uncycle(l.restored(l.first, end))
	l.first, l.firstSpan = l.first+1, end
	if l.first > len(l.kept)/2 {
		l.kept = slices.Delete(l.kept, 0, l.first)
		l.spans = slices.Delete(l.spans, 0, l.firstSpan)
		l.first, l.firstSpan = 0, 0
	}
	return err
}

// width is how long a slot is.
func (l *slidingLoop) width() int64 { return max(1, l.span.Microseconds()/Slots) }

// slot is where the slot of a number is; the number may be negative, for a box may
// start in 1970.
func (l *slidingLoop) slot(number int64) *slot { return &l.slots[(number%Slots+Slots)%Slots] }

// mark enters the cycle in the slot of its time.
func (l *slidingLoop) mark(c *cycle.Cycle) {
	number := c.Start.UnixMicro() / l.width()
	at := l.slot(number)
	if at.number != number || at.longest == nil {
		*at = slot{number: number, longest: map[spanKey]int64{}}
	}
	at.Cycles++
	at.Missed += c.Missed
	if c.Overrun() {
		at.Overruns++
	}
	if c.Outcome != cycle.OK {
		at.Failed++
	}
	d := &c.Decision
	at.Down, at.Up, at.Degraded = max(at.Down, d.Download.Zone), max(at.Up, d.Upload.Zone), at.Degraded || d.Degraded.Value
	at.longer(spanKey{label: c.Run.Daemon.Label(cycle.Total)}, c.Total)
	for i := range c.Spans {
		if sp := &c.Spans[i]; sp.Part != cycle.Probe || sp.Outcome == cycle.OK {
			at.longer(spanKey{sp.Label, sp.Target}, sp.Duration)
		}
	}
}

func (s *slot) longer(k spanKey, d time.Duration) {
	if us, ok := s.longest[k]; !ok || d.Microseconds() > us {
		s.longest[k] = d.Microseconds()
	}
}

// rank keeps the cycle as long as it can be the slowest of the last minute.
func (l *slidingLoop) rank(c *cycle.Cycle) {
	old := l.spare
	for n := len(l.slowest); n > 0 && l.slowest[n-1].Total <= c.Total; n-- {
		old, l.slowest = l.slowest[n-1], l.slowest[:n-1]
	}
	l.slowest, l.spare = append(l.slowest, copied(c, old)), nil
	for !l.slowest[0].Start.After(c.Start.Add(-slowestOf)) {
		l.spare = l.slowest[0]
		l.slowest = slices.Delete(l.slowest, 0, 1)
	}
}

// Loops returns what there is to tell of every loop, by daemon and WAN. Of the drops
// those count that lie in a loop's stretch.
func (s *Sliding) Loops(drops []cycle.Drop) []Recent {
	all := make([]Recent, 0, len(s.loops))
	for k, l := range s.loops {
		all = append(all, l.recent(k, drops))
	}
	slices.SortFunc(all, func(a, b Recent) int {
		return cmp.Or(cmp.Compare(a.Daemon, b.Daemon), cmp.Compare(a.WAN, b.WAN))
	})
	return all
}

func (l *slidingLoop) recent(k loopKey, drops []cycle.Drop) Recent {
	r := Recent{
		Run: l.last.Run, Last: *copied(l.last, nil),
		Window: cycle.Window{Since: time.UnixMicro(l.kept[l.first].start).UTC(), Until: l.last.Start.Add(time.Microsecond)},
	}
	for series, t := range l.tallies.series {
		if t.settle(); t.count == 0 && t.failed == 0 {
			delete(l.tallies.series, series)
		}
	}
	clear(l.tallies.rows) // found again; so that runs and series that are gone are not kept
	a := &about{budgets: map[loopKey]time.Duration{k: r.Run.Budget}, dropped: map[loopKey]int64{}}
	for _, d := range drops {
		if d.Daemon == k.daemon && d.WAN == k.wan && !d.At.Before(r.Window.Since) && d.At.Before(r.Window.Until) {
			a.dropped[k] += d.Count
		}
	}
	r.Loop = loops(l.tallies, a)[0]
	r.Slowest = explain(copied(l.slowest[0], nil), usualOf(&r.Loop))
	r.Trails = make([][Slots]Duration, len(r.Spans))
	newest := l.last.Start.UnixMicro() / l.width()
	for i := range r.Slots {
		at := l.slot(newest - Slots + 1 + int64(i))
		if at.number != newest-Slots+1+int64(i) {
			continue
		}
		r.Slots[i] = at.Slot
		for j := range r.Spans {
			if us, ok := at.longest[spanKey{r.Spans[j].Label, r.Spans[j].Target}]; ok {
				r.Trails[j][i] = cycle.Known(cycle.FromMicros(us))
			}
		}
	}
	return r
}
