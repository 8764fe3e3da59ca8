package analyze

import (
	"context"
	"fmt"
	"slices"
	"time"

	"wanctl/cycle"
)

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
	w := t.Window
	first, err := begun(ctx, w, o, sources)
	if err != nil {
		return o, err
	}
	if first.After(w.Since) {
		t.Begun, w.Since = first, first
	}
	if w.Until, err = ended(ctx, w, sources); err != nil {
		return o, err
	}
	length := w.Until.Sub(w.Since)
	switch {
	case length <= longestDivided:
	case first.IsZero(): // it holds nothing, however it is divided
		w.Until = w.Since.Add(time.Hour)
		length = time.Hour
	default:
		return o, fmt.Errorf("the window is longer than %d years: choose a shorter one", longestDivided/year)
	}
	least := (length + time.Duration(steps) - 1) / time.Duration(max(steps, 1))
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

const (
	year = 365 * 24 * time.Hour
	// longestDivided is the longest window that is divided: a Duration holds 292 years.
	longestDivided = 200 * year
)

// ended returns the window's end, but for years after the newest record.
func ended(ctx context.Context, w cycle.Window, sources []Source) (time.Time, error) {
	newest, known, err := newestRecord(ctx, sources)
	if err != nil || !known {
		return w.Until, err
	}
	if newest.Before(w.Since) {
		newest = w.Since
	}
	if w.Until.Sub(newest) > year {
		return newest.Add(time.Hour), nil // what it is counted in lasts as long at most
	}
	return w.Until, nil
}

// ender is a Source that knows the time of its newest record.
type ender interface {
	Newest(ctx context.Context) (time.Time, error)
}

// newestRecord returns the time of the newest record of all; known is false where
// a source cannot tell.
func newestRecord(ctx context.Context, sources []Source) (newest time.Time, known bool, err error) {
	for _, s := range sources {
		e, ok := s.(ender)
		if !ok {
			return newest, false, nil
		}
		t, err := e.Newest(ctx)
		if err != nil {
			return newest, false, err
		}
		if t.After(newest) {
			newest = t
		}
	}
	return newest, true, nil
}

// begun returns when recording of the loops asked for began, if it did so in the
// window: a stretch before which something was recorded is a gap.
func begun(ctx context.Context, w cycle.Window, o Options, sources []Source) (first time.Time, err error) {
	for _, s := range sources {
		before, err := s.Runs(ctx, cycle.Window{Since: time.Unix(0, 0), Until: w.Since})
		if err != nil || slices.ContainsFunc(before, func(r *cycle.Run) bool { return o.wants(r.Daemon, r.WAN) }) {
			return first, err
		}
	}
	return firstRecord(ctx, w, o, sources)
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
