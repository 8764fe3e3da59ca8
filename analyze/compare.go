package analyze

import (
	"cmp"
	"context"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"wanctl/cycle"
)

// Side is one of the two recordings that are compared.
type Side struct {
	Window  cycle.Window
	Sources []Source
}

// Verdict is what a comparison comes to.
type Verdict string

// The verdicts. Faster and slower take a difference that its 99 % interval tells
// from zero. Note: with the 95 % interval that is shown, up to 10 % of comparisons
// of like with like raised an alarm, for slow spells are longer than any recording
// of half an hour shows; with 99 % it is under 5 %.
const (
	Faster       Verdict = "faster"
	Slower       Verdict = "slower"
	NoDifference Verdict = "no difference seen"
	TooFew       Verdict = "too few"
)

// Difference is how a statistic changed.
type Difference struct {
	Before, After time.Duration
	Low, High     time.Duration // 95 % interval of After - Before; zero with TooFew
	Verdict       Verdict
}

// Diff returns After - Before.
func (d Difference) Diff() time.Duration { return d.After - d.Before }

// Change is what became of one series.
type Change struct {
	Daemon        cycle.Daemon
	WAN           string
	Label         cycle.Label
	Part          cycle.Part
	Target        string
	Before, After int64 // counts
	P50, P95, P99 Difference
	Mean          Difference
	Warnings      []string // what to doubt of either side, e.g. "before: p99 from 30 values (it takes 100)"
}

// Verdict is the verdict on the series as a whole: that on its median.
func (c *Change) Verdict() Verdict { return c.P50.Verdict }

// Name returns the label, with its target where it has one.
func (c *Change) Name() string {
	if c.Target == "" {
		return string(c.Label)
	}
	return string(c.Label) + " " + c.Target
}

// Comparison is the answer to "did it change?".
type Comparison struct {
	Before, After *Analysis
	Changes       []Change
}

// Compare tells what changed from before to after, series by series. Cycles
// resemble those before them, so the intervals come from a moving-block bootstrap;
// the same recordings give the same verdicts.
func Compare(ctx context.Context, before, after Side, o Options) (*Comparison, error) {
	type read struct {
		analysis *Analysis
		samples  map[cycle.Series]*sample
	}
	var sides [2]read
	for i, side := range []Side{before, after} {
		var err error
		if sides[i].analysis, err = Analyze(ctx, side.Window, o, side.Sources...); err != nil {
			return nil, err
		}
		if sides[i].samples, err = sampled(ctx, side, o); err != nil {
			return nil, err
		}
	}
	c := &Comparison{Before: sides[0].analysis, After: sides[1].analysis}
	b, a := bySeries(c.Before), bySeries(c.After)
	all := map[cycle.Series]bool{}
	for _, of := range []map[cycle.Series]*Span{b, a} {
		for s := range of {
			all[s] = true
		}
	}
	series := make([]cycle.Series, 0, len(all))
	for s := range all {
		series = append(series, s)
	}
	slices.SortFunc(series, func(x, y cycle.Series) int {
		return cmp.Or(cmp.Compare(x.Daemon, y.Daemon), cmp.Compare(x.WAN, y.WAN), inOrder(x, y))
	})
	c.Changes = make([]Change, len(series))
	g := new(errgroup.Group)
	for i, s := range series {
		g.Go(func() error {
			c.Changes[i] = change(s, b[s], a[s], sides[0].samples[s], sides[1].samples[s])
			return nil
		})
	}
	return c, g.Wait()
}

// bySeries finds a loop's spans by what they are of.
func bySeries(a *Analysis) map[cycle.Series]*Span {
	m := map[cycle.Series]*Span{}
	for i := range a.Loops {
		l := &a.Loops[i]
		for j := range l.Spans {
			s := &l.Spans[j]
			m[cycle.Series{Daemon: l.Daemon, WAN: l.WAN, Label: s.Label, Target: s.Target}] = s
		}
	}
	return m
}

// sampled reads a side's durations in the order they were recorded.
func sampled(ctx context.Context, side Side, o Options) (map[cycle.Series]*sample, error) {
	samples := map[cycle.Series]*sample{}
	add := func(run *cycle.Run, l cycle.Label, target string, us int64) {
		key := cycle.Series{Daemon: run.Daemon, WAN: run.WAN, Label: l, Target: target}
		s := samples[key]
		if s == nil {
			s = new(sample)
			samples[key] = s
		}
		s.add(us)
	}
	for c, err := range Cycles(ctx, side.Window, o, side.Sources...) {
		if err != nil {
			return nil, err
		}
		for p, us := range c.Micros() {
			if us >= 0 {
				add(c.Run, c.Run.Daemon.Label(cycle.Part(p)), "", us)
			}
		}
		for i := range c.Spans {
			s := &c.Spans[i]
			if s.Part == cycle.Other || s.Part == cycle.Probe && s.Outcome == cycle.OK {
				add(c.Run, s.Label, s.Target, s.Duration.Microseconds())
			}
		}
	}
	return samples, nil
}

// change compares one series.
func change(s cycle.Series, before, after *Span, x, y *sample) Change {
	c := Change{Daemon: s.Daemon, WAN: s.WAN, Label: s.Label, Part: s.Label.Part(), Target: s.Target}
	var values [2][numStats]time.Duration
	for i, span := range []*Span{before, after} {
		if span != nil && span.Count > 0 {
			mean := time.Duration(span.Avg() * float64(time.Millisecond))
			values[i] = [numStats]time.Duration{span.P50.Value, span.P95.Value, span.P99.Value, mean}
		}
	}
	doubts := func(side string, span *Span) {
		for _, warning := range span.Warnings {
			c.Warnings = append(c.Warnings, side+": "+warning)
		}
	}
	if before != nil {
		c.Before = before.Count
		doubts("before", before)
	}
	if after != nil {
		c.After = after.Count
		doubts("after", after)
	}
	var scatter [2]spread
	enough := x != nil && y != nil && len(x.us) >= fewest && len(y.us) >= fewest
	if enough {
		h := fnv.New64a()
		_, _ = h.Write([]byte(string(s.Daemon) + "\x00" + s.WAN + "\x00" + string(s.Label) + "\x00" + s.Target))
		scatter[0], scatter[1] = bootstrap(x.us, h.Sum64()), bootstrap(y.us, h.Sum64()+1)
	}
	for i, d := range []*Difference{statP50: &c.P50, statP95: &c.P95, statP99: &c.P99, statMean: &c.Mean} {
		d.Before, d.After, d.Verdict = values[0][i], values[1][i], TooFew
		if enough && min(len(x.us), len(y.us)) >= statFewest[i] {
			d.judge(scatter[0].err[i], scatter[1].err[i], scatter[0].df, scatter[1].df)
		}
	}
	return c
}

// fewest is how many values a side must have to be compared at all, and
// statFewest how many for each statistic: five beyond a quantile.
const fewest = 20

var statFewest = [numStats]int{statP50: fewest, statP95: 100, statP99: 500, statMean: fewest}

// judge works out the interval (Welch's, for two sides that scatter apart) and
// the verdict.
func (d *Difference) judge(errBefore, errAfter, dfBefore, dfAfter float64) {
	vb, va := errBefore*errBefore, errAfter*errAfter
	err, df := math.Sqrt(vb+va), 1.0
	if err > 0 {
		df = (vb + va) * (vb + va) / (vb*vb/dfBefore + va*va/dfAfter)
	}
	within := func(z float64) time.Duration { return cycle.FromMicros(int64(math.Ceil(student(z, df) * err))) }
	d.Low, d.High = d.Diff()-within(z95), d.Diff()+within(z95)
	switch {
	case d.Diff() < -within(z99):
		d.Verdict = Faster
	case d.Diff() > within(z99):
		d.Verdict = Slower
	default:
		d.Verdict = NoDifference
	}
}
