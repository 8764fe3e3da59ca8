package analyze

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sort"
	"time"

	"wanctl/cycle"
)

// Timeline is how the loops went over a window, in equal steps.
type Timeline struct {
	Window cycle.Window
	Since  time.Time // where the first step begins: a multiple of Width, not after the window does
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

// Bin counts the durations from Edge(Index) to just below Edge(Index+1).
type Bin struct {
	Index int
	Count int64
}

// binEdges are the edges of all bins in whole microseconds: 0, 1, 2, ... as long
// as a bin would be narrower than that, then 200 to each power of ten, up to what
// a duration can hold.
var binEdges = func() (edges []int64) {
	edges = append(edges, 0)
	for i := 0.; ; i++ {
		us := math.Round(math.Pow(10, i/200))
		if us >= longest {
			return append(edges, longest)
		}
		if int64(us) > edges[len(edges)-1] {
			edges = append(edges, int64(us))
		}
	}
}()

// Edge returns the shortest duration of a bin.
func Edge(index int) time.Duration {
	return cycle.FromMicros(binEdges[min(max(index, 0), len(binEdges)-1)])
}

// Bins counts how often which durations occurred, in bins of a hundredth of
// themselves.
func (d *Distribution) Bins() (bins []Bin) {
	at := 0 // the bin of the duration before; they ascend
	for v, n := range d.All() {
		us := v.Microseconds()
		if at+1 < len(binEdges) && us >= binEdges[at+1] {
			at += sort.Search(len(binEdges)-at-1, func(i int) bool { return binEdges[at+1+i] > us })
		}
		if len(bins) == 0 || bins[len(bins)-1].Index != at {
			bins = append(bins, Bin{Index: at})
		}
		bins[len(bins)-1].Count += n
	}
	return bins
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
	warnings, err := lost(ctx, edges)
	if err != nil {
		return nil, nil, err
	}
	t.collect(found)
	a, err := conclude(w, o, ts, warnings, about)
	return a, t, err
}

// Step returns the stretch of time of a step.
func (t *Timeline) Step(i int) cycle.Window {
	since := t.Since.Add(time.Duration(i) * t.Width)
	return cycle.Window{Since: since, Until: since.Add(t.Width)}
}

// widths are the round lengths of steps below a day.
var widths = func() (ws []time.Duration) {
	for _, u := range []struct {
		unit time.Duration
		of   []time.Duration
	}{
		{time.Millisecond, []time.Duration{10, 20, 50, 100, 200, 500}},
		{time.Second, []time.Duration{1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30}},
		{time.Minute, []time.Duration{1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30}},
		{time.Hour, []time.Duration{1, 2, 3, 4, 6, 8, 12}},
	} {
		for _, n := range u.of {
			ws = append(ws, n*u.unit)
		}
	}
	return ws
}()

// roundWidth returns the shortest round width that is at least d.
func roundWidth(d time.Duration) time.Duration {
	for _, w := range widths {
		if w >= d {
			return w
		}
	}
	const day = 24 * time.Hour
	return (d + day - 1) / day * day
}

// leastCycles is how many cycles of the slowest loop a step should hold, so that
// steps without any are stretches without any.
const leastCycles = 4

// divide divides the window into steps, and returns the options to read them with:
// steps shorter than a minute are of rows.
func (t *Timeline) divide(ctx context.Context, steps int, o Options, sources []Source) (Options, error) {
	w, err := recorded(ctx, t.Window, o, sources)
	if err != nil {
		return o, err
	}
	least := (w.Until.Sub(w.Since) + time.Duration(steps) - 1) / time.Duration(max(steps, 1))
	for _, r := range t.Runs {
		least = max(least, leastCycles*r.Budget)
	}
	if !o.rows() {
		for _, s := range sources {
			width, err := kept(ctx, s, w)
			if err != nil {
				return o, err
			}
			least = max(least, width)
		}
	}
	t.Width = roundWidth(least)
	o.Rows = o.Rows || t.Width < time.Minute
	t.Since = w.Since.UTC().Truncate(t.Width)
	t.Steps = int((w.Until.Sub(t.Since) + t.Width - 1) / t.Width)
	return o, nil
}

// recorded returns the window without the stretch before the very first record;
// a stretch before which something was recorded is a gap, and stays.
func recorded(ctx context.Context, w cycle.Window, o Options, sources []Source) (cycle.Window, error) {
	for _, s := range sources {
		if before, err := s.Runs(ctx, cycle.Window{Since: time.Unix(0, 0), Until: w.Since}); err != nil || len(before) > 0 {
			return w, err
		}
	}
	first, err := firstRecord(ctx, w, o, sources)
	if first.After(w.Since) {
		w.Since = first
	}
	return w, err
}

// kept returns the width of what a source keeps from the beginning of the window:
// an hour, a minute, or 0 where it still has all of the cycles themselves.
func kept(ctx context.Context, s Source, w cycle.Window) (time.Duration, error) {
	w.Since = w.Since.Truncate(time.Minute)
	covered, err := s.Covered(ctx, w)
	if err != nil || len(covered) == 0 {
		return 0, err
	}
	var first cycle.Window // the first minute on record
	counts := map[loopKey]int64{}
	for r, err := range s.Rollups(ctx, covered[0]) {
		if err != nil || r.Sketch != nil {
			return time.Hour, err
		}
		if first.Since.IsZero() {
			first = cycle.Window{Since: r.Start, Until: r.Start.Add(r.Width)}
		}
		if r.Start.After(first.Since) {
			break
		}
		if r.Label.Part() == cycle.Total {
			counts[loopKey{r.Daemon, r.WAN}] += r.Count
		}
	}
	if first.Since.IsZero() {
		return 0, nil
	}
	for c, err := range s.Cycles(ctx, first) {
		if err != nil {
			return 0, err
		}
		counts[loopKey{c.Run.Daemon, c.Run.WAN}]--
	}
	for _, n := range counts {
		if n > 0 { // the oldest cycles make room first: some of them are gone
			return time.Minute, nil
		}
	}
	return 0, nil
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
