package analyze

import (
	"context"
	"slices"
	"time"

	"wanctl/cycle"
)

// Course is what a loop measured and decided, step by step. Minutes do not tell:
// it is read from the cycles, all of them or regular samples.
type Course struct {
	Daemon  cycle.Daemon
	WAN     string
	Cycles  int64         // how many were read
	Stretch time.Duration // of every Every so much was read; 0: all of it
	Every   time.Duration
	Steps   []Passage // those of the Timeline
}

// Passage is what a loop measured and decided in one step.
type Passage struct {
	Cycles           int64 // 0: none was read, and the rest tells nothing
	Download, Upload Lane
	RTT, Baseline    Spread // ms
	Load             Spread // ms; for steering the smoothed delta
	Queue            Spread // packets: steering's smoothed depth
	Degraded         int64  // cycles in which the steering rule was on
	Degradable       int64  // cycles that know whether it was
}

// Lane is what a loop decided for one direction in one step.
type Lane struct {
	Zones [cycle.Red + 1]int64 // cycles by zone
	Rate  Spread               // bit/s
}

// Spread tells of values that were read.
type Spread struct {
	Count            int64
	Min, Median, Max float64
}

// values collects what becomes a Spread.
type values []float64

func (v *values) add(m cycle.Maybe[float64]) {
	if m.Known {
		*v = append(*v, m.Value)
	}
}

func (v values) spread() (s Spread) {
	if len(v) == 0 {
		return s
	}
	slices.Sort(v)
	n := int64(len(v))
	return Spread{n, v[0], v[rank(n, 500)-1], v[n-1]}
}

// passing is a Passage in the making.
type passing struct {
	Passage
	rtt, baseline, load, queue, down, up values
}

func (p *passing) add(c *cycle.Cycle) {
	d := &c.Decision
	p.Cycles++
	p.Download.Zones[min(d.Download.Zone, cycle.Red)]++
	p.Upload.Zones[min(d.Upload.Zone, cycle.Red)]++
	p.rtt.add(d.RTT)
	p.baseline.add(d.Baseline)
	p.load.add(d.Load)
	p.queue.add(d.Queue)
	p.down.add(float(d.Download.Rate))
	p.up.add(float(d.Upload.Rate))
	if d.Degraded.Known {
		p.Degradable++
		if d.Degraded.Value {
			p.Degraded++
		}
	}
}

func float(m cycle.Maybe[int64]) cycle.Maybe[float64] {
	return cycle.Maybe[float64]{Value: float64(m.Value), Known: m.Known}
}

func (p *passing) finish() Passage {
	v := p.Passage
	v.RTT, v.Baseline, v.Load, v.Queue = p.rtt.spread(), p.baseline.spread(), p.load.spread(), p.queue.spread()
	v.Download.Rate, v.Upload.Rate = p.down.spread(), p.up.spread()
	return v
}

// mostRows bounds how many cycles are read for the courses of a window, more or
// less; a longer one is sampled.
const mostRows = 250_000

// sampling tells which cycles of a window are read.
type sampling struct {
	stretch, every time.Duration // so much of every so much; 0: all
}

// samplingOf chooses so that about most of the cycles are read, and of each loop at
// least one at a time.
func samplingOf(a *Analysis, t *Timeline, most int64) sampling {
	if a.Cycles() <= most {
		return sampling{}
	}
	var s sampling
	perSecond := 0.0
	for _, l := range a.Loops {
		s.stretch = max(s.stretch, 2*l.Budget, time.Second)
		if l.Budget > 0 {
			perSecond += float64(time.Second) / float64(l.Budget)
		}
	}
	perSecond = max(perSecond, float64(a.Cycles())/t.Window.Until.Sub(t.Window.Since).Seconds())
	samples := int(float64(most) / float64(t.Steps) / (s.stretch.Seconds() * perSecond)) // of each step
	s.every = min(roundWidth(t.Width/time.Duration(max(samples, 1))), t.Width)
	if s.every <= s.stretch {
		return sampling{}
	}
	return s
}

// windows returns what of w is read.
func (s sampling) windows(w cycle.Window) (ws []cycle.Window) {
	if s.every == 0 {
		return []cycle.Window{w}
	}
	for at := w.Since; at.Before(w.Until); at = at.Add(s.every) {
		if piece, some := common(w, cycle.Window{Since: at, Until: at.Add(s.stretch)}); some {
			ws = append(ws, piece)
		}
	}
	return ws
}

// Courses tells what the loops of an answer measured and decided in the steps of
// its timeline.
func Courses(ctx context.Context, a *Analysis, t *Timeline, o Options, sources ...Source) ([]Course, error) {
	return courses(ctx, a, t, mostRows, o, sources)
}

func courses(ctx context.Context, a *Analysis, t *Timeline, most int64, o Options, sources []Source) ([]Course, error) {
	how := samplingOf(a, t, most)
	at := map[loopKey]int{}
	courses := make([]Course, len(a.Loops))
	for i := range a.Loops {
		l := &a.Loops[i]
		at[loopKey{l.Daemon, l.WAN}] = i
		courses[i] = Course{Daemon: l.Daemon, WAN: l.WAN, Stretch: how.stretch, Every: how.every, Steps: make([]Passage, t.Steps)}
	}
	_, err := work(ctx, t.Steps, func(ctx context.Context, step int, _ *tallies) error {
		passings := make([]passing, len(courses))
		for _, w := range how.windows(t.Step(step)) {
			w, some := common(w, t.Window)
			if !some {
				continue
			}
			for _, s := range sources {
				for c, err := range Cycles(ctx, w, o, s) {
					if err != nil {
						return err
					}
					if i, known := at[loopKey{c.Run.Daemon, c.Run.WAN}]; known {
						passings[i].add(c)
					}
				}
			}
		}
		for i := range passings {
			courses[i].Steps[step] = passings[i].finish()
		}
		return nil
	})
	for i := range courses {
		for _, p := range courses[i].Steps {
			courses[i].Cycles += p.Cycles
		}
	}
	return courses, err
}
