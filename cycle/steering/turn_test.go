package steering

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
	"wanctl/cycle/golden"
)

// TestCongestionComesAndGoes runs the daemon under its loop: the rule goes on
// after so many RED cycles, off after so many GREEN ones, and the log reads as
// the golden file says.
func TestCongestionComesAndGoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		rec := new(recording)
		ctx, cancel := context.WithCancel(t.Context())
		loop := &cycle.Loop{
			Info: &cycle.Run{Daemon: cycle.Steering, WAN: "steering", Budget: 2 * time.Second}, Daemon: b.Steering, Recorder: rec,
		}
		ended := make(chan error)
		go func() { ended <- loop.Run(ctx) }()
		time.Sleep(5 * time.Second) // cycles 1 to 3
		b.congested()
		time.Sleep(6 * time.Second) // 4 to 6
		b.idle()
		time.Sleep(24 * time.Second) // 7 to 18
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range rec.cycles {
			d := c.Decision
			got = append(got, fmt.Sprintf("%d %s %t %s %s", c.Seq, d.Download.Zone, d.Degraded.Value, d.Write, c.Outcome))
		}
		want := []string{
			"1 GREEN false  ok", "2 GREEN false  ok", "3 GREEN false  ok", "4 RED false  ok", "5 RED true written ok", "6 RED true  ok",
			"7 YELLOW true  ok", "8 YELLOW true  ok", "9 YELLOW true  ok", "10 YELLOW true  ok",
			"11 GREEN true  ok", "12 GREEN true  ok", "13 GREEN false written ok",
		}
		if diff := cmp.Diff(want, got[:min(len(got), len(want))]); diff != "" {
			t.Errorf("cycles (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]bool{true, false}, b.sets); diff != "" {
			t.Errorf("switches (-want +got):\n%s", diff)
		}
		var parts []string
		for _, s := range rec.cycles[4].Spans {
			parts = append(parts, s.Part.String()+"/"+s.Target+"/"+s.Outcome.String())
		}
		slices.Sort(parts)
		if diff := cmp.Diff([]string{"adjust//ok", "cake//ok", "probe/192.0.2.1/ok", "rtt//ok", "rule//ok", "update//ok"}, parts); diff != "" {
			t.Errorf("spans of the switching cycle (-want +got):\n%s", diff)
		}
		golden.Equal(t, "testdata/congestion.log", stamp.ReplaceAllString(strings.Join(b.log.take(), "\n")+"\n", "(last transition: *)"))
	})
}

func TestDecisionHoldsWhatWasMeasured(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		b.sees(50.5, -1, 70)
		want := cycle.Decision{
			RTT: cycle.Known(50.5), Baseline: cycle.Known(20.0), Delta: cycle.Known(30.5), Load: cycle.Known(30.5),
			Queue: cycle.Known(70.0), Degraded: cycle.Known(false),
			Download: cycle.Direction{Zone: cycle.Yellow, Queued: cycle.Known[int64](70), Rate: cycle.Known[int64](100_000_000)},
		}
		if diff := cmp.Diff(want, b.run(1)); diff != "" {
			t.Errorf("a first reading, whose drops are not known (-want +got):\n%s", diff)
		}
	})
}

func TestRouterFails(t *testing.T) {
	t.Parallel()
	t.Run("the queue cannot be read", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := start(t)
			b.congested()
			b.queue = cycle.Maybe[cycle.Queue]{}
			d := b.run(5)
			if d.Download.Zone != cycle.Yellow || d.Download.Queued.Known || b.law.CAKEFailures != 5 || len(b.sets) > 0 {
				t.Errorf("without a queue reading: %+v, %d failures, switches %v", d, b.law.CAKEFailures, b.sets)
			}
			b.idle()
			if b.run(1); b.law.CAKEFailures != 0 {
				t.Errorf("failures after a good reading: %d", b.law.CAKEFailures)
			}
		})
	})
	t.Run("the rule cannot be read", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := start(t)
			b.congested()
			for range 3 {
				b.rule = cycle.Maybe[bool]{}
				d, spans, err := turn(b.Steering)
				if err == nil || !d.Delta.Known {
					t.Errorf("decided %+v with error %v; want a decision and an error", d, err)
				}
				for _, s := range spans {
					if s.Part == cycle.Rule && s.Outcome != cycle.Failed {
						t.Errorf("the span of the rule check is %v", s.Outcome)
					}
				}
				b.attempt = 0
			}
			if n := b.said("the rule cannot be read"); n != 1 {
				t.Errorf("told %d times, not once", n)
			}
			if diff := cmp.Diff([]bool{true}, b.sets); diff != "" {
				t.Errorf("switches (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("a refused switch is tried again", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := start(t)
			b.congested()
			b.deny = errFake
			if d := b.run(4); d.Write != cycle.WriteFailed || d.Degraded.Value || len(b.sets) != 3 {
				t.Errorf("refused: %+v after switches %v", d, b.sets)
			}
			b.deny = nil
			if d := b.run(1); d.Write != cycle.Written || !d.Degraded.Value {
				t.Errorf("granted: %+v", d)
			}
		})
	})
	t.Run("a switch that is held back is tried again", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := start(t)
			b.congested()
			b.deny = fmt.Errorf("set rule: %w", held{})
			if d := b.run(2); d.Write != cycle.Held || d.Degraded.Value {
				t.Errorf("held back: %+v", d)
			}
		})
	})
	t.Run("a switch that went through unconfirmed is taken over", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := start(t)
			b.congested()
			b.lost = true
			if d := b.run(2); d.Write != cycle.WriteFailed || d.Degraded.Value {
				t.Errorf("unconfirmed: %+v", d)
			}
			if d := b.run(1); !d.Degraded.Value || len(b.sets) != 1 {
				t.Errorf("the cycle after: %+v, switches %v", d, b.sets)
			}
		})
	})
}

type held struct{}

func (held) Error() string { return "too many writes" }
func (held) Held() bool    { return true }

func TestRuleIsReconciled(t *testing.T) {
	t.Parallel()
	t.Run("on, though the saved state is good", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := start(t, func(_ *Config, w *world) { w.rule = cycle.Known(true) })
			if d := b.run(1); !d.Degraded.Value || len(b.sets) > 0 || b.said("not as the saved state has it") != 1 {
				t.Errorf("%+v, switches %v", d, b.sets)
			}
			if d := b.run(2); d.Degraded.Value || !cmp.Equal([]bool{false}, b.sets) {
				t.Errorf("after its GREEN cycles: %+v, switches %v", d, b.sets)
			}
		})
	})
	t.Run("off, though the saved state is degraded", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := start(t, func(_ *Config, w *world) { w.stored = []byte(`{"current_state":"WAN1_DEGRADED","good_count":2}`) })
			if d := b.run(5); d.Degraded.Value || len(b.sets) > 0 {
				t.Errorf("%+v, switches %v", d, b.sets)
			}
		})
	})
	t.Run("switched by someone while running", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := start(t)
			b.congested()
			b.run(2)
			saves := b.saves
			b.rule = cycle.Known(false)
			if d := b.run(1); d.Degraded.Value || b.said("switched from outside") != 1 || b.saves == saves {
				t.Errorf("%+v", d)
			}
			if d := b.run(1); d.Write != cycle.Written || !d.Degraded.Value {
				t.Errorf("still congested: %+v", d)
			}
			if n := len(b.law.Transitions); n != 3 {
				t.Errorf("%d transitions, want 3", n)
			}
		})
	})
}

func TestDryRunWritesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(_ *Config, w *world) { w.stored = []byte(`{"red_count":`) }).again(true)
		const aside = 1 // by the first start, which was not dry
		b.congested()
		if d := b.run(2); d.Write != cycle.Dry || !d.Degraded.Value {
			t.Errorf("congested: %+v", d)
		}
		if d := b.run(3); d.Write != cycle.NotWritten || !d.Degraded.Value {
			t.Errorf("the rule, off on the router, took back a dry switch: %+v", d)
		}
		b.idle()
		b.run(20)
		if err := b.Reset(t.Context()); err != nil {
			t.Error(err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if len(b.sets) > 0 || b.saves > 0 || len(b.aside) != aside || b.law.Degraded {
			t.Errorf("switches %v, %d saves, %d kept aside, degraded %t", b.sets, b.saves, len(b.aside), b.law.Degraded)
		}
	})
}
