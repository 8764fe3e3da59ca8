package page

import (
	"fmt"
	"html/template"
	"strings"
	"time"

	"wanctl/analyze"
	"wanctl/cycle"
)

// history is how one loop went over the window: pictures on one time axis.
type history struct {
	id      string
	loop    *analyze.Loop
	time    *analyze.Timeline
	trends  []analyze.Trend
	shown   *analyze.Trend // whose latency is drawn; nil if there is none
	total   *analyze.Trend // of the whole cycle; nil if there is none
	course  *analyze.Course
	dropped []int64 // by step
	moments []moment
	few     []moment // for a small picture
	zone    *time.Location
}

// ticksAcross is how many ticks a time axis has, more or less.
const ticksAcross = 9

func newHistory(c *Content, i int, o *Options, id string) *history {
	t := c.Timeline
	l := &c.Analysis.Loops[i]
	h := &history{id: id, loop: l, time: t, trends: t.Of(l), course: &c.Courses[i], zone: o.zone()}
	for k := range h.trends {
		s := &h.trends[k]
		if s.Part == cycle.Total {
			h.total = s
		}
		if o.Label != "" && s.Is(o.Label) && h.shown == nil {
			h.shown = s
		}
	}
	if h.shown == nil {
		h.shown = h.total
	}
	h.dropped = make([]int64, t.Steps)
	for _, d := range t.Drops {
		if d.Daemon == l.Daemon && d.WAN == l.WAN {
			h.dropped[min(max(int(d.At.Sub(t.Since)/t.Width), 0), t.Steps-1)] += d.Count
		}
	}
	until := t.Step(t.Steps - 1).Until
	h.moments, h.few = moments(t.Since, until, h.zone, ticksAcross), moments(t.Since, until, h.zone, 3)
	return h
}

// name names what is drawn.
func (h *history) name() string {
	switch {
	case h.shown == nil:
		return ""
	case h.shown == h.total:
		return "The whole cycle"
	}
	return spanName(h.shown.Part, h.shown.Label, h.shown.Target)
}

// begins tells when a step begins, as short as the length of the steps allows.
func (h *history) begins(i int) string {
	layout := "15:04:05"
	switch first, last := h.time.Since.In(h.zone), h.time.Step(h.time.Steps-1).Until.In(h.zone); {
	case h.time.Width >= 24*time.Hour:
		layout = "2006-01-02 15:04"
	case last.Sub(first) > 24*time.Hour:
		layout = "Mon 2 Jan 15:04"
	case h.time.Width >= time.Minute:
		layout = "15:04"
	case h.time.Width < time.Second:
		layout = "15:04:05.00"
	}
	return h.time.Step(i).Since.In(h.zone).Format(layout)
}

// pictures draws all that shares the time axis, and the table of its numbers.
func (h *history) pictures() template.HTML {
	if h.shown == nil || h.total == nil {
		return ""
	}
	d := new(drawing)
	d.add(`<div class="time" data-numbers="%s-numbers">`, h.id)
	h.marks(d)
	h.bands(d, h.shown, 210, h.moments)
	d.timeAxis(h.moments)
	h.decisions(d)
	d.add(`</div>`)
	if gaps := h.gaps(); gaps != "" {
		d.add(`<p class="note">Nothing is on record from %s.</p>`, escape(gaps))
	}
	if h.loop.Silent > 0 {
		d.add(`<p class="note">Nothing is on record since %s.</p>`, escape(h.loop.Newest.In(h.zone).Format(time.DateTime)))
	}
	h.numbers(d)
	return d.html()
}

// gap is a stretch of steps that no cycle is on record in, between others.
type gap struct{ from, to int }

// gapsOf returns the gaps of a loop.
func gapsOf(l *analyze.Loop, t *analyze.Timeline) (gaps []gap) {
	for _, s := range t.Of(l) {
		if s.Part != cycle.Total {
			continue
		}
		last := -1
		for i := range s.Steps {
			if s.Steps[i].Count == 0 {
				continue
			}
			if last >= 0 && i > last+1 {
				gaps = append(gaps, gap{last + 1, i})
			}
			last = i
		}
	}
	return gaps
}

// gaps tells from when to when no cycle is on record between others, to the step;
// "" if there is no such stretch.
func (h *history) gaps() string {
	const most = 4
	var texts []string
	gaps := gapsOf(h.loop, h.time)
	for _, g := range gaps[:min(most, len(gaps))] {
		texts = append(texts, h.begins(g.from)+" to "+h.begins(g.to))
	}
	text := strings.Join(texts, ", ")
	if more := len(gaps) - most; more > 0 {
		text += fmt.Sprintf(", and %d times more", more)
	}
	return text
}

// column is a column of the numbers behind the pictures.
type column struct {
	head string
	cell func(i int) string // "" where there is nothing
}

// numbers writes the table behind the pictures, a row per step: what is shown
// under the pointer is read from it.
func (h *history) numbers(d *drawing) {
	h.table(d, "Numbers", h.id+"-numbers", append(h.latencyColumns(), h.decisionColumns()...))
}

// table writes columns, a row per step.
func (h *history) table(d *drawing, title, id string, columns []column) {
	d.details(id, fmt.Sprintf("%s, one row per %s", title, stretch(h.time.Width)))
	d.add(`<thead><tr><th scope="col">from</th>`)
	for _, c := range columns {
		d.add(`<th scope="col">%s</th>`, escape(c.head))
	}
	d.add("</tr></thead><tbody>\n")
	for i := range h.time.Steps {
		d.add(`<tr><th scope="row">%s</th>`, h.begins(i))
		for _, c := range columns {
			d.add(`<td>%s</td>`, escape(c.cell(i)))
		}
		d.add("</tr>\n")
	}
	d.add(`</tbody></table></div></details>`)
}

// latencyColumns are the figures of the label that is drawn, and of the whole cycles.
func (h *history) latencyColumns() (cs []column) {
	s := h.shown
	name := spanName(s.Part, s.Label, s.Target)
	cs = append(cs, column{name + " count", func(i int) string { return count(s.Steps[i].Count) }})
	for _, q := range []struct {
		name     string
		permille int64
		of       func(*analyze.Step) time.Duration
	}{
		{"p50", 500, func(s *analyze.Step) time.Duration { return s.P50 }},
		{"p95", 950, func(s *analyze.Step) time.Duration { return s.P95 }},
		{"p99", 990, func(s *analyze.Step) time.Duration { return s.P99 }},
		{"max", 0, func(s *analyze.Step) time.Duration { return s.Max }},
	} {
		cs = append(cs, column{q.name + " ms", func(i int) string {
			if s.Steps[i].Count == 0 {
				return ""
			}
			return millis(q.of(&s.Steps[i])) + thin(s.Steps[i].Count, q.permille)
		}})
	}
	for _, k := range h.markKinds() {
		cs = append(cs, column{k.name, func(i int) string {
			if n := k.of(i); n > 0 {
				return count(n)
			}
			return ""
		}})
	}
	return cs
}

// thin is the mark of a quantile in permille of too few values.
func thin(n, permille int64) string { return mark(analyze.Quantile{Thin: analyze.Thin(n, permille)}) }

// markKind is something rare that happens to cycles.
type markKind struct {
	name, class string
	all         int64
	of          func(i int) int64
}

// markKinds are the kinds that happened at all.
func (h *history) markKinds() (ks []markKind) {
	of := func(count func(*analyze.Step) int64) func(int) int64 {
		return func(i int) int64 {
			if h.total == nil {
				return 0
			}
			return count(&h.total.Steps[i])
		}
	}
	for _, k := range []markKind{
		{"overruns", "over", h.loop.Overruns, of(func(s *analyze.Step) int64 { return s.Over })},
		{"failed", "failed", h.loop.Failed, of(func(s *analyze.Step) int64 { return s.Failed })},
		{"missed", "missed", h.loop.Missed, of(func(s *analyze.Step) int64 { return s.Missed })},
		{"dropped", "dropped", h.loop.Dropped, func(i int) int64 { return h.dropped[i] }},
	} {
		if k.all > 0 {
			ks = append(ks, k)
		}
	}
	return ks
}

// marks draws a lane for each kind of rare thing that happened, with a mark in each
// step that it happened in.
func (h *history) marks(d *drawing) {
	const height = 14
	for _, k := range h.markKinds() {
		f := frame{height: height, name: k.name, steps: h.time.Steps, label: fmt.Sprintf("when %s were: %s in all", k.name, count(k.all))}
		d.open(&f)
		p := path{class: "mark " + k.class}
		for i := range h.time.Steps {
			if k.of(i) > 0 {
				fmt.Fprintf(&p, "M%d 500h1", i)
			}
		}
		d.data(h.time.Steps, height, p)
		d.close()
	}
}
