package analyze

import (
	"cmp"
	"context"
	"slices"
	"time"

	"wanctl/cycle"
)

// Trend is how a series went over the window, in equal steps.
type Trend struct {
	Daemon cycle.Daemon
	WAN    string
	Label  cycle.Label
	Part   cycle.Part
	Target string
	Steps  []Step // as many as Trends was asked for, or fewer
}

// Step is a series' figures in one stretch of the window.
type Step struct {
	Count    int64 // 0: nothing was recorded in it, and the quantiles tell nothing
	P50, P99 time.Duration
}

// Trends returns how each series went over the window, in at most so many steps of
// equal length, and that length: whole minutes where that is possible, which
// answers fast.
func Trends(ctx context.Context, w cycle.Window, steps int, o Options, sources ...Source) ([]Trend, time.Duration, error) {
	length := w.Until.Sub(w.Since)
	width := (length + time.Duration(steps) - 1) / time.Duration(steps)
	from := w.Since
	if width > 20*time.Second {
		width = (width + time.Minute - 1).Truncate(time.Minute)
		from = from.Truncate(time.Minute)
	}
	var trends []Trend
	at := map[cycle.Series]int{}
	n := int((w.Until.Sub(from) + width - 1) / width)
	for step := range n {
		piece := cycle.Window{Since: from.Add(time.Duration(step) * width), Until: from.Add(time.Duration(step+1) * width)}
		if piece.Since.Before(w.Since) {
			piece.Since = w.Since
		}
		if piece.Until.After(w.Until) {
			piece.Until = w.Until
		}
		a, err := Analyze(ctx, piece, o, sources...)
		if err != nil {
			return nil, 0, err
		}
		for i := range a.Loops {
			l := &a.Loops[i]
			for j := range l.Spans {
				s := &l.Spans[j]
				key := cycle.Series{Daemon: l.Daemon, WAN: l.WAN, Label: s.Label, Target: s.Target}
				k, seen := at[key]
				if !seen {
					k = len(trends)
					at[key] = k
					trends = append(trends, Trend{l.Daemon, l.WAN, s.Label, s.Part, s.Target, make([]Step, n)})
				}
				trends[k].Steps[step] = Step{s.Count, s.P50.Value, s.P99.Value}
			}
		}
	}
	return sortTrends(trends), width, nil
}

// sortTrends puts trends in the order of the report.
func sortTrends(ts []Trend) []Trend {
	slices.SortFunc(ts, func(a, b Trend) int {
		return cmp.Or(cmp.Compare(a.Daemon, b.Daemon), cmp.Compare(a.WAN, b.WAN),
			inOrder(cycle.Series{Label: a.Label, Target: a.Target}, cycle.Series{Label: b.Label, Target: b.Target}))
	})
	return ts
}
