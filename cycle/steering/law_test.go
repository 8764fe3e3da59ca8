package steering

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
)

// anyReading is a reading of an idle line or of a congested one, with every kind
// of failure in between.
func anyReading(r *rand.Rand, congested bool) (in Reading) {
	bloat, queued := 4.0, int64(12)
	if congested {
		bloat, queued = 60, 400
	}
	in.Baseline = cycle.Maybe[float64]{Value: 5 + r.Float64()*60, Known: r.IntN(10) > 0}
	in.RTT = cycle.Maybe[float64]{Value: in.Baseline.Value + r.ExpFloat64()*bloat, Known: r.IntN(30) > 0}
	in.Queue = cycle.Maybe[Queue]{Value: Queue{Drops: r.Int64N(queued) - 1, Queued: r.Int64N(queued)}, Known: r.IntN(30) > 0}
	return in
}

// TestLawProperties runs long random series and checks what holds always.
func TestLawProperties(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		cfg := DefaultConfig()
		cfg.CAKEAware, cfg.HistorySize = seed%2 == 0, 7
		th := &cfg.Thresholds
		th.RedSamples, th.GreenSamples, th.BadSamples, th.GoodSamples = 2, 3, 2, 3
		r := rand.New(rand.NewPCG(seed, 7))
		l := NewLaw(&cfg)
		switches := 0
		for i := range 5000 {
			before := l.State
			in := anyReading(r, i/40%2 == 1)
			decides := l.decides(in.Baseline, in.RTT)
			v := l.Decide(in)
			if v.OK != decides {
				t.Fatalf("seed %d cycle %d: decided is %t, foretold %t", seed, i, v.OK, decides)
			}
			checkVerdict(t, l, before, v)
			if v.Switch != Leave && r.IntN(3) > 0 {
				l.Switched(time.Unix(int64(i), 0))
				switches++
				if l.Degraded == before.Degraded {
					t.Fatalf("seed %d cycle %d: a confirmed switch changed nothing", seed, i)
				}
			}
			if t.Failed() {
				t.Fatalf("seed %d cycle %d: %+v", seed, i, v)
			}
		}
		if switches < 10 {
			t.Errorf("seed %d: only %d switches, too few to tell anything", seed, switches)
		}
	}
}

func checkVerdict(t *testing.T, l *Law, before State, v Verdict) {
	t.Helper()
	if l.Degraded != before.Degraded {
		t.Error("the state changed without a switch")
	}
	if v.Switch == Enable && l.Degraded || v.Switch == Disable && !l.Degraded {
		t.Error("a switch to where the rule is already")
	}
	if !v.OK && (v.Switch != Leave || l.RedCount != before.RedCount || l.GoodCount != before.GoodCount || l.BadCount != before.BadCount) {
		t.Error("a cycle without a decision moved a counter")
	}
	for _, c := range [][2]int64{{l.RedCount, before.RedCount}, {l.GoodCount, before.GoodCount}, {l.BadCount, before.BadCount}} {
		if c[0] < 0 || c[0] > c[1]+1 {
			t.Errorf("a counter went from %d to %d", c[1], c[0])
		}
	}
	if len(l.RTTs) > 7 || len(l.Deltas) > 7 || len(l.Drops) > 7 || len(l.Queued) > 7 || len(l.Transitions) > maxTransitions {
		t.Error("a history grew beyond its bound")
	}
	if !(l.Bloat >= 0 && l.Depth >= 0) || v.Delta.Known && v.Delta.Value < 0 {
		t.Errorf("negative or no number: bloat %v, depth %v, delta %v", l.Bloat, l.Depth, v.Delta)
	}
	if l.Baseline.Known && !l.t.InBounds(l.Baseline.Value) {
		t.Errorf("baseline %v is out of bounds", l.Baseline.Value)
	}
}

// TestOscillation shows that a line which is bad and good by turns, faster than
// the counts, never moves the rule, and that one slower than they are moves it
// once for each turn.
func TestOscillation(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name         string
		red, green   int // cycles of each turn
		wantSwitches int // in 20 turns
	}{
		{"one RED is not enough", 1, 1, 0},
		{"two RED cycles switch it on, fourteen GREEN ones never off", 2, 14, 1},
		{"fifteen GREEN ones do", 2, 15, 40},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := DefaultConfig()
			cfg.Thresholds.RTTAlpha = 1
			l := NewLaw(&cfg)
			switches := 0
			step := func(rtt float64, q Queue) {
				if l.Decide(Reading{Baseline: cycle.Known(20.0), RTT: cycle.Known(rtt), Queue: cycle.Known(q)}).Switch != Leave {
					l.Switched(time.Time{})
					switches++
				}
			}
			for range 20 {
				for range tt.red {
					step(120, Queue{Drops: 9, Queued: 99})
				}
				for range tt.green {
					step(21, Queue{})
				}
			}
			if switches != tt.wantSwitches {
				t.Errorf("%d switches, want %d", switches, tt.wantSwitches)
			}
		})
	}
}

func TestAssess(t *testing.T) {
	t.Parallel()
	th := DefaultConfig().Thresholds
	for _, tt := range []struct {
		bloat float64
		q     Queue
		want  cycle.Zone
	}{
		{15, Queue{1, 9}, cycle.Green},
		{15, Queue{1, 50}, cycle.Yellow},
		{15.001, Queue{1, 50}, cycle.Red},
		{15.001, Queue{0, 50}, cycle.Yellow},
		{15.001, Queue{1, 49}, cycle.Yellow},
		{0, Queue{0, 10}, cycle.Yellow},
		{0, Queue{100, 9}, cycle.Green},
	} {
		if got := th.Assess(tt.bloat, tt.q); got != tt.want {
			t.Errorf("Assess(%v, %+v) = %v, want %v", tt.bloat, tt.q, got, tt.want)
		}
	}
}

// TestCounters takes single steps from states that a series seldom comes to.
func TestCounters(t *testing.T) {
	t.Parallel()
	red, yellow, green := Queue{Drops: 9, Queued: 99}, Queue{Queued: 20}, Queue{}
	for _, tt := range []struct {
		name     string
		rttOnly  bool
		from     State
		rtt      float64 // ms, over a baseline of 20 ms
		q        Queue
		want     State // its counters and state alone
		s        Switch
		entry    [2]int64 // the bad and good count of the transition, where there is one
		confirms bool
	}{
		{name: "good, RED", from: State{RedCount: 0, GoodCount: 4}, rtt: 90, q: red, want: State{RedCount: 1}},
		{name: "good, YELLOW", from: State{RedCount: 1, GoodCount: 4}, rtt: 90, q: yellow, want: State{GoodCount: 4}},
		{name: "good, GREEN", from: State{RedCount: 1, GoodCount: 4, BadCount: 3}, rtt: 20, q: green, want: State{GoodCount: 4, BadCount: 3}},
		{
			name: "the last RED, confirmed", from: State{RedCount: 1, GoodCount: 4, BadCount: 3}, rtt: 90, q: red, confirms: true,
			want: State{Degraded: true, BadCount: 3}, s: Enable, entry: [2]int64{3, 4},
		},
		{name: "the last RED, refused", from: State{RedCount: 1}, rtt: 90, q: red, want: State{RedCount: 2}, s: Enable},
		{name: "one RED more, refused", from: State{RedCount: 2}, rtt: 90, q: red, want: State{RedCount: 3}, s: Enable},
		{name: "degraded, RED", from: State{Degraded: true, RedCount: 1, GoodCount: 4}, rtt: 90, q: red, want: State{Degraded: true, RedCount: 1}},
		{name: "degraded, YELLOW", from: State{Degraded: true, RedCount: 1, GoodCount: 4}, rtt: 90, q: yellow, want: State{Degraded: true, RedCount: 1}},
		{name: "degraded, GREEN", from: State{Degraded: true, RedCount: 1, GoodCount: 4}, rtt: 20, q: green, want: State{Degraded: true, GoodCount: 5}},
		{
			name: "the last GREEN, confirmed", from: State{Degraded: true, GoodCount: 14}, rtt: 20, q: green, confirms: true,
			s: Disable, entry: [2]int64{0, 14},
		},
		{name: "the last GREEN, refused", from: State{Degraded: true, GoodCount: 14}, rtt: 20, q: green, want: State{Degraded: true, GoodCount: 15}, s: Disable},

		{name: "a delta at the bad threshold", rttOnly: true, from: State{BadCount: 3, GoodCount: 1}, rtt: 45, want: State{GoodCount: 1}},
		{name: "a delta above it", rttOnly: true, from: State{BadCount: 3, GoodCount: 1, RedCount: 1}, rtt: 45.001, want: State{BadCount: 4, RedCount: 1}},
		{
			name: "the last bad one, confirmed", rttOnly: true, from: State{BadCount: 7, GoodCount: 2}, rtt: 46, confirms: true,
			want: State{Degraded: true}, s: Enable, entry: [2]int64{7, 2},
		},
		{name: "a delta at the recovery threshold", rttOnly: true, from: State{Degraded: true, GoodCount: 3, BadCount: 1}, rtt: 32, want: State{Degraded: true, BadCount: 1}},
		{name: "a delta below it", rttOnly: true, from: State{Degraded: true, GoodCount: 3, BadCount: 1}, rtt: 31.999, want: State{Degraded: true, GoodCount: 4}},
		{
			name: "the last good one, confirmed", rttOnly: true, from: State{Degraded: true, GoodCount: 14, BadCount: 1}, rtt: 21, confirms: true,
			s: Disable, entry: [2]int64{1, 14},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := DefaultConfig()
			cfg.PrimaryWAN, cfg.CAKEAware, cfg.Thresholds.RTTAlpha = "wan1", !tt.rttOnly, 1
			l := NewLaw(&cfg)
			l.State = tt.from
			if v := l.Decide(Reading{Baseline: cycle.Known(20.0), RTT: cycle.Known(tt.rtt), Queue: cycle.Known(tt.q)}); v.Switch != tt.s {
				t.Errorf("switch %v, want %v", v.Switch, tt.s)
			}
			if tt.confirms {
				l.Switched(time.Time{})
				if e := l.Transitions[0]; e.BadCount != tt.entry[0] || e.GoodCount != tt.entry[1] {
					t.Errorf("transition %+v, want the counts %v", e, tt.entry)
				}
			}
			got := State{Degraded: l.Degraded, RedCount: l.RedCount, GoodCount: l.GoodCount, BadCount: l.BadCount}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("state (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBaselineBoundsAreInclusive(t *testing.T) {
	t.Parallel()
	th := DefaultConfig().Thresholds
	for v, want := range map[float64]bool{9.999: false, 10: true, 60: true, 60.001: false, math.NaN(): false, math.Inf(1): false} {
		if got := th.InBounds(v); got != want {
			t.Errorf("InBounds(%v) = %t", v, got)
		}
	}
}
