package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"wanctl/analyze"
	"wanctl/cycle"
)

// Why writes cycles with what made them slow: each with a waterfall of its spans,
// and at the end the tally.
func Why(w io.Writer, y *analyze.Whys, o Options) error {
	b := new(bytes.Buffer)
	heading(b, y.Analysis, o)
	var marks legend
	for i := range y.Cycles {
		fmt.Fprintln(b)
		explained(b, &y.Cycles[i], counted(y.Analysis, y.Cycles[i].Cycle.Run), &marks, o)
	}
	marks.write(b)
	fmt.Fprintf(b, "\n%s\n", tallyLine(y))
	for _, warning := range y.Analysis.Warnings {
		fmt.Fprintf(b, "warning: %s\n", Printable(warning))
	}
	_, err := w.Write(b.Bytes())
	return err
}

// tallyLine says what the cycles waited for, e.g. "of 31 overruns, 27 waited for
// 9.9.9.9, 3 for login rest".
func tallyLine(y *analyze.Whys) string {
	what := "overruns"
	if y.Overruns == 0 {
		what = "slowest cycles"
	}
	if y.Of == 1 {
		what = strings.TrimSuffix(what, "s")
	}
	parts := make([]string, len(y.Tally))
	for i, t := range y.Tally {
		verb := ""
		if i == 0 {
			verb = "waited "
		}
		parts[i] = fmt.Sprintf("%d %sfor %s", t.Count, verb, Printable(t.Cause.String()))
	}
	line := fmt.Sprintf("of %d %s, %s", y.Of, what, strings.Join(parts, "; "))
	if y.Overruns == 0 {
		line = "no overruns; " + line
	}
	return line
}

// counted is how many values of each part of a run's loop what is usual comes from; for
// the rest those of the whole cycles.
func counted(a *analyze.Analysis, run *cycle.Run) (n [cycle.NumParts]int64) {
	for i := range a.Loops {
		l := &a.Loops[i]
		if l.Daemon != run.Daemon || l.WAN != run.WAN {
			continue
		}
		for k := range l.Spans {
			if s := &l.Spans[k]; s.Target == "" {
				n[s.Part] = s.Count
			}
		}
	}
	n[cycle.Other] = n[cycle.Total]
	return n
}

// explained writes one cycle.
func explained(b *bytes.Buffer, e *analyze.Explained, of [cycle.NumParts]int64, marks *legend, o Options) {
	c := &e.Cycle
	fmt.Fprintf(b, "%s  %s %s, cycle %d: %s", o.moment(c.Start), c.Run.Daemon, Printable(c.Run.WAN), c.Seq, duration(c.Total))
	if c.Run.Budget > 0 {
		fmt.Fprintf(b, " of %s", Stretch(c.Run.Budget))
	}
	if c.Overrun() {
		b.WriteString(", an overrun")
	}
	if c.Outcome != cycle.OK {
		fmt.Fprintf(b, ", %s", c.Outcome)
	}
	fmt.Fprintf(b, "\n%swaited for %s\n", indent, Printable(e.Cause.String()))
	waterfall(b, e, of, marks, o)
	for _, line := range []string{Besides(c), Decided(c)} {
		if line != "" {
			fmt.Fprintf(b, "%s%s\n", indent, line)
		}
	}
}

// bars are eighths of a column, and barWidth how wide a waterfall is drawn.
var bars = []rune(" ▏▎▍▌▋▊▉█")

const barWidth = 40

// waterfall draws the spans on the cycle's own scale, each part beside what is
// usual for it, which comes from so many values.
func waterfall(b *bytes.Buffer, e *analyze.Explained, of [cycle.NumParts]int64, marks *legend, o Options) {
	t := &table{columns: []column{
		{head: "part", left: true}, {head: "", left: true}, {head: "took"}, {head: "usual (p50) "}, {head: "p99 "}, {head: "", left: true},
	}}
	c := &e.Cycle
	end := time.Duration(0)
	for i := range e.Parts {
		p := &e.Parts[i]
		note := ""
		if p.Beyond {
			note = "unusual"
		}
		name, bar := p.Part.String(), ""
		switch span := spanOf(c, p.Part); {
		case p.Part == cycle.Total:
			bar = strings.Repeat("█", barWidth)
		case p.Part == cycle.Other:
			name, bar = "rest", ""
		default:
			bar = draw(span.Offset, p.Duration, c.Total)
			end = max(end, span.Offset+p.Duration)
			if span.Outcome != cycle.OK {
				note = strings.TrimSpace(note + " " + span.Outcome.String())
			}
		}
		usual, p99 := unknown, unknown
		if p.P50 > 0 || p.P99 > 0 {
			usual = timing(p.P50, of[p.Part], 500)
		}
		if p.P99 > 0 {
			p99 = timing(p.P99, of[p.Part], 990)
			marks.thin = marks.thin || analyze.Thin(of[p.Part], 990)
		}
		t.add(name, bar, duration(p.Duration), usual, p99, note)
		if p.Part == cycle.RTT {
			inside(t, c, cycle.Probe)
		}
	}
	inside(t, c, cycle.Other)
	_ = t.write(b, o.Width)
}

// inside adds the cycle's spans that lie inside its parts.
func inside(t *table, c *cycle.Cycle, p cycle.Part) {
	for i := range c.Spans {
		s := &c.Spans[i]
		if s.Part != p {
			continue
		}
		name := s.Target
		if name == "" {
			name = string(s.Label)
		}
		if p == cycle.Probe && s.Outcome != cycle.OK {
			t.add("  "+Printable(name), "", "lost", "", "", "")
			continue
		}
		note := ""
		if s.Outcome != cycle.OK {
			note = s.Outcome.String()
		}
		t.add("  "+Printable(name), draw(s.Offset, s.Duration, c.Total), duration(s.Duration), "", "", note)
	}
}

func spanOf(c *cycle.Cycle, p cycle.Part) *cycle.Span {
	for i := range c.Spans {
		if c.Spans[i].Part == p {
			return &c.Spans[i]
		}
	}
	return new(cycle.Span)
}

// draw draws a span on a scale of the whole, to an eighth of a column.
func draw(from, length, whole time.Duration) string {
	if whole <= 0 {
		return ""
	}
	eighths := func(d time.Duration) int {
		return int(max(0, min(float64(d)/float64(whole), 1)) * barWidth * 8)
	}
	start, end := eighths(from)/8, eighths(from+length)
	n := max(end-start*8, 1)
	s := strings.Repeat(" ", min(start, barWidth-1)) + strings.Repeat("█", n/8)
	if n%8 > 0 && utf8.RuneCountInString(s) < barWidth {
		s += string(bars[n%8])
	}
	return s
}

// Besides tells what else happened around a cycle; "" if nothing did.
func Besides(c *cycle.Cycle) string {
	var facts []string
	if c.Late >= time.Millisecond {
		facts = append(facts, "started "+duration(c.Late)+" late")
	}
	if c.Missed > 0 {
		facts = append(facts, plural(c.Missed, "slot")+" missed before it")
	}
	if c.Recovered {
		facts = append(facts, "written after a crash of the process")
	}
	if c.Lost > 0 {
		facts = append(facts, plural(int64(c.Lost), "span")+" more than it holds")
	}
	if len(facts) == 0 {
		return ""
	}
	return "besides: " + strings.Join(facts, ", ")
}

// Decided tells what a cycle measured and decided; "" if nothing is known of that.
func Decided(c *cycle.Cycle) string {
	d := &c.Decision
	var facts []string
	for _, f := range []struct {
		name string
		v    cycle.Maybe[float64]
		unit string
	}{
		{"RTT", d.RTT, "ms"}, {"baseline", d.Baseline, "ms"}, {"load", d.Load, "ms"}, {"delta", d.Delta, "ms"}, {"smoothed queue", d.Queue, " packets"},
	} {
		if f.v.Known {
			facts = append(facts, f.name+" "+tenths(f.v.Value)+f.unit)
		}
	}
	for _, f := range []struct {
		name string
		dir  *cycle.Direction
	}{{"download", &d.Download}, {"upload", &d.Upload}} {
		text := f.dir.Zone.String()
		if f.dir.Rate.Known {
			text = strings.TrimSpace(fmt.Sprintf("%s %.1f Mbit/s", text, float64(f.dir.Rate.Value)/1e6))
		}
		if text != "" {
			facts = append(facts, f.name+" "+text)
		}
	}
	if d.Degraded.Known {
		facts = append(facts, map[bool]string{true: "steering on", false: "steering off"}[d.Degraded.Value])
	}
	if d.Write != cycle.NotWritten {
		facts = append(facts, "router write: "+d.Write.String())
	}
	if len(facts) == 0 {
		return ""
	}
	return "decided: " + strings.Join(facts, ", ")
}

// tenths shows a number with one place; what rounds to nothing has no sign.
func tenths(v float64) string {
	if s := fmt.Sprintf("%.1f", v); s != "-0.0" {
		return s
	}
	return "0.0"
}
