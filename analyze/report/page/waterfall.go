package page

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"wanctl/analyze"
	"wanctl/analyze/report"
	"wanctl/cycle"
)

// slowestView are a loop's slowest cycles.
type slowestView struct {
	Cycles []cycleView
	Note   string // what is not among them
	Causes string // what they waited for
}

// cycleView is one cycle as a waterfall.
type cycleView struct {
	Start, Total, Cause string
	Seq                 string
	Tags                []string // what was wrong with it
	Bars                []barView
	Decided, Besides    string
}

// barView is one line of a waterfall.
type barView struct {
	Name, Took, Usual, Note string
	Inside                  bool // of what the lines above it tell
	Beyond                  bool
	Picture                 template.HTML
}

func slowestOf(l *analyze.Loop, es []analyze.Explained, o *Options) (v slowestView) {
	var order []string
	causes := map[string]int64{}
	for i := range es {
		v.Cycles = append(v.Cycles, newCycleView(&es[i], o))
		cause := es[i].Cause.String()
		if causes[cause] == 0 {
			order = append(order, cause)
		}
		causes[cause]++
	}
	for i, c := range order {
		order[i] = fmt.Sprintf("%s for %s", count(causes[c]), printable(c))
	}
	v.Causes = strings.Join(order, ", ")
	switch total := l.Span(cycle.Total); {
	case total == nil:
	case len(es) == 0:
		v.Note = "These cycles are no longer kept one by one."
	case es[0].Cycle.Total.Truncate(time.Microsecond) < total.Max.Truncate(time.Microsecond):
		v.Note = "Of those still kept one by one; the longest of the window, " + duration(total.Max) + ", is not."
	}
	return v
}

func newCycleView(e *analyze.Explained, o *Options) cycleView {
	c := &e.Cycle
	v := cycleView{
		Start: c.Start.In(o.zone()).Format("Mon 2 Jan 15:04:05.000"), Seq: count(c.Seq), Total: duration(c.Total),
		Cause: printable(e.Cause.String()), Decided: printable(report.Decided(c)), Besides: printable(report.Besides(c)),
	}
	if c.Overrun() {
		v.Tags = append(v.Tags, "overrun")
	}
	if c.Outcome != cycle.OK {
		v.Tags = append(v.Tags, c.Outcome.String())
	}
	for i := range e.Parts {
		p := &e.Parts[i]
		b := barView{Name: p.Part.String(), Took: duration(p.Duration), Beyond: p.Beyond}
		if p.P50 > 0 {
			b.Usual = duration(p.P50)
		}
		switch s := spanOfPart(c, p.Part); {
		case p.Part == cycle.Total:
			b.Picture = waterfallBar(0, c.Total, c.Total, "p-total", c.Run.Budget)
		case p.Part == cycle.Other:
			b.Name, b.Usual = "rest", "-"
		default:
			b.Picture = waterfallBar(s.Offset, p.Duration, c.Total, "p-"+p.Part.String(), 0)
			if s.Outcome != cycle.OK {
				b.Note = s.Outcome.String()
			}
		}
		v.Bars = append(v.Bars, b)
		v.inside(c, p)
	}
	return v
}

// inside adds the cycle's spans that lie inside a part: the echoes in RTT, anything
// else in the first part that holds most of it, or else in the whole.
func (v *cycleView) inside(c *cycle.Cycle, p *analyze.Unusual) {
	for i := range c.Spans {
		s := &c.Spans[i]
		if holder := holderOf(c, s); holder != p.Part {
			continue
		}
		b := barView{Name: spanName(s.Part, s.Label, s.Target), Inside: true}
		if s.Part == cycle.Probe && s.Outcome != cycle.OK {
			b.Took, b.Beyond = "lost", true
		} else {
			b.Took = duration(s.Duration)
			b.Picture = waterfallBar(s.Offset, s.Duration, c.Total, "p-"+s.Part.String(), 0)
			if s.Outcome != cycle.OK {
				b.Note = s.Outcome.String()
			}
		}
		v.Bars = append(v.Bars, b)
	}
}

// holderOf returns the part that a span lies in; NumParts for the parts themselves.
func holderOf(c *cycle.Cycle, s *cycle.Span) cycle.Part {
	switch s.Part {
	case cycle.Probe:
		return cycle.RTT
	case cycle.Other:
		for _, p := range cycle.Stretches {
			part := spanOfPart(c, p)
			if shared := min(s.Offset+s.Duration, part.Offset+part.Duration) - max(s.Offset, part.Offset); shared > 0 && shared >= s.Duration/2 {
				return p
			}
		}
		return cycle.Total
	}
	return cycle.Part(cycle.NumParts)
}

func spanOfPart(c *cycle.Cycle, p cycle.Part) *cycle.Span {
	for i := range c.Spans {
		if c.Spans[i].Part == p {
			return &c.Spans[i]
		}
	}
	return new(cycle.Span)
}

// waterfallBar draws a span on the cycle's own scale; where the budget lies inside
// it, that is marked.
func waterfallBar(from, length, whole time.Duration, class string, budget time.Duration) template.HTML {
	at := func(d time.Duration) float64 { return min(max(float64(d)/float64(max(whole, 1)), 0), 1) }
	d := new(drawing)
	x := min(at(from), 0.995)
	y, height := 1, 10
	if budget > 0 {
		y, height = 4, 4
	}
	d.add(`<svg class="wf" height="12" aria-hidden="true"><rect class="%s" x="%s" width="%s" y="%d" height="%d"/>`,
		class, share(x), share(max(at(from+length)-x, 0.004)), y, height)
	if budget > 0 && budget < whole {
		d.add(`<line class="limit" x1="%[1]s" x2="%[1]s" y2="12"><title>interval %[2]s</title></line>`, share(at(budget)), stretch(budget))
	}
	d.add(`</svg>`)
	return d.html()
}
