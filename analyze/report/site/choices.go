package site

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"wanctl/analyze"
	"wanctl/cycle"
)

// choice is one of several to choose from; Value is what it puts into the query, or
// where it leads.
type choice struct {
	Value, Text string
	Chosen      bool
}

// choices are those of one list, the chosen one among them even if it has recorded
// nothing. What is nothing stands first and means everything.
func choices(everything, chosen string, values []string) []choice {
	slices.Sort(values)
	return listed(everything, chosen, slices.Compact(values))
}

// listed is choices in the order that they have.
func listed(everything, chosen string, values []string) []choice {
	cs := []choice{{"", everything, chosen == ""}}
	if chosen != "" && !slices.Contains(values, chosen) {
		values = append(values, chosen)
	}
	for _, v := range values {
		cs = append(cs, choice{v, v, v == chosen})
	}
	return cs
}

func (v *picture) daemons(q query) []choice {
	var names []string
	for _, l := range v.loops {
		names = append(names, string(l.daemon))
	}
	return choices("both daemons", string(q.Daemon), names)
}

func (v *picture) wans(q query) []choice {
	var names []string
	for _, l := range v.loops {
		names = append(names, l.wan)
	}
	return choices("all WANs", q.WAN, names)
}

// labels are what latency can be drawn of.
func (v *picture) labels(q query) []choice {
	var names []string
	if v.content != nil {
		names = labelsOf(v.content.Analysis)
	}
	return listed("whole cycle", q.Label, names)
}

// labelsOf are the names of what was timed: the parts as they run, what else there is,
// then the reflectors.
func labelsOf(a *analyze.Analysis) (names []string) {
	add := func(name string, wanted bool) {
		if wanted && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	var spans []analyze.Span
	for i := range a.Loops {
		spans = append(spans, a.Loops[i].Spans...)
	}
	for _, s := range spans {
		add(s.Part.String(), s.Target == "" && s.Part != cycle.Total && s.Part != cycle.Other)
	}
	for _, s := range spans {
		add(string(s.Label), s.Target == "" && s.Part == cycle.Other)
	}
	for _, s := range spans {
		add(s.Target, s.Target != "")
	}
	return names
}

// knownLabel refuses a label that means nothing of what was recorded.
func knownLabel(a *analyze.Analysis, label string) error {
	if label == "" {
		return nil
	}
	for i := range a.Loops {
		if slices.ContainsFunc(a.Loops[i].Spans, func(s analyze.Span) bool { return s.Is(label) }) {
			return nil
		}
	}
	return &refusal{status: http.StatusNotFound, err: fmt.Errorf("label %q: nothing of that name was recorded in this window; labels are %s",
		label, strings.Join(append([]string{cycle.Total.String()}, labelsOf(a)...), ", "))}
}

// presets are the windows to choose with one touch.
func presets(q query) (cs []choice) {
	for _, since := range []string{"15m", "1h", "6h", "24h", "7d"} {
		of := q
		of.Since, of.Until = since, defaultUntil
		cs = append(cs, choice{"/?" + of.encode(), since, q.Since == since && q.Until == defaultUntil})
	}
	return cs
}

// links lead to what is shown in other forms, with the label where it means something.
func links(q query) []choice {
	labelled := "?" + q.encode()
	q.Label = ""
	whole := "?" + q.encode()
	return []choice{
		{"/report.html" + labelled, "Report, HTML", false},
		{"/summary.csv" + whole, "Summary, CSV", false},
		{"/spans.csv" + labelled, "Timings, CSV", false},
		{"/cycles.csv" + whole, "Cycles, CSV", false},
		{"/trace.json" + whole, "Trace", false},
		{"/api/analysis" + whole, "JSON", false},
	}
}

// title tells the page's tab from others.
func (v *picture) title(q query) string {
	of := ""
	for _, word := range []string{string(q.Daemon), q.WAN, q.Label} {
		if word != "" {
			of += word + ", "
		}
	}
	if q.Until == defaultUntil {
		return "wanctl: " + of + "last " + q.Since
	}
	return "wanctl: " + of + q.Since + " to " + q.Until
}
