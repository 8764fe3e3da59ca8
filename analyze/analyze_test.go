package analyze

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"wanctl/cycle"
)

// same compares what is told; the distributions behind it may be laid out apart.
var same = cmp.Options{cmpopts.IgnoreFields(Summary{}, "Dist"), cmpopts.EquateComparable(cycle.Window{})}

func mustAnalyze(t *testing.T, w cycle.Window, o Options, sources ...Source) *Analysis {
	t.Helper()
	a, err := Analyze(t.Context(), w, o, sources...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func stretch(from, to time.Duration) cycle.Window {
	return cycle.Window{Since: epoch.Add(from), Until: epoch.Add(to)}
}

func TestRowsAndMinutesGiveTheIdenticalAnswer(t *testing.T) {
	t.Parallel()
	m := house(1, 3*time.Hour)
	m.minutes = epoch.Add(2*time.Hour + 50*time.Minute)
	for _, w := range []cycle.Window{
		stretch(0, 3*time.Hour),
		stretch(0, time.Hour),
		stretch(17*time.Minute+3*time.Second, 2*time.Hour+11*time.Minute+59*time.Second),
		stretch(time.Minute+time.Millisecond, time.Minute+time.Second),
		stretch(2*time.Hour+45*time.Minute+30*time.Second, 3*time.Hour),
		stretch(-time.Hour, 4*time.Hour),
	} {
		got := mustAnalyze(t, w, Options{}, m)
		want := mustAnalyze(t, w, Options{Rows: true}, m)
		if want.Cycles() == 0 {
			t.Errorf("%v: no cycles", w)
		}
		if diff := cmp.Diff(want, got, same); diff != "" {
			t.Errorf("%v (-rows +minutes):\n%s", w, diff)
		}
	}
}

func TestSeveralFilesAreOneAnswer(t *testing.T) {
	t.Parallel()
	whole := house(2, time.Hour)
	first, second := new(memory), new(memory)
	for i, c := range whole.cycles {
		if i%3 == 0 {
			first.cycles = append(first.cycles, c)
		} else {
			second.cycles = append(second.cycles, c)
		}
	}
	first.minutes, second.minutes = epoch.Add(time.Hour), epoch.Add(30*time.Minute)
	w := stretch(90*time.Second, 50*time.Minute)
	if diff := cmp.Diff(mustAnalyze(t, w, Options{}, whole), mustAnalyze(t, w, Options{}, first, second), same); diff != "" {
		t.Errorf("(-one file +two):\n%s", diff)
	}
}

func TestFiguresEqualASortedOracle(t *testing.T) {
	t.Parallel()
	m := house(3, time.Hour)
	m.minutes = epoch.Add(time.Hour)
	a := mustAnalyze(t, stretch(0, time.Hour), Options{}, m)
	values := map[cycle.Series][]int64{}
	failed, critical := map[cycle.Series]int64{}, map[cycle.Series]int64{}
	for _, c := range m.cycles {
		each(c, func(s cycle.Series, us, crit int64, bad bool) {
			if us >= 0 {
				values[s] = append(values[s], us)
			}
			if bad {
				failed[s]++
			}
			critical[s] += crit
		})
	}
	seen := 0
	for _, l := range a.Loops {
		series := func(label cycle.Label, target string) cycle.Series {
			return cycle.Series{Daemon: l.Daemon, WAN: l.WAN, Label: label, Target: target}
		}
		check := func(s cycle.Series, got Summary) {
			seen++
			checkSummary(t, s, values[s], failed[s], got)
		}
		check(series(l.Daemon.Label(cycle.Late), ""), l.Lateness)
		total := sum(values[series(l.Daemon.Label(cycle.Total), "")])
		shares := l.OtherCriticalShare
		for _, s := range l.Spans {
			k := series(s.Label, s.Target)
			check(k, s.Summary)
			if want := float64(sum(values[k])) / float64(total); s.Share != want {
				t.Errorf("%v: share %v, want %v", k, s.Share, want)
			}
			if want := float64(critical[k]) / float64(total); s.CriticalShare != want {
				t.Errorf("%v: critical share %v, want %v", k, s.CriticalShare, want)
			}
			shares += s.CriticalShare
		}
		if math.Abs(shares-1) > 1e-12 {
			t.Errorf("%s: critical shares add to %v", &l, shares)
		}
	}
	if seen != len(values) {
		t.Errorf("%d series told, %d recorded", seen, len(values))
	}
}

func sum(us []int64) (sum int64) {
	for _, v := range us {
		sum += v
	}
	return sum
}

// checkSummary compares a summary with one made by sorting.
func checkSummary(t *testing.T, s cycle.Series, us []int64, failed int64, got Summary) {
	t.Helper()
	slices.Sort(us)
	n := len(us)
	at := func(q float64) time.Duration { // the smallest value with at least q*n at or below it
		for i, v := range us {
			if float64(i+1) >= q*float64(n)-1e-9 {
				return cycle.FromMicros(v)
			}
		}
		return -1
	}
	want := Summary{
		Count: int64(n), Failed: failed, Min: cycle.FromMicros(us[0]), Max: cycle.FromMicros(us[n-1]), Sum: cycle.FromMicros(sum(us)),
		P50: Quantile{Value: at(0.5)}, P95: Quantile{Value: at(0.95)}, P99: Quantile{Value: at(0.99)},
	}
	want.P95.Thin, want.P99.Thin = n < 20, n < 100
	opts := cmp.Options{cmpopts.IgnoreFields(Summary{}, "Dist", "Warnings"), cmpopts.IgnoreFields(Quantile{}, "Low", "High")}
	if diff := cmp.Diff(want, got, opts); diff != "" {
		t.Errorf("%v (-want +got):\n%s", s, diff)
	}
	if got.P50.Value > got.P95.Value || got.P95.Value > got.P99.Value || got.P99.Value > got.Max || got.P50.Value < got.Min {
		t.Errorf("%v: quantiles do not ascend: %+v", s, got)
	}
}

func TestLoopFigures(t *testing.T) {
	t.Parallel()
	run := &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Started: epoch, Budget: 50 * time.Millisecond}
	m := &memory{drops: []cycle.Drop{{At: epoch.Add(time.Second), Daemon: cycle.Autorate, WAN: "wan1", Count: 7, Reason: "queue full"}}}
	for i := range 10 {
		c := &cycle.Cycle{Run: run, Start: epoch.Add(time.Duration(i) * run.Budget), Total: 20 * time.Millisecond, Spans: []cycle.Span{
			{Label: "autorate_rtt_measurement", Part: cycle.RTT, Duration: 12 * time.Millisecond},
			{Label: "autorate_cake_stats_read", Part: cycle.CAKE, Duration: 15 * time.Millisecond},
			{Label: "autorate_adjust_state", Part: cycle.Adjust, Duration: 3 * time.Millisecond},
		}}
		if i == 4 {
			c.Total, c.Missed, c.Outcome = 70*time.Millisecond, 3, cycle.TimedOut
		}
		m.cycles = append(m.cycles, c)
	}
	l := mustAnalyze(t, stretch(0, time.Minute), Options{}, m).Loops[0]
	want := Loop{
		Daemon: cycle.Autorate, WAN: "wan1", Budget: run.Budget, Newest: epoch.Add(450 * time.Millisecond), Patience: 70*time.Second + 200*time.Millisecond, Cycles: 10, Failed: 1, Missed: 3, Dropped: 7, Overruns: 1,
		Utilization: cycle.Known(0.5), Headroom: cycle.Known(25 * time.Millisecond), OtherCriticalShare: 70. / 250,
		Bottleneck: cycle.Known(Bottleneck{Label: "autorate_cake_stats_read", CriticalShare: 150. / 250, Priority: High}),
	}
	if diff := cmp.Diff(want, l, cmpopts.IgnoreFields(Loop{}, "Spans", "Lateness")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := l.Span(cycle.RTT).CriticalShare; got != 0 {
		t.Errorf("the RTT was measured in the shade of the CAKE read; critical share %v, want 0", got)
	}
}

// keeping is a source that tells of these runs, whatever the window.
type keeping struct {
	*memory
	runs []*cycle.Run
}

func (s keeping) Runs(context.Context, cycle.Window) ([]*cycle.Run, error) { return s.runs, nil }

func TestARunThatHadEndedChangesNoInterval(t *testing.T) {
	t.Parallel()
	run := func(from, budget time.Duration) *cycle.Run {
		return &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Started: epoch.Add(from), Budget: budget}
	}
	old, now := run(-2*time.Hour, time.Second/2), run(-40*time.Minute, time.Second)
	imported := run(-30*time.Minute, 0)
	imported.Source = "a.log"
	m := keeping{&memory{cycles: play(rand.New(rand.NewPCG(1, 1)), now, now.Started, 3600)}, []*cycle.Run{old, now}}
	for name, tc := range map[string]struct {
		since time.Duration
		runs  []*cycle.Run
		warns int
	}{
		"it ended before":           {-30 * time.Minute, m.runs, 0},
		"it ended as it began":      {-40 * time.Minute, m.runs, 0},
		"it ended within":           {-41 * time.Minute, m.runs, 1},
		"a log follows no recorder": {-20 * time.Minute, []*cycle.Run{old, imported}, 1},
	} {
		m.runs = tc.runs
		if a := mustAnalyze(t, stretch(tc.since, 0), Options{}, m); len(a.Warnings) != tc.warns {
			t.Errorf("%s: warnings %q, want %d", name, a.Warnings, tc.warns)
		}
	}
}

func TestTheIntervalIsKnownWhereTheRunsAreGone(t *testing.T) {
	t.Parallel()
	m := house(7, time.Hour)
	m.minutes = epoch.Add(time.Hour)
	want, got := mustAnalyze(t, stretch(0, time.Hour), Options{}, m), mustAnalyze(t, stretch(0, time.Hour), Options{}, keeping{memory: m})
	unknown := cmpopts.IgnoreFields(Loop{}, "Patience") // that is a run's own
	if diff := cmp.Diff(want, got, same, unknown); diff != "" || !got.Loops[0].Headroom.Known {
		t.Errorf("(-with runs +without):\n%s", diff)
	}
}

func TestHoursAreWithinTheirPromise(t *testing.T) {
	t.Parallel()
	m := house(4, 4*time.Hour)
	m.hours, m.minutes = epoch.Add(2*time.Hour), epoch.Add(4*time.Hour)
	w := stretch(0, 4*time.Hour)
	want := mustAnalyze(t, w, Options{Rows: true}, m)
	got := mustAnalyze(t, w, Options{}, m)
	if got.Exact || !want.Exact {
		t.Errorf("exact: %v with hours, %v without", got.Exact, want.Exact)
	}
	for i, l := range got.Loops {
		for j, s := range l.Spans {
			checkWithin(t, s.Name(), want.Loops[i].Spans[j].Summary, s.Summary)
		}
	}
	opts := cmp.Options{same, cmpopts.IgnoreFields(Summary{}, "P50", "P95", "P99"), cmpopts.IgnoreFields(Analysis{}, "Exact")}
	if diff := cmp.Diff(want, got, opts); diff != "" {
		t.Errorf("what is exact at any age (-rows +hours):\n%s", diff)
	}
}

func checkWithin(t *testing.T, name string, want, got Summary) {
	t.Helper()
	for _, q := range quantiles {
		w, g := q.of(&want).Value, q.of(&got).Value
		if off := math.Abs(float64(g-w)) / float64(max(w, 1)); off > MaxRelativeError+1e-6 {
			t.Errorf("%s %s: %v, exactly %v: off by %.3f %%", name, q.name, g, w, off*100)
		}
	}
}

func TestExactRefusesHoursAndNamesTheOldestExactMoment(t *testing.T) {
	t.Parallel()
	m := house(5, 3*time.Hour)
	m.hours, m.minutes = epoch.Add(2*time.Hour), epoch.Add(3*time.Hour)
	_, err := Analyze(t.Context(), stretch(0, 3*time.Hour), Options{Exact: true}, m)
	var inexact *InexactError
	if !errors.As(err, &inexact) || !inexact.Oldest.Equal(m.hours) {
		t.Fatalf("got %v, want an InexactError naming %v", err, m.hours)
	}
	if !strings.Contains(err.Error(), "2026-01-09T16:00:00Z") {
		t.Errorf("the error does not name the moment: %v", err)
	}
	if a := mustAnalyze(t, cycle.Window{Since: inexact.Oldest, Until: epoch.Add(3 * time.Hour)}, Options{Exact: true}, m); !a.Exact {
		t.Error("from that moment on the answer is not exact")
	}
}

func TestEdgesWithoutRowsAreToldAndQuietOnesAreNot(t *testing.T) {
	t.Parallel()
	m := house(6, 2*time.Hour)
	m.minutes, m.rowsFrom = epoch.Add(2*time.Hour), epoch.Add(90*time.Minute)
	for _, c := range []struct {
		w     cycle.Window
		warns int
	}{
		{stretch(0, time.Hour), 0},
		{stretch(30*time.Second, time.Hour), 1},
		{stretch(30*time.Second, time.Hour+10*time.Second), 2},
		{stretch(100*time.Minute+30*time.Second, 2*time.Hour), 0},
		{stretch(-30*time.Second, time.Hour), 0}, // nothing was ever recorded there
	} {
		a := mustAnalyze(t, c.w, Options{}, m)
		if len(a.Warnings) != c.warns {
			t.Errorf("%v: warnings %q, want %d", c.w, a.Warnings, c.warns)
		}
	}
}

func TestRowsThatAreGoneAreTold(t *testing.T) {
	t.Parallel()
	m := house(6, 2*time.Hour)
	m.minutes, m.rowsFrom = epoch.Add(2*time.Hour), epoch.Add(90*time.Minute+20*time.Second)
	for name, tc := range map[string]struct {
		w     cycle.Window
		o     Options
		short bool
	}{
		"most are gone":                {stretch(0, 2*time.Hour), Options{Rows: true}, true},
		"all are gone":                 {stretch(0, time.Hour), Options{Rows: true}, true},
		"some of a minute are gone":    {stretch(90*time.Minute, 2*time.Hour), Options{Rows: true}, true},
		"some of an edge are gone":     {stretch(90*time.Minute+10*time.Second, 2*time.Hour), Options{}, true},
		"none is gone":                 {stretch(91*time.Minute, 2*time.Hour), Options{Rows: true}, false},
		"minutes have them":            {stretch(0, 2*time.Hour), Options{}, false},
		"none of a loop that is not":   {stretch(0, 2*time.Hour), Options{Rows: true, WAN: "wan9"}, false},
		"a window from before all on":  {stretch(-time.Hour, 2*time.Hour), Options{Rows: true}, true},
		"a window before all the rest": {stretch(-2*time.Hour, -time.Hour), Options{Rows: true}, false},
	} {
		if a := mustAnalyze(t, tc.w, tc.o, m); a.Short != tc.short || len(a.Warnings) > 0 != tc.short {
			t.Errorf("%s: short %v, warnings %q", name, a.Short, a.Warnings)
		}
	}
	m.rowsFrom = time.Time{}
	if a := mustAnalyze(t, stretch(-time.Hour, 3*time.Hour), Options{Rows: true}, m); a.Short {
		t.Errorf("all are kept: warnings %q", a.Warnings)
	}
}

func TestThinQuantilesAreMarked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n        int
		p95, p99 bool
		warnings int
	}{{1, true, true, 3}, {19, true, true, 2}, {20, false, true, 1}, {99, false, true, 1}, {100, false, false, 0}} {
		tl := new(tally)
		for i := range c.n {
			if err := tl.value(int64(i), false); err != nil {
				t.Fatal(err)
			}
		}
		s := summarize(tl)
		if s.P95.Thin != c.p95 || s.P99.Thin != c.p99 || len(s.Warnings) != c.warnings {
			t.Errorf("%d values: p95 thin %v, p99 thin %v, warnings %q", c.n, s.P95.Thin, s.P99.Thin, s.Warnings)
		}
	}
}

func TestThin(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ permille, enough int64 }{{0, 1}, {500, 2}, {950, 20}, {990, 100}, {999, 1000}} {
		if !Thin(c.enough-1, c.permille) || Thin(c.enough, c.permille) {
			t.Errorf("a quantile of %d permille takes other than %d values", c.permille, c.enough)
		}
	}
}

func TestNothingRecordedIsNoLoops(t *testing.T) {
	t.Parallel()
	a := mustAnalyze(t, stretch(0, time.Hour), Options{}, new(memory))
	if len(a.Loops) != 0 || a.Cycles() != 0 || !a.Exact {
		t.Errorf("got %+v", a)
	}
}

func TestALoopOfWhichNothingWasRecordedIsTold(t *testing.T) {
	t.Parallel()
	m := &memory{drops: []cycle.Drop{{At: epoch, Daemon: cycle.Steering, WAN: "wan2", Count: 5, Reason: "disk full"}}}
	a := mustAnalyze(t, stretch(0, time.Hour), Options{}, m)
	if len(a.Loops) != 1 || a.Loops[0].Dropped != 5 || len(a.Warnings) != 1 {
		t.Errorf("got %+v", a)
	}
}

func TestSplitPiecesAddUpToTheWindow(t *testing.T) {
	t.Parallel()
	for _, w := range []cycle.Window{
		stretch(0, time.Second), stretch(0, time.Hour), stretch(time.Minute, 7*24*time.Hour), stretch(59*time.Minute, 61*time.Minute),
		stretch(-time.Hour, 5*365*24*time.Hour),
	} {
		jobs := split(job{window: w}, 2)
		at := w.Since
		for i, j := range jobs {
			if !j.window.Since.Equal(at) || !j.window.Since.Before(j.window.Until) {
				t.Errorf("%v: piece %d is %v, expected to begin at %v", w, i, j.window, at)
			}
			if at = j.window.Until; i < len(jobs)-1 && !at.Truncate(time.Hour).Equal(at) {
				t.Errorf("%v: cut at %v, in the middle of an hour", w, at)
			}
		}
		if !at.Equal(w.Until) || len(jobs) > 10 {
			t.Errorf("%v: %d pieces up to %v", w, len(jobs), at)
		}
	}
}

func ExampleInexactError() {
	fmt.Println(&InexactError{Oldest: epoch})
	// Output:
	// the window reaches back into hours, whose quantiles are within 0.5 % and not exact; the oldest moment that can be answered exactly is 2026-01-09T14:00:00Z
}
