package analyze

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"wanctl/cycle"
)

// Loop is what one daemon's loop for one WAN did.
type Loop struct {
	Daemon             cycle.Daemon
	WAN                string
	Budget             time.Duration // the interval, of the latest run, or the mean where the runs are gone; 0 when unknown
	Newest             time.Time     // when its newest cycle in the window started; where that is kept no longer, the end of its minute or hour
	Silent             time.Duration // from there to the end of the window, if there should have been more by then; else 0
	Patience           time.Duration // what may pass before there should be more; 0 when unknown
	Cycles, Failed     int64
	Missed, Dropped    int64
	Overruns           int64
	Utilization        cycle.Maybe[float64]       // all totals / all budgets; unknown without a budget
	Headroom           cycle.Maybe[time.Duration] // mean budget - mean total; unknown without a budget
	Lateness           Summary
	Spans              []Span
	OtherCriticalShare float64
	Bottleneck         cycle.Maybe[Bottleneck] // unknown when nothing but totals was recorded
}

// String names the loop, e.g. "autorate wan1".
func (l *Loop) String() string { return string(l.Daemon) + " " + l.WAN }

// Span returns the loop's first series for a part; nil if it has none.
func (l *Loop) Span(p cycle.Part) *Span {
	for i := range l.Spans {
		if l.Spans[i].Part == p {
			return &l.Spans[i]
		}
	}
	return nil
}

// Span is one series of a loop: a label, or a label's dealings with one target.
type Span struct {
	Label  cycle.Label
	Part   cycle.Part
	Target string
	Summary
	Share         float64 // of the time of all the loop's cycles
	CriticalShare float64 // of that time, what the cycles waited on this label; with other they add to 1
}

// Name returns the label, with its target where it has one.
func (s *Span) Name() string {
	if s.Target == "" {
		return string(s.Label)
	}
	return string(s.Label) + " " + s.Target
}

// Is tells whether a word means the span: its part, its label or its target.
func (s *Span) Is(word string) bool { return named(s.Part, s.Label, s.Target, word) }

// Priority says how much there is to gain.
type Priority string

// Priorities by critical share: high above 20 %, medium above 10 %.
const (
	High   Priority = "high"
	Medium Priority = "medium"
	Low    Priority = "low"
)

func priority(critical, all int64) Priority {
	switch {
	case critical*5 > all:
		return High
	case critical*10 > all:
		return Medium
	}
	return Low
}

// Bottleneck is the label that a loop's cycles waited on longest.
type Bottleneck struct {
	Label         cycle.Label
	CriticalShare float64
	Priority      Priority
}

// loopKey tells loops apart.
type loopKey struct {
	daemon cycle.Daemon
	wan    string
}

// about is what is known of the loops besides their cycles.
type about struct {
	runs     []*cycle.Run
	drops    []cycle.Drop
	latest   map[loopKey]*cycle.Run // the run that started last
	budgets  map[loopKey]time.Duration
	dropped  map[loopKey]int64
	warnings []string
}

// surroundings reads the runs and the drops of the window.
func surroundings(ctx context.Context, w cycle.Window, o Options, sources []Source) (*about, error) {
	a := &about{latest: map[loopKey]*cycle.Run{}, budgets: map[loopKey]time.Duration{}, dropped: map[loopKey]int64{}}
	changed := map[loopKey]bool{}
	for _, s := range sources {
		runs, err := s.Runs(ctx, w)
		if err != nil {
			return nil, err
		}
		for _, r := range within(runs, w) {
			if !o.wants(r.Daemon, r.WAN) {
				continue
			}
			a.runs = append(a.runs, r)
			k := loopKey{r.Daemon, r.WAN}
			before, seen := a.budgets[k]
			if changed[k] = changed[k] || seen && before != r.Budget; !seen || !r.Started.Before(a.latest[k].Started) {
				a.budgets[k], a.latest[k] = r.Budget, r
			}
		}
		drops, err := s.Drops(ctx, w)
		if err != nil {
			return nil, err
		}
		for _, d := range drops {
			if !o.wants(d.Daemon, d.WAN) {
				continue
			}
			a.drops = append(a.drops, d)
			a.dropped[loopKey{d.Daemon, d.WAN}] += d.Count
			a.warnings = append(a.warnings, fmt.Sprintf("%s %s: %s run but not recorded (%s), told at %s",
				d.Daemon, d.WAN, counted(d.Count, "cycle"), d.Reason, d.At.UTC().Format(time.RFC3339)))
		}
	}
	for k, yes := range changed {
		if yes {
			a.warnings = append(a.warnings, fmt.Sprintf("%s %s: the interval changed within the window; the budget shown is the latest", k.daemon, k.wan))
		}
	}
	slices.Sort(a.warnings)
	return a, nil
}

// within leaves out the runs of one source, in the order they started, that the
// next of the same loop had followed before the window began: a source tells of
// some that ended a while before.
func within(runs []*cycle.Run, w cycle.Window) (in []*cycle.Run) {
	type line struct { // the runs that follow each other
		loopKey
		source string
	}
	followed := map[line]bool{} // by a run that had started when the window began
	for _, r := range slices.Backward(runs) {
		k := line{loopKey{r.Daemon, r.WAN}, r.Source}
		if !followed[k] {
			in = append(in, r)
		}
		followed[k] = followed[k] || !r.Started.After(w.Since)
	}
	slices.Reverse(in)
	return in
}

// loops sorts the series by loop and works out what each amounts to.
func loops(ts *tallies, a *about) (loops []Loop) {
	byLoop := map[loopKey][]cycle.Series{}
	for s := range ts.series {
		k := loopKey{s.Daemon, s.WAN}
		byLoop[k] = append(byLoop[k], s)
	}
	for k := range a.dropped {
		if _, ok := byLoop[k]; !ok {
			byLoop[k] = nil // a loop of which nothing was recorded is one too
		}
	}
	for k, series := range byLoop {
		l := Loop{Daemon: k.daemon, WAN: k.wan, Budget: a.budget(k, ts), Dropped: a.dropped[k]}
		l.fill(ts, series)
		loops = append(loops, l)
	}
	slices.SortFunc(loops, func(a, b Loop) int {
		return cmp.Or(cmp.Compare(a.Daemon, b.Daemon), cmp.Compare(a.WAN, b.WAN))
	})
	return loops
}

// budget returns a loop's interval: that of its latest run, or where its runs are
// gone the mean of what the minutes and hours hold.
func (a *about) budget(k loopKey, ts *tallies) time.Duration {
	if budget, known := a.budgets[k]; known {
		return budget
	}
	total := ts.series[cycle.Series{Daemon: k.daemon, WAN: k.wan, Label: k.daemon.Label(cycle.Total)}]
	if total == nil || total.count == 0 {
		return 0
	}
	return cycle.FromMicros(total.budget / total.count)
}

// fill works out the loop from its series.
func (l *Loop) fill(ts *tallies, series []cycle.Series) {
	slices.SortFunc(series, inOrder)
	total := ts.total(l)
	if total.newest > 0 {
		l.Newest = time.UnixMicro(total.newest).UTC()
	}
	l.Cycles, l.Failed, l.Missed, l.Overruns = total.count, total.failed, total.missed, total.over
	if total.count > 0 && total.budget > 0 && l.Budget > 0 {
		l.Utilization = cycle.Known(float64(total.sum) / float64(total.budget))
		l.Headroom = cycle.Known(time.Duration(float64(total.budget-total.sum) / float64(total.count) * float64(time.Microsecond)))
	}
	critical, most, which := int64(0), int64(0), cycle.Label("")
	for _, s := range series {
		c := ts.series[s].critical
		critical += c
		if c > most {
			most, which = c, s.Label
		}
	}
	// Imported times are rounded one by one: their parts may add to more than the total.
	all := max(total.sum, critical)
	for _, s := range series {
		t := ts.series[s]
		if s.Label.Part() == cycle.Late {
			l.Lateness = summarize(t)
			continue
		}
		l.Spans = append(l.Spans, Span{
			Label: s.Label, Part: s.Label.Part(), Target: s.Target, Summary: summarize(t),
			Share: ratio(t.sum, total.sum), CriticalShare: ratio(t.critical, all),
		})
	}
	l.OtherCriticalShare = ratio(all-critical, all)
	if which != "" {
		l.Bottleneck = cycle.Known(Bottleneck{Label: which, CriticalShare: ratio(most, all), Priority: priority(most, all)})
	}
}

func ratio(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// order is how a loop's series are told: its parts as they run, then whatever
// else was timed, the echoes, and the total last.
var order = map[cycle.Part]int{
	cycle.RTT: 1, cycle.CAKE: 2, cycle.Rule: 3, cycle.Adjust: 4, cycle.Update: 5, cycle.Other: 6, cycle.Probe: 7, cycle.Total: 8,
}

func inOrder(a, b cycle.Series) int {
	return cmp.Or(cmp.Compare(order[a.Label.Part()], order[b.Label.Part()]), cmp.Compare(a.Label, b.Label), cmp.Compare(a.Target, b.Target))
}
