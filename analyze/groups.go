package analyze

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"wanctl/cycle"
)

// Group is one of the pieces that an analysis is split into.
type Group struct {
	Name     string // e.g. "2026-01-09 15:00", "wan wan1", "state RED"
	Analysis *Analysis
}

// Groupings are the ways to split an analysis.
var Groupings = []string{"hour", "day", "wan", "state", "reflector"}

// maxGroups bounds how many pieces an answer has.
const maxGroups = 1000

// maxTried bounds how many are looked at, be they empty for the loop asked for.
const maxTried = 10 * maxGroups

// By splits the answer for w: by hour or day of loc, by WAN, by the state that the
// decision was in, or by reflector. Pieces in which nothing was recorded are left
// out.
func By(ctx context.Context, w cycle.Window, by string, loc *time.Location, o Options, sources ...Source) ([]Group, error) {
	switch by {
	case "hour", "day":
		return byTimes(ctx, w, by, loc, o, sources)
	case "state":
		return byState(ctx, w, o, sources)
	}
	a, err := Analyze(ctx, w, o, sources...)
	if err != nil {
		return nil, err
	}
	if by == "wan" {
		return byWAN(a), nil
	}
	return byReflector(a), nil
}

func byTimes(ctx context.Context, w cycle.Window, by string, loc *time.Location, o Options, sources []Source) (groups []Group, err error) {
	next := func(t time.Time) time.Time { return t.Truncate(time.Hour).Add(time.Hour) }
	layout := "2006-01-02 15:04 MST"
	if by == "day" {
		layout = "2006-01-02"
		next = func(t time.Time) time.Time { // a day is 23 or 25 hours long now and then
			y, m, d := t.In(loc).Date()
			return time.Date(y, m, d+1, 0, 0, 0, 0, loc)
		}
	}
	w, some, err := skip(ctx, w, o, sources)
	if err != nil || !some {
		return nil, err
	}
	for since, tried := w.Since, 0; since.Before(w.Until); tried++ {
		if tried > maxTried || len(groups) > maxGroups {
			return nil, fmt.Errorf("more than %d pieces: choose a shorter window, or --by day", maxGroups)
		}
		until := next(since)
		if until.After(w.Until) {
			until = w.Until
		}
		a, err := Analyze(ctx, cycle.Window{Since: since, Until: until}, o, sources...)
		if err != nil {
			return nil, err
		}
		if len(a.Loops) > 0 {
			groups = append(groups, Group{since.In(loc).Format(layout), a})
			since = until
			continue
		}
		rest, some, err := skip(ctx, cycle.Window{Since: until, Until: w.Until}, o, sources)
		if err != nil || !some {
			return groups, err
		}
		since = rest.Since
	}
	return groups, nil
}

// skip returns the window from the hour on in which it holds anything: a cycle, or
// word of cycles that were dropped; some is false if it holds nothing.
func skip(ctx context.Context, w cycle.Window, o Options, sources []Source) (rest cycle.Window, some bool, err error) {
	if !w.Since.Before(w.Until) {
		return w, false, nil
	}
	first, err := firstRecord(ctx, w, o, sources)
	if err != nil {
		return w, false, err
	}
	for _, s := range sources {
		drops, err := s.Drops(ctx, w)
		if err != nil {
			return w, false, err
		}
		if len(drops) > 0 && (first.IsZero() || drops[0].At.Before(first)) {
			first = drops[0].At
		}
	}
	if hour := first.Truncate(time.Hour); !first.IsZero() && hour.After(w.Since) {
		w.Since = hour
	}
	return w, !first.IsZero(), nil
}

// firstRecord returns when the first cycle in w of the loops asked for started, or
// the minute or hour that it is counted in where it is no longer kept; the zero time
// if nothing was recorded at all.
func firstRecord(ctx context.Context, w cycle.Window, o Options, sources []Source) (first time.Time, err error) {
	for _, s := range sources {
		of, err := firstOf(ctx, w, o, s)
		if err != nil {
			return first, err
		}
		if first.IsZero() || !of.IsZero() && of.Before(first) {
			first = of
		}
	}
	return first, nil
}

// firstOf is firstRecord of one source. Of the cycles it reads those that no minute
// before the first counts, and those of that minute.
func firstOf(ctx context.Context, w cycle.Window, o Options, s Source) (time.Time, error) {
	covered, err := covered(ctx, s, w, o)
	if err != nil {
		return time.Time{}, err
	}
	counted, err := firstCounted(ctx, covered, o, s)
	if err != nil {
		return time.Time{}, err
	}
	stretches := gaps(w, covered)
	if !counted.Since.IsZero() {
		stretches = slices.DeleteFunc(stretches, func(g cycle.Window) bool { return g.Since.After(counted.Since) })
		stretches = append(stretches, counted)
	}
	for _, w := range stretches {
		for c, err := range Cycles(ctx, w, Options{Daemon: o.Daemon, WAN: o.WAN}, s) {
			if err != nil {
				return time.Time{}, err
			}
			return c.Start, nil
		}
	}
	return counted.Since, nil
}

// firstCounted returns the first minute or hour that counts something of the loops
// asked for.
func firstCounted(ctx context.Context, covered []cycle.Window, o Options, s Source) (w cycle.Window, err error) {
	for _, c := range covered {
		for r, err := range s.Rollups(ctx, c) {
			if err != nil {
				return w, err
			}
			if o.wants(r.Daemon, r.WAN) {
				return cycle.Window{Since: r.Start, Until: r.Start.Add(r.Width)}, nil
			}
		}
	}
	return w, nil
}

func byWAN(a *Analysis) (groups []Group) {
	wans := map[string][]Loop{}
	for _, l := range a.Loops {
		wans[l.WAN] = append(wans[l.WAN], l)
	}
	for _, wan := range slices.Sorted(maps.Keys(wans)) {
		groups = append(groups, Group{"wan " + wan, a.with(wans[wan])})
	}
	return groups
}

// byReflector keeps of each loop the echoes of one reflector.
func byReflector(a *Analysis) (groups []Group) {
	reflectors := map[string][]Loop{}
	for _, l := range a.Loops {
		for _, s := range l.Spans {
			if s.Part == cycle.Probe {
				of := l
				of.Spans, of.Bottleneck = []Span{s}, cycle.Maybe[Bottleneck]{}
				reflectors[s.Target] = append(reflectors[s.Target], of)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(reflectors)) {
		groups = append(groups, Group{"reflector " + name, a.with(reflectors[name])})
	}
	return groups
}

// with returns the analysis of other loops.
func (a *Analysis) with(loops []Loop) *Analysis {
	b := *a
	b.Loops = loops
	return &b
}

// byState sorts the cycles themselves: minutes do not know states.
func byState(ctx context.Context, w cycle.Window, o Options, sources []Source) (groups []Group, err error) {
	states := map[string]*tallies{}
	for c, err := range Cycles(ctx, w, o, sources...) {
		if err != nil {
			return nil, err
		}
		name := state(c)
		if states[name] == nil {
			states[name] = newTallies()
		}
		if err := states[name].cycle(c); err != nil {
			return nil, err
		}
	}
	known, err := surroundings(ctx, w, o, sources)
	if err != nil {
		return nil, err
	}
	short, err := Short(ctx, w, o, sources...)
	if err != nil {
		return nil, err
	}
	known.warnings = append(short, known.warnings...)
	known.dropped = nil // what was not recorded was in no known state
	for _, name := range slices.Sorted(maps.Keys(states)) {
		groups = append(groups, Group{"state " + name, &Analysis{Window: w, Exact: true, Short: len(short) > 0, Loops: loops(states[name], known), Warnings: known.warnings}})
	}
	return groups, nil
}

// state names what the decision found: the zone of the download, and for steering
// whether the rule is on.
func state(c *cycle.Cycle) string {
	name := c.Decision.Download.Zone.String()
	if name == "" {
		name = "unknown"
	}
	if d := c.Decision.Degraded; d.Known && d.Value {
		name += ", steering on"
	}
	return name
}
