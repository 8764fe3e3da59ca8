package screen

import (
	"cmp"
	"slices"
	"time"

	"wanctl/analyze"
	"wanctl/cycle"
)

// Options say how a screen is drawn.
type Options struct {
	Zone  *time.Location // of the times shown; nil: UTC
	ASCII bool           // the terminal shows no other characters
}

// Screen is what somebody looks at: the latest snapshot, and what was chosen of it.
// It is a value that takes keys, sizes and snapshots, and gives text.
type Screen struct {
	Window time.Duration // asked for; a snapshot of another window is on its way out

	options       Options
	width, height int
	latest        Snapshot
	shown         Snapshot // the latest, unless it is paused
	paused, help  bool
	order         order
	chosen        string // the loop whose parts are shown, by name
}

// New returns a screen of 80 by 24 that asks for a window.
func New(window time.Duration, o Options) *Screen {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	return &Screen{Window: window, options: o, width: 80, height: 24}
}

// order is how loops and their parts are sorted.
type order uint8

const (
	byName order = iota // parts as they run
	byP99
	byOverruns
	orders
)

func (o order) String() string { return [...]string{"name", "p99", "overruns"}[o] }

// windows are what the key w chooses from, in turn.
var windows = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}

// Resize sets the size of the terminal.
func (s *Screen) Resize(width, height int) { s.width, s.height = max(width, 20), max(height, 4) }

// Show takes in what is known now.
func (s *Screen) Show(snap Snapshot) {
	s.latest = snap
	if !s.paused {
		s.shown = snap
	}
	if s.chosen == "" { // it stays the one, whatever the order becomes
		s.first()
	}
}

// Key does what a key stands for, and tells whether that is to quit. The names of keys
// are those of bubbletea: "q", "tab", "up", "ctrl+c".
func (s *Screen) Key(name string) (quit bool) {
	if s.help {
		s.help = false
		return name == "q" || name == "ctrl+c"
	}
	switch name {
	case "q", "ctrl+c":
		return true
	case "?", "h":
		s.help = true
	case "s":
		s.order = (s.order + 1) % orders
	case "w":
		i := slices.IndexFunc(windows, func(d time.Duration) bool { return d > s.Window })
		s.Window = windows[max(i, 0)]
	case "p", "space":
		s.paused = !s.paused
		s.shown = s.latest
	case "tab", "down", "j", "right":
		s.choose(1)
	case "shift+tab", "up", "k", "left":
		s.choose(-1)
	case "home", "g":
		s.first()
	}
	return false
}

// choose goes on to another loop.
func (s *Screen) choose(by int) {
	loops := s.loops()
	if n := len(loops); n > 0 {
		s.chosen = loops[(s.at(loops)+by+n)%n].String()
	}
}

// first goes to the loop that stands first now.
func (s *Screen) first() {
	if loops := s.loops(); len(loops) > 0 {
		s.chosen = loops[0].String()
	}
}

// at returns the place of the chosen loop; the first one's where it is gone.
func (s *Screen) at(loops []*Loop) int {
	return max(0, slices.IndexFunc(loops, func(l *Loop) bool { return l.String() == s.chosen }))
}

// loops are those of the shown snapshot, in order.
func (s *Screen) loops() []*Loop {
	loops := make([]*Loop, len(s.shown.Loops))
	for i := range loops {
		loops[i] = &s.shown.Loops[i]
	}
	p99 := func(l *Loop) time.Duration {
		if total := l.Span(cycle.Total); total != nil {
			return total.P99.Value
		}
		return 0
	}
	slices.SortStableFunc(loops, func(a, b *Loop) int {
		switch s.order {
		case byP99:
			return cmp.Compare(p99(b), p99(a))
		case byOverruns:
			return cmp.Compare(b.Overruns, a.Overruns)
		}
		return 0 // as they come: by daemon and WAN
	})
	return loops
}

// series are the places of a loop's spans in order.
func (s *Screen) series(l *Loop) []int {
	at := make([]int, len(l.Spans))
	for i := range at {
		at[i] = i
	}
	if s.order == byP99 {
		slices.SortStableFunc(at, func(a, b int) int {
			return cmp.Compare(l.Spans[b].P99.Value, l.Spans[a].P99.Value)
		})
		return at
	}
	// The echoes after all that is told of the cycle itself.
	slices.SortStableFunc(at, func(a, b int) int { return cmp.Compare(later(&l.Spans[a]), later(&l.Spans[b])) })
	return at
}

func later(s *analyze.Span) int {
	switch s.Part {
	case cycle.Probe:
		return 1
	case cycle.Other:
		return 2
	}
	return 0
}
