package page

import (
	"fmt"
	"time"

	"wanctl/analyze"
	"wanctl/cycle"
)

// decisions draws what the loop measured and decided, under the latency: zones as
// strips, RTTs and rates as lines.
func (h *history) decisions(d *drawing) {
	c := h.course
	if c.Cycles == 0 {
		d.add(`<p class="note">What was measured and decided is not shown: these cycles are no longer kept one by one.</p>`)
		return
	}
	h.strips(d)
	h.rtts(d)
	h.queue(d)
	h.rates(d)
	d.timeAxis(h.moments)
	if c.Every > 0 {
		d.add(`<p class="note">Zones, RTT and rates are sampled: %s of every %s, %s of %s. What lasted longer than %s is in it, what was shorter may not be.
Latency and marks count every cycle.</p>`, stretch(c.Stretch), stretch(c.Every),
			count(c.Cycles), plural(h.loop.Cycles, "cycle"), stretch(c.Every))
	}
}

// lane is a direction of the decisions.
type lane struct {
	name string
	of   func(*analyze.Passage) *analyze.Lane
}

var lanes = [...]lane{
	{"down", func(p *analyze.Passage) *analyze.Lane { return &p.Download }},
	{"up", func(p *analyze.Passage) *analyze.Lane { return &p.Upload }},
}

// zones are drawn worst first, from the bottom of a strip up.
var zones = [...]struct {
	zone  cycle.Zone
	class string
}{{cycle.Red, "z-red"}, {cycle.SoftRed, "z-soft"}, {cycle.Yellow, "z-yellow"}, {cycle.Green, "z-green"}}

// hasZones tells whether a direction was ever in a zone.
func (h *history) hasZones(l lane) bool {
	for i := range h.course.Steps {
		for _, z := range zones {
			if l.of(&h.course.Steps[i]).Zones[z.zone] > 0 {
				return true
			}
		}
	}
	return false
}

// strips draws of each step which share of its cycles was in which zone.
func (h *history) strips(d *drawing) {
	const height = 22
	drawn := false
	for _, l := range lanes {
		if !h.hasZones(l) {
			continue
		}
		drawn = true
		f := frame{height: height, name: l.name + " zone", steps: h.time.Steps, label: "share of the cycles in each zone, " + l.name}
		d.open(&f)
		paths := make([]path, len(zones))
		for k := range zones {
			paths[k].class = zones[k].class
		}
		for i := range h.course.Steps {
			p := &h.course.Steps[i]
			from := full
			for k, z := range zones {
				n := l.of(p).Zones[z.zone]
				if n == 0 {
					continue
				}
				tall := int(n * full / p.Cycles)
				if z.zone != cycle.Green {
					tall = max(tall, full/6) // what is rare is to be seen
				}
				tall = min(tall, from)
				fmt.Fprintf(&paths[k], "M%d %dh1v%dh-1z", i, from-tall, tall)
				from -= tall
			}
		}
		d.data(h.time.Steps, height, paths...)
		d.close()
	}
	h.steered(d, height)
	if drawn {
		d.add(`<ul class="legend zones">`)
		for k := len(zones) - 1; k >= 0; k-- {
			d.add(`<li><svg class="key" width="10" height="10"><rect class="%s" width="10" height="10"/></svg>%s</li>`, zones[k].class, zones[k].zone)
		}
		d.add(`</ul>`)
	}
}

// steered draws when steering's rule was on.
func (h *history) steered(d *drawing, height int) {
	known, on := int64(0), path{class: "z-on"}
	for i := range h.course.Steps {
		p := &h.course.Steps[i]
		known += p.Degradable
		if p.Degraded > 0 {
			tall := max(int(p.Degraded*full/p.Degradable), full/6)
			fmt.Fprintf(&on, "M%d %dh1v%dh-1z", i, full-tall, tall)
		}
	}
	if known == 0 {
		return
	}
	d.open(&frame{height: height, name: "steering on", steps: h.time.Steps, label: "share of the cycles in which the steering rule was on"})
	d.data(h.time.Steps, height, on)
	d.close()
}

// curve is something measured or decided, over time.
type curve struct {
	name, class string
	spread      bool // shade from the least to the most of each step
	of          func(*analyze.Passage) *analyze.Spread
}

// curves draws some on one scale.
func (h *history) curves(d *drawing, title string, height int, unit func(float64) string, cs ...curve) {
	most, some := 0., false
	for i := range h.course.Steps {
		for _, c := range cs {
			if v := c.of(&h.course.Steps[i]); v.Count > 0 {
				some = true
				if c.spread {
					most = max(most, v.Max)
				}
				most = max(most, v.Median)
			}
		}
	}
	if !some {
		return
	}
	sc := linearScale(most)
	f := frame{height: height, scale: sc, ticks: sc.ticks(4), unit: unit, moments: h.moments, steps: h.time.Steps, label: title + " over time"}
	d.add(`<h4>%s<span class="legend">`, escape(title))
	if len(cs) > 1 {
		for _, c := range cs {
			d.add(`<span><svg class="key" width="14" height="10"><path class="%s" d="M0 5h14"/></svg>%s</span>`, c.class, escape(c.name))
		}
	}
	d.add(`</span></h4>`)
	d.open(&f)
	var paths []path
	for _, c := range cs {
		if c.spread {
			paths = append(paths, area("spread "+c.class, h.time.Steps, func(i int) (int, int, bool) {
				v := c.of(&h.course.Steps[i])
				return sc.y(v.Min), sc.y(v.Max), v.Count > 0
			}))
		}
	}
	for _, c := range cs {
		paths = append(paths, line(c.class, h.time.Steps, func(i int) (int, bool) {
			v := c.of(&h.course.Steps[i])
			return sc.y(v.Median), v.Count > 0
		}))
	}
	d.data(h.time.Steps, height, paths...)
	d.close()
}

func (h *history) rtts(d *drawing) {
	load := "load"
	if h.loop.Daemon == cycle.Steering {
		load = "smoothed delta"
	}
	h.curves(d, "RTT", 120, milliseconds,
		curve{"measured", "c-rtt", true, func(p *analyze.Passage) *analyze.Spread { return &p.RTT }},
		curve{load, "c-load", false, func(p *analyze.Passage) *analyze.Spread { return &p.Load }},
		curve{"baseline", "c-base", false, func(p *analyze.Passage) *analyze.Spread { return &p.Baseline }})
}

func (h *history) queue(d *drawing) {
	h.curves(d, "Smoothed queue, packets", 80, exact, curve{"queue", "c-load", true, func(p *analyze.Passage) *analyze.Spread { return &p.Queue }})
}

func (h *history) rates(d *drawing) {
	h.curves(d, "Download limit", 90, rate, curve{"down", "c-down", true, func(p *analyze.Passage) *analyze.Spread { return &p.Download.Rate }})
	h.curves(d, "Upload limit", 90, rate, curve{"up", "c-up", true, func(p *analyze.Passage) *analyze.Spread { return &p.Upload.Rate }})
}

func milliseconds(ms float64) string { return duration(time.Duration(ms * float64(time.Millisecond))) }

// decisionColumns are the numbers behind these pictures.
func (h *history) decisionColumns() (cs []column) {
	if h.course.Cycles == 0 {
		return nil
	}
	for _, l := range lanes {
		if h.hasZones(l) {
			cs = append(cs, column{l.name + " zones", func(i int) string { return zoneText(&h.course.Steps[i], l) }})
		}
	}
	value := func(name string, of func(*analyze.Passage) *analyze.Spread, text func(float64) string) {
		for i := range h.course.Steps {
			if of(&h.course.Steps[i]).Count > 0 {
				cs = append(cs, column{name, func(i int) string {
					if v := of(&h.course.Steps[i]); v.Count > 0 {
						return text(v.Median)
					}
					return ""
				}})
				return
			}
		}
	}
	ms := func(v float64) string { return fmt.Sprintf("%.2f", v) }
	mbit := func(v float64) string { return fmt.Sprintf("%.1f", v/1e6) }
	value("RTT ms", func(p *analyze.Passage) *analyze.Spread { return &p.RTT }, ms)
	value("load ms", func(p *analyze.Passage) *analyze.Spread { return &p.Load }, ms)
	value("baseline ms", func(p *analyze.Passage) *analyze.Spread { return &p.Baseline }, ms)
	value("queue", func(p *analyze.Passage) *analyze.Spread { return &p.Queue }, ms)
	value("down Mbit/s", func(p *analyze.Passage) *analyze.Spread { return &p.Download.Rate }, mbit)
	value("up Mbit/s", func(p *analyze.Passage) *analyze.Spread { return &p.Upload.Rate }, mbit)
	return cs
}

// zoneText tells a step's zones with their shares, the most frequent alone if it
// is the only one.
func zoneText(p *analyze.Passage, l lane) string {
	text := ""
	for _, z := range zones {
		n := l.of(p).Zones[z.zone]
		switch {
		case n == 0:
		case n == p.Cycles:
			return z.zone.String()
		default:
			if text != "" {
				text += ", "
			}
			text += z.zone.String() + " " + percent(float64(n)/float64(p.Cycles))
		}
	}
	return text
}
