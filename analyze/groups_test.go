package analyze

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"wanctl/cycle"
)

func TestByGroupsAddUpToTheWhole(t *testing.T) {
	t.Parallel()
	m := house(41, 3*time.Hour)
	m.minutes = epoch.Add(2 * time.Hour)
	for i, c := range m.cycles {
		c.Decision.Download.Zone = cycle.Zone(i % 4)
	}
	w := stretch(-50*time.Hour, 3*time.Hour)
	whole := mustAnalyze(t, w, Options{}, m)
	for by, want := range map[string][]string{
		"hour":  {"2026-01-09 15:00 CET", "2026-01-09 16:00 CET", "2026-01-09 17:00 CET"},
		"day":   {"2026-01-09"},
		"wan":   {"wan wan1"},
		"state": {"state GREEN", "state SOFT_RED", "state YELLOW", "state unknown"},
	} {
		berlin, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		groups, err := By(t.Context(), w, by, berlin, Options{}, m)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		cycles := int64(0)
		for _, g := range groups {
			names = append(names, g.Name)
			cycles += g.Analysis.Cycles()
		}
		if strings.Join(names, "|") != strings.Join(want, "|") || cycles != whole.Cycles() {
			t.Errorf("by %s: %q with %d cycles, want %q with %d", by, names, cycles, want, whole.Cycles())
		}
	}
	groups, err := By(t.Context(), w, "reflector", time.UTC, Options{}, m)
	if err != nil || len(groups) != 3 || groups[0].Name != "reflector 1.1.1.1" || len(groups[0].Analysis.Loops) != 2 {
		t.Errorf("by reflector: %v, %v", groups, err)
	}
}

func TestADayIsNotAlways24Hours(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 3, 28, 23, 30, 0, 0, time.UTC) // half past midnight on the day of 23 hours
	run := &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Budget: 30 * time.Minute}
	m := &memory{cycles: play(rand.New(rand.NewPCG(42, 42)), run, start, 60)}
	groups, err := By(t.Context(), cycle.Window{Since: start, Until: start.Add(30 * time.Hour)}, "day", berlin, Options{}, m)
	if err != nil || len(groups) != 2 {
		t.Fatalf("%v, %v", groups, err)
	}
	if groups[0].Name != "2026-03-29" || groups[0].Analysis.Cycles() != 45 {
		t.Errorf("%s has %d cycles, want the 45 of 22.5 hours", groups[0].Name, groups[0].Analysis.Cycles())
	}
}

func TestTrendsCoverTheWindow(t *testing.T) {
	t.Parallel()
	m := house(43, 2*time.Hour)
	m.minutes = epoch.Add(2 * time.Hour)
	for _, w := range []cycle.Window{stretch(0, 2*time.Hour), stretch(30*time.Second, 100*time.Minute), stretch(10*time.Second, 70*time.Second)} {
		trends, step, err := Trends(t.Context(), w, 60, Options{}, m)
		if err != nil {
			t.Fatal(err)
		}
		whole := mustAnalyze(t, w, Options{}, m)
		for _, tr := range trends {
			n := int64(0)
			for _, s := range tr.Steps {
				n += s.Count
			}
			for i := range whole.Loops {
				l := &whole.Loops[i]
				for j := range l.Spans {
					if s := &l.Spans[j]; l.Daemon == tr.Daemon && s.Label == tr.Label && s.Target == tr.Target && s.Count != n {
						t.Errorf("%v, %s: %d values in %d steps of %v, want %d", w, s.Name(), n, len(tr.Steps), step, s.Count)
					}
				}
			}
			if len(tr.Steps) > 61 {
				t.Errorf("%v: %d steps", w, len(tr.Steps))
			}
		}
	}
}

// sleeper is a daemon whose cycles take what was recorded.
type sleeper struct {
	took []time.Duration
	next int
}

func (s *sleeper) Turn(context.Context, *cycle.Timer) (cycle.Decision, error) {
	time.Sleep(s.took[s.next])
	s.next++
	return cycle.Decision{}, nil
}

// counter counts what a loop really does.
type counter struct {
	cycles, overruns, missed int64
	busy                     time.Duration
}

func (r *counter) Record(c *cycle.Cycle) {
	r.cycles++
	r.missed += c.Missed
	r.busy += c.Total
	if c.Overrun() {
		r.overruns++
	}
}

func TestWhatIfTellsWhatTheLoopThenDoes(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(44, 44))
	run := &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Started: epoch, Budget: 2 * time.Second}
	m := &memory{cycles: play(rnd, run, epoch, 500)}
	var took []time.Duration
	for i, c := range m.cycles {
		if i%37 == 5 {
			c.Total *= 20
		}
		took = append(took, c.Total)
	}
	intervals := []time.Duration{5 * time.Millisecond, 10 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, time.Second}
	forecasts, err := WhatIf(t.Context(), stretch(0, time.Hour), intervals, Options{}, m)
	if err != nil || len(forecasts) != len(intervals) {
		t.Fatal(forecasts, err)
	}
	for _, f := range forecasts {
		real := new(counter)
		synctest.Test(t, func(t *testing.T) {
			loop := &cycle.Loop{
				Info: &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Budget: f.Interval}, Deadline: time.Hour,
				Daemon: &sleeper{took: took}, Recorder: real, Cycles: int64(len(took)),
			}
			if err := loop.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
		overruns, missed := ratio(real.overruns, real.cycles), ratio(real.missed, real.cycles+real.missed)
		if f.Overruns != overruns || f.Missed != missed {
			t.Errorf("%v: forecast %.4f overruns, %.4f missed; it did %.4f and %.4f", f.Interval, f.Overruns, f.Missed, overruns, missed)
		}
		if f.Interval == 10*time.Millisecond && (missed == 0 || overruns == 0) {
			t.Errorf("%v: nothing to forecast", f.Interval)
		}
	}
}

func TestConditions(t *testing.T) {
	t.Parallel()
	m := house(45, 10*time.Minute)
	a := mustAnalyze(t, stretch(0, 10*time.Minute), Options{}, m)
	for text, want := range map[string]bool{
		"autorate total.p99 > 1ms":                  true,
		"total.p99>1h":                              false,
		"autorate wan1 autorate_cycle_total.max<1h": true,
		"steering 1.1.1.1.p50 >= 1us":               true,
		"rtt.failed >= 1":                           true,
		"autorate cycles < 1201":                    true,
		"cycles > 1200":                             false,
		"missed > 0":                                true,
		"steering utilization > 90%":                false,
		"total.share >= 100%":                       true,
		"autorate headroom < 0s":                    false,
	} {
		c, err := ParseCondition(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		met, found, err := c.Met(a)
		if err != nil || met != want || met != (found != "") {
			t.Errorf("%q: %v (%s), %v; want %v", text, met, found, err, want)
		}
	}
	for _, text := range []string{"", "total.p99", "> 5ms", "total.p99 > 5", "total.p98 > 5ms", "a b c d.p99 > 5ms", "overruns > 5ms", "overruns > NaN", "nonsense > 1"} {
		if c, err := ParseCondition(text); err == nil {
			t.Errorf("%q is read as %+v", text, c)
		}
	}
	for _, text := range []string{"wan9 total.p99 > 5ms", "update2.p99 > 5ms"} {
		c, err := ParseCondition(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Met(a); err == nil {
			t.Errorf("%q watches nothing, and says nothing", text)
		}
	}
}

func TestExpectations(t *testing.T) {
	t.Parallel()
	c := &Comparison{Changes: []Change{
		{Daemon: cycle.Autorate, WAN: "wan1", Label: "autorate_cycle_total", Part: cycle.Total, P50: Difference{Verdict: Slower}, P99: Difference{Verdict: NoDifference}},
		{Daemon: cycle.Steering, WAN: "wan1", Label: "steering_probe", Part: cycle.Probe, Target: "1.1.1.1", Mean: Difference{Verdict: Faster}},
	}}
	for text, want := range map[string]bool{
		"total slower": true, "total p50 slower": true, "autorate total p99 slower": false, "total.p99 slower": false, "total faster": false,
		"1.1.1.1 mean faster": true, "steering wan1 probe mean faster": true, "1.1.1.1 slower": false,
	} {
		e, err := ParseExpectation(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		met, found, err := e.Met(c)
		if err != nil || met != want || met != (found != "") {
			t.Errorf("%q: %v (%s), %v; want %v", text, met, found, err, want)
		}
	}
	for _, text := range []string{"", "slower", "total p99", "p99 slower", "a b c d p99 slower"} {
		if e, err := ParseExpectation(text); err == nil {
			t.Errorf("%q is read as %+v", text, e)
		}
	}
	e, err := ParseExpectation("steering total slower")
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := e.Met(c); err == nil {
		t.Error("an expectation of what was not recorded says nothing")
	}
}

func FuzzParseCondition(f *testing.F) {
	for _, s := range []string{"autorate total.p99 > 50ms", "overruns>=0", "x.share<5%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if c, err := ParseCondition(s); err == nil {
			_, _, _ = c.Met(&Analysis{Loops: []Loop{{Daemon: cycle.Autorate, WAN: "w"}}})
		}
		if e, err := ParseExpectation(s); err == nil {
			_, _, _ = e.Met(&Comparison{Changes: []Change{{Daemon: cycle.Autorate}}})
		}
	})
}

func TestPiecesSkipWhatHoldsNothing(t *testing.T) {
	t.Parallel()
	m := house(42, time.Hour)
	run := *m.cycles[0].Run
	run.Started = epoch.AddDate(20, 0, 0)
	m.cycles = append(m.cycles, play(rand.New(rand.NewPCG(1, 1)), &run, run.Started, 10)...)
	m.drops = []cycle.Drop{{At: epoch.AddDate(10, 0, 0), Daemon: cycle.Autorate, WAN: "wan1", Count: 3, Reason: "full"}}
	w := cycle.Window{Since: time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)}
	for by, want := range map[string]string{
		"hour": "2026-01-09 14:00 UTC|2036-01-09 14:00 UTC|2046-01-09 14:00 UTC",
		"day":  "2026-01-09|2036-01-09|2046-01-09",
	} {
		groups, err := By(t.Context(), w, by, time.UTC, Options{}, m)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, g := range groups {
			names = append(names, g.Name)
		}
		if got := strings.Join(names, "|"); got != want {
			t.Errorf("by %s: %s, want %s", by, got, want)
		}
	}
}
