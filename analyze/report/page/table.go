package page

import (
	"slices"
	"strconv"
	"strings"

	"wanctl/analyze"
	"wanctl/cycle"
)

// table is the summary of a loop's labels.
type table struct {
	Heads []head
	Rows  []row
	Thin  bool // one of its quantiles is from too few values
}

type head struct {
	Text, Title string
	Words       bool // a column of words; else of numbers
}

type row struct {
	Class, Label, Target string
	Cells                []cell
}

// cell is one figure; Value is the number as JSON has it, Key its name there.
type cell struct {
	Text, Key, Value, Title string
	Thin                    bool
}

var summaryHeads = []head{
	{"part", "what the label stands for", true},
	{"label", "", true},
	{"target", "a reflector, or what else was timed", true},
	{"count", "timings", false},
	{"failed", "", false},
	{"min", "milliseconds", false},
	{"avg", "milliseconds", false},
	{"p50", "milliseconds; half of the timings took at most so long", false},
	{"p95", "milliseconds", false},
	{"p99", "milliseconds", false},
	{"max", "milliseconds", false},
	{"share", "of the time of all cycles", false},
	{"waited on", "critical share: of the cycle, what it waited on this label; with other they add to 1", false},
}

// summary lays out all figures of a loop's labels.
func summary(l *analyze.Loop) table {
	t := table{Heads: summaryHeads}
	for i := range l.Spans {
		s := &l.Spans[i]
		waited := cell{}
		if slices.Contains(cycle.Stretches[:], s.Part) {
			waited = cell{Text: percent(s.CriticalShare), Key: "critical_share", Value: exact(s.CriticalShare)}
		}
		r := t.row(s.Part.String(), s.Label, s.Target, &s.Summary)
		r.Cells = append(r.Cells, cell{Text: percent(s.Share), Key: "share", Value: exact(s.Share)}, waited)
		r.Class = "p-" + s.Part.String()
		t.Rows = append(t.Rows, r)
	}
	other := row{Class: "p-other", Cells: make([]cell, len(t.Heads))}
	other.Cells[0].Text = "rest"
	other.Cells[len(other.Cells)-1] = cell{Text: percent(l.OtherCriticalShare), Key: "other_critical_share", Value: exact(l.OtherCriticalShare)}
	t.Rows = append(t.Rows, other)
	if l.Lateness.Count > 0 {
		r := t.row(cycle.Late.String(), l.Daemon.Label(cycle.Late), "", &l.Lateness)
		r.Cells = append(r.Cells, cell{}, cell{})
		r.Cells[4] = cell{} // a late start is no failure
		t.Rows = append(t.Rows, r)
	}
	return t
}

func (t *table) row(part string, label cycle.Label, target string, s *analyze.Summary) row {
	r := row{Label: printable(string(label)), Target: printable(target)}
	r.Cells = []cell{
		{Text: part},
		{Text: r.Label},
		{Text: r.Target},
		{Text: count(s.Count), Key: "count", Value: strconv.FormatInt(s.Count, 10)},
		{Text: count(s.Failed), Key: "failed", Value: strconv.FormatInt(s.Failed, 10)},
	}
	if s.Count == 0 { // a reflector that never answered
		for range 6 {
			r.Cells = append(r.Cells, cell{Text: "–"})
		}
		return r
	}
	ms := func(key string, v float64, q analyze.Quantile) {
		c := cell{Text: grouped(strconv.FormatFloat(v, 'f', 3, 64)), Key: key, Value: exact(v), Thin: q.Thin}
		if q.Thin {
			t.Thin = true
			c.Title = strings.Join(s.Warnings, "; ")
		}
		r.Cells = append(r.Cells, c)
	}
	ms("min_ms", cycle.Millis(s.Min), analyze.Quantile{})
	ms("avg_ms", s.Avg(), analyze.Quantile{})
	ms("p50_ms", cycle.Millis(s.P50.Value), s.P50)
	ms("p95_ms", cycle.Millis(s.P95.Value), s.P95)
	ms("p99_ms", cycle.Millis(s.P99.Value), s.P99)
	ms("max_ms", cycle.Millis(s.Max), analyze.Quantile{})
	return r
}
