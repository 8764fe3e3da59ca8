package analyze

import (
	"slices"
	"strings"
	"testing"
	"time"

	"wanctl/cycle"
)

// TestALoopThatFellSilent: whether its newest cycle was read as a row or counted in
// a minute, a loop of which the end of the window has nothing is told of.
func TestALoopThatFellSilent(t *testing.T) {
	t.Parallel()
	const ran = 5*time.Minute + 20*time.Second
	record := func(settings string) *memory {
		run := &cycle.Run{
			Daemon: cycle.Autorate, WAN: "wan1", Started: epoch, Budget: time.Second, Config: settings, Reflectors: make([]string, 3),
		}
		m := new(memory)
		for i := range int(ran / run.Budget) {
			m.cycles = append(m.cycles, (&durations{cake: time.Millisecond}).cycle(run, i))
		}
		return m
	}
	newest := epoch.Add(ran - time.Second)
	for name, c := range map[string]struct {
		settings string
		minutes  time.Duration // to here there are minutes
		pruned   bool
		until    time.Duration
		now      time.Duration
		newest   time.Time
		silent   time.Duration
	}{
		"just now":                  {until: ran, newest: newest},
		"before the next flush":     {until: ran + time.Minute, newest: newest},
		"for long":                  {until: ran + 18*time.Minute, newest: newest, silent: 18*time.Minute + time.Second},
		"in a whole minute":         {minutes: 6 * time.Minute, until: 24 * time.Minute, newest: newest, silent: 18*time.Minute + 41*time.Second},
		"where the cycles are gone": {minutes: 6 * time.Minute, pruned: true, until: 24 * time.Minute, newest: epoch.Add(6 * time.Minute), silent: 18 * time.Minute},
		"in a window of the past":   {until: 3 * time.Minute, newest: epoch.Add(3*time.Minute - time.Second)},
		"of rare flushes":           {settings: `{"recorder":{"flush_interval":3600}}`, until: ran + 18*time.Minute, newest: newest},
		"of frequent flushes":       {settings: `{"recorder":{"flush_interval":1}}`, until: ran + 30*time.Second, newest: newest, silent: 31 * time.Second},
		"in a window yet to end":    {until: time.Hour, now: ran + 10*time.Second, newest: newest},
		"long before its end":       {until: time.Hour, now: ran + 9*time.Minute, newest: newest, silent: 9*time.Minute + time.Second},
	} {
		m := record(c.settings)
		m.minutes = epoch.Add(c.minutes)
		if c.pruned {
			m.rowsFrom = epoch.Add(time.Hour)
		}
		var o Options
		if c.now > 0 {
			o.Now = epoch.Add(c.now)
		}
		a := mustAnalyze(t, stretch(0, c.until), o, m)
		over, _ := mustOver(t, stretch(0, c.until), 30, o, m)
		for _, a := range []*Analysis{a, over} {
			l := &a.Loops[0]
			told := slices.ContainsFunc(a.Warnings, func(s string) bool {
				return strings.HasPrefix(s, "autorate wan1: nothing on record since 2026-01-09T14:0")
			})
			if !l.Newest.Equal(c.newest) || l.Silent != c.silent || told != (c.silent > 0) {
				t.Errorf("%s: newest %v, silent for %v, warnings %q", name, l.Newest, l.Silent, a.Warnings)
			}
		}
	}
}

func TestOneOfTwoLoopsFellSilent(t *testing.T) {
	t.Parallel()
	m := house(37, 10*time.Minute)
	m.cycles = slices.DeleteFunc(m.cycles, func(c *cycle.Cycle) bool {
		return c.Run.Daemon == cycle.Steering && c.Start.After(epoch.Add(3*time.Minute))
	})
	m.drops = nil
	a := mustAnalyze(t, stretch(0, 10*time.Minute), Options{}, m)
	if want := []string{"steering wan1: nothing on record since 2026-01-09T14:02:58Z (7m2s)"}; !slices.Equal(a.Warnings, want) {
		t.Errorf("warnings %q, want %q", a.Warnings, want)
	}
	if kept := mustAnalyze(t, stretch(0, 10*time.Minute), Options{Keep: func(c *cycle.Cycle) bool { return c.Seq < 10 }}, m); len(kept.Warnings) > 0 {
		t.Errorf("of chosen cycles: %q", kept.Warnings)
	}
}
