package page

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"

	"wanctl/analyze"
	"wanctl/cycle"
)

// rowsOfHeat is how many rows a heat map has at most, and shades how many shades.
const (
	rowsOfHeat = 56
	shades     = 8
)

// heat is a heat map in the making: how many cycles of each step took how long.
type heat struct {
	edges []time.Duration // of the rows, ascending; one more than there are rows
	count [][]int64       // by row and step
	most  int64
}

// heatOf sorts a series' bins into rows of equal height on a logarithmic scale.
func heatOf(s *analyze.Trend, most int) (h heat) {
	first, last := math.MaxInt, 0
	for i := range s.Steps {
		if b := s.Steps[i].Bins; len(b) > 0 {
			first, last = min(first, b[0].Index), max(last, b[len(b)-1].Index)
		}
	}
	if first > last {
		return h
	}
	per := (last-first)/most + 1 // bins in a row
	for b := first; b <= last+per; b += per {
		h.edges = append(h.edges, analyze.Edge(b))
		if b > last {
			break
		}
	}
	h.count = make([][]int64, len(h.edges)-1)
	for r := range h.count {
		h.count[r] = make([]int64, len(s.Steps))
	}
	for i := range s.Steps {
		for _, b := range s.Steps[i].Bins {
			n := &h.count[(b.Index-first)/per][i]
			*n += b.Count
			h.most = max(h.most, *n)
		}
	}
	return h
}

// place returns how many rows lie below a duration.
func (h *heat) place(v time.Duration) float64 {
	r := 0
	for r < len(h.edges)-2 && v >= h.edges[r+1] {
		r++
	}
	low, high := max(h.edges[r], 1), h.edges[r+1]
	return float64(r) + min(max(math.Log(float64(v)/float64(low))/math.Log(float64(high)/float64(low)), 0), 1)
}

// edgeTexts are the edges of the rows, for the pointer.
func (h *heat) edgeTexts() string {
	texts := make([]string, len(h.edges))
	for i, e := range h.edges {
		texts[i] = duration(e)
	}
	return strings.Join(texts, "|")
}

// sparse writes the counts, for the pointer: of each step, parted by semicolons,
// the row and the count of each cell that has any.
func (h *heat) sparse() string {
	b := new(strings.Builder)
	for i := range h.count[0] {
		if i > 0 {
			b.WriteByte(';')
		}
		sep := ""
		for r := range h.count {
			if n := h.count[r][i]; n > 0 {
				fmt.Fprintf(b, "%s%d:%d", sep, r, n)
				sep = ","
			}
		}
	}
	return b.String()
}

// shade returns the shade of a count, 1 for the least; logarithmic, so that a
// single slow cycle is seen beside a thousand.
func (h *heat) shade(n int64) int {
	if h.most <= 1 {
		return shades
	}
	return 1 + min(int(math.Log(float64(n))/math.Log(float64(h.most))*shades), shades-1)
}

// heatMap draws how many cycles took how long, over time.
func (h *history) heatMap() template.HTML {
	if h.shown == nil {
		return ""
	}
	const height = 220
	m := heatOf(h.shown, rowsOfHeat)
	rows := len(m.count)
	if rows == 0 {
		return ""
	}
	low, high := max(m.edges[0], time.Microsecond), m.edges[rows]
	f := frame{
		height: height, moments: h.moments, steps: h.time.Steps, unit: milliseconds,
		scale: scale{low: cycle.Millis(low), high: cycle.Millis(high), log: true},
		place: func(ms float64) float64 { return m.place(time.Duration(ms*1e6)) / float64(rows) },
		label: fmt.Sprintf("%s: how many took how long, every %s", h.name(), stretch(h.time.Width)),
		data:  fmt.Sprintf(` data-edges="%s" data-counts="%s"`, escape(m.edgeTexts()), m.sparse()),
	}
	f.ticks = f.scale.ticks(height / 30)
	d := new(drawing)
	d.add(`<div class="time heat" data-numbers="%s-numbers">`, h.id)
	d.open(&f)
	d.add(`<svg viewBox="0 0 %d %d" preserveAspectRatio="none" width="100%%" height="%d"><g transform="translate(0 .5)">`, h.time.Steps, rows, height)
	for _, p := range m.paths() {
		d.add(`<path class="%s" d="%s"/>`, p.class, p.String())
	}
	d.add(`</g></svg>`)
	d.close()
	d.timeAxis(h.moments)
	noun := "timing"
	if h.shown == h.total {
		noun = "cycle"
	}
	heatLegend(d, plural(1, noun), plural(m.most, noun))
	d.add(`</div>`)
	h.heatNumbers(d)
	return d.html()
}

// paths draws the cells of each shade as level strokes, as thick as a row is high.
func (h *heat) paths() []path {
	paths := make([]path, shades)
	for k := range paths {
		paths[k].class = fmt.Sprintf("h%d", k+1)
	}
	rows := len(h.count)
	for r, cells := range h.count {
		for i := 0; i < len(cells); {
			if cells[i] == 0 {
				i++
				continue
			}
			k, from := h.shade(cells[i]), i
			for i < len(cells) && cells[i] > 0 && h.shade(cells[i]) == k {
				i++
			}
			fmt.Fprintf(&paths[k-1], "M%d %dh%d", from, rows-1-r, i-from)
		}
	}
	return paths
}

func heatLegend(d *drawing, least, most string) {
	d.add(`<ul class="legend"><li>%s</li><li><svg class="key" width="%d" height="10">`, least, shades*14)
	for k := range shades {
		d.add(`<rect class="f%d" x="%d" width="14" height="10"/>`, k+1, k*14)
	}
	d.add(`</svg></li><li>%s</li></ul>`, most)
}

// heatNumbers writes the counts in fewer and broader steps and rows.
func (h *history) heatNumbers(d *drawing) {
	const across, down = 24, 10
	m := heatOf(h.shown, down)
	per := (h.time.Steps + across - 1) / across
	d.details(h.id+"-heat", "Numbers: timings by length, one row per "+stretch(time.Duration(per)*h.time.Width))
	d.add(`<thead><tr><th scope="col">from</th>`)
	for r := range m.count {
		d.add(`<th scope="col">from %s</th>`, escape(duration(m.edges[r])))
	}
	d.add("</tr></thead><tbody>\n")
	for i := 0; i < h.time.Steps; i += per {
		d.add(`<tr><th scope="row">%s</th>`, h.begins(i))
		for r := range m.count {
			n := int64(0)
			for k := i; k < min(i+per, h.time.Steps); k++ {
				n += m.count[r][k]
			}
			text := ""
			if n > 0 {
				text = count(n)
			}
			d.add(`<td>%s</td>`, text)
		}
		d.add("</tr>\n")
	}
	d.add(`</tbody></table></div></details>`)
}
