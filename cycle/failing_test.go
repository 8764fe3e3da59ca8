package cycle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDeadlineReachesTheDaemon(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name             string
		budget, deadline time.Duration
		want             time.Duration
	}{
		{"a fast loop's cycle may take 2 s", 50 * ms, 0, 2 * time.Second},
		{"a slow loop's its budget", 5 * time.Second, 0, 5 * time.Second},
		{"its own", 50 * ms, 700 * ms, 700 * ms},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l, k := newLoop(turns(func(ctx context.Context, _ *Timer) (Decision, error) {
					<-ctx.Done()
					return Decision{}, fmt.Errorf("echo: %w", ctx.Err())
				}), 2)
				l.Info.Budget, l.Deadline = tc.budget, tc.deadline
				if err := l.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				for _, got := range turnsOf(l, k) {
					if got.Total != tc.want || got.Outcome != TimedOut {
						t.Errorf("%+v, want %v", got, tc.want)
					}
				}
			})
		})
	}
}

func TestDaemonThatIgnoresItsDeadlineIsWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, k := newLoop(takes(func(n int) time.Duration {
			if n == 0 {
				return 5*time.Second + 10*ms
			}
			return 0
		}), 3)
		if err := l.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []turn{{0, 0, 5010 * ms, 0, OK}, {5010 * ms, 10 * ms, 0, 99, OK}, {5050 * ms, 0, 0, 0, OK}}
		if diff := cmp.Diff(want, turnsOf(l, k)); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if !k.all[0].Overrun() || k.all[1].Overrun() {
			t.Error("the long cycle alone is an overrun")
		}
	})
}

// textLog returns a log that is kept as text.
func textLog(level slog.Level) (*slog.Logger, *bytes.Buffer) {
	b := new(bytes.Buffer)
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: level})), b
}

func TestFailedCyclesEndNoLoop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		l, k := newLoop(turns(func(_ context.Context, timer *Timer) (Decision, error) {
			n++
			w := timer.Start(CAKE)
			switch n {
			case 2:
				return Decision{RTT: Known(7.0)}, errors.New("router down")
			case 3:
				panic("the law's matrix is singular")
			case 4:
				return Decision{}, context.DeadlineExceeded
			}
			w.Stop(OK)
			return Decision{}, nil
		}), 5)
		log, text := textLog(slog.LevelInfo)
		l.Log = log
		if err := l.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		var got []Outcome
		for _, c := range k.all {
			got = append(got, c.Outcome)
		}
		if diff := cmp.Diff([]Outcome{OK, Failed, Panicked, TimedOut, OK}, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if k.all[1].Decision.RTT != Known(7.0) {
			t.Error("a failed cycle's decision is not on record")
		}
		if len(k.all[4].Spans) != 1 {
			t.Errorf("the last cycle's spans: %+v", k.all[4].Spans)
		}
		for _, want := range []string{`level=ERROR msg="cycle panicked" error="panic: the law's matrix is singular"`, "stack=", "loop_test.go:", "outcome=panic", "outcome=timeout"} {
			if !strings.Contains(text.String(), want) {
				t.Errorf("the log lacks %q:\n%s", want, text)
			}
		}
	})
}

func TestPanicsOfAFastLoopDoNotFillTheLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, k := newLoop(turns(func(context.Context, *Timer) (Decision, error) { panic("again") }), 100)
		log, text := textLog(slog.LevelError)
		l.Log = log
		if err := l.Run(t.Context()); err != nil || len(k.all) != 100 {
			t.Fatalf("%v, %d cycles", err, len(k.all))
		}
		if n := strings.Count(text.String(), "cycle panicked"); n != 3 || !strings.Contains(text.String(), "unsaid=39") {
			t.Errorf("said %d times in 5 s, want 3, with 39 unsaid between:\n%.300s", n, text)
		}
	})
}

func TestSpansBeyondTheBoundAreCountedAndSaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, k := newLoop(turns(func(_ context.Context, timer *Timer) (Decision, error) {
			for range maxSpans + 3 {
				timer.Start(Other).Stop(OK)
			}
			return Decision{}, nil
		}), 2)
		log, text := textLog(slog.LevelWarn)
		l.Log = log
		if err := l.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, c := range k.all {
			if len(c.Spans) != maxSpans || c.Lost != 3 {
				t.Errorf("%d spans, %d lost", len(c.Spans), c.Lost)
			}
		}
		if strings.Count(text.String(), "lost=3") != 1 {
			t.Errorf("the log:\n%s", text)
		}
	})
}
