package page

import (
	"html/template"

	"wanctl/analyze"
	"wanctl/cycle"
)

// shareBar draws where a loop's time goes: one bar, whose pieces are what the
// cycles waited on, and a legend with the numbers.
func shareBar(l *analyze.Loop) template.HTML {
	type piece struct {
		name, class string
		share       float64
	}
	var pieces []piece
	for _, p := range cycle.Stretches {
		if s := l.Span(p); s != nil {
			pieces = append(pieces, piece{p.String(), "p-" + p.String(), s.CriticalShare})
		}
	}
	pieces = append(pieces, piece{"rest", "p-other", l.OtherCriticalShare})
	d := new(drawing)
	d.add(`<svg class="bar" height="36" role="img" aria-label="where the time of %s goes">`, escape(loopName(l)))
	at := 0.
	for _, p := range pieces {
		d.add(`<rect class="%s" x="%s" width="%s" height="36"><title>%s %s</title></rect>`, p.class, share(at), share(p.share), p.name, percent(p.share))
		if p.share >= 0.09 {
			d.add(`<text class="on o-%[1]s" x="%[2]s" y="18" dx="8" dy=".34em">%[1]s</text>`, p.name, share(at))
		}
		at += p.share
	}
	at = 0
	for _, p := range pieces[:len(pieces)-1] { // a seam between the pieces, whatever their colours
		at += p.share
		d.add(`<line class="seam" x1="%[1]s" x2="%[1]s" y2="36"/>`, share(at))
	}
	d.add(`</svg><ul class="legend">`)
	for _, p := range pieces {
		d.add(`<li><svg class="key" width="10" height="10"><rect class="%s" width="10" height="10"/></svg>%s <b>%s</b></li>`, p.class, p.name, percent(p.share))
	}
	d.add(`</ul>`)
	return d.html()
}
