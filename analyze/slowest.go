package analyze

import (
	"cmp"
	"context"
	"slices"
	"time"

	"wanctl/cycle"
)

// spot is a stretch of time and the longest cycle in it.
type spot struct {
	window cycle.Window
	most   time.Duration
}

// longestOf returns the n spots with the longest cycles: the n longest cycles of all
// lie in them.
func longestOf(spots []spot, n int) []spot {
	slices.SortStableFunc(spots, func(a, b spot) int { return cmp.Compare(b.most, a.most) })
	return spots[:min(n, len(spots))]
}

// Slowest explains the n slowest cycles of each loop of an answer, slowest first
// and loop by loop. It reads few cycles: the steps of the timeline, and then their
// minutes, tell where the slowest lie. Where those are kept no longer, the slowest
// of the others are returned.
func Slowest(ctx context.Context, a *Analysis, t *Timeline, n int, o Options, sources ...Source) ([][]Explained, error) {
	found := make([][]Explained, len(a.Loops))
	for i := range a.Loops {
		l := &a.Loops[i]
		spots, err := spotsOf(ctx, l, t, n, o, sources)
		if err != nil {
			return nil, err
		}
		only := o
		only.Daemon, only.WAN = l.Daemon, l.WAN
		y, u := new(Whys), usualOf(l)
		for _, w := range joined(spots) {
			for c, err := range Cycles(ctx, w, only, sources...) {
				if err != nil {
					return nil, err
				}
				y.keep(c, u, n)
			}
		}
		found[i] = y.Cycles
	}
	return found, nil
}

// spotsOf tells where the n slowest cycles of a loop lie.
func spotsOf(ctx context.Context, l *Loop, t *Timeline, n int, o Options, sources []Source) ([]spot, error) {
	var spots []spot
	for _, s := range t.Of(l) {
		if s.Part != cycle.Total {
			continue
		}
		for i, step := range s.Steps {
			if w, some := common(t.Step(i), t.Window); some && step.Count > 0 {
				spots = append(spots, spot{w, step.Max})
			}
		}
	}
	spots = longestOf(spots, n)
	if t.Width <= time.Minute || o.rows() {
		return spots, nil
	}
	var minutes, edges []spot
	for _, s := range spots {
		whole, ragged, err := s.minutes(ctx, l, o, sources)
		if err != nil {
			return nil, err
		}
		minutes, edges = append(minutes, whole...), append(edges, ragged...)
	}
	return append(longestOf(minutes, n), edges...), nil
}

// minutes returns the minutes of a loop inside a spot, and the ragged edges beside
// them, of whose cycles nothing is known yet.
func (s spot) minutes(ctx context.Context, l *Loop, o Options, sources []Source) (spots, edges []spot, err error) {
	stretches, _, err := plan(ctx, s.window, o, sources)
	if err != nil {
		return nil, nil, err
	}
	for _, j := range stretches {
		if !j.rollups {
			edges = append(edges, spot{window: j.window})
			continue
		}
		for r, err := range j.source.Rollups(ctx, j.window) {
			if err != nil {
				return nil, nil, err
			}
			if r.Daemon == l.Daemon && r.WAN == l.WAN && r.Label.Part() == cycle.Total && r.Count > 0 {
				spots = append(spots, spot{cycle.Window{Since: r.Start, Until: r.Start.Add(r.Width)}, cycle.FromMicros(r.Max)})
			}
		}
	}
	return spots, edges, nil
}

// joined returns the windows of spots in order, each moment once.
func joined(spots []spot) (ws []cycle.Window) {
	slices.SortFunc(spots, func(a, b spot) int { return a.window.Since.Compare(b.window.Since) })
	for _, s := range spots {
		if n := len(ws); n > 0 && !s.window.Since.After(ws[n-1].Until) {
			if ws[n-1].Until.Before(s.window.Until) {
				ws[n-1].Until = s.window.Until
			}
			continue
		}
		ws = append(ws, s.window)
	}
	return ws
}
