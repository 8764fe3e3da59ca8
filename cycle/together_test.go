package cycle

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTogetherTakesAsLongAsTheSlowest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		timer := NewTimer(Steering, nil)
		down := errors.New("down")
		takes := func(p Part, d time.Duration, err error) Measurement {
			return Measurement{p, func(context.Context) error { time.Sleep(d); return err }}
		}
		began := time.Now()
		errs := Together(t.Context(), timer,
			takes(RTT, 30*ms, nil),
			takes(CAKE, 20*ms, down),
			Measurement{Rule, func(context.Context) error { time.Sleep(10 * ms); panic("no rule") }})
		if took := time.Since(began); took != 30*ms {
			t.Errorf("it took %v", took)
		}
		var p *PanicError
		if errs[0] != nil || !errors.Is(errs[1], down) || !errors.As(errs[2], &p) || p.Value != "no rule" || !strings.Contains(string(p.Stack), "together_test.go") {
			t.Errorf("%v", errs)
		}
		want := []Span{
			{"steering_rule_check", Rule, "", 0, 10 * ms, Panicked},
			{"steering_cake_stats_read", CAKE, "", 0, 20 * ms, Failed},
			{"steering_rtt_measurement", RTT, "", 0, 30 * ms, OK},
		}
		got, _ := timer.Spans()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

func TestTogetherHandsOnItsDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 40*ms)
		defer cancel()
		waits := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		for i, err := range Together(ctx, nil, Measurement{RTT, waits}, Measurement{CAKE, waits}) {
			if OutcomeOf(err) != TimedOut {
				t.Errorf("measurement %d: %v", i, err)
			}
		}
	})
}

func TestTogetherOfNothing(t *testing.T) {
	t.Parallel()
	if errs := Together(t.Context(), nil); len(errs) != 0 {
		t.Errorf("%v", errs)
	}
}
