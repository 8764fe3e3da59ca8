package screen

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
)

// Note: lipgloss, bubbletea's companion for styles, is left out: what is needed of
// it is three colours, and it wants a newer language version than the rest.

// Watcher looks at what there is.
type Watcher interface {
	// Look returns what is known now, with figures of a window. It is called from
	// one goroutine at a time and returns soon.
	Look(ctx context.Context, window time.Duration) Snapshot
}

// Program is a screen in a terminal, kept up to date.
type Program struct {
	Screen  *Screen
	Watcher Watcher
	Every   time.Duration // between two looks
	Input   io.Reader     // a terminal
	Output  io.Writer     // a terminal
	Environ []string      // TERM, COLORTERM, NO_COLOR say what the terminal shows
}

// frames bounds how often the terminal is written to in a second; only places that
// have changed are written.
const frames = 10

// Run shows the screen until somebody quits or the context ends, and then leaves the
// terminal as it was, also after a panic.
func (p *Program) Run(ctx context.Context) error {
	looking, stop := context.WithCancel(ctx)
	defer stop()
	model := &terminal{Program: p, ctx: looking}
	t := tea.NewProgram(model,
		tea.WithInput(p.Input), tea.WithOutput(p.Output), tea.WithEnvironment(p.Environ), tea.WithFPS(frames),
		tea.WithWindowSize(p.Screen.width, p.Screen.height), // until the terminal tells its own
		tea.WithoutSignalHandler())                          // the context tells of signals
	defer context.AfterFunc(ctx, t.Quit)()
	_, err := t.Run()
	stop()
	model.one.Lock() // the look under way ends first: its watcher may be closed now
	defer model.one.Unlock()
	if ctx.Err() != nil && errors.Is(err, tea.ErrProgramKilled) {
		return nil
	}
	return err
}

// terminal is the program as bubbletea runs it: one goroutine owns the screen, and
// at most one other looks.
type terminal struct {
	*Program
	ctx     context.Context
	one     sync.Mutex // held by the one that looks
	looking bool
	since   time.Time     // when the look under way, or the last one, began
	window  time.Duration // it was asked for
	ticks   int           // only the latest tick counts
}

var _ tea.Model = (*terminal)(nil)

type (
	snapshotMsg Snapshot
	dueMsg      int
)

// Init implements tea.Model.
func (t *terminal) Init() tea.Cmd { return t.look() }

// look takes a look, unless one is under way.
func (t *terminal) look() tea.Cmd {
	if t.looking {
		return nil
	}
	t.looking, t.since, t.window = true, time.Now(), t.Screen.Window
	window := t.window
	return func() tea.Msg {
		t.one.Lock()
		defer t.one.Unlock()
		if t.ctx.Err() != nil {
			return nil
		}
		return snapshotMsg(t.Watcher.Look(t.ctx, window))
	}
}

// Update implements tea.Model.
func (t *terminal) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		t.Screen.Resize(msg.Width, msg.Height)
	case tea.KeyPressMsg:
		if msg.String() == "ctrl+z" {
			return t, tea.Suspend
		}
		if t.Screen.Key(msg.String()) {
			return t, tea.Quit
		}
		if t.Screen.Window != t.window {
			return t, t.look()
		}
	case snapshotMsg:
		t.looking = false
		t.Screen.Show(Snapshot(msg))
		if t.Screen.Window != t.window {
			return t, t.look() // the one that is wanted now
		}
		wait := t.Every / 10
		if !t.Screen.latest.Loading() {
			wait = max(wait, t.Every-time.Since(t.since))
		}
		t.ticks++
		due := dueMsg(t.ticks)
		return t, tea.Tick(wait, func(time.Time) tea.Msg { return due })
	case dueMsg:
		if int(msg) == t.ticks {
			return t, t.look()
		}
	}
	return t, nil
}

// View implements tea.Model.
func (t *terminal) View() tea.View {
	now := t.Screen.latest.At
	if now.IsZero() {
		now = t.since
	}
	v := tea.NewView(t.Screen.Text(now))
	v.AltScreen, v.WindowTitle = true, "wanctl top"
	return v
}
