package analyze

import (
	"cmp"
	"context"
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/DataDog/sketches-go/ddsketch"

	"wanctl/cycle"
)

var epoch = time.Date(2026, 1, 9, 14, 0, 0, 0, time.UTC)

// memory is a Source that keeps everything, and rolls it up as the file does.
type memory struct {
	cycles   []*cycle.Cycle // ascending
	rowsFrom time.Time      // rows before are gone
	hours    time.Time      // before it there are hours, from it on
	minutes  time.Time      // ... to here minutes
	drops    []cycle.Drop
}

var _ Source = (*memory)(nil)

// in returns the cycles that start in w.
func (m *memory) in(w cycle.Window) []*cycle.Cycle {
	at := func(t time.Time) int {
		i, _ := slices.BinarySearchFunc(m.cycles, t, func(c *cycle.Cycle, t time.Time) int { return c.Start.Compare(t) })
		return i
	}
	return m.cycles[at(w.Since):at(w.Until)]
}

func inside(w cycle.Window, t time.Time) bool { return !t.Before(w.Since) && t.Before(w.Until) }

func (m *memory) Runs(_ context.Context, w cycle.Window) (runs []*cycle.Run, _ error) {
	for _, c := range m.in(w) {
		if !slices.Contains(runs, c.Run) {
			runs = append(runs, c.Run)
		}
	}
	return runs, nil
}

func (m *memory) Cycles(_ context.Context, w cycle.Window) iter.Seq2[*cycle.Cycle, error] {
	return func(yield func(*cycle.Cycle, error) bool) {
		for _, c := range m.in(w) {
			if !c.Start.Before(m.rowsFrom) && !yield(c, nil) {
				return
			}
		}
	}
}

func (m *memory) Drops(_ context.Context, w cycle.Window) (drops []cycle.Drop, _ error) {
	for _, d := range m.drops {
		if inside(w, d.At) {
			drops = append(drops, d)
		}
	}
	return drops, nil
}

func (m *memory) Covered(_ context.Context, w cycle.Window) (cs []cycle.Window, _ error) {
	add := func(since, until time.Time, width time.Duration, first time.Time) {
		if since.Before(first) {
			since = first
		}
		since = since.Add(width - 1).Truncate(width)
		if until.After(w.Until) {
			until = w.Until.Truncate(width)
		}
		if since.Before(until) {
			cs = append(cs, cycle.Window{Since: since, Until: until})
		}
	}
	add(w.Since, m.hours, time.Hour, w.Since)
	add(w.Since, m.minutes, time.Minute, m.hours)
	return cs, nil
}

func (m *memory) Rollups(_ context.Context, w cycle.Window) iter.Seq2[*cycle.Rollup, error] {
	return func(yield func(*cycle.Rollup, error) bool) {
		for _, r := range m.rollups(w) {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// rolled is a rollup in the making.
type rolled struct {
	cycle.Rollup
	us []int64
}

func (m *memory) rollups(w cycle.Window) (rs []*cycle.Rollup) {
	type key struct {
		start time.Time
		s     cycle.Series
	}
	made := map[key]*rolled{}
	for _, c := range m.in(w) {
		width := time.Minute
		if c.Start.Before(m.hours) {
			width = time.Hour
		}
		start := c.Start.Truncate(width)
		if start.Before(w.Since) || start.Add(width).After(w.Until) || !c.Start.Before(m.minutes) {
			continue
		}
		each(c, func(s cycle.Series, us, critical int64, failed bool) {
			k := key{start, s}
			r := made[k]
			if r == nil {
				r = &rolled{Rollup: cycle.Rollup{Series: s, Start: start, Width: width}}
				made[k] = r
			}
			if failed {
				r.Failed++
			}
			if us < 0 {
				return
			}
			r.us = append(r.us, us)
			r.Sum += us
			r.Critical += critical
			if s.Label.Part() == cycle.Total {
				r.Missed += c.Missed
				r.Budget += c.Run.Budget.Microseconds()
				if c.Overrun() {
					r.Over++
				}
			}
		})
	}
	for _, r := range made {
		rs = append(rs, r.finish())
	}
	slices.SortFunc(rs, func(a, b *cycle.Rollup) int { return cmp.Or(a.Start.Compare(b.Start), inOrder(a.Series, b.Series)) })
	return rs
}

func (r *rolled) finish() *cycle.Rollup {
	r.Count = int64(len(r.us))
	if r.Count > 0 {
		slices.Sort(r.us)
		r.Min, r.Max = r.us[0], r.us[len(r.us)-1]
	}
	if r.Width == time.Minute {
		r.Dist = cycle.AppendDurations(nil, r.us)
		return &r.Rollup
	}
	s, _ := ddsketch.NewDefaultDDSketch(MaxRelativeError)
	for _, v := range r.us {
		_ = s.Add(float64(v))
	}
	s.Encode(&r.Sketch, false)
	return &r.Rollup
}

// each yields what a cycle adds to its series, by the rules of the vocabulary: us
// is negative for a lost echo.
func each(c *cycle.Cycle, yield func(s cycle.Series, us, critical int64, failed bool)) {
	series := func(l cycle.Label, target string) cycle.Series {
		return cycle.Series{Daemon: c.Run.Daemon, WAN: c.Run.WAN, Label: l, Target: target}
	}
	us := c.Micros()
	critical, _ := cycle.Critical(&us, c.Run.Sequential)
	for p, v := range us {
		if v < 0 {
			continue
		}
		failed := cycle.Part(p) == cycle.Total && c.Outcome != cycle.OK
		for _, s := range c.Spans {
			failed = failed || s.Part == cycle.Part(p) && s.Outcome != cycle.OK
		}
		yield(series(c.Run.Daemon.Label(cycle.Part(p)), ""), v, critical[p], failed)
	}
	for _, s := range c.Spans {
		switch {
		case s.Part == cycle.Probe && s.Outcome != cycle.OK:
			yield(series(s.Label, s.Target), -1, 0, true)
		case s.Part == cycle.Probe, s.Part == cycle.Other:
			yield(series(s.Label, s.Target), s.Duration.Microseconds(), 0, s.Outcome != cycle.OK)
		}
	}
}

// play makes n cycles of a run, one per budget from start, of the kind a real
// daemon makes.
func play(rnd *rand.Rand, run *cycle.Run, start time.Time, n int) (cs []*cycle.Cycle) {
	ms := func(mean float64) time.Duration {
		return time.Duration(mean * (0.5 + rnd.ExpFloat64()) * float64(time.Millisecond))
	}
	for i := range n {
		c := &cycle.Cycle{Run: run, Seq: int64(i + 1), Start: start.Add(time.Duration(i) * run.Budget), Late: ms(0.1)}
		span := func(p cycle.Part, target string, at, d time.Duration, failed bool) time.Duration {
			s := cycle.Span{Label: run.Daemon.Label(p), Part: p, Target: target, Offset: at, Duration: d}
			if failed {
				s.Outcome = cycle.TimedOut
			}
			c.Spans = append(c.Spans, s)
			return at + d
		}
		var rtt time.Duration
		for _, host := range run.Reflectors {
			lost := rnd.IntN(50) == 0
			rtt = max(rtt, span(cycle.Probe, host, 0, ms(12), lost))
		}
		end := max(span(cycle.RTT, "", 0, rtt+ms(0.2), rnd.IntN(100) == 0), span(cycle.CAKE, "", 0, ms(4), false))
		if run.Daemon == cycle.Steering {
			end = max(end, span(cycle.Rule, "", 0, ms(5), false))
		}
		end = span(cycle.Adjust, "", end, ms(0.2), false)
		if rnd.IntN(10) == 0 {
			end = span(cycle.Update, "", end, ms(9), false)
		}
		if rnd.IntN(200) == 0 {
			span(cycle.Other, "login", 0, ms(3), false)
		}
		c.Total = end + ms(0.05)
		if rnd.IntN(100) == 0 {
			c.Outcome, c.Missed = cycle.Failed, 2
		}
		cs = append(cs, c)
	}
	return cs
}

// house is a recording of two loops: length of it, from epoch on.
func house(seed uint64, length time.Duration) *memory {
	rnd := rand.New(rand.NewPCG(seed, seed))
	auto := &cycle.Run{
		Daemon: cycle.Autorate, WAN: "wan1", Started: epoch, Budget: 500 * time.Millisecond,
		Reflectors: []string{"1.1.1.1", "8.8.8.8", "9.9.9.9"},
	}
	steer := &cycle.Run{Daemon: cycle.Steering, WAN: "wan1", Started: epoch, Budget: 2 * time.Second, Reflectors: []string{"1.1.1.1"}}
	m := &memory{cycles: slices.Concat(
		play(rnd, auto, epoch, int(length/auto.Budget)),
		play(rnd, steer, epoch.Add(700*time.Microsecond), int(length/steer.Budget)),
	)}
	slices.SortFunc(m.cycles, func(a, b *cycle.Cycle) int { return a.Start.Compare(b.Start) })
	return m
}
