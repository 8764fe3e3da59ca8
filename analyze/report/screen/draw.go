package screen

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"wanctl/analyze/report"
	"wanctl/cycle"
)

// line is a line of the screen with the order in which it gives way to a low one:
// rank 1 goes first, 0 never goes.
type line struct {
	text string
	rank int
}

// Text returns the screen: as many lines as it is high, none wider than it is wide,
// styled with SGR sequences. now is the time of drawing; it moves on between two
// snapshots.
func (s *Screen) Text(now time.Time) string {
	if s.paused {
		now = s.shown.At
	}
	lines := s.top(now)
	loops := s.loops()
	switch {
	case s.help:
		lines = append(lines, s.manual()...)
	case len(loops) > 0:
		lines = append(lines, s.table(loops, now)...)
		lines = append(lines, s.detail(loops[s.at(loops)])...)
	}
	foot := s.keys()
	for rank := 1; len(lines) > s.height-1 && rank < 20; rank++ {
		for i := len(lines) - 1; i >= 0 && len(lines) > s.height-1; i-- {
			if lines[i].rank == rank {
				lines = append(lines[:i], lines[i+1:]...)
			}
		}
	}
	lines = lines[:min(len(lines), s.height-1)]
	for len(lines) < s.height-1 {
		lines = append(lines, line{})
	}
	b := new(strings.Builder)
	for _, l := range append(lines, foot) {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(ansi.Truncate(strings.TrimRight(l.text, " "), s.width, ""))
	}
	if s.options.ASCII {
		return strings.ReplaceAll(b.String(), more, "~")
	}
	return b.String()
}

// top tells what is watched, and how fresh it is.
func (s *Screen) top(now time.Time) []line {
	window := s.Window
	if s.shown.Window > 0 {
		window = s.shown.Window // until there is one of the window asked for
	}
	right := "last " + report.Stretch(window) + "  " + now.In(s.options.Zone).Format("15:04:05 MST")
	style := plain
	if s.paused {
		right, style = "PAUSED  "+right, strong
	}
	paths := make([]string, len(s.shown.Files))
	for i, f := range s.shown.Files {
		paths[i] = report.Printable(f.Path)
	}
	left := strings.Join(paths, ", ")
	if room := s.width - len("wanctl top  ") - len(right) - 2; ansi.StringWidth(left) > room {
		for i, f := range s.shown.Files {
			paths[i] = report.Printable(filepath.Base(f.Path))
		}
		left = fit(strings.Join(paths, ", "), max(room, 0), true)
	}
	title := cell{"wanctl top", strong}.paint() + "  "
	gap := max(1, s.width-len("wanctl top  ")-ansi.StringWidth(left)-len(right))
	lines := []line{{text: title + left + strings.Repeat(" ", gap) + cell{right, style}.paint()}}
	for _, text := range s.news(now) {
		for i, part := range strings.Split(ansi.Wordwrap(text, s.width, ""), "\n") {
			lines = append(lines, line{text: part, rank: 6 * min(i, 1)})
		}
	}
	return append(lines, line{rank: 2})
}

// news says of each file how fresh it is, or what is wrong with it.
func (s *Screen) news(now time.Time) (lines []string) {
	if len(s.shown.Files) == 0 {
		return []string{"reading ..."}
	}
	for _, f := range s.shown.Files {
		name := ""
		if len(s.shown.Files) > 1 {
			name = report.Printable(filepath.Base(f.Path)) + ": "
		}
		text := name + s.freshness(&f, now)
		if f.Unseen != "" {
			text += "; " + report.Printable(f.Unseen)
		}
		if f.Trouble != "" {
			text = cell{"! " + text, strong}.paint()
		}
		lines = append(lines, text)
	}
	return lines
}

// freshness says how fresh what is known of a file is.
func (s *Screen) freshness(f *File, now time.Time) string {
	live := ""
	switch {
	case f.Rings == 1:
		live = "live; "
	case f.Rings > 1:
		live = fmt.Sprintf("live from %d daemons; ", f.Rings)
	}
	switch {
	case f.Trouble != "":
		return live + report.Printable(f.Trouble)
	case !f.Loading.IsZero():
		return live + "reading what is on record: up to " + f.Loading.In(s.options.Zone).Format("15:04:05")
	case f.Newest.IsZero():
		return live + "nothing is in the file yet"
	case live != "":
		return live + "the file's newest record is " + age(max(0, now.Sub(f.Newest))) + " old"
	}
	return "from the file: newest record " + age(max(0, now.Sub(f.Newest))) + " old (it gains cycles at each flush)"
}

// table is the table of the loops; of many it shows those around the chosen one. A
// name is as wide as it takes to tell it from the others, and wider where the columns
// leave room.
func (s *Screen) table(loops []*Loop, now time.Time) []line {
	name := len("LOOP")
	for _, l := range loops {
		name = max(name, ansi.StringWidth(l.String()))
	}
	least := min(name, 24)
	for least < min(name, s.width/2) && alike(loops, least) {
		least++
	}
	columns := []column{
		{head: "", width: 1},
		{head: "LOOP", width: least, left: true},
		{head: "DOWN", width: 8, left: true},
		{head: "MBIT", width: 5, rank: 8},
		{head: "UP", width: 8, left: true, rank: 7},
		{head: "MBIT", width: 5, rank: 4},
		{head: "LAST MS", width: 7, rank: 11},
		{head: "P50 MS", width: 8, marked: true, rank: 2},
		{head: "P95 MS", width: 8, marked: true, rank: 1},
		{head: "P99 MS", width: 8, marked: true, rank: 12},
		{head: "BUSY", width: 5, rank: 2},
		{head: "FAIL", width: 4, rank: 13},
		{head: "OVER", width: 4, rank: 10},
		{head: "MISS", width: 4, rank: 6},
		{head: "DROP", width: 4, rank: 5},
		{head: "AGE", width: 4, rank: 9},
	}
	shown := shed(columns, s.width)
	columns[1].width = min(name, least+max(0, s.width-taken(columns, shown)))
	lines := []line{{text: row(columns, shown, heads(columns))}}
	at, room := s.at(loops), max(1, min(len(loops), max(4, s.height/4)))
	first := max(0, min(at-room/2, len(loops)-room))
	for i, l := range loops[first : first+room] {
		lines = append(lines, line{text: row(columns, shown, s.loop(l, first+i == at, now))})
	}
	if hidden := len(loops) - room; hidden > 0 {
		lines = append(lines, line{text: cell{fmt.Sprintf("  and %d more: tab goes on", hidden), weak}.paint()})
	}
	return append(lines, line{rank: 2})
}

// alike tells whether two loops have the same name once it is cut to a width.
func alike(loops []*Loop, width int) bool {
	seen := make(map[string]bool, len(loops))
	for _, l := range loops {
		seen[fit(l.String(), width, true)] = true
	}
	return len(seen) < len(loops)
}

// loop is a loop's row in the table of loops.
func (s *Screen) loop(l *Loop, chosen bool, now time.Time) []cell {
	mark, name := cell{" ", plain}, cell{l.String(), plain}
	if chosen {
		mark, name = cell{">", strong}, cell{l.String(), strong}
	}
	d := &l.Last.Decision
	up := zone(d.Upload.Zone)
	if l.Daemon == cycle.Steering {
		up = steering(d.Degraded)
	}
	alarm := func(n int64) cell {
		if n > 0 {
			return cell{count(n), strong}
		}
		return cell{count(n), plain}
	}
	stale := cell{age(l.Age(now)) + " ", plain}
	if l.Silent(now) {
		stale = cell{age(l.Age(now)) + "!", strong}
	}
	busy := unknown
	if l.Utilization.Known {
		busy = fmt.Sprintf("%.1f%%", min(l.Utilization.Value*100, 999))
	}
	p50, p95, p99 := unknown+" ", unknown+" ", unknown+" "
	if total := l.Span(cycle.Total); total != nil {
		p50, p95, p99 = quantile(&total.Summary, total.P50), quantile(&total.Summary, total.P95), quantile(&total.Summary, total.P99)
	}
	last := cell{millis(l.Last.Total), plain}
	if l.Last.Overrun() || l.Last.Outcome != cycle.OK {
		last.style = strong
	}
	return []cell{
		mark, name,
		zone(d.Download.Zone),
		{mbits(d.Download.Rate), plain},
		up,
		{mbits(d.Upload.Rate), plain},
		last,
		{p50, plain},
		{p95, plain},
		{p99, plain},
		{busy, plain},
		alarm(l.Failed), alarm(l.Overruns), alarm(l.Missed), alarm(l.Dropped), stale,
	}
}

// steering tells whether the rule is on.
func steering(degraded cycle.Maybe[bool]) cell {
	switch {
	case !degraded.Known:
		return cell{unknown, plain}
	case degraded.Value:
		return cell{"rule on", orange}
	}
	return cell{"rule off", plain}
}

// keys is the last line.
func (s *Screen) keys() line {
	pause := "pause"
	if s.paused {
		pause = "go on"
	}
	if s.help {
		return line{text: cell{"any key goes back", weak}.paint()}
	}
	long := "q quit  tab next loop  w window  s sort: " + s.order.String() + "  p " + pause + "  ? help"
	if len(long) > s.width {
		long = "q quit  tab loop  w  s  p  ? help"
	}
	return line{text: cell{long, weak}.paint()}
}
