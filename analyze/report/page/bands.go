package page

import (
	"fmt"
	"time"

	"wanctl/analyze"
	"wanctl/cycle"
)

// bands draws a series' quantiles over time: an area from the median to p95, one on
// to p99, one on to the longest, and the median as a line. Steps without timings
// are gaps.
func (h *history) bands(d *drawing, s *analyze.Trend, height int, ms []moment) {
	low, high := time.Duration(0), time.Duration(0)
	for i := range s.Steps {
		if st := &s.Steps[i]; st.Count > 0 {
			if low == 0 || st.P50 < low {
				low = st.P50
			}
			high = max(high, st.Max)
		}
	}
	name := spanName(s.Part, s.Label, s.Target)
	budget := h.loop.Budget
	within := s == h.total && budget > 0 && budget <= 3*high
	if within {
		high = max(high, budget)
	}
	sc := logScale(cycle.Millis(low), cycle.Millis(high))
	f := frame{
		height: height, scale: sc, ticks: sc.ticks(height / 30), moments: ms, steps: h.time.Steps,
		unit:  milliseconds,
		label: fmt.Sprintf("how long %s took over time: median, p95, p99 and longest of every %s", name, stretch(h.time.Width)),
	}
	d.open(&f)
	quantile := [...]func(*analyze.Step) time.Duration{
		func(s *analyze.Step) time.Duration { return s.P50 }, func(s *analyze.Step) time.Duration { return s.P95 },
		func(s *analyze.Step) time.Duration { return s.P99 }, func(s *analyze.Step) time.Duration { return s.Max },
	}
	classes := [...]string{"band b95", "band b99", "band bmax"}
	var paths []path
	for k, class := range classes {
		paths = append(paths, area(class, len(s.Steps), func(i int) (bottom, top int, ok bool) {
			st := &s.Steps[i]
			return sc.y(cycle.Millis(quantile[k](st))), sc.y(cycle.Millis(quantile[k+1](st))), st.Count > 0
		}))
	}
	paths = append(paths, line("edge", len(s.Steps), func(i int) (int, bool) { return sc.y(cycle.Millis(s.Steps[i].Max)), s.Steps[i].Count > 0 }))
	paths = append(paths, line("median", len(s.Steps), func(i int) (int, bool) { return sc.y(cycle.Millis(s.Steps[i].P50)), s.Steps[i].Count > 0 }))
	d.data(h.time.Steps, height, paths...)
	if within {
		y := f.px(cycle.Millis(budget))
		d.add(`<line class="budget" x2="100%%" y1="%d" y2="%d"/>`, y, y)
		d.text("note", "end", 1, y-4, "interval "+stretch(budget))
	}
	h.starts(d, height)
	d.close()
}

// starts marks where the daemon was started within the window.
func (h *history) starts(d *drawing, height int) {
	length := h.time.Width * time.Duration(h.time.Steps)
	for _, r := range h.time.Runs {
		at := float64(r.Started.Sub(h.time.Since)) / float64(length)
		if r.Daemon != h.loop.Daemon || r.WAN != h.loop.WAN || at <= 0 || at >= 1 {
			continue
		}
		d.add(`<line class="start" x1="%[1]s" x2="%[1]s" y2="%[2]d"><title>started %[3]s</title></line>`,
			share(at), height, escape(r.Started.In(h.zone).Format("2006-01-02 15:04:05")+" "+r.Version))
	}
}

// area outlines what lies between two values in each step; its ends are where a
// step has none.
func area(class string, n int, at func(i int) (bottom, top int, ok bool)) path {
	p := path{class: class}
	for i := 0; i < n; i++ {
		if _, _, ok := at(i); !ok {
			continue
		}
		first, flat := i, true
		for ; i < n; i++ {
			bottom, top, ok := at(i)
			if !ok {
				break
			}
			flat = flat && bottom == top
		}
		if flat {
			continue
		}
		last := -1
		for k := first; k < i; k++ {
			_, top, _ := at(k)
			if k == first {
				fmt.Fprintf(&p, "M%d %d", k, top)
			} else if top != last {
				fmt.Fprintf(&p, "V%d", top)
			}
			last = top
			p.WriteString("h1")
		}
		for k := i - 1; k >= first; k-- {
			if bottom, _, _ := at(k); bottom != last {
				fmt.Fprintf(&p, "V%d", bottom)
				last = bottom
			}
			p.WriteString("h-1")
		}
		p.WriteString("z")
	}
	return p
}

// line goes level through each step and straight to the next.
func line(class string, n int, at func(i int) (y int, ok bool)) path {
	p := path{class: class}
	last, drawn := 0, false
	for i := range n {
		y, ok := at(i)
		switch {
		case !ok:
		case !drawn:
			fmt.Fprintf(&p, "M%d %dh1", i, y)
		case y == last:
			p.WriteString("h1")
		default:
			fmt.Fprintf(&p, "V%dh1", y)
		}
		last, drawn = y, ok
	}
	return p
}
