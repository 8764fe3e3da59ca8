package page

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
)

// drawing is SVG in the making. Numbers and escaped text alone go into it.
type drawing struct{ strings.Builder }

// add appends markup; its arguments are numbers, or text that is escaped.
func (d *drawing) add(format string, args ...any) { fmt.Fprintf(d, format, args...) }

// html returns what was drawn.
func (d *drawing) html() template.HTML { return template.HTML(d.String()) }

// share writes a share of the width as a percentage.
func share(v float64) string {
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(v*100, 'f', 2, 64), "0"), ".") + "%"
}

// data draws paths into an inner picture of n units by full, stretched to the
// whole of the outer one.
func (d *drawing) data(n, height int, paths ...path) {
	d.add(`<svg viewBox="0 0 %d %d" preserveAspectRatio="none" width="100%%" height="%d">`, n, full, height)
	for i := range paths {
		if paths[i].Len() > 0 {
			d.add(`<path class="%s" d="%s"/>`, paths[i].class, paths[i].String())
		}
	}
	d.add(`</svg>`)
}

// path is the outline of a shape.
type path struct {
	class string
	strings.Builder
}

// text writes a text at a share of the width.
func (d *drawing) text(class, anchor string, x float64, y int, s string) {
	d.add(`<text class="%s" x="%s" y="%d" text-anchor="%s">%s</text>`, class, share(x), y, anchor, escape(s))
}

// frame is a picture with its vertical axis at the left.
type frame struct {
	height  int    // px
	label   string // what the picture shows, for those who do not see it
	scale   scale
	ticks   []float64
	unit    func(float64) string
	moments []moment
	steps   int    // along the time axis; 0: it has none
	name    string // at the axis, of a strip without a scale

	place func(float64) float64 // where a value lies, 0 at the bottom and 1 at the top; nil: as the scale says
	data  string                // attributes for the script, escaped
}

// open begins the frame: its axis and its grid.
func (d *drawing) open(f *frame) {
	d.add(`<div class="frame"><svg class="y" height="%d" aria-hidden="true">`, f.height)
	if f.name != "" {
		d.add(`<text x="100%%" y="%d" dy=".32em" text-anchor="end">%s</text>`, f.height/2, escape(f.name))
	}
	f.thinOut()
	for _, t := range f.ticks {
		d.add(`<text x="100%%" y="%d" dy=".32em" text-anchor="end">%s</text>`, f.px(t), escape(f.unit(t)))
	}
	d.add(`</svg><svg class="plot" height="%d" role="img" aria-label="%s"`, f.height, escape(f.label))
	if f.steps > 0 {
		d.add(` data-steps="%d"%s`, f.steps, f.data)
	}
	d.add(`>`)
	for _, t := range f.ticks {
		y := f.px(t)
		d.add(`<line class="grid" x2="100%%" y1="%d" y2="%d"/>`, y, y)
	}
	for _, m := range f.moments {
		x := share(m.at)
		d.add(`<line class="grid" x1="%s" x2="%s" y2="%d"/>`, x, x, f.height)
	}
}

// thinOut drops ticks that would touch the one below.
func (f *frame) thinOut() {
	const apart = 15 // px
	var kept []float64
	for _, t := range f.ticks {
		if len(kept) == 0 || f.px(kept[len(kept)-1])-f.px(t) >= apart {
			kept = append(kept, t)
		}
	}
	f.ticks = kept
}

// px is a value's place in pixels from the top.
func (f *frame) px(v float64) int {
	if f.place != nil {
		return int(math.Round((1 - f.place(v)) * float64(f.height)))
	}
	return (f.scale.y(v)*f.height + full/2) / full
}

func (d *drawing) close() { d.add(`</svg></div>`) }

// details begins a table of numbers that is folded away until it is asked for; the
// table has the id.
func (d *drawing) details(id, title string) {
	d.add(`<details class="numbers" id="%[1]s-box"><summary>%[2]s</summary><div class="scroll"><table id="%[1]s">`, id, escape(title))
}

// timeAxis writes the moments under a stack of frames.
func (d *drawing) timeAxis(ms []moment) {
	d.add(`<div class="frame axis" aria-hidden="true"><svg class="y" height="18"></svg><svg class="plot" height="18">`)
	for _, m := range ms {
		class, anchor := "", "middle"
		if m.minor {
			class = "minor"
		}
		switch {
		case m.at < 0.03:
			anchor = "start"
		case m.at > 0.97:
			anchor = "end"
		}
		d.text(class, anchor, m.at, 13, m.text)
	}
	d.close()
}
