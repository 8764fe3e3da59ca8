package page

import (
	"fmt"
	"html/template"

	"wanctl/analyze"
	"wanctl/cycle"
)

// reflectors draws a loop's reflectors side by side: from the fastest echo to the
// slowest, the stretch from the median to p99, and what was lost.
func reflectors(l *analyze.Loop) template.HTML {
	var all, answered []*analyze.Span
	for i := range l.Spans {
		if s := &l.Spans[i]; s.Part == cycle.Probe {
			all = append(all, s)
			if s.Count > 0 {
				answered = append(answered, s)
			}
		}
	}
	if len(all) == 0 {
		return ""
	}
	a := axis{scale: scale{low: 1, high: 10, log: true}}
	if len(answered) > 0 {
		a = axisOf(answered)
	}
	d := new(drawing)
	d.add(`<div class="rows">`)
	for _, s := range all {
		lost := float64(s.Failed) / float64(max(s.Count+s.Failed, 1))
		d.add(`<div class="name">%s</div><div>`, escape(s.Target))
		a.reflector(d, s)
		d.add(`</div><div class="figure">`)
		if s.Count > 0 {
			d.add(`%s, `, escape(duration(s.P50.Value)))
		}
		class := ""
		if s.Failed > 0 {
			class = "bad"
		}
		d.add(`<span class="%s">%s lost</span></div>`, class, percent(lost))
	}
	d.add(`<div class="name"></div><div>`)
	a.labels(d)
	d.add(`</div><div></div></div>`)
	return d.html()
}

func (a *axis) reflector(d *drawing, s *analyze.Span) {
	const height, middle = 26, 13
	if s.Count == 0 {
		d.add(`<svg class="dist" height="%d" role="img" aria-label="%s"></svg>`, height, escape(s.Target+" never answered"))
		return
	}
	d.add(`<svg class="dist" height="%d" role="img" aria-label="%s">`, height,
		escape(fmt.Sprintf("%s: fastest %s, median %s, p95 %s, p99 %s, slowest %s", s.Target, duration(s.Min),
			duration(s.P50.Value)+mark(s.P50), duration(s.P95.Value)+mark(s.P95), duration(s.P99.Value)+mark(s.P99), duration(s.Max))))
	a.grid(d, height)
	at := func(ms float64) float64 { return a.share(ms) }
	low, median, p95, p99, high := at(cycle.Millis(s.Min)), at(cycle.Millis(s.P50.Value)), at(cycle.Millis(s.P95.Value)), at(cycle.Millis(s.P99.Value)), at(cycle.Millis(s.Max))
	d.add(`<line class="whisker" x1="%s" x2="%s" y1="%[3]d" y2="%[3]d"/>`, share(low), share(high), middle)
	d.add(`<rect class="box b99" x="%s" width="%s" y="7" height="12"/>`, share(median), share(p99-median))
	d.add(`<rect class="box b95" x="%s" width="%s" y="7" height="12"/>`, share(median), share(p95-median))
	d.add(`<line class="quantile p50" x1="%[1]s" x2="%[1]s" y1="4" y2="22"><title>median %[2]s</title></line>`, share(median), escape(duration(s.P50.Value)))
	d.add(`<circle class="end" cx="%s" cy="%d" r="2.5"><title>slowest %s</title></circle>`, share(high), middle, escape(duration(s.Max)))
	d.add(`</svg>`)
}
