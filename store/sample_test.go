package store

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"wanctl/cycle"
	"wanctl/store/storetest"
)

// at0 is when recordings of these tests begin.
var at0 = time.Date(2026, 1, 9, 14, 0, 0, 0, time.UTC)

// newSampler makes cycles of a loop.
func newSampler(wan string, start time.Time) *storetest.Sampler {
	return storetest.NewSampler(wan, start, uint64(len(wan)))
}

func testConfig(t testing.TB) Config {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Path = filepath.Join(t.TempDir(), "profile.db")
	cfg.Runtime = t.TempDir()
	cfg.KeepCycles, cfg.KeepMinutes, cfg.KeepHours = 100*year, 100*year, 100*year
	return cfg
}

// record writes cycles through a Writer of their own.
func record(t testing.TB, cfg Config, cycles func(w *Writer)) Health {
	t.Helper()
	w := NewWriter(cfg, nil)
	cycles(w)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := w.Run(ctx); err != nil {
		t.Fatal(err)
	}
	return w.Health()
}

// everything is a window that holds all cycles.
var everything = cycle.Window{Since: time.Unix(0, 0), Until: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)}

func reading(t testing.TB, path string) *Reader {
	t.Helper()
	r, err := OpenReader(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// cyclesOf returns copies of all cycles.
func cyclesOf(t testing.TB, r *Reader) (cs []cycle.Cycle) {
	t.Helper()
	for c, err := range r.Cycles(context.Background(), everything) {
		if err != nil {
			t.Fatal(err)
		}
		v := *c
		v.Spans = append([]cycle.Span(nil), c.Spans...)
		cs = append(cs, v)
	}
	return cs
}

// rollupsOf returns copies of all rollups by what they are of.
func rollupsOf(t testing.TB, r *Reader) map[string]cycle.Rollup {
	t.Helper()
	m := map[string]cycle.Rollup{}
	for v, err := range r.Rollups(context.Background(), everything) {
		if err != nil {
			t.Fatal(err)
		}
		c := *v
		c.Dist, c.Sketch = append(cycle.Durations(nil), v.Dist...), append([]byte(nil), v.Sketch...)
		m[fmt.Sprintf("%s %v %s %s %s %s", v.Start.Format(time.RFC3339), v.Width, v.Daemon, v.WAN, v.Label, v.Target)] = c
	}
	return m
}

// logged keeps what is logged.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logged) count(word string) int { return strings.Count(l.String(), word) }

// figure prints a row of the table of make prove: what, what was asked, what was
// measured, and the command that measures it. The arguments are those of the first
// three, one after the other.
func figure(command, what, asked, measured string, args ...any) {
	fmt.Printf("| "+what+" | "+asked+" | "+measured+" | "+command+" |\n", args...)
}
