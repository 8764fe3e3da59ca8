package screen

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"wanctl/analyze"
	"wanctl/cycle"
)

// style is how a cell stands out. Colour never says what the text does not.
type style uint8

const (
	plain style = iota
	strong
	weak
	yellow
	orange
	red
)

// sgr are the styles for a terminal of 256 colours; the program that shows them
// makes fewer of them, or none, where the terminal has fewer. The colours of zones
// are those of Okabe and Ito, which people who are colour-blind tell apart, as a
// ground under black or white, so that a light terminal shows them as well.
var sgr = [...]string{strong: "1", weak: "2", yellow: "30;48;5;227", orange: "30;48;5;214", red: "1;97;48;5;166"}

// cell is a piece of text of one style.
type cell struct {
	text  string
	style style
}

// paint returns the text in its style.
func (c cell) paint() string {
	if c.style == plain || c.text == "" {
		return c.text
	}
	return "\x1b[" + sgr[c.style] + "m" + c.text + "\x1b[m"
}

// more ends a name that was cut.
const more = "…"

// fit cuts or pads text to a width.
func fit(s string, width int, left bool) string {
	n := ansi.StringWidth(s)
	if n > width {
		tail := ""
		if left {
			tail = more
		}
		s = ansi.Truncate(s, width, tail)
		n = ansi.StringWidth(s)
	}
	pad := strings.Repeat(" ", width-n)
	if left {
		return s + pad
	}
	return pad + s
}

// column is a column of a fixed width: a number that changes moves nothing.
type column struct {
	head   string
	width  int
	left   bool
	marked bool // its last place is for a mark and takes the place of the gap
	rank   int  // the order in which columns give way to a narrow screen; 0 never does
}

// shed returns which columns there is room for in so many places.
func shed(columns []column, width int) (shown []bool) {
	shown = make([]bool, len(columns))
	for i, c := range columns {
		shown[i] = c.width > 0
	}
	for rank := 1; rank <= len(columns) && taken(columns, shown) > width; rank++ {
		for i, c := range columns {
			if c.rank == rank && taken(columns, shown) > width {
				shown[i] = false
			}
		}
	}
	return shown
}

// taken is how wide a row is.
func taken(columns []column, shown []bool) (width int) {
	gap := 0
	for i, c := range columns {
		if !shown[i] {
			continue
		}
		width += gap + c.width
		if gap = 1; c.marked {
			gap = 0
		}
	}
	return width
}

// row lays cells out under columns.
func row(columns []column, shown []bool, cells []cell) string {
	b := new(strings.Builder)
	gap := ""
	for i, c := range columns {
		if !shown[i] {
			continue
		}
		b.WriteString(gap)
		var text cell
		if i < len(cells) {
			text = cells[i]
		}
		b.WriteString(cell{fit(text.text, c.width, c.left), text.style}.paint())
		if gap = " "; c.marked {
			gap = ""
		}
	}
	return b.String()
}

// heads are the cells over the columns.
func heads(columns []column) []cell {
	cells := make([]cell, len(columns))
	for i, c := range columns {
		head := c.head
		if c.marked {
			head += " "
		}
		cells[i] = cell{head, strong}
	}
	return cells
}

// unknown stands where there is no value.
const unknown = "-"

// millis shows a duration in ms, in seven places.
func millis(d time.Duration) string {
	switch ms := cycle.Millis(d); {
	case ms < 9999.995:
		return fmt.Sprintf("%.2f", ms)
	case ms < 9999999:
		return fmt.Sprintf("%.0f", ms)
	default:
		return ">9e6"
	}
}

// maybeMillis shows a duration that may be unknown.
func maybeMillis(d time.Duration, known bool) string {
	if !known {
		return unknown
	}
	return millis(d)
}

// quantile shows a quantile of a summary, with its mark: "?" where it is thin.
func quantile(s *analyze.Summary, q analyze.Quantile) string {
	switch {
	case s.Count == 0:
		return unknown + " "
	case q.Thin:
		return millis(q.Value) + "?"
	}
	return millis(q.Value) + " "
}

// mbits shows a rate in Mbit/s, in five places.
func mbits(bps cycle.Maybe[int64]) string {
	if !bps.Known {
		return unknown
	}
	if m := float64(bps.Value) / 1e6; m < 999.95 {
		return fmt.Sprintf("%.1f", m)
	}
	return fmt.Sprintf("%.0f", float64(bps.Value)/1e6)
}

// count shows a number in four places.
func count(n int64) string {
	switch {
	case n < 10_000:
		return fmt.Sprint(n)
	case n < 1_000_000:
		return fmt.Sprintf("%dk", n/1000)
	}
	return fmt.Sprintf("%dM", n/1_000_000)
}

// age shows how long ago something was, in three places.
func age(d time.Duration) string {
	switch {
	case d < 100*time.Second:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < 100*time.Minute:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 72*time.Hour:
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return fmt.Sprintf("%dd", d/(24*time.Hour))
}

// zone shows a zone; unknown ones and GREEN do not stand out.
func zone(z cycle.Zone) cell {
	if z == cycle.NoZone {
		return cell{unknown, plain}
	}
	return cell{z.String(), [...]style{cycle.Green: plain, cycle.Yellow: yellow, cycle.SoftRed: orange, cycle.Red: red}[min(z, cycle.Red)]}
}

// Bars of a trail, from nothing to full.
var (
	blocks = []rune("▁▂▃▄▅▆▇█")
	ascii  = []rune("_.:-=+*#")
)

// folded returns the width of a trail that fits into so many places and the slots
// that go into one of them; 0 where there is no room for a useful one.
func folded(room int) (width, slots int) {
	for _, slots := range []int{1, 2, 3, 4, 5, 6} {
		if width := analyze.Slots / slots; width <= room {
			return width, slots
		}
	}
	return 0, 0
}

// trail draws the longest duration of each stretch of time, on a scale of logarithms
// from the shortest to the longest of them that spans at least a factor of four, so
// that the usual unrest stays low and calm.
func trail(ds *[analyze.Slots]analyze.Duration, slots int, bars []rune) string {
	low, high := math.Inf(1), math.Inf(-1)
	logs := make([]float64, 0, analyze.Slots)
	for i := 0; i < analyze.Slots; i += slots {
		v := math.Inf(-1)
		for _, d := range ds[i : i+slots] {
			if d.Known {
				v = max(v, math.Log2(max(float64(d.Value), 1000)))
			}
		}
		if !math.IsInf(v, -1) {
			low, high = min(low, v), max(high, v)
		}
		logs = append(logs, v)
	}
	high = max(high, low+2)
	line := make([]rune, len(logs))
	for i, v := range logs {
		if line[i] = ' '; !math.IsInf(v, -1) {
			line[i] = bars[int(math.Round((v-low)/(high-low)*float64(len(bars)-1)))]
		}
	}
	return string(line)
}

// strip draws one sign for each stretch of time.
func strip(slots *[analyze.Slots]analyze.Slot, fold int, sign func(all analyze.Slot) rune) string {
	line := make([]rune, 0, analyze.Slots)
	for i := 0; i < analyze.Slots; i += fold {
		var all analyze.Slot
		for _, s := range slots[i : i+fold] {
			all.Cycles += s.Cycles
			all.Overruns += s.Overruns
			all.Failed += s.Failed
			all.Missed += s.Missed
			all.Down, all.Up, all.Degraded = max(all.Down, s.Down), max(all.Up, s.Up), all.Degraded || s.Degraded
		}
		if all.Cycles == 0 {
			line = append(line, ' ')
			continue
		}
		line = append(line, sign(all))
	}
	return string(line)
}

// zoneSign is the sign of a zone in a strip.
func zoneSign(z cycle.Zone) rune {
	return [...]rune{cycle.NoZone: '-', cycle.Green: '.', cycle.Yellow: 'y', cycle.SoftRed: 's', cycle.Red: 'R'}[min(z, cycle.Red)]
}

// eventSign is the sign of what went amiss.
func eventSign(s analyze.Slot) rune {
	switch {
	case s.Failed > 0:
		return 'F'
	case s.Overruns > 0:
		return 'o'
	case s.Missed > 0:
		return 'm'
	}
	return '.'
}
