package analyze

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"wanctl/cycle"
)

func mustOver(t *testing.T, w cycle.Window, steps int, o Options, sources ...Source) (*Analysis, *Timeline) {
	t.Helper()
	a, tl, err := Over(t.Context(), w, steps, o, sources...)
	if err != nil {
		t.Fatal(err)
	}
	return a, tl
}

func TestOverGivesTheAnswerAndThatOfEachStep(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		window         cycle.Window
		steps          int
		hours, minutes time.Duration // what has been rolled up, from the beginning
		width          time.Duration
	}{
		"minutes":                        {stretch(0, 3*time.Hour), 60, 0, 3 * time.Hour, 3 * time.Minute},
		"minutes and ragged edges":       {stretch(77*time.Second, 100*time.Minute+3*time.Second), 50, 0, 2 * time.Hour, 2 * time.Minute},
		"rows, shorter than a minute":    {stretch(10*time.Second, 10*time.Minute), 40, 0, 3 * time.Hour, 15 * time.Second},
		"rows alone":                     {stretch(0, time.Hour), 20, 0, 0, 3 * time.Minute},
		"hours hold whole hours":         {stretch(0, 6*time.Hour), 60, 4 * time.Hour, 6 * time.Hour, time.Hour},
		"the slowest loop has its steps": {stretch(0, 2*time.Minute), 1000, 0, time.Hour, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := house(51, max(tc.hours, tc.minutes, time.Hour))
			m.hours, m.minutes = epoch.Add(tc.hours), epoch.Add(tc.minutes)
			a, tl := mustOver(t, tc.window, tc.steps, Options{}, m)
			if diff := cmp.Diff(mustAnalyze(t, tc.window, Options{}, m), a, same); diff != "" {
				t.Errorf("the answer (-Analyze +Over):\n%s", diff)
			}
			if tl.Width != tc.width || tl.Steps > tc.steps+1 || tl.Since.After(tc.window.Since) || !tl.Since.Equal(tl.Since.Truncate(tl.Width)) {
				t.Errorf("%d steps of %v from %v, want steps of %v", tl.Steps, tl.Width, tl.Since, tc.width)
			}
			for i := range tl.Steps {
				w, some := common(tl.Step(i), tc.window)
				if !some {
					t.Fatalf("step %d lies outside the window", i)
				}
				if diff := cmp.Diff(stepsOf(mustAnalyze(t, w, Options{}, m)), stepOf(tl, i)); diff != "" {
					t.Fatalf("step %d (-Analyze +Over):\n%s", i, diff)
				}
			}
		})
	}
}

// stepsOf tells of an analysis what a step does.
func stepsOf(a *Analysis) map[string]string {
	steps := map[string]string{}
	for i := range a.Loops {
		l := &a.Loops[i]
		for j := range l.Spans {
			s := &l.Spans[j]
			over, missed := int64(0), int64(0)
			if s.Part == cycle.Total {
				over, missed = l.Overruns, l.Missed
			}
			steps[l.String()+" "+s.Name()] = fmt.Sprint(s.Count, s.Failed, over, missed, s.Min, s.Max, s.P50.Value, s.P95.Value, s.P99.Value)
		}
		if s := &l.Lateness; s.Count > 0 {
			steps[l.String()+" late"] = fmt.Sprint(s.Count, s.Failed, 0, 0, s.Min, s.Max, s.P50.Value, s.P95.Value, s.P99.Value)
		}
	}
	return steps
}

func stepOf(tl *Timeline, i int) map[string]string {
	steps := map[string]string{}
	for _, tr := range tl.Series {
		name := (&Span{Label: tr.Label, Target: tr.Target}).Name()
		if tr.Part == cycle.Late {
			name = "late"
		}
		if s := tr.Steps[i]; s.Count > 0 || s.Failed > 0 {
			steps[string(tr.Daemon)+" "+tr.WAN+" "+name] = fmt.Sprint(s.Count, s.Failed, s.Over, s.Missed, s.Min, s.Max, s.P50, s.P95, s.P99)
		}
	}
	return steps
}

func TestBinsCountEveryDurationWithinTheirEdges(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(52, 52))
	d := new(Distribution)
	all := map[int64]int64{}
	for range 20_000 {
		us := int64(rnd.ExpFloat64() * []float64{3, 100, 25_000, 2e6, 3e8}[rnd.IntN(5)])
		all[us]++
		if err := d.Add(us); err != nil {
			t.Fatal(err)
		}
	}
	last := -1
	for _, b := range d.Bins() {
		if b.Index <= last {
			t.Fatalf("bin %d after bin %d", b.Index, last)
		}
		last = b.Index
		n := int64(0)
		for us, k := range all {
			if v := cycle.FromMicros(us); v >= Edge(b.Index) && v < Edge(b.Index+1) {
				n += k
			}
		}
		if n != b.Count {
			t.Errorf("from %v to %v there are %d, the bin says %d", Edge(b.Index), Edge(b.Index+1), n, b.Count)
		}
		if low, high := Edge(b.Index), Edge(b.Index+1); high-low > time.Microsecond && float64(high) > float64(low)*1.03 {
			t.Errorf("the bin from %v to %v is wide", low, high)
		}
	}
}

func TestATimelineBeginsWithTheFirstRecordOfAll(t *testing.T) {
	t.Parallel()
	m := house(53, time.Hour)
	m.minutes = epoch.Add(time.Hour)
	if _, tl := mustOver(t, stretch(-24*time.Hour, time.Hour), 60, Options{}, m); !tl.Since.Equal(epoch) || tl.Width != time.Minute {
		t.Errorf("%d steps of %v from %v, want minutes from %v", tl.Steps, tl.Width, tl.Since, epoch)
	}
	// What was recorded before the window makes the lack of records a gap in it.
	before := &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Started: epoch.Add(-30 * time.Hour), Budget: time.Second}
	m.cycles = append(play(rand.New(rand.NewPCG(1, 1)), before, before.Started, 5), m.cycles...)
	if _, tl := mustOver(t, stretch(-24*time.Hour, time.Hour), 60, Options{}, m); !tl.Since.Equal(epoch.Add(-24 * time.Hour)) {
		t.Errorf("it begins at %v, and hides a gap", tl.Since)
	}
}

func TestShortStepsAreOfMinutesWhereTheCyclesAreGone(t *testing.T) {
	t.Parallel()
	m := house(54, time.Hour)
	m.minutes = epoch.Add(time.Hour)
	m.rowsFrom = epoch.Add(20*time.Minute + 30*time.Second)
	w := stretch(20*time.Minute, 40*time.Minute)
	a, tl := mustOver(t, w, 120, Options{}, m)
	if tl.Width != time.Minute || a.Cycles() != mustAnalyze(t, w, Options{}, m).Cycles() {
		t.Errorf("steps of %v, %d cycles", tl.Width, a.Cycles())
	}
}

// counting counts the cycles that are read of a source.
type counting struct {
	*memory
	read *atomic.Int64
}

func (s counting) Cycles(ctx context.Context, w cycle.Window) iter.Seq2[*cycle.Cycle, error] {
	return func(yield func(*cycle.Cycle, error) bool) {
		for c, err := range s.memory.Cycles(ctx, w) {
			s.read.Add(1)
			if !yield(c, err) {
				return
			}
		}
	}
}

func TestSlowestFindsTheSlowestWithoutReadingAll(t *testing.T) {
	t.Parallel()
	m := house(55, 6*time.Hour)
	m.minutes = epoch.Add(6 * time.Hour)
	w := stretch(40*time.Second, 5*time.Hour+40*time.Minute+20*time.Second)
	a, tl := mustOver(t, w, 30, Options{}, m)
	read := new(atomic.Int64)
	found, err := Slowest(t.Context(), a, tl, 10, Options{}, counting{m, read})
	if err != nil {
		t.Fatal(err)
	}
	for i := range a.Loops {
		o := Options{Daemon: a.Loops[i].Daemon, WAN: a.Loops[i].WAN}
		want, err := Why(t.Context(), w, Question{Slowest: 10}, o, m)
		if err != nil {
			t.Fatal(err)
		}
		unknownRests(want.Cycles, found[i])
		if diff := cmp.Diff(want.Cycles, found[i], cmpopts.EquateComparable(Cause{})); diff != "" {
			t.Errorf("%s (-all read +Slowest):\n%s", a.Loops[i].String(), diff)
		}
	}
	if most := int64(2 * (10 + 2) * 200); read.Load() > most {
		t.Errorf("%d of %d cycles were read, want at most %d", read.Load(), len(m.cycles), most)
	}
}

// TestWhenTheRecordingBegan: the true moment, whatever the width of the steps, of the
// loops asked for and of all files.
func TestWhenTheRecordingBegan(t *testing.T) {
	t.Parallel()
	loop := func(d cycle.Daemon, wan string, since, length time.Duration) *memory {
		run := &cycle.Run{Daemon: d, WAN: wan, Started: epoch.Add(since), Budget: 2 * time.Second, Reflectors: make([]string, 3)}
		m := &memory{minutes: epoch.Add(since + length).Truncate(time.Minute)}
		for at := since; at < since+length; at += run.Budget {
			c := (&durations{cake: time.Millisecond}).cycle(run, 0)
			c.Start = epoch.Add(at)
			m.cycles = append(m.cycles, c)
		}
		return m
	}
	begun := 47*time.Minute + 12*time.Second + 300*time.Microsecond
	one, two := loop(cycle.Autorate, "wan1", begun, 3*time.Hour), loop(cycle.Autorate, "wan2", time.Minute+time.Second, 3*time.Hour)
	both := &memory{minutes: two.minutes, cycles: slices.Concat(one.cycles, two.cycles)}
	slices.SortFunc(both.cycles, func(a, b *cycle.Cycle) int { return a.Start.Compare(b.Start) })
	pruned := &memory{cycles: one.cycles, minutes: one.minutes, rowsFrom: epoch.Add(2 * time.Hour)}
	short := loop(cycle.Autorate, "wan1", begun, 20*time.Second)
	for name, c := range map[string]struct {
		since, until time.Duration
		o            Options
		sources      []Source
		want         time.Duration // negative: not in the window
	}{
		"of one loop":                       {-24 * time.Hour, 4 * time.Hour, Options{}, []Source{one}, begun},
		"made later":                        {-22*time.Hour - time.Minute, 7 * time.Hour, Options{}, []Source{one}, begun},
		"of a week":                         {-7 * 24 * time.Hour, 4 * time.Hour, Options{}, []Source{one}, begun},
		"of the rows":                       {-24 * time.Hour, 4 * time.Hour, Options{Rows: true}, []Source{one}, begun},
		"of all loops":                      {-24 * time.Hour, 4 * time.Hour, Options{}, []Source{both}, time.Minute + time.Second},
		"of the loop asked for":             {-24 * time.Hour, 4 * time.Hour, Options{WAN: "wan1"}, []Source{both}, begun},
		"of the loop asked for, by rows":    {-24 * time.Hour, 4 * time.Hour, Options{WAN: "wan1", Rows: true}, []Source{both}, begun},
		"of several files":                  {-24 * time.Hour, 4 * time.Hour, Options{WAN: "wan1"}, []Source{two, one}, begun},
		"where another ran before":          {30 * time.Minute, 4 * time.Hour, Options{WAN: "wan1"}, []Source{two, one}, begun},
		"where it ran before":               {time.Hour, 4 * time.Hour, Options{WAN: "wan1"}, []Source{both}, -1},
		"where the cycles are kept no more": {-24 * time.Hour, 4 * time.Hour, Options{}, []Source{pruned}, 47 * time.Minute},
		"of less than a minute":             {-24 * time.Hour, 4 * time.Hour, Options{WAN: "wan1"}, []Source{short}, begun},
		"of nothing":                        {-24 * time.Hour, 4 * time.Hour, Options{WAN: "wan3"}, []Source{both}, -1},
	} {
		_, tl := mustOver(t, stretch(c.since, c.until), 200, c.o, c.sources...)
		want := epoch.Add(c.want)
		if c.want < 0 {
			want = time.Time{}
		}
		if !tl.Begun.Equal(want) {
			t.Errorf("%s: begun at %v, want %v", name, tl.Begun, want)
		}
	}
}

// unknownRests forgets what is usual between the parts, which few cycles do not tell.
func unknownRests(explained ...[]Explained) {
	for _, e := range slices.Concat(explained...) {
		for i := range e.Parts {
			if p := &e.Parts[i]; p.Part == cycle.Other {
				p.P50, p.Beyond = 0, false
			}
		}
	}
}

func TestCoursesOfFewCyclesCountThemAll(t *testing.T) {
	t.Parallel()
	m := decided(56, time.Hour)
	w := stretch(0, time.Hour)
	a, tl := mustOver(t, w, 30, Options{}, m)
	courses, err := Courses(t.Context(), a, tl, Options{}, m)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range courses {
		if c.Every != 0 || c.Cycles != a.Loops[i].Cycles {
			t.Errorf("%s: %d cycles, every %v", a.Loops[i].String(), c.Cycles, c.Every)
		}
		var red int64
		var highest float64
		for _, p := range c.Steps {
			red += p.Download.Zones[cycle.Red]
			highest = max(highest, p.RTT.Max)
			if p.RTT.Count > 0 && !(p.RTT.Min <= p.RTT.Median && p.RTT.Median <= p.RTT.Max) {
				t.Errorf("a spread of %+v", p.RTT)
			}
		}
		var wantRed int64
		var wantHighest float64
		for _, cy := range m.cycles {
			if cy.Run.Daemon == c.Daemon {
				wantHighest = max(wantHighest, cy.Decision.RTT.Value)
				if cy.Decision.Download.Zone == cycle.Red {
					wantRed++
				}
			}
		}
		if red != wantRed || highest != wantHighest || wantRed == 0 {
			t.Errorf("%s: %d RED and an RTT of %v, want %d and %v", a.Loops[i].String(), red, highest, wantRed, wantHighest)
		}
	}
}

// decided is a house whose cycles decide something.
func decided(seed uint64, length time.Duration) *memory {
	m := house(seed, length)
	m.minutes = epoch.Add(length)
	rnd := rand.New(rand.NewPCG(seed, 7))
	for _, c := range m.cycles {
		c.Decision.RTT = cycle.Known(20 + rnd.ExpFloat64())
		c.Decision.Download.Zone = cycle.Green
		if rnd.IntN(20) == 0 {
			c.Decision.Download.Zone = cycle.Red
		}
	}
	return m
}

func TestCoursesOfManyCyclesAreSampledEvenly(t *testing.T) {
	t.Parallel()
	const most = 10_000
	m := decided(57, 6*time.Hour)
	a, tl := mustOver(t, stretch(0, 6*time.Hour), 50, Options{}, m)
	read := new(atomic.Int64)
	courses, err := courses(t.Context(), a, tl, most, Options{}, []Source{counting{&memory{cycles: m.cycles}, read}})
	if err != nil {
		t.Fatal(err)
	}
	if n := read.Load(); n > most*11/10 || n < most/2 || a.Cycles() < 5*most {
		t.Errorf("%d of %d cycles were read, want about %d", n, a.Cycles(), most)
	}
	for i, c := range courses {
		empty := slices.IndexFunc(c.Steps, func(p Passage) bool { return p.Cycles == 0 })
		if c.Every == 0 || c.Stretch < a.Loops[i].Budget || empty >= 0 {
			t.Errorf("%s: %v of every %v, step %d is empty", a.Loops[i].String(), c.Stretch, c.Every, empty)
		}
	}
}

// ending is a source that knows its newest record.
type ending struct{ *memory }

func (s ending) Newest(context.Context) (time.Time, error) {
	return s.cycles[len(s.cycles)-1].Start, nil
}

func TestOddWindowsAreDividedAsFarAsThereAreRecords(t *testing.T) {
	t.Parallel()
	m := house(58, time.Hour)
	m.minutes = epoch.Add(time.Hour)
	first, last := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		w     cycle.Window
		some  bool
		width time.Duration
	}{
		"to the end of time":     {cycle.Window{Since: epoch, Until: last}, true, 2 * time.Minute},
		"all of time":            {cycle.Window{Since: first, Until: last}, true, 2 * time.Minute},
		"before all records":     {cycle.Window{Since: first, Until: epoch.AddDate(-100, 0, 0)}, false, time.Minute},
		"after all records":      {cycle.Window{Since: epoch.AddDate(1, 0, 0), Until: last}, false, time.Minute},
		"a silence of some days": {stretch(0, 60*24*time.Hour), true, 24 * time.Hour},
	} {
		a, tl := mustOver(t, tc.w, 60, Options{}, ending{m})
		if tl.Window != tc.w || tl.Width != tc.width || tl.Steps > 61 || (len(a.Loops) > 0) != tc.some {
			t.Errorf("%s: %d steps of %v for %v, %d loops", name, tl.Steps, tl.Width, tl.Window, len(a.Loops))
		}
		if tc.some && a.Cycles() != int64(len(m.cycles)) {
			t.Errorf("%s: %d cycles, want %d", name, a.Cycles(), len(m.cycles))
		}
	}
	if _, _, err := Over(t.Context(), cycle.Window{Since: epoch, Until: last}, 60, Options{}, m); err == nil {
		t.Error("a source that does not know its end is divided into thousands of years")
	}
}
