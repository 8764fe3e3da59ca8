package screen

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"wanctl/analyze"
	"wanctl/analyze/report"
	"wanctl/cycle"
)

// detail is what is told of the chosen loop.
func (s *Screen) detail(l *Loop) []line {
	lines := []line{{text: s.about(l), rank: 9}}
	name := 16
	if s.width >= 130 {
		name = 24
	}
	columns := []column{
		{head: "", width: 1},
		{head: "PART", width: name, left: true},
		{head: "LAST MS", width: 7, rank: 5},
		{head: "P50 MS", width: 8, marked: true, rank: 4},
		{head: "P95 MS", width: 8, marked: true, rank: 2},
		{head: "P99 MS", width: 8, marked: true},
		{head: "MAX MS", width: 7, rank: 1},
	}
	shown := shed(columns, s.width)
	used := len(row(columns, shown, nil))
	width, fold := folded(s.width - used - 2)
	with := func(cells []cell, trail string) string {
		return row(columns, shown, cells) + "  " + trail
	}
	over := ""
	if width > 0 {
		over = cell{fit(report.Stretch(s.shown.Window*time.Duration(fold)/analyze.Slots)+" each", width, false), strong}.paint()
	}
	lines = append(lines, line{text: with(heads(columns), over), rank: 8})
	bars := blocks
	if s.options.ASCII {
		bars = ascii
	}
	for _, i := range s.series(l) {
		drawn := ""
		if width > 0 {
			drawn = trail(&l.Trails[i], fold, bars)
		}
		span := &l.Spans[i]
		lines = append(lines, line{text: with(part(l, span), drawn), rank: partRank(span.Part)})
	}
	if width > 0 {
		for _, st := range strips(l) {
			lines = append(lines, line{
				text: "  " + fit(st.name, used, true) + strip(&l.Slots, fold, st.sign), rank: 5,
			})
		}
	}
	return append(append(lines, line{rank: 2}), s.slowest(l)...)
}

// about says of the loop what has no column, as far as there is room: failures first,
// if there are any.
func (s *Screen) about(l *Loop) string {
	var facts []string
	failed := fmt.Sprintf("failed %d", l.Failed)
	if l.Failed > 0 {
		facts = append(facts, cell{failed, strong}.paint())
	}
	if l.Run.Budget > 0 {
		facts = append(facts, "every "+report.Stretch(l.Run.Budget))
	}
	span := l.Window.Until.Sub(l.Window.Since).Round(time.Second)
	facts = append(facts, fmt.Sprintf("%d %s in %s", l.Cycles, map[bool]string{true: "cycle", false: "cycles"}[l.Cycles == 1], report.Stretch(span)))
	if l.Utilization.Known {
		facts = append(facts, fmt.Sprintf("busy %.1f %%", l.Utilization.Value*100))
	}
	if l.Failed == 0 {
		facts = append(facts, failed)
	}
	d := &l.Last.Decision
	if d.RTT.Known {
		rtt := fmt.Sprintf("RTT %.1f ms", d.RTT.Value)
		if d.Baseline.Known {
			rtt += fmt.Sprintf(" (baseline %.1f)", d.Baseline.Value)
		}
		facts = append(facts, rtt)
	}
	text := cell{l.String(), strong}.paint()
	for _, fact := range facts {
		if ansi.StringWidth(text)+2+ansi.StringWidth(fact) <= s.width {
			text += "  " + fact
		}
	}
	return text
}

// partRank is the order in which the parts give way to a low screen.
func partRank(p cycle.Part) int {
	switch p {
	case cycle.Other:
		return 1
	case cycle.Probe:
		return 3
	case cycle.Total:
		return 9
	}
	return 8
}

// partName names a series: a part, or what was timed inside one.
func partName(s *analyze.Span) string {
	switch {
	case s.Part != cycle.Probe && s.Part != cycle.Other:
		return s.Part.String()
	case s.Target == "":
		return "  " + report.Printable(string(s.Label))
	}
	return "  " + report.Printable(s.Target)
}

// part is a series' row.
func part(l *Loop, s *analyze.Span) []cell {
	last, known := lastOf(&l.Last, s)
	cells := []cell{
		{},
		{partName(s), plain},
		{maybeMillis(last, known), plain},
		{quantile(&s.Summary, s.P50), plain},
		{quantile(&s.Summary, s.P95), plain},
		{quantile(&s.Summary, s.P99), plain},
		{maybeMillis(s.Max, s.Count > 0), plain},
	}
	if s.Part == cycle.Total {
		cells[1].style = strong
	}
	return cells
}

// lastOf is how long a series took in the last cycle, if it ran.
func lastOf(c *cycle.Cycle, s *analyze.Span) (d time.Duration, ran bool) {
	if s.Part == cycle.Total {
		return c.Total, true
	}
	for i := range c.Spans {
		if sp := &c.Spans[i]; sp.Label == s.Label && sp.Target == s.Target {
			return sp.Duration, sp.Part != cycle.Probe || sp.Outcome == cycle.OK
		}
	}
	return 0, false
}

// strips are the rows of signs: of what happened when.
func strips(l *Loop) []struct {
	name string
	sign func(analyze.Slot) rune
} {
	type row = struct {
		name string
		sign func(analyze.Slot) rune
	}
	rows := []row{{"zone down  . green  y yellow  s soft red  R red", func(s analyze.Slot) rune { return zoneSign(s.Down) }}}
	if l.Daemon == cycle.Steering {
		rows = append(rows, row{"rule  . off  # on", func(s analyze.Slot) rune {
			if s.Degraded {
				return '#'
			}
			return '.'
		}})
	} else {
		rows = append(rows, row{"zone up", func(s analyze.Slot) rune { return zoneSign(s.Up) }})
	}
	return append(rows, row{"amiss  o overrun  m missed  F failed", eventSign})
}

// slowest tells of the slowest cycle of the last minute what made it slow.
func (s *Screen) slowest(l *Loop) []line {
	e := &l.Slowest
	c := &e.Cycle
	text := fmt.Sprintf("slowest of the last minute: %s ms at %s", strings.TrimSpace(millis(c.Total)), c.Start.In(s.options.Zone).Format("15:04:05.000"))
	if c.Overrun() {
		text += ", an overrun"
	}
	if c.Outcome != cycle.OK {
		text += ", " + c.Outcome.String()
	}
	why := "waited for " + report.Printable(e.Cause.String())
	if unusual := unusual(e); unusual != "" {
		why += " (" + unusual + ")"
	}
	lines := []line{{text: text, rank: 7}}
	for i, text := range strings.Split(ansi.Wordwrap(why, s.width-2, ""), "\n") {
		lines = append(lines, line{text: "  " + text, rank: 7 - min(i, 1)})
	}
	return lines
}

// unusual names the part that took longest beyond the usual.
func unusual(e *analyze.Explained) string {
	worst, most := -1, time.Duration(0)
	for i := range e.Parts {
		p := &e.Parts[i]
		if over := p.Duration - p.P50; p.Part != cycle.Total && p.Beyond && over > most {
			worst, most = i, over
		}
	}
	if worst < 0 {
		return ""
	}
	p := &e.Parts[worst]
	name := p.Part.String()
	if p.Part == cycle.Other {
		name = "between the parts"
	}
	text := name + " " + millis(p.Duration) + " ms"
	if p.P50 > 0 {
		text += ", usually " + millis(p.P50)
	}
	return text
}

// manual is the help.
func (s *Screen) manual() (lines []line) {
	for i, text := range strings.Split(strings.Trim(manual, "\n"), "\n") {
		rank := 0
		if i > 14 {
			rank = 1
		}
		lines = append(lines, line{text: text, rank: rank})
	}
	return lines
}

const manual = `
q          quit
tab, down  the next loop; up, shift+tab: the one before
w          window of all figures: 1m 5m 15m 1h
s          sort by name, p99, overruns
p, space   pause: the picture stands still; what happens meanwhile counts
?          this help

All figures are of the window, which ends with each loop's newest cycle.
DOWN, UP, MBIT  zone and limit (Mbit/s) after the last cycle; steering: the rule
LAST P50 P99    the whole cycle, ms; "?" after a quantile: from too few cycles
OVER MISS DROP  cycles longer than the interval; slots that no cycle started
                in; cycles that were run but not recorded
AGE             since the newest cycle ended; "!": there should have been one
BUSY, FAIL      share of the interval that cycles take; cycles that failed
Small bars      the longest of each stretch, on a scale of logarithms from the
                least to the most of its row, at least four times the least
`
