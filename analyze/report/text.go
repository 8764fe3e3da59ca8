package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"wanctl/analyze"
	"wanctl/cycle"
)

// Text writes the report for a terminal: one aligned table per loop.
func Text(w io.Writer, a *analyze.Analysis, o Options) error {
	b := new(bytes.Buffer)
	heading(b, a, o)
	var marks legend
	for i := range a.Loops {
		fmt.Fprintln(b)
		loop(b, &a.Loops[i], o, &marks)
	}
	marks.approximate = !a.Exact
	marks.write(b)
	for _, warning := range a.Warnings {
		fmt.Fprintf(b, "\nwarning: %s", Printable(warning))
	}
	if len(a.Warnings) > 0 {
		fmt.Fprintln(b)
	}
	_, err := w.Write(b.Bytes())
	return err
}

func heading(b *bytes.Buffer, a *analyze.Analysis, o Options) {
	names := make([]string, len(o.Databases))
	for i, db := range o.Databases {
		names[i] = Printable(db)
	}
	if len(names) > 0 {
		fmt.Fprintf(b, "%s: ", strings.Join(names, ", "))
	}
	fmt.Fprintf(b, "%s to %s (%s)\n", o.clock(a.Window.Since), o.clock(a.Window.Until),
		Stretch(a.Window.Until.Sub(a.Window.Since).Round(time.Second)))
}

// loop writes a loop's figures and its table.
func loop(b *bytes.Buffer, l *analyze.Loop, o Options, marks *legend) {
	fmt.Fprintf(b, "%s: %s\n", Printable(l.String()), strings.Join(facts(l), ", "))
	if l.Cycles == 0 {
		return
	}
	t := spans(l, marks)
	_ = t.write(b, o.Width) // a bytes.Buffer takes it all
	if n, known := l.Bottleneck.Value, l.Bottleneck.Known; known {
		fmt.Fprintf(b, "%swaits longest on %s: %s of the cycle, %s priority\n", indent, Printable(string(n.Label)), percent(n.CriticalShare), n.Priority)
	}
	if o.Verbose {
		verbose(b, l, o)
	}
}

// facts are a loop's figures; what is unremarkable is left out.
func facts(l *analyze.Loop) (facts []string) {
	facts = append(facts, count(l.Cycles)+" cycles")
	if l.Budget > 0 {
		facts = append(facts, "one every "+Stretch(l.Budget))
	}
	if l.Utilization.Known {
		facts = append(facts, "utilization "+percent(l.Utilization.Value), "headroom "+duration(l.Headroom.Value))
	}
	for _, f := range []struct {
		name string
		n    int64
	}{{"overruns", l.Overruns}, {"failed", l.Failed}, {"missed", l.Missed}, {"not recorded", l.Dropped}} {
		facts = append(facts, fmt.Sprintf("%s %d", f.name, f.n))
	}
	if l.Lateness.Count > 0 {
		facts = append(facts, "late by at most "+duration(l.Lateness.Max))
	}
	return facts
}

// spans is the table of a loop's labels.
func spans(l *analyze.Loop, marks *legend) *table {
	t := &table{columns: []column{
		{head: "part", left: true},
		{head: "label", left: true, rank: 1},
		{head: "target", left: true},
		{head: "count"},
		{head: "failed", rank: 4},
		{head: "min", rank: 3},
		{head: "avg", rank: 5},
		{head: "p50 "},
		{head: "p95 "},
		{head: "p99 "},
		{head: "max"},
		{head: "share", rank: 2},
		{head: "waited on"},
	}}
	for i := range l.Spans {
		s := &l.Spans[i]
		marks.note(&s.Summary)
		waited := ""
		if isStretch(s.Part) {
			waited = percent(s.CriticalShare)
		}
		if s.Count == 0 { // a reflector that never answered
			t.add(s.Part.String(), Printable(string(s.Label)), Printable(s.Target), "0", count(s.Failed), "-", "-", unknown, unknown, unknown, "-", "-", waited)
			continue
		}
		t.add(s.Part.String(), Printable(string(s.Label)), Printable(s.Target), count(s.Count), count(s.Failed),
			duration(s.Min), duration(mean(&s.Summary)), quantile(s.P50), quantile(s.P95), quantile(s.P99), duration(s.Max),
			percent(s.Share), waited)
	}
	t.add("rest", "", "", "", "", "", "", "", "", "", "", "", percent(l.OtherCriticalShare))
	return t
}

// isStretch tells whether a cycle's time divides into this part and others.
func isStretch(p cycle.Part) bool { return slices.Contains(cycle.Stretches[:], p) }

func mean(s *analyze.Summary) time.Duration {
	return time.Duration(s.Avg() * float64(time.Millisecond))
}

// verbose adds the confidence intervals and the doubts.
func verbose(b *bytes.Buffer, l *analyze.Loop, o Options) {
	fmt.Fprintf(b, "\n%s95 %% confidence of %s, if cycles were independent of each other:\n", indent, Printable(l.String()))
	t := &table{columns: []column{{head: "part", left: true}, {head: "label", left: true}, {head: "p50"}, {head: "p95"}, {head: "p99"}}}
	for i := range l.Spans {
		if s := &l.Spans[i]; s.Count > 0 {
			t.add(s.Part.String(), Printable(s.Name()), around(s.P50), around(s.P95), around(s.P99))
		}
	}
	if late := &l.Lateness; late.Count > 0 {
		t.add("late", string(l.Daemon.Label(cycle.Late)), around(late.P50), around(late.P95), around(late.P99))
	}
	_ = t.write(b, o.Width)
	for i := range l.Spans {
		for _, warning := range l.Spans[i].Warnings {
			fmt.Fprintf(b, "%swarning: %s: %s\n", indent, Printable(l.Spans[i].Name()), warning)
		}
	}
}

// legend explains the marks that a report used.
type legend struct {
	thin, approximate bool
}

func (l *legend) note(s *analyze.Summary) {
	l.thin = l.thin || s.P50.Thin || s.P95.Thin || s.P99.Thin
}

func (l *legend) write(b *bytes.Buffer) {
	if l.thin {
		fmt.Fprintln(b, "\n? from too few values to be sure of: a p95 takes 20, a p99 takes 100")
	}
	if l.approximate {
		fmt.Fprintf(b, "\nhours took part: p50, p95 and p99 are within %g %%; all else is exact\n", analyze.MaxRelativeError*100)
	}
}
