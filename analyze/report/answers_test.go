package report_test

import (
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"wanctl/analyze"
	"wanctl/analyze/report"
	"wanctl/cycle"
)

func TestWhy(t *testing.T) {
	t.Parallel()
	r := home()
	r.cycles = append(r.cycles, decided().cycles...)
	for _, c := range []struct {
		name string
		q    analyze.Question
	}{
		{"why_slowest.txt", analyze.Question{Slowest: 3}},
		{"why_at.txt", analyze.Question{At: epoch.Add(4*time.Minute + 5*time.Second + 130*time.Millisecond)}},
	} {
		y, err := analyze.Why(t.Context(), hour, c.q, analyze.Options{}, r)
		if err != nil {
			t.Fatal(err)
		}
		made(t, c.name, func(w io.Writer) error {
			return report.Why(w, y, report.Options{Databases: []string{"profile.db"}, Zone: berlin(t)})
		})
	}
}

// changed is a recording whose second half waits longer for the router.
func changed() *recording {
	ms := time.Millisecond
	r := new(recording)
	run := &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Budget: 2 * time.Second, Reflectors: []string{"1.1.1.1"}}
	r.add(run, 900, map[cycle.Part]time.Duration{cycle.RTT: 24 * ms, cycle.CAKE: 27 * ms})
	late := new(recording)
	late.add(run, 900, map[cycle.Part]time.Duration{cycle.RTT: 24 * ms, cycle.CAKE: 37 * ms, cycle.Update: ms})
	for _, c := range late.cycles {
		c.Start = c.Start.Add(30 * time.Minute)
	}
	r.cycles = append(r.cycles, late.cycles...)
	return r
}

func comparison(t *testing.T) *analyze.Comparison {
	t.Helper()
	s := []analyze.Source{changed()}
	half := epoch.Add(30 * time.Minute)
	c, err := analyze.Compare(t.Context(), analyze.Side{Window: cycle.Window{Since: epoch, Until: half}, Sources: s},
		analyze.Side{Window: cycle.Window{Since: half, Until: epoch.Add(time.Hour)}, Sources: s}, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCompare(t *testing.T) {
	t.Parallel()
	c := comparison(t)
	made(t, "compare.txt", func(w io.Writer) error { return report.Compare(w, c, report.Options{Zone: berlin(t)}) })
	b := made(t, "compare.json", func(w io.Writer) error { return report.CompareJSON(w, c, report.Options{}) })
	var got struct {
		Changes []struct {
			Part, Verdict string
			P95           struct{ Verdict string }
		}
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	verdicts := map[string]string{}
	for _, c := range got.Changes {
		verdicts[c.Part] = c.Verdict
	}
	for part, want := range map[string]string{"rtt": "no difference seen", "cake": "slower", "total": "slower", "update": "too few"} {
		if verdicts[part] != want {
			t.Errorf("%s: %q, want %q", part, verdicts[part], want)
		}
	}
}

func TestAnswersAreHarmlessToATerminal(t *testing.T) {
	t.Parallel()
	r := new(recording)
	r.add(&cycle.Run{Daemon: cycle.Autorate, WAN: "w\x1b[2J", Budget: time.Second, Reflectors: []string{"\x1b]0;x\a"}}, 30,
		map[cycle.Part]time.Duration{cycle.RTT: time.Millisecond})
	r.cycles[0].Spans = append(r.cycles[0].Spans, cycle.Span{Label: "\x1b", Part: cycle.Other, Target: "\x1bx", Duration: time.Millisecond})
	y, err := analyze.Why(t.Context(), hour, analyze.Question{Slowest: 30}, analyze.Options{}, r)
	if err != nil {
		t.Fatal(err)
	}
	side := analyze.Side{Window: hour, Sources: []analyze.Source{r}}
	c, err := analyze.Compare(t.Context(), side, side, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := new(bytes.Buffer)
	if err := report.Why(b, y, report.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := report.Compare(b, c, report.Options{}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\a") {
		t.Errorf("escape sequences reach the terminal: %q", b)
	}
}

func TestHistogram(t *testing.T) {
	t.Parallel()
	a := analysis(t, home())
	l := &a.Loops[0]
	made(t, "histogram.txt", func(w io.Writer) error { return report.Histogram(w, l, l.Span(cycle.Total), report.Options{}) })
	b := new(bytes.Buffer)
	one := analyze.Span{Label: "x", Summary: analyze.Summary{Dist: new(analyze.Distribution)}}
	if err := report.Histogram(b, l, &one, report.Options{}); err != nil {
		t.Error(err)
	}
}

func TestHistogramCountsEveryValue(t *testing.T) {
	t.Parallel()
	for _, us := range [][]int64{{0}, {1}, {1000}, {0, 0, 1}, {5, 6}, {0, 1_000_000_000}, {7, 7, 7, 90, 4000}} {
		r := new(recording)
		run := &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1"}
		for i, v := range us {
			r.cycles = append(r.cycles, &cycle.Cycle{Run: run, Start: epoch.Add(time.Duration(i) * time.Second), Total: cycle.FromMicros(v)})
		}
		l := &analysis(t, r).Loops[0]
		b := new(bytes.Buffer)
		if err := report.Histogram(b, l, l.Span(cycle.Total), report.Options{}); err != nil {
			t.Fatal(err)
		}
		n := 0
		for line := range strings.Lines(b.String()) {
			if f := strings.Fields(line); strings.HasPrefix(line, "  ") && f[0] != "from" {
				v, err := strconv.Atoi(f[2])
				if err != nil {
					t.Fatalf("%q: %v", line, err)
				}
				n += v
			}
		}
		if n != len(us) {
			t.Errorf("%v: %d values drawn\n%s", us, n, b)
		}
	}
}

// TestThinAnswersAreMarked asks why, and compares, where some labels have few values.
func TestThinAnswersAreMarked(t *testing.T) {
	t.Parallel()
	run := &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Budget: 2 * time.Second}
	r := new(recording)
	r.add(run, 360, map[cycle.Part]time.Duration{cycle.RTT: 24 * time.Millisecond, cycle.Update: 40 * time.Millisecond}) // 40 updates
	late := new(recording)
	late.add(run, 1, map[cycle.Part]time.Duration{cycle.RTT: 24 * time.Millisecond})
	late.cycles[0].Start = epoch.Add(30 * time.Minute)
	r.cycles = append(r.cycles, late.cycles...)

	y, err := analyze.Why(t.Context(), hour, analyze.Question{Slowest: 3}, analyze.Options{}, r)
	if err != nil {
		t.Fatal(err)
	}
	b := new(bytes.Buffer)
	if err := report.Why(b, y, report.Options{}); err != nil {
		t.Fatal(err)
	}
	updates := 0
	for line := range strings.Lines(b.String()) {
		fields := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "  update"):
			updates++
			if n := strings.Count(line, "?"); n != 1 {
				t.Errorf("%d marks, want that of p99: %s", n, line)
			}
		case len(fields) > 0 && fields[0] == "rtt" && strings.Contains(line, "?"):
			t.Errorf("a p99 of 361 values is marked: %s", line)
		}
	}
	if updates == 0 || !strings.Contains(b.String(), "? from too few values") {
		t.Errorf("the marks are not there, or not explained:\n%s", b)
	}

	s, half := []analyze.Source{r}, epoch.Add(30*time.Minute)
	c, err := analyze.Compare(t.Context(), analyze.Side{Window: cycle.Window{Since: epoch, Until: half}, Sources: s},
		analyze.Side{Window: cycle.Window{Since: half, Until: epoch.Add(time.Hour)}, Sources: s}, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b.Reset()
	if err := report.Compare(b, c, report.Options{}); err != nil {
		t.Fatal(err)
	}
	// RTT and total: all three of the one value after; update: p99 of the 40 before.
	if n := strings.Count(b.String(), "s?"); n != 7 || !strings.Contains(b.String(), "? from too few values") {
		t.Errorf("%d quantiles are marked, want 7, explained:\n%s", n, b)
	}
	b.Reset()
	if err := report.CompareJSON(b, c, report.Options{}); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Changes []struct {
			Part     string
			Warnings []string
		}
	}
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	one := []string{"after: p50 from 1 value (it takes 2)", "after: p95 from 1 value (it takes 20)", "after: p99 from 1 value (it takes 100)"}
	want := map[string][]string{"rtt": one, "total": one, "update": {"before: p99 from 40 values (it takes 100)"}}
	for _, change := range got.Changes {
		if !slices.Equal(change.Warnings, want[change.Part]) {
			t.Errorf("%s: %q, want %q", change.Part, change.Warnings, want[change.Part])
		}
	}
}

func TestTrends(t *testing.T) {
	t.Parallel()
	r := changed()
	trends, step, err := analyze.Trends(t.Context(), cycle.Window{Since: epoch.Add(-5 * time.Minute), Until: epoch.Add(time.Hour)}, 30, analyze.Options{}, r)
	if err != nil {
		t.Fatal(err)
	}
	made(t, "trend.txt", func(w io.Writer) error { return report.Trends(w, trends, step, report.Options{}) })
}

func TestWhatIf(t *testing.T) {
	t.Parallel()
	fs, err := analyze.WhatIf(t.Context(), hour, []time.Duration{20 * time.Millisecond, 50 * time.Millisecond, time.Second}, analyze.Options{}, home())
	if err != nil {
		t.Fatal(err)
	}
	made(t, "whatif.txt", func(w io.Writer) error { return report.WhatIf(w, fs, report.Options{}) })
}
