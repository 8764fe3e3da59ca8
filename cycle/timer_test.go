package cycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSpansAreKeptInTheOrderTheyEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		timer := NewTimer(Steering, nil)
		time.Sleep(time.Second)
		timer.Start(CAKE).Stop(OK) // of the cycle before
		timer.Begin(time.Now())
		rtt := timer.Start(RTT)
		time.Sleep(3 * ms)
		cake := timer.Start(CAKE)
		time.Sleep(4 * ms)
		if d := cake.Stop(Failed); d != 4*ms {
			t.Errorf("the span took %v", d)
		}
		rtt.Stop(OK)
		timer.StartTarget(Other, "login").Stop(TimedOut)
		timer.Add(Probe, "192.0.2.1", time.Now().Add(-5*ms), 2*ms, OK)
		got, lost := timer.Spans()
		want := []Span{
			{"steering_cake_stats_read", CAKE, "", 3 * ms, 4 * ms, Failed},
			{"steering_rtt_measurement", RTT, "", 0, 7 * ms, OK},
			{"steering_other", Other, "login", 7 * ms, 0, TimedOut},
			{"steering_probe", Probe, "192.0.2.1", 2 * ms, 2 * ms, OK},
		}
		if diff := cmp.Diff(want, got); diff != "" || lost != 0 {
			t.Errorf("%d lost; -want +got\n%s", lost, diff)
		}
	})
}

// TestSpansOfManyGoroutines times more spans at once than a cycle can hold: each
// that is kept is whole, and the others are counted.
func TestSpansOfManyGoroutines(t *testing.T) {
	t.Parallel()
	timer := NewTimer(Autorate, nil)
	for range 20 {
		timer.Begin(time.Now())
		var wg sync.WaitGroup
		const goroutines, each = 8, 11
		for g := range goroutines {
			wg.Go(func() {
				for range each {
					timer.StartTarget(Stretches[g%len(Stretches)], fmt.Sprint(g)).Stop(Outcome(g % 4))
				}
			})
		}
		wg.Wait()
		spans, lost := timer.Spans()
		if len(spans) != maxSpans || lost != goroutines*each-maxSpans {
			t.Fatalf("%d spans, %d lost", len(spans), lost)
		}
		for _, s := range spans {
			g := int(s.Target[0] - '0')
			if s.Part != Stretches[g%len(Stretches)] || s.Label != Autorate.Label(s.Part) || s.Outcome != Outcome(g%4) || s.Duration < 0 || s.Offset < 0 {
				t.Fatalf("a span in pieces: %+v", s)
			}
		}
	}
}

func TestNilTimerTimesNothing(t *testing.T) {
	t.Parallel()
	var timer *Timer
	if d := timer.Start(RTT).Stop(OK); d != 0 {
		t.Errorf("it took %v", d)
	}
	timer.Add(Probe, "a", time.Now(), 1, OK)
	ran := false
	if err := timer.Measure(CAKE, func() error { ran = true; return nil }); err != nil || !ran {
		t.Errorf("%v, ran: %v", err, ran)
	}
	if TimerFrom(t.Context()) != nil {
		t.Error("a context has a timer that nobody gave it")
	}
	if got := TimerFrom(WithTimer(t.Context(), timer)); got != nil {
		t.Errorf("%v", got)
	}
}

func TestDebugLineOfASpan(t *testing.T) {
	t.Parallel()
	for level, want := range map[slog.Level]string{
		slog.LevelDebug: "level=DEBUG msg=\"autorate_rtt_measurement: 12.3ms\" label=autorate_rtt_measurement duration_ms=12.345\n" +
			"level=DEBUG msg=\"autorate_probe: 0.1ms\" label=autorate_probe duration_ms=0.05 target=192.0.2.1\n",
		slog.LevelInfo: "",
	} {
		synctest.Test(t, func(t *testing.T) {
			log, text := textLog(level)
			timer := NewTimer(Autorate, log)
			w := timer.Start(RTT)
			time.Sleep(12345 * time.Microsecond)
			w.Stop(OK)
			timer.Add(Probe, "192.0.2.1", time.Now(), 50*time.Microsecond, OK)
			var got strings.Builder
			for line := range strings.Lines(text.String()) {
				_, line, _ = strings.Cut(line, " ") // the time
				got.WriteString(line)
			}
			if diff := cmp.Diff(want, got.String()); diff != "" {
				t.Errorf("at %v: -want +got\n%s", level, diff)
			}
		})
	}
}

func TestMeasureKeepsWhatBecameOfTheCall(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for _, tc := range []struct {
		name string
		err  error
		want Outcome
	}{
		{"no error", nil, OK},
		{"an error", broken, Failed},
		{"cancelled", context.Canceled, Failed},
		{"a deadline that passed", fmt.Errorf("read: %w", context.DeadlineExceeded), TimedOut},
		{"a socket's deadline", &net.OpError{Op: "read", Err: os.ErrDeadlineExceeded}, TimedOut},
		{"a panic caught below", fmt.Errorf("cake: %w", &PanicError{Value: 1}), Panicked},
	} {
		synctest.Test(t, func(t *testing.T) {
			timer := NewTimer(Autorate, nil)
			err := timer.Measure(Rule, func() error { time.Sleep(ms); return tc.err })
			spans, _ := timer.Spans()
			if want := []Span{{Label: "autorate_rule_check", Part: Rule, Duration: ms, Outcome: tc.want}}; !errors.Is(err, tc.err) || !cmp.Equal(want, spans) {
				t.Errorf("%s: %v, %+v, want %+v", tc.name, err, spans, want)
			}
		})
	}
}

func TestMeasureTimesAPanicAndLetsItGoOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		timer := NewTimer(Autorate, nil)
		defer func() {
			spans, _ := timer.Spans()
			if v := recover(); v != "out" || len(spans) != 1 || spans[0].Outcome != Panicked || spans[0].Duration != ms {
				t.Errorf("recovered %v, spans %+v", v, spans)
			}
		}()
		_ = timer.Measure(CAKE, func() error { time.Sleep(ms); panic("out") })
	})
}

func TestTimerOfAnotherDaemonsName(t *testing.T) {
	t.Parallel()
	timer := NewTimer("probe", nil)
	timer.Start(Total).Stop(OK)
	if spans, _ := timer.Spans(); spans[0].Label != "probe_cycle_total" {
		t.Errorf("%+v", spans)
	}
}

func TestTimingAllocatesNothing(t *testing.T) {
	timer := NewTimer(Autorate, nil)
	start := time.Now()
	if n := testing.AllocsPerRun(1000, func() {
		timer.Begin(start)
		timer.Start(RTT).Stop(OK)
		timer.StartTarget(Other, "login").Stop(Failed)
		timer.Add(Probe, "192.0.2.1", start, ms, OK)
		_ = timer.Measure(CAKE, func() error { return nil })
		timer.Spans()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
