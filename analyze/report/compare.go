package report

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"time"

	"wanctl/analyze"
	"wanctl/cycle"
)

// Compare writes what changed between two windows, one aligned table per loop.
func Compare(w io.Writer, c *analyze.Comparison, o Options) error {
	b := new(bytes.Buffer)
	var marks legend
	for _, side := range []struct {
		name string
		a    *analyze.Analysis
	}{{"before", c.Before}, {"after ", c.After}} {
		fmt.Fprintf(b, "%s: %s to %s (%s), %d cycles\n", side.name, o.clock(side.a.Window.Since), o.clock(side.a.Window.Until),
			Stretch(side.a.Window.Until.Sub(side.a.Window.Since).Round(time.Second)), side.a.Cycles())
	}
	for i := 0; i < len(c.Changes); {
		first := &c.Changes[i]
		fmt.Fprintf(b, "\n%s %s\n", first.Daemon, Printable(first.WAN))
		t := &table{columns: []column{
			{head: "part", left: true},
			{head: "target", left: true},
			{head: "label", left: true, rank: 1},
			{head: "statistic", left: true},
			{head: "n before", rank: 2},
			{head: "n after", rank: 2},
			{head: "before "},
			{head: "after "},
			{head: "difference"},
			{head: "95 % interval", left: true, rank: 3},
			{head: "verdict", left: true},
		}}
		for ; i < len(c.Changes) && c.Changes[i].Daemon == first.Daemon && c.Changes[i].WAN == first.WAN; i++ {
			change(t, &c.Changes[i])
			marks.thin = marks.thin || len(c.Changes[i].Warnings) > 0
		}
		_ = t.write(b, o.Width)
	}
	marks.write(b)
	fmt.Fprintf(b, "\nFaster and slower take a difference that stands out at 99 %%; the interval shown is that of 95 %%. Cycles resemble those\n"+
		"before them, which is allowed for. Too few: p50 and mean take 20 values on each side, p95 100, p99 500.\n")
	for _, a := range []*analyze.Analysis{c.Before, c.After} {
		for _, warning := range a.Warnings {
			fmt.Fprintf(b, "warning: %s\n", Printable(warning))
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// differences are a change's statistics, by name; the permille of a mean are 0.
func differences(c *analyze.Change) []struct {
	Name     string
	Permille int64
	D        *analyze.Difference
} {
	return []struct {
		Name     string
		Permille int64
		D        *analyze.Difference
	}{{"p50", 500, &c.P50}, {"p95", 950, &c.P95}, {"p99", 990, &c.P99}, {"mean", 0, &c.Mean}}
}

func change(t *table, c *analyze.Change) {
	part, target, label, before, after := c.Part.String(), Printable(c.Target), Printable(string(c.Label)), count(c.Before), count(c.After)
	for _, d := range differences(c) {
		interval, diff := "-", signed(d.D.Diff())
		if d.D.Verdict != analyze.TooFew {
			interval = signed(d.D.Low) + " to " + signed(d.D.High)
		}
		if c.Before == 0 || c.After == 0 {
			diff = "-"
		} else if d.D.Before > 0 {
			change := math.Round(1000*float64(d.D.Diff())/float64(d.D.Before)) / 10
			diff += fmt.Sprintf(" (%+.1f %%)", change+0) // no -0.0
		}
		t.add(part, target, label, d.Name, before, after, timing(d.D.Before, c.Before, d.Permille), timing(d.D.After, c.After, d.Permille), diff, interval, string(d.D.Verdict))
		part, target, label, before, after = "", "", "", "", ""
	}
}

// signed shows a difference.
func signed(d time.Duration) string {
	d = d.Round(time.Microsecond)
	if d > 0 {
		return "+" + duration(d)
	}
	if d < 0 {
		return "-" + duration(-d)
	}
	return "0"
}

// The layout of a comparison in JSON.
type (
	comparisonJSON struct {
		Format   string       `json:"format"`
		Before   window       `json:"before"`
		After    window       `json:"after"`
		Changes  []changeJSON `json:"changes"`
		Warnings []string     `json:"warnings"`
	}
	changeJSON struct {
		Daemon   cycle.Daemon    `json:"daemon"`
		WAN      string          `json:"wan"`
		Label    cycle.Label     `json:"label"`
		Part     string          `json:"part"`
		Target   string          `json:"target,omitempty"`
		Before   int64           `json:"count_before"`
		After    int64           `json:"count_after"`
		Verdict  analyze.Verdict `json:"verdict"` // on the median
		P50      differenceJSON  `json:"p50"`
		P95      differenceJSON  `json:"p95"`
		P99      differenceJSON  `json:"p99"`
		Mean     differenceJSON  `json:"mean"`
		Warnings []string        `json:"warnings"` // what to doubt of the quantiles
	}
	differenceJSON struct {
		Before  cycle.Maybe[float64] `json:"before_ms"`
		After   cycle.Maybe[float64] `json:"after_ms"`
		Diff    cycle.Maybe[float64] `json:"difference_ms"`
		CI      interval             `json:"difference_ci_ms"`
		Verdict analyze.Verdict      `json:"verdict"`
	}
)

// CompareJSON writes a comparison as JSON; what is unknown is null.
func CompareJSON(w io.Writer, c *analyze.Comparison, _ Options) error {
	d := comparisonJSON{
		Format:   "wanctl-comparison/1",
		Before:   window{c.Before.Window.Since.UTC(), c.Before.Window.Until.UTC()},
		After:    window{c.After.Window.Since.UTC(), c.After.Window.Until.UTC()},
		Changes:  make([]changeJSON, len(c.Changes)),
		Warnings: append(list(c.Before.Warnings), c.After.Warnings...),
	}
	for i := range c.Changes {
		x := &c.Changes[i]
		v := changeJSON{Daemon: x.Daemon, WAN: x.WAN, Label: x.Label, Part: x.Part.String(), Target: x.Target, Before: x.Before, After: x.After, Verdict: x.Verdict(), Warnings: list(x.Warnings)}
		for j, into := range []*differenceJSON{&v.P50, &v.P95, &v.P99, &v.Mean} {
			from := differences(x)[j].D
			known := from.Verdict != analyze.TooFew
			*into = differenceJSON{
				Before: millis(from.Before, x.Before > 0), After: millis(from.After, x.After > 0), Diff: millis(from.Diff(), x.Before > 0 && x.After > 0),
				CI: interval{millis(from.Low, known), millis(from.High, known)}, Verdict: from.Verdict,
			}
		}
		d.Changes[i] = v
	}
	return encode(w, d)
}
