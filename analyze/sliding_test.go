package analyze

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"wanctl/cycle"
)

// slide feeds cycles and fails the test where one is refused.
func slide(t testing.TB, s *Sliding, cs ...*cycle.Cycle) {
	t.Helper()
	for _, c := range cs {
		if err := s.Add(c); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSlidingIsTheAnalysisOfItsWindow compares, at many moments, what a Sliding tells
// with what Analyze finds in the same stretch of each loop.
func TestSlidingIsTheAnalysisOfItsWindow(t *testing.T) {
	t.Parallel()
	m := house(7, 20*time.Minute)
	m.drops = []cycle.Drop{{At: epoch.Add(10 * time.Minute), Daemon: cycle.Autorate, WAN: "wan1", Count: 3, Reason: "no room"}}
	s := NewSliding(3 * time.Minute)
	for i, c := range m.cycles {
		slide(t, s, c)
		if i%331 != 0 && i != len(m.cycles)-1 {
			continue
		}
		for _, r := range s.Loops(m.drops) {
			if r.Window.Until.Sub(r.Window.Since) > 3*time.Minute {
				t.Fatalf("%s: the window is %v long", &r.Loop, r.Window.Until.Sub(r.Window.Since))
			}
			a := mustAnalyze(t, r.Window, Options{Rows: true, Daemon: r.Daemon}, m)
			if diff := cmp.Diff(a.Loops[0], r.Loop, same, cmpopts.IgnoreFields(Loop{}, "Patience")); diff != "" {
				t.Fatalf("after %d cycles (-analyze +sliding)\n%s", i+1, diff)
			}
		}
	}
}

func TestSlidingKnowsTheSlowestOfTheLastMinute(t *testing.T) {
	t.Parallel()
	m := house(3, 8*time.Minute)
	s := NewSliding(5 * time.Minute)
	var past []*cycle.Cycle
	for i, c := range m.cycles {
		if c.Run.Daemon != cycle.Autorate {
			continue
		}
		past = append(past, c)
		slide(t, s, c)
		if i%97 != 0 {
			continue
		}
		var want *cycle.Cycle
		for _, p := range past {
			if p.Start.After(c.Start.Add(-time.Minute)) && (want == nil || p.Total >= want.Total) {
				want = p
			}
		}
		r := s.Loops(nil)[0]
		if got := r.Slowest; got.Cycle.Seq != want.Seq || len(got.Parts) == 0 {
			t.Fatalf("after %d cycles: cycle %d, want %d", i, got.Cycle.Seq, want.Seq)
		}
		if diff := cmp.Diff(c, &r.Last); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestSlidingTrails(t *testing.T) {
	t.Parallel()
	run := &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Started: epoch, Budget: 100 * time.Millisecond}
	s := NewSliding(time.Minute) // slots of a second
	add := func(at, total time.Duration, zone cycle.Zone, missed int64) {
		slide(t, s, &cycle.Cycle{
			Run: run, Start: epoch.Add(at), Total: total, Missed: missed, Decision: cycle.Decision{Download: cycle.Direction{Zone: zone}},
			Spans: []cycle.Span{{Label: "autorate_rtt_measurement", Part: cycle.RTT, Duration: total / 2}},
		})
	}
	for i := range 30 {
		add(time.Duration(i)*time.Second, 40*time.Millisecond, cycle.Green, 0)
	}
	add(29500*time.Millisecond, 200*time.Millisecond, cycle.Red, 2)
	add(33*time.Second, 20*time.Millisecond, cycle.Yellow, 0)
	r := s.Loops(nil)[0]
	last := r.Slots[Slots-5:]
	want := []Slot{{Cycles: 2, Overruns: 1, Missed: 2, Down: cycle.Red}, {}, {}, {}, {Cycles: 1, Down: cycle.Yellow}}
	if diff := cmp.Diff(want, last); diff != "" {
		t.Error(diff)
	}
	i := slices.IndexFunc(r.Spans, func(s Span) bool { return s.Part == cycle.Total })
	ms := func(n int) Duration { return cycle.Known(time.Duration(n) * time.Millisecond) }
	if diff := cmp.Diff([]Duration{ms(200), {}, {}, {}, ms(20)}, r.Trails[i][Slots-5:]); diff != "" {
		t.Error(diff)
	}
	add(200*time.Second, 10*time.Millisecond, cycle.Green, 0) // all else is past
	r = s.Loops(nil)[0]
	if n := r.Cycles; n != 1 || r.Slots[Slots-1].Cycles != 1 || r.Slots[Slots-2] != (Slot{}) {
		t.Errorf("%d cycles, %+v", n, r.Slots)
	}
}

func TestSlidingBeginsAnewWhereTheClockWasSetBack(t *testing.T) {
	t.Parallel()
	run := &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Started: epoch, Budget: 50 * time.Millisecond}
	s := NewSliding(time.Minute)
	cs := play(rand.New(rand.NewPCG(1, 1)), run, epoch, 100)
	slide(t, s, cs...)
	earlier := play(rand.New(rand.NewPCG(1, 1)), run, epoch.Add(-time.Hour), 7)
	slide(t, s, earlier...)
	if n := s.Loops(nil)[0].Cycles; n != 7 {
		t.Errorf("%d cycles", n)
	}
	slide(t, s, play(rand.New(rand.NewPCG(1, 1)), run, time.Unix(-1, 0), 60)...) // a box without a battery for its clock
	if r := s.Loops(nil)[0]; r.Cycles != 60 || r.Slots[Slots-1].Cycles == 0 {
		t.Errorf("in 1970: %d cycles, %+v", r.Cycles, r.Slots)
	}
	if err := s.Add(&cycle.Cycle{}); err == nil {
		t.Error("a cycle without a run is taken")
	}
}

// TestSlidingIsBounded runs an hour's window for three hours at 20 Hz: its memory
// is that of one hour.
func TestSlidingIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes a second")
	}
	run := &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Started: epoch, Budget: 50 * time.Millisecond, Reflectors: []string{"1.1.1.1", "8.8.8.8", "9.9.9.9"}}
	some := play(rand.New(rand.NewPCG(1, 1)), run, epoch, 1000)
	s := NewSliding(time.Hour)
	at := epoch
	hour := func() uint64 {
		for i := range 72_000 {
			c := *some[i%len(some)]
			c.Start, at = at, at.Add(run.Budget)
			slide(t, s, &c)
		}
		s.Loops(nil)
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	one := hour()
	hour()
	three := hour()
	if n := s.Loops(nil)[0].Cycles; n != 72_000 {
		t.Errorf("%d cycles in the hour", n)
	}
	if three > 2*one+8<<20 {
		t.Errorf("%d bytes after an hour, %d after three", one, three)
	}
	t.Logf("%d KiB after an hour, %d after three", one>>10, three>>10)
}

// BenchmarkSliding is a second of watching a loop of 20 Hz: so many cycles, and
// the answer.
func BenchmarkSliding(b *testing.B) {
	run := &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Started: epoch, Budget: 50 * time.Millisecond, Reflectors: []string{"1.1.1.1", "8.8.8.8", "9.9.9.9"}}
	some := play(rand.New(rand.NewPCG(1, 1)), run, epoch, 1000)
	for _, span := range []time.Duration{time.Minute, time.Hour} {
		b.Run(span.String(), func(b *testing.B) {
			s := NewSliding(span)
			at, i := epoch, 0
			second := func() {
				for range 20 {
					c := *some[i%len(some)]
					c.Start = at
					slide(b, s, &c)
					at, i = at.Add(run.Budget), i+1
				}
			}
			for range span / time.Second {
				second()
			}
			b.ReportAllocs()
			for b.Loop() {
				second()
				s.Loops(nil)
			}
		})
	}
}
