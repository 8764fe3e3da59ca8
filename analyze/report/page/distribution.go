package page

import (
	"fmt"
	"html/template"
	"math"
	"time"

	"wanctl/analyze"
	"wanctl/cycle"
)

// binsAcross is how many bins a distribution is drawn with, over all labels of a
// loop: they share an axis, so that they can be compared.
const binsAcross = 180

// axis is the logarithmic axis of time that several distributions share.
type axis struct {
	scale
	ticks []float64 // ms
}

// axisOf returns an axis that holds all of the series.
func axisOf(ss []*analyze.Span) axis {
	low, high := math.Inf(1), 0.
	for _, s := range ss {
		low, high = min(low, cycle.Millis(max(s.Min, time.Microsecond))), max(high, cycle.Millis(s.Max))
	}
	sc := logScale(low, high)
	return axis{sc, sc.ticks(8)}
}

// labels writes the ticks of the axis.
func (a *axis) labels(d *drawing) {
	d.add(`<svg class="x" height="16" aria-hidden="true">`)
	for i, t := range a.ticks {
		class := ""
		if i%2 == 1 {
			class = "minor"
		}
		d.text(class, "middle", a.share(t), 12, milliseconds(t))
	}
	d.add(`</svg>`)
}

// grid draws the ticks across a picture.
func (a *axis) grid(d *drawing, height int) {
	for _, t := range a.ticks {
		x := share(a.share(t))
		d.add(`<line class="grid" x1="%[1]s" x2="%[1]s" y2="%[2]d"/>`, x, height)
	}
}

// bar is one bin of a distribution.
type bar struct {
	from, to time.Duration // to is not in it
	count    int64
}

// bars counts a series in bins of equal width on the axis, none narrower than a
// microsecond.
func (a *axis) bars(s *analyze.Span) (bars []bar) {
	edge := func(i int) time.Duration {
		ms := a.low * math.Pow(a.high/a.low, float64(i)/binsAcross)
		return time.Duration(math.Ceil(ms*1000)) * time.Microsecond
	}
	next := 0
	for v, n := range s.Dist.All() {
		for len(bars) == 0 || v >= bars[len(bars)-1].to {
			from := edge(next)
			for next++; edge(next) <= from; next++ { // narrower than a microsecond
			}
			if len(bars) == 0 {
				from = min(from, v)
			}
			bars = append(bars, bar{from: from, to: edge(next)})
		}
		bars[len(bars)-1].count += n
	}
	return bars
}

// marked are the quantiles that are marked.
func marked(s *analyze.Span) []struct {
	name string
	at   analyze.Quantile
} {
	return []struct {
		name string
		at   analyze.Quantile
	}{{"p50", s.P50}, {"p95", s.P95}, {"p99", s.P99}}
}

// distributions draws how the durations of each label are distributed, one below
// the other on the same logarithmic axis.
func distributions(l *analyze.Loop) template.HTML {
	var ss []*analyze.Span
	for i := range l.Spans {
		if s := &l.Spans[i]; s.Count > 0 && s.Part != cycle.Probe {
			ss = append(ss, s)
		}
	}
	if len(ss) == 0 {
		return ""
	}
	a := axisOf(ss)
	d := new(drawing)
	d.add(`<div class="rows">`)
	for _, s := range ss {
		d.add(`<div class="name">%s</div><div>`, escape(spanName(s.Part, s.Label, s.Target)))
		a.distribution(d, s)
		d.add(`</div><div class="figure">%s <span>to</span> %s</div>`, escape(duration(s.P50.Value)+mark(s.P50)), escape(duration(s.Max)))
	}
	d.add(`<div class="name"></div><div>`)
	a.labels(d)
	d.add(`</div><div></div></div>`)
	distributionNumbers(d, &a, ss, id(l))
	return d.html()
}

// distribution draws one: the height is the share of the timings per stretch of
// the axis, and the areas of all labels are equal.
func (a *axis) distribution(d *drawing, s *analyze.Span) {
	const height = 44
	d.add(`<svg class="dist" height="%d" role="img" aria-label="%s">`, height,
		escape(fmt.Sprintf("distribution of %s: half up to %s, 99 of 100 up to %s, the longest %s", spanName(s.Part, s.Label, s.Target),
			duration(s.P50.Value)+mark(s.P50), duration(s.P99.Value)+mark(s.P99), duration(s.Max))))
	a.grid(d, height)
	bars := a.bars(s)
	density := func(b bar) float64 {
		return float64(b.count) / max(math.Log(float64(b.to)/float64(max(b.from, time.Microsecond))), 1e-9)
	}
	most := 0.
	for _, b := range bars {
		most = max(most, density(b))
	}
	const units = 2000
	x := func(v time.Duration) int { return int(math.Round(a.share(cycle.Millis(v)) * units)) }
	p := path{class: "fill p-" + s.Part.String()}
	for _, b := range bars {
		if b.count == 0 {
			continue
		}
		// Square root: a bin with a thousandth of the most is still seen.
		tall := max(int(math.Sqrt(density(b)/most)*full), 20)
		fmt.Fprintf(&p, "M%d %dH%dV%dH%dz", x(b.from), full, max(x(b.to), x(b.from)+1), full-tall, x(b.from))
	}
	d.data(units, height, p)
	for _, q := range marked(s) {
		d.add(`<line class="quantile %[1]s" x1="%[2]s" x2="%[2]s" y2="%[3]d"><title>%[1]s %[4]s</title></line>`,
			q.name, share(a.share(cycle.Millis(q.at.Value))), height, escape(duration(q.at.Value)+mark(q.at)))
	}
	d.add(`</svg>`)
}

func distributionNumbers(d *drawing, a *axis, ss []*analyze.Span, id string) {
	d.details(id+"-distributions", "Numbers: timings by length")
	d.add(`<thead><tr><th scope="col">label</th>`)
	for _, h := range []string{"from ms", "below ms", "timings", "share"} {
		d.add(`<th scope="col">%s</th>`, h)
	}
	d.add("</tr></thead><tbody>\n")
	for _, s := range ss {
		for _, b := range a.bars(s) {
			if b.count > 0 {
				d.add("<tr><th scope=\"row\">%s</th><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>\n", escape(spanName(s.Part, s.Label, s.Target)),
					millis(b.from), millis(b.to), count(b.count), percent(float64(b.count)/float64(s.Count)))
			}
		}
	}
	d.add(`</tbody></table></div></details>`)
}
