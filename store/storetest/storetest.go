package storetest

import (
	"context"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"wanctl/cycle"
)

// Writer is what records: Run writes until the context ends, and then what waits.
type Writer interface {
	cycle.Recorder
	Run(ctx context.Context) error
}

// Reader is what reads it again.
type Reader interface {
	Cycles(ctx context.Context, w cycle.Window) iter.Seq2[*cycle.Cycle, error]
	Covered(ctx context.Context, w cycle.Window) ([]cycle.Window, error)
	Rollups(ctx context.Context, w cycle.Window) iter.Seq2[*cycle.Rollup, error]
	Newest(ctx context.Context) (time.Time, error)
	Close() error
}

// Store is a kind of store.
type Store struct {
	Write func(path string) Writer // keeps everything
	Read  func(ctx context.Context, path string) (Reader, error)
}

// Begin is when the recordings of these tests begin: 7 s before a minute is over.
var Begin = time.Date(2026, 1, 9, 14, 58, 53, 0, time.UTC)

// all is a window that holds every cycle.
var all = cycle.Window{Since: time.Unix(0, 0), Until: time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)}

// Run tries a store.
func Run(t *testing.T, s Store) {
	t.Run("cycles come back as they were recorded", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "a.db")
		want := oddities()
		s.record(t, path, want)
		same(t, want, s.cycles(t, path, all))
	})
	t.Run("a window holds its begin and not its end", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "a.db")
		cs := plain("wan1", Begin, 100)
		s.record(t, path, cs)
		same(t, cs[10:20], s.cycles(t, path, cycle.Window{Since: cs[10].Start, Until: cs[20].Start}))
	})
	t.Run("cycles that start in the same microsecond are both kept", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "a.db")
		one, two := plain("wan1", Begin, 50), plain("wan2", Begin, 50)
		s.record(t, path, one)
		s.record(t, path, two)
		if got := s.cycles(t, path, all); len(got) != 100 {
			t.Errorf("%d cycles, want 100", len(got))
		}
	})
	for _, tc := range []struct {
		name  string
		parts [][]*cycle.Cycle // each through a writer of its own
	}{
		{"one run", [][]*cycle.Cycle{plain("wan1", Begin, 3000)}},
		{"odd cycles", [][]*cycle.Cycle{oddities()}},
		{"a restart inside a minute", [][]*cycle.Cycle{plain("wan1", Begin, 400), plain("wan1", Begin.Add(21*time.Second), 400)}},
		{"two daemons in turns", [][]*cycle.Cycle{plain("wan1", Begin, 400), plain("wan2", Begin, 400), plain("wan1", Begin.Add(20*time.Second), 400)}},
		{"cycles that come late and in disorder", [][]*cycle.Cycle{plain("wan1", Begin.Add(time.Minute), 900), shuffled(plain("wan1", Begin, 900))}},
		{"a clock stepped back an hour", [][]*cycle.Cycle{stepped(-time.Hour)}},
		{"a clock stepped forward a day", [][]*cycle.Cycle{stepped(24 * time.Hour)}},
	} {
		t.Run("minutes are exact: "+tc.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "a.db")
			for _, cs := range tc.parts {
				s.record(t, path, cs)
			}
			s.minutesAreExact(t, path, slices.Concat(tc.parts...))
		})
	}
	t.Run("what is covered and the edges make up the window", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "a.db")
		cs := plain("wan1", Begin, 4000)
		s.record(t, path, cs)
		s.edgesAndRollupsAgree(t, path, len(cs))
	})
}

// record writes cycles.
func (s Store) record(t *testing.T, path string, cs []*cycle.Cycle) {
	t.Helper()
	w := s.Write(path)
	ctx, cancel := context.WithCancel(context.Background())
	for _, c := range cs {
		w.Record(c)
	}
	cancel()
	if err := w.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

func (s Store) read(t *testing.T, path string) Reader {
	t.Helper()
	r, err := s.Read(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func (s Store) cycles(t *testing.T, path string, w cycle.Window) (cs []*cycle.Cycle) {
	t.Helper()
	for c, err := range s.read(t, path).Cycles(context.Background(), w) {
		if err != nil {
			t.Fatal(err)
		}
		cs = append(cs, Clone(c))
	}
	return cs
}

// same compares cycles as the contract keeps them: a part's spans added up, where
// the parts began left out, a lost echo without a duration, computed values to
// the microsecond.
func same(t *testing.T, want, got []*cycle.Cycle) {
	t.Helper()
	order := cmpopts.SortSlices(func(a, b cycle.Span) bool {
		return fmt.Sprint(a.Part, a.Label, a.Target) < fmt.Sprint(b.Part, b.Label, b.Target)
	})
	lost := cmp.Transformer("lost", func(s cycle.Span) cycle.Span {
		if s.Offset = 0; s.Part == cycle.Probe && s.Outcome != cycle.OK {
			s.Outcome, s.Duration = cycle.TimedOut, 0
		}
		return s
	})
	if diff := cmp.Diff(want, got, order, lost, cmpopts.EquateEmpty(), cmpopts.EquateApprox(0, 0.0011)); diff != "" {
		t.Errorf("(-want +got)\n%.4000s", diff)
	}
	for i := range min(len(want), len(got)) {
		if want[i].Decision.RTT != got[i].Decision.RTT {
			t.Errorf("cycle %d: the law was given %v, on record is %v", i, want[i].Decision.RTT, got[i].Decision.RTT)
		}
	}
}

// plain returns the cycles of a run.
func plain(wan string, start time.Time, n int) (cs []*cycle.Cycle) {
	s := NewSampler(wan, start, uint64(n))
	for range n {
		cs = append(cs, Clone(s.Next()))
	}
	return cs
}

func shuffled(cs []*cycle.Cycle) []*cycle.Cycle {
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(cs), func(i, j int) { cs[i], cs[j] = cs[j], cs[i] })
	return cs
}

// stepped returns a run whose clock is set by another step halfway, and back again.
func stepped(by time.Duration) []*cycle.Cycle {
	cs := plain("wan1", Begin, 2400)
	for i, c := range cs {
		if i >= 800 && i < 1600 {
			c.Start = c.Start.Add(by)
		}
	}
	return cs
}

// oddities returns cycles of every kind: failed and lost parts, a steering run,
// spans of foreign labels, unknown values, numbers that microseconds cannot hold.
func oddities() []*cycle.Cycle {
	cs := plain("wan1", Begin, 200)
	for i, c := range cs {
		switch i % 8 {
		case 1:
			c.Outcome, c.Missed, c.Lost = cycle.TimedOut, 3, 2
			c.Spans[3].Outcome = cycle.TimedOut
		case 2:
			c.Spans[1].Outcome, c.Spans[1].Duration = cycle.TimedOut, 0
		case 3:
			c.Decision = cycle.Decision{}
			c.Spans, c.Outcome = c.Spans[:0], cycle.Panicked
		case 4:
			c.Spans = append(c.Spans, cycle.Span{Label: "autorate_other", Target: "router login", Offset: time.Millisecond, Duration: 3 * time.Millisecond, Outcome: cycle.Failed})
		case 5:
			c.Spans = slices.Delete(c.Spans, 0, 3)
			c.Decision.RTT, c.Decision.Write = cycle.Known(25.123456789), cycle.Held
			c.Decision.Delta = cycle.Maybe[float64]{}
		case 6:
			c.Total = time.Second // an overrun
		}
	}
	steering := &cycle.Run{
		Daemon: cycle.Steering, WAN: "wan1", Started: Begin, Budget: 500 * time.Millisecond, Config: "{}", State: `{"s":1}`, Router: "hAP",
	}
	for i := range 20 {
		c := &cycle.Cycle{Run: steering, Seq: int64(i + 1), Start: cs[199].Start.Add(time.Duration(i+1) * 500 * time.Millisecond), Total: 60 * time.Millisecond}
		c.Spans = []cycle.Span{
			{Label: "steering_rtt_measurement", Part: cycle.RTT, Duration: 25 * time.Millisecond},
			{Label: "steering_rule_check", Part: cycle.Rule, Duration: 5 * time.Millisecond},
		}
		d := &c.Decision
		d.RTT, d.Baseline = cycle.Known(30.5), cycle.Known(math.Pi*7)
		d.Delta, d.Load = cycle.Known(30.5-math.Pi*7), cycle.Known(8.125)
		d.Queue, d.Degraded = cycle.Known(math.E), cycle.Known(i%2 == 0)
		cs = append(cs, c)
	}
	return cs
}
