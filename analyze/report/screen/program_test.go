package screen

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
)

// looker looks as often as it is asked to.
type looker struct {
	mu      sync.Mutex
	windows []time.Duration
	look    func(ctx context.Context, window time.Duration) Snapshot
}

func (l *looker) Look(ctx context.Context, window time.Duration) Snapshot {
	l.mu.Lock()
	l.windows = append(l.windows, window)
	l.mu.Unlock()
	return l.look(ctx, window)
}

// terminalOf returns a program with a keyboard, and what it wrote.
func terminalOf(l *looker) (p *Program, keys io.WriteCloser, screen *bytes.Buffer) {
	in, out := io.Pipe()
	screen = new(bytes.Buffer)
	return &Program{
		Screen: New(5*time.Minute, Options{}), Watcher: l, Every: 20 * time.Millisecond,
		Input: in, Output: screen, Environ: []string{"TERM=xterm-256color"},
	}, out, screen
}

const leavesScreen = "\x1b[?1049l"

func TestProgramShowsAndQuits(t *testing.T) {
	t.Parallel()
	snap := house(5 * time.Minute)
	looks := make(chan struct{}, 1000)
	p, keys, screen := terminalOf(&looker{look: func(_ context.Context, w time.Duration) Snapshot {
		s := snap
		s.Window = w
		looks <- struct{}{}
		return s
	}})
	done := make(chan error, 1)
	go func() { done <- p.Run(context.Background()) }()
	for range 3 { // it goes on looking
		<-looks
	}
	for _, key := range []string{"w", "q"} {
		if _, err := io.WriteString(keys, key); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	_ = keys.Close()
	text := screen.String()
	if !strings.Contains(text, "autorate wan1") || !strings.Contains(text, leavesScreen) {
		t.Errorf("%q", text)
	}
	l := p.Watcher.(*looker)
	if l.windows[0] != 5*time.Minute || p.Screen.Window != 15*time.Minute {
		t.Errorf("windows %v", l.windows)
	}
}

func TestProgramEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	ended := false
	p, keys, screen := terminalOf(&looker{look: func(ctx context.Context, _ time.Duration) Snapshot {
		cancel()
		<-ctx.Done()
		time.Sleep(50 * time.Millisecond) // longer than the screen takes to end
		ended = true
		return Snapshot{}
	}})
	if err := p.Run(ctx); err != nil || !ended {
		t.Errorf("%v; the look under way has ended: %v", err, ended)
	}
	_ = keys.Close()
	if text := screen.String(); strings.Contains(text, "\x1b[?1049h") && !strings.Contains(text, leavesScreen) {
		t.Errorf("the terminal is not as it was: %q", text)
	}
}

func TestProgramLeavesTheTerminalAsItWasAfterAPanic(t *testing.T) {
	looks := 0
	p, keys, screen := terminalOf(&looker{look: func(context.Context, time.Duration) Snapshot {
		if looks++; looks > 10 {
			panic("on purpose: this is a test")
		}
		return Snapshot{}
	}})
	err := p.Run(context.Background())
	if !errors.Is(err, tea.ErrProgramPanic) {
		t.Errorf("%v", err)
	}
	_ = keys.Close()
	if text := screen.String(); !strings.Contains(text, leavesScreen) {
		t.Errorf("the terminal is not as it was: %q", text)
	}
}
