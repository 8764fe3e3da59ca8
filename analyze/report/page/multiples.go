package page

import (
	"html/template"
	"time"

	"wanctl/analyze"
	"wanctl/cycle"
)

// mostMultiples bounds how many labels are drawn: a recording of another program
// may have any number.
const mostMultiples = 24

// smallMultiples draws the quantiles of every label over time, small, and side by
// side on the same axis of time.
func (h *history) smallMultiples() template.HTML {
	var drawn []*analyze.Trend
	more := 0
	for i := range h.trends {
		switch s := &h.trends[i]; {
		case s == h.shown:
		case len(drawn) < mostMultiples:
			drawn = append(drawn, s)
		default:
			more++
		}
	}
	if len(drawn) == 0 {
		return ""
	}
	d := new(drawing)
	d.add(`<div class="multiples">`)
	for i, s := range drawn {
		d.add(`<div class="time" data-numbers="%s-parts" data-column="%d"><h4>%s</h4>`, h.id, i+1, escape(spanName(s.Part, s.Label, s.Target)))
		h.bands(d, s, 90, h.few)
		d.timeAxis(h.few)
		d.add(`</div>`)
	}
	d.add(`</div>`)
	if more > 0 {
		d.add(`<p class="note">%s more are in the table above.</p>`, plural(int64(more), "label"))
	}
	h.partNumbers(d, drawn)
	return d.html()
}

// partNumbers writes the table behind them.
func (h *history) partNumbers(d *drawing, drawn []*analyze.Trend) {
	columns := make([]column, len(drawn))
	for k, s := range drawn {
		columns[k] = column{spanName(s.Part, s.Label, s.Target), func(i int) string {
			st := &s.Steps[i]
			if st.Count == 0 {
				return ""
			}
			text := ""
			for n, v := range [...]time.Duration{st.P50, st.P95, st.P99, st.Max} {
				if n > 0 {
					text += " · "
				}
				text += digits(cycle.Millis(v)) + thin(st.Count, [...]int64{500, 950, 990, 0}[n])
			}
			return text
		}}
	}
	h.table(d, "Numbers: p50 · p95 · p99 · longest in ms", h.id+"-parts", columns)
}
