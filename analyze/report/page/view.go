package page

import (
	"fmt"
	"hash/fnv"
	"html/template"
	"strings"
	"time"

	"wanctl/analyze"
	"wanctl/cycle"
)

// view is a Content in the words and pictures of the page.
type view struct {
	Title    string
	Verdict  verdict
	Asked    []fact
	Loops    []loopView
	Warnings []string
	Runs     []runView
	MoreRuns int // that are not shown
	Exact    bool
	Error    string // how far quantiles may be from the exact ones
	Made     string
}

// fact is a figure with its name; Value is for those who compute with it.
type fact struct {
	Name, Text string
	Key, Value string
	Bad        bool
}

// loopView is one loop.
type loopView struct {
	ID, Name string
	Facts    []fact // how fast it was
	Troubles []fact
	Advice   []string
	Empty    bool
	Shown    string // what is drawn over time
	Share    template.HTML
	Table    table
	Time     template.HTML
	Heat     template.HTML
	Trends   template.HTML
	Spread   template.HTML
	Probes   template.HTML
	Slowest  slowestView
}

func newView(c *Content, o *Options) *view {
	a := c.Analysis
	v := &view{
		Title: title(a, o), Verdict: judge(c, o), Asked: asked(c, o), Warnings: a.Warnings, Exact: a.Exact,
		Error: fmt.Sprintf("%g"+narrow+"%%", analyze.MaxRelativeError*100), Runs: runViews(c, o), MoreRuns: max(len(c.Timeline.Runs)-mostRuns, 0), Made: made(o),
	}
	for i := range a.Loops {
		v.Loops = append(v.Loops, newLoopView(c, i, o))
	}
	return v
}

func newLoopView(c *Content, i int, o *Options) loopView {
	l := &c.Analysis.Loops[i]
	v := loopView{ID: id(l), Name: loopName(l), Facts: append(facts(l), silence(c, l, o)...), Troubles: counts(l), Advice: analyze.Advise(l), Empty: l.Cycles == 0}
	if v.Empty {
		return v
	}
	h := newHistory(c, i, o, v.ID)
	v.Shown = h.name()
	v.Share = shareBar(l)
	v.Table = summary(l)
	v.Time = h.pictures()
	v.Heat = h.heatMap()
	v.Trends = h.smallMultiples()
	v.Spread = distributions(l)
	v.Probes = reflectors(l)
	v.Slowest = slowestOf(l, c.Slowest[i], o)
	return v
}

// id makes a loop's name an id: always the same for a name, and never that of another.
func id(l *analyze.Loop) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, string(l.Daemon)+"-"+l.WAN)
	if plain != string(l.Daemon)+"-"+l.WAN {
		h := fnv.New32a()
		h.Write([]byte(l.String()))
		plain = fmt.Sprintf("%.40s-%08x", plain, h.Sum32())
	}
	return plain
}

func title(a *analyze.Analysis, o *Options) string {
	return "wanctl: " + o.clock(a.Window.Since) + " to " + o.clock(a.Window.Until)
}

// asked tells what was asked.
func asked(c *Content, o *Options) []fact {
	a := c.Analysis
	names := make([]string, len(o.Databases))
	for i, db := range o.Databases {
		names[i] = printable(db)
	}
	w := a.Window
	facts := []fact{
		{Name: "From", Text: o.clock(w.Since)},
		{Name: "To", Text: o.clock(w.Until)},
		{Name: "Window", Text: stretch(w.Until.Sub(w.Since).Round(1e6))},
	}
	if len(names) > 0 {
		facts = append([]fact{{Name: "Recording", Text: strings.Join(names, ", ")}}, facts...)
	}
	if begun := c.Timeline.Begun; begun.Sub(w.Since) >= time.Second {
		facts = append(facts, fact{Name: "On record from", Text: o.clock(begun)})
	}
	if ended := ended(a); !ended.IsZero() {
		facts = append(facts, fact{Name: "On record to", Text: o.clock(ended)})
	}
	zone := o.zone().String()
	if zone == time.Local.String() {
		zone, _ = w.Until.In(time.Local).Zone()
	}
	return append(facts, fact{Name: "Time zone", Text: zone}, fact{Name: "Cycles", Text: count(a.Cycles())})
}

// ended returns when the newest cycle started, if there should be more of every loop.
func ended(a *analyze.Analysis) (newest time.Time) {
	for i := range a.Loops {
		l := &a.Loops[i]
		if l.Silent == 0 {
			return time.Time{}
		}
		if l.Newest.After(newest) {
			newest = l.Newest
		}
	}
	return newest
}

func made(o *Options) string {
	s := "wanctl"
	if o.Version != "" {
		s += " " + printable(o.Version)
	}
	if !o.Now.IsZero() {
		s += ", " + o.clock(o.Now)
	}
	return s
}

// facts are a loop's figures.
func facts(l *analyze.Loop) (fs []fact) {
	add := func(name, key, text, value string, bad bool) {
		fs = append(fs, fact{Name: name, Key: key, Text: text, Value: value, Bad: bad})
	}
	add("Cycles", "cycles", count(l.Cycles), fmt.Sprint(l.Cycles), false)
	if l.Budget > 0 {
		add("Interval", "budget_ms", stretch(l.Budget), exact(cycle.Millis(l.Budget)), false)
	}
	if t := l.Span(cycle.Total); t != nil && t.Count > 0 {
		add("Median", "", duration(t.P50.Value), "", false)
		add("p99", "", duration(t.P99.Value)+mark(t.P99), "", false)
		add("Longest", "", duration(t.Max), "", false)
	}
	if l.Utilization.Known {
		add("Utilization", "utilization", percent(l.Utilization.Value), exact(l.Utilization.Value), false)
		headroom := duration(l.Headroom.Value)
		if l.Headroom.Value < 0 {
			headroom = "−" + duration(-l.Headroom.Value)
		}
		add("Headroom", "headroom_ms", headroom, exact(float64(l.Headroom.Value)/1e6), l.Headroom.Value < 0)
	}
	return fs
}

// silence tells since when nothing is on record of a loop, if there should be.
func silence(c *Content, l *analyze.Loop, o *Options) []fact {
	if l.Silent == 0 {
		return nil
	}
	return []fact{{Name: "Nothing on record", Text: since(l, c.Timeline, o), Bad: true}}
}

// counts are a loop's counts of what should not be.
func counts(l *analyze.Loop) (fs []fact) {
	for _, f := range []struct {
		name, key string
		n         int64
	}{{"Overruns", "overruns", l.Overruns}, {"Failed", "failed", l.Failed}, {"Missed slots", "missed", l.Missed}, {"Dropped", "dropped", l.Dropped}} {
		fs = append(fs, fact{Name: f.name, Key: f.key, Text: count(f.n), Value: fmt.Sprint(f.n), Bad: f.n > 0})
	}
	return fs
}

// mark shows that a quantile is from too few values.
func mark(q analyze.Quantile) string {
	if q.Thin {
		return "?"
	}
	return ""
}
