package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"wanctl/analyze"
	"wanctl/cycle"
)

// Markdown writes the report to keep: a summary, a section per loop, the
// bottlenecks, what to do about them, and notes on how to read it.
func Markdown(w io.Writer, a *analyze.Analysis, o Options) error {
	b := new(bytes.Buffer)
	b.WriteString("# Where the time of the cycles goes\n\n")
	markdownSummary(b, a, o)
	for i := range a.Loops {
		markdownLoop(b, &a.Loops[i])
	}
	markdownBottlenecks(b, a)
	markdownAdvice(b, a)
	markdownNotes(b, a)
	_, err := w.Write(b.Bytes())
	return err
}

// cellText makes text from a file harmless to a Markdown table.
var cellText = strings.NewReplacer("|", `\|`, "`", "'", "<", "&lt;", ">", "&gt;", "*", `\*`, "_", `\_`, "[", `\[`)

func md(s string) string { return cellText.Replace(Printable(s)) }

// code quotes a name.
func code(s string) string {
	return "`" + strings.NewReplacer("`", "'", "|", `\|`).Replace(Printable(s)) + "`"
}

func markdownRow(b *bytes.Buffer, cells ...string) {
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}

func markdownSummary(b *bytes.Buffer, a *analyze.Analysis, o Options) {
	b.WriteString("## Summary\n\n")
	names := make([]string, len(o.Databases))
	for i, db := range o.Databases {
		names[i] = code(db)
	}
	fmt.Fprintf(b, "- Recording: %s\n- Window: %s to %s (%s)\n- Cycles: %d\n", strings.Join(names, ", "),
		o.clock(a.Window.Since), o.clock(a.Window.Until), Stretch(a.Window.Until.Sub(a.Window.Since)), a.Cycles())
	if a.Exact {
		b.WriteString("- Quantiles: exact, nearest rank\n\n")
	} else {
		fmt.Fprintf(b, "- Quantiles: nearest rank, within %g %%; all else is exact\n\n", analyze.MaxRelativeError*100)
	}
	markdownRow(b, "loop", "cycles", "interval", "utilization", "headroom", "overruns", "failed", "missed", "not recorded", "p50", "p99", "longest")
	b.WriteString("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
	for i := range a.Loops {
		l := &a.Loops[i]
		budget, utilization, headroom, p50, p99, longest := "-", "-", "-", "-", "-", "-"
		if l.Budget > 0 {
			budget = Stretch(l.Budget)
		}
		if l.Utilization.Known {
			utilization, headroom = percent(l.Utilization.Value), duration(l.Headroom.Value)
		}
		if t := l.Span(cycle.Total); t != nil && t.Count > 0 {
			p50, p99, longest = quantileMark(t.P50), quantileMark(t.P99), duration(t.Max)
		}
		markdownRow(b, md(l.String()), count(l.Cycles), budget, utilization, headroom, count(l.Overruns), count(l.Failed),
			count(l.Missed), count(l.Dropped), p50, p99, longest)
	}
	for _, warning := range a.Warnings {
		fmt.Fprintf(b, "\n> **Warning:** %s\n", md(warning))
	}
}

func quantileMark(q analyze.Quantile) string { return strings.TrimSpace(quantile(q)) }

// markdownLoop is the section of one loop's cycles.
func markdownLoop(b *bytes.Buffer, l *analyze.Loop) {
	fmt.Fprintf(b, "\n## %s\n\n", md(l.String()))
	if l.Cycles == 0 {
		b.WriteString("No cycle was recorded.\n")
		return
	}
	markdownRow(b, "part", "label", "count", "failed", "min", "avg", "p50", "p95", "p99", "max", "share", "waited on", "p50, 95 % sure", "p99, 95 % sure")
	b.WriteString("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|---|\n")
	for i := range l.Spans {
		s := &l.Spans[i]
		waited := "-"
		if isStretch(s.Part) {
			waited = percent(s.CriticalShare)
		}
		if s.Count == 0 {
			markdownRow(b, s.Part.String(), code(s.Name()), "0", count(s.Failed), "-", "-", "-", "-", "-", "-", "-", waited, "-", "-")
			continue
		}
		markdownRow(b, s.Part.String(), code(s.Name()), count(s.Count), count(s.Failed), duration(s.Min), duration(mean(&s.Summary)),
			quantileMark(s.P50), quantileMark(s.P95), quantileMark(s.P99), duration(s.Max), percent(s.Share), waited, around(s.P50), around(s.P99))
	}
	fmt.Fprintf(b, "\nBetween the parts: %s of the cycle.", percent(l.OtherCriticalShare))
	if late := &l.Lateness; late.Count > 0 {
		fmt.Fprintf(b, " Cycles started late by %s (p50), %s (p99), at most %s.", quantileMark(late.P50), quantileMark(late.P99), duration(late.Max))
	}
	b.WriteString("\n")
}

func markdownBottlenecks(b *bytes.Buffer, a *analyze.Analysis) {
	b.WriteString("\n## Bottlenecks\n\n")
	for i := range a.Loops {
		l := &a.Loops[i]
		if !l.Bottleneck.Known {
			fmt.Fprintf(b, "- %s: nothing but whole cycles was recorded.\n", md(l.String()))
			continue
		}
		n := l.Bottleneck.Value
		fmt.Fprintf(b, "- %s waits longest on %s: %s of the cycle. Priority: **%s**.\n", md(l.String()), code(string(n.Label)), percent(n.CriticalShare), n.Priority)
	}
}

func markdownAdvice(b *bytes.Buffer, a *analyze.Analysis) {
	b.WriteString("\n## Recommendations\n\n")
	some := false
	for i := range a.Loops {
		for _, advice := range analyze.Advise(&a.Loops[i]) {
			some = true
			fmt.Fprintf(b, "- %s: %s\n", md(a.Loops[i].String()), md(advice))
		}
	}
	if !some {
		b.WriteString("Nothing to do: no label of high priority, no overruns, nothing missed.\n")
	}
}

func markdownNotes(b *bytes.Buffer, a *analyze.Analysis) {
	b.WriteString(`
## Notes

- A quantile is the nearest rank: the smallest recorded value with at least that share of all values at or below it.
- ` + "`?`" + ` marks a quantile from too few values to be sure of: a p95 takes 20, a p99 takes 100.
- *share* is a label's time divided by the time of all cycles. What is measured side by side shares the clock, so shares may add to more than 100 %.
- *waited on* is the share of the cycle that waited on the label: of what ran side by side only the longest counts. With what lies between the parts it adds to 100 %.
- *95 % sure* is where the true quantile lies in 95 of 100 recordings like this one, if cycles were independent of each other; slow spells make it wider.
`)
	if !a.Exact {
		fmt.Fprintf(b, "- The window reaches back into hours, whose quantiles are within %g %%.\n", analyze.MaxRelativeError*100)
	}
}
