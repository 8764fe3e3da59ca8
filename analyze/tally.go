package analyze

import (
	"fmt"

	"wanctl/cycle"
)

// tally is what is added up of one series.
type tally struct {
	count, failed, over, missed int64
	min, max, sum               int64        // us
	critical, budget            int64        // us
	newest                      int64        // of a cycle total: the start of the newest cycle that was read, us
	last                        cycle.Window // the latest minute or hour
	dist                        Distribution
}

// value adds one duration.
func (t *tally) value(us int64, failed bool) error { return t.turn(us, failed, 1) }

// turn adds one duration, or with -1 for by takes one back that was added: min and
// max are then wrong until settle.
func (t *tally) turn(us int64, failed bool, by int64) error {
	us = max(us, 0)
	t.count += by
	t.sum += by * us
	if failed {
		t.failed += by
	}
	if by < 0 {
		t.dist.remove(us)
		return nil
	}
	if t.count == 1 || us < t.min {
		t.min = us
	}
	t.max = max(t.max, us)
	return t.dist.Add(us)
}

// settle finds the ends of a tally from which durations were taken back.
func (t *tally) settle() { t.min, t.max = t.dist.ends() }

// rollup adds a minute or an hour.
func (t *tally) rollup(r *cycle.Rollup) error {
	t.add(&tally{
		count: r.Count, failed: r.Failed, over: r.Over, missed: r.Missed,
		min: r.Min, max: r.Max, sum: r.Sum, critical: r.Critical, budget: r.Budget,
		last: cycle.Window{Since: r.Start, Until: r.Start.Add(r.Width)},
	})
	before := t.dist.Count()
	if r.Sketch != nil {
		if err := t.dist.AddSketch(r.Sketch); err != nil {
			return err
		}
	} else if _, err := t.dist.AddDurations(r.Dist); err != nil {
		return err
	}
	if n := t.dist.Count() - before; n != r.Count {
		return fmt.Errorf("it counts %d durations and holds %d", r.Count, n)
	}
	return nil
}

// add adds the plain numbers of another tally.
func (t *tally) add(o *tally) {
	if o.count > 0 {
		if t.count == 0 || o.min < t.min {
			t.min = o.min
		}
		t.max = max(t.max, o.max)
	}
	t.count += o.count
	t.failed += o.failed
	t.over += o.over
	t.missed += o.missed
	t.sum += o.sum
	t.critical += o.critical
	t.budget += o.budget
	t.newest = max(t.newest, o.newest)
	if o.last.Until.After(t.last.Until) {
		t.last = o.last
	}
}

// tallies are the series of one stretch of time, or of several added up.
type tallies struct {
	series map[cycle.Series]*tally
	rows   map[*cycle.Run]*rowTallies // the series of a run's cycles, found once
	cycles int64                      // how many were read as rows
	hours  int64                      // the end of the latest hour that took part, unix s; 0: none
}

func newTallies() *tallies {
	return &tallies{series: map[cycle.Series]*tally{}, rows: map[*cycle.Run]*rowTallies{}}
}

// of returns a series' tally.
func (ts *tallies) of(s cycle.Series) *tally {
	t := ts.series[s]
	if t == nil {
		t = new(tally)
		ts.series[s] = t
	}
	return t
}

// total returns the tally of a loop's cycle totals; an empty one if there is none.
func (ts *tallies) total(l *Loop) *tally {
	if t := ts.series[cycle.Series{Daemon: l.Daemon, WAN: l.WAN, Label: l.Daemon.Label(cycle.Total)}]; t != nil {
		return t
	}
	return new(tally)
}

// rollup adds a minute or an hour.
func (ts *tallies) rollup(r *cycle.Rollup) error {
	if r.Sketch != nil {
		ts.hours = max(ts.hours, r.Start.Add(r.Width).Unix())
	}
	if err := ts.of(r.Series).rollup(r); err != nil {
		return fmt.Errorf("%s of %s %s, %s %s: %w", widthName(r), r.Daemon, r.WAN, r.Label, r.Start.UTC().Format("2006-01-02 15:04Z"), err)
	}
	return nil
}

func widthName(r *cycle.Rollup) string {
	if r.Sketch != nil {
		return "the hour"
	}
	return "the minute"
}

// rowTallies are the tallies that the cycles of one run go into.
type rowTallies struct {
	parts [cycle.NumParts]*tally
	spans map[spanKey]*tally
}

// spanKey tells the spans apart of which a cycle may hold several.
type spanKey struct {
	label  cycle.Label
	target string
}

// runRows returns the tallies of a run's cycles.
func (ts *tallies) runRows(run *cycle.Run) *rowTallies {
	rt := ts.rows[run]
	if rt == nil {
		rt = &rowTallies{spans: map[spanKey]*tally{}}
		ts.rows[run] = rt
	}
	return rt
}

// cycle adds a cycle: one value per part that ran, and one per echo and per
// whatever else was timed. A lost echo has no duration and counts as failed alone.
func (ts *tallies) cycle(c *cycle.Cycle) error { return ts.count(c, 1) }

// uncycle takes back a cycle that was added.
func (ts *tallies) uncycle(c *cycle.Cycle) error { return ts.count(c, -1) }

func (ts *tallies) count(c *cycle.Cycle, by int64) error {
	ts.cycles += by
	rt := ts.runRows(c.Run)
	var failed [cycle.NumParts]bool
	for i := range c.Spans {
		s := &c.Spans[i]
		if s.Part != cycle.Probe && s.Part != cycle.Other {
			failed[s.Part] = failed[s.Part] || s.Outcome != cycle.OK
			continue
		}
		if err := ts.span(rt, c.Run, s, by); err != nil {
			return err
		}
	}
	failed[cycle.Total] = c.Outcome != cycle.OK
	return ts.parts(rt, c, &failed, by)
}

// span counts an echo or something else that was timed.
func (ts *tallies) span(rt *rowTallies, run *cycle.Run, s *cycle.Span, by int64) error {
	key := spanKey{s.Label, s.Target}
	t := rt.spans[key]
	if t == nil {
		t = ts.of(cycle.Series{Daemon: run.Daemon, WAN: run.WAN, Label: s.Label, Target: s.Target})
		rt.spans[key] = t
	}
	failed := s.Outcome != cycle.OK
	if failed && s.Part == cycle.Probe {
		t.failed += by
		return nil
	}
	return t.turn(s.Duration.Microseconds(), failed, by)
}

// parts counts a cycle's parts, its total and its lateness.
func (ts *tallies) parts(rt *rowTallies, c *cycle.Cycle, failed *[cycle.NumParts]bool, by int64) error {
	us := c.Micros()
	critical, _ := cycle.Critical(&us, c.Run.Sequential)
	for p, v := range us {
		if v < 0 {
			continue
		}
		t := rt.parts[p]
		if t == nil {
			t = ts.of(cycle.Series{Daemon: c.Run.Daemon, WAN: c.Run.WAN, Label: c.Run.Daemon.Label(cycle.Part(p))})
			rt.parts[p] = t
		}
		if err := t.turn(v, failed[p], by); err != nil {
			return err
		}
		t.critical += by * critical[p]
	}
	total := rt.parts[cycle.Total]
	total.newest = max(total.newest, c.Start.UnixMicro())
	total.missed += by * c.Missed
	total.budget += by * c.Run.Budget.Microseconds()
	if c.Overrun() {
		total.over += by
	}
	return nil
}

// merge adds all of o, which is of no use afterwards.
func (ts *tallies) merge(o *tallies) error {
	ts.cycles += o.cycles
	ts.hours = max(ts.hours, o.hours)
	for s, from := range o.series {
		to := ts.series[s]
		if to == nil {
			ts.series[s] = from
			continue
		}
		to.add(from)
		if err := to.dist.Merge(&from.dist); err != nil {
			return fmt.Errorf("%s: %w", s.Label, err)
		}
	}
	return nil
}
