package analyze

import (
	"cmp"
	"context"
	"slices"
	"time"

	"wanctl/cycle"
)

// Timeline is how the loops went over a window, in equal steps.
type Timeline struct {
	Window cycle.Window
	Since  time.Time // where the first step begins: a multiple of Width, not after the window does
	Begun  time.Time // when the recording of the loops began, if it did so in the window; where that cycle is kept no longer, its minute or hour
	Width  time.Duration
	Steps  int
	Series []Trend      // in the order of the report, lateness included
	Runs   []*cycle.Run // that had cycles in the window, in the order they started, file by file
	Drops  []cycle.Drop // of the loops asked for
}

// Trend is how a series went over the window.
type Trend struct {
	Daemon cycle.Daemon
	WAN    string
	Label  cycle.Label
	Part   cycle.Part
	Target string
	Steps  []Step
}

// Is tells whether a word means the series: its part, its label or its target.
func (t *Trend) Is(word string) bool { return named(t.Part, t.Label, t.Target, word) }

// Step is a series' figures in one stretch of the window.
type Step struct {
	Count         int64 // 0: nothing was recorded in it, and the durations tell nothing
	Failed        int64
	Over, Missed  int64 // of a cycle total: overruns and missed slots
	Min, Max      time.Duration
	P50, P95, P99 time.Duration // nearest rank; of few values the largest
	Bins          []Bin         // how often which durations occurred, shortest first
}

// step tells what a step's tally amounts to.
func (t *tally) step() Step {
	s := Step{
		Count: t.count, Failed: t.failed, Over: t.over, Missed: t.missed,
		Min: cycle.FromMicros(t.min), Max: cycle.FromMicros(t.max),
	}
	if n := t.dist.Count(); n > 0 {
		q := t.dist.At(rank(n, 500), rank(n, 950), rank(n, 990))
		for i, into := range [...]*time.Duration{&s.P50, &s.P95, &s.P99} {
			*into = min(max(q[i], s.Min), s.Max) // a sketch may round past the ends
		}
		s.Bins = t.dist.Bins()
	}
	return s
}

// Over answers for w as Analyze does and tells, from the same single reading, how
// it went in at most steps+1 equal steps. Steps are round stretches of time; from
// a minute on they are read from minutes, and hold whole hours where hours take
// part.
func Over(ctx context.Context, w cycle.Window, steps int, o Options, sources ...Source) (*Analysis, *Timeline, error) {
	about, err := surroundings(ctx, w, o, sources)
	if err != nil {
		return nil, nil, err
	}
	t := &Timeline{Window: w, Runs: about.runs, Drops: about.drops}
	if o, err = t.divide(ctx, steps, o, sources); err != nil {
		return nil, nil, err
	}
	stretches, edges, err := plan(ctx, w, o, sources)
	if err != nil {
		return nil, nil, err
	}
	found := make([]map[cycle.Series]Step, t.Steps)
	ts, err := work(ctx, t.Steps, func(ctx context.Context, i int, ts *tallies) error {
		own := newTallies()
		for _, j := range stretches {
			var some bool
			if j.window, some = common(j.window, t.Step(i)); !some {
				continue
			}
			if err := j.do(ctx, own, o); err != nil {
				return err
			}
		}
		found[i] = make(map[cycle.Series]Step, len(own.series))
		for s, tally := range own.series {
			found[i][s] = tally.step()
		}
		return ts.merge(own)
	})
	if err != nil {
		return nil, nil, err
	}
	warnings, err := lost(ctx, w, o, sources, edges)
	if err != nil {
		return nil, nil, err
	}
	t.collect(found)
	a, err := conclude(ctx, w, o, ts, warnings, about, sources)
	return a, t, err
}

// Step returns the stretch of time of a step.
func (t *Timeline) Step(i int) cycle.Window {
	since := t.Since.Add(time.Duration(i) * t.Width)
	return cycle.Window{Since: since, Until: since.Add(t.Width)}
}

// common returns the stretch that two windows share; some is false if there is none.
func common(a, b cycle.Window) (w cycle.Window, some bool) {
	if a.Since.Before(b.Since) {
		a.Since = b.Since
	}
	if b.Until.Before(a.Until) {
		a.Until = b.Until
	}
	return a, a.Since.Before(a.Until)
}

// collect sorts what the steps hold by series.
func (t *Timeline) collect(found []map[cycle.Series]Step) {
	at := map[cycle.Series]int{}
	for i, step := range found {
		for s, figures := range step {
			k, seen := at[s]
			if !seen {
				k = len(t.Series)
				at[s] = k
				t.Series = append(t.Series, Trend{s.Daemon, s.WAN, s.Label, s.Label.Part(), s.Target, make([]Step, t.Steps)})
			}
			t.Series[k].Steps[i] = figures
		}
	}
	slices.SortFunc(t.Series, func(a, b Trend) int {
		return cmp.Or(cmp.Compare(a.Daemon, b.Daemon), cmp.Compare(a.WAN, b.WAN),
			inOrder(cycle.Series{Label: a.Label, Target: a.Target}, cycle.Series{Label: b.Label, Target: b.Target}))
	})
}

// Of returns the trends of one loop.
func (t *Timeline) Of(l *Loop) (trends []Trend) {
	for _, s := range t.Series {
		if s.Daemon == l.Daemon && s.WAN == l.WAN {
			trends = append(trends, s)
		}
	}
	return trends
}

// Trends returns how each label went over the window, in at most steps+1 steps of
// equal length, and that length.
func Trends(ctx context.Context, w cycle.Window, steps int, o Options, sources ...Source) ([]Trend, time.Duration, error) {
	_, t, err := Over(ctx, w, steps, o, sources...)
	if err != nil {
		return nil, 0, err
	}
	return slices.DeleteFunc(t.Series, func(s Trend) bool { return s.Part == cycle.Late }), t.Width, nil
}
