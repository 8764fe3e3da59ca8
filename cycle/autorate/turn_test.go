package autorate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"wanctl/cycle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestQueuesDecideNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, false)
		b.world.queues = func(context.Context) ([]cycle.Queue, error) { return nil, errors.New("no route") }
		for i := range 3 {
			r := b.cycle(t, 25)
			want := map[cycle.Part]cycle.Outcome{cycle.RTT: cycle.OK, cycle.Probe: cycle.OK, cycle.CAKE: cycle.Failed, cycle.Adjust: cycle.OK}
			if i == 0 {
				want[cycle.Update] = cycle.OK
			}
			if diff := cmp.Diff(want, r.spans); diff != "" || r.err != nil {
				t.Fatalf("cycle %d: %v, spans (-want +got):\n%s", i, r.err, diff)
			}
			if r.decision.Download.Queued.Known || r.decision.Download.Zone != cycle.Green {
				t.Errorf("cycle %d decided %+v", i, r.decision.Download)
			}
			if first := i == 0; r.said("CAKE stats cannot be read") != first {
				t.Errorf("cycle %d says %q", i, r.lines)
			}
		}
		b.world.queues = func(context.Context) ([]cycle.Queue, error) {
			return []cycle.Queue{{QueuedPackets: 3, Counted: cycle.Known(cycle.Counted{Dropped: 7})}, {QueuedPackets: 1 << 63}}, nil
		}
		r := b.cycle(t, 25)
		if d := r.decision.Download; d.Queued != cycle.Known(int64(3)) || d.Drops != cycle.Known(int64(7)) || !r.said("can be read again") {
			t.Errorf("%+v %q", d, r.lines)
		}
		if u := r.decision.Upload; u.Queued.Value < 0 || u.Drops.Known {
			t.Errorf("upload %+v", u)
		}
		b.world.queues = func(context.Context) ([]cycle.Queue, error) { panic("boom") }
		if r := b.cycle(t, 25); r.err != nil || r.spans[cycle.CAKE] != cycle.Panicked {
			t.Errorf("a reader that panics: %v, %v", r.err, r.spans)
		}
	})
}

// TestNoCycleWaitsForALateReading has a router that is slow to tell its queues, and takes
// limits at once.
func TestNoCycleWaitsForALateReading(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, false)
		var begun atomic.Int64
		takes := 700 * time.Millisecond
		b.world.queues = func(ctx context.Context) ([]cycle.Queue, error) {
			begun.Add(1)
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(takes):
				return make([]cycle.Queue, 2), nil
			}
		}
		// turn runs one cycle and checks its reading: none if nothing is wanted.
		turn := func(rtt float64, took time.Duration, readings int64, want ...cycle.Outcome) (r turn) {
			t.Helper()
			began := time.Now()
			r = b.cycle(t, rtt)
			got, read := r.spans[cycle.CAKE]
			if len(want) == 0 && read || len(want) > 0 && (!read || got != want[0]) || begun.Load() != readings {
				t.Errorf("%d readings, this one %v %v; want %d, %v", begun.Load(), read, got, readings, want)
			}
			if d := time.Since(began); d != took {
				t.Errorf("the cycle took %v, not %v", d, took)
			}
			if known := len(want) > 0 && want[0] == cycle.OK; r.decision.Download.Queued.Known != known {
				t.Errorf("queued packets %+v", r.decision.Download.Queued)
			}
			return r
		}
		b.cfg.Interval = 50 * time.Millisecond
		b.queues = newQueueReader(&b.cfg, b.world, b.log)
		turn(25, takes, 1, cycle.OK) // the first logs in: it is waited for as long as an echo
		late := turn(25, 45*time.Millisecond, 2, cycle.TimedOut)
		if late.err != nil || !late.said("CAKE stats come late") || !late.decision.Download.Rate.Known {
			t.Errorf("%v %q %+v", late.err, late.lines, late.decision)
		}
		if r := turn(900, 0, 2); r.err != nil || r.decision.Write != cycle.Written {
			t.Errorf("a write beside a late reading: %v %v", r.err, r.decision.Write)
		}
		time.Sleep(takes)
		synctest.Wait()
		if r := turn(25, 45*time.Millisecond, 3, cycle.TimedOut); r.said("CAKE stats come late") {
			t.Errorf("said again: %q", r.lines)
		}
		time.Sleep(takes)
		synctest.Wait()
		takes = 10 * time.Millisecond
		turn(25, takes, 4, cycle.OK)

		takes = time.Hour // until the end
		turn(25, 45*time.Millisecond, 5, cycle.TimedOut)
		began := time.Now()
		if err := b.Close(); err != nil || time.Since(began) > 0 {
			t.Errorf("closing: %v after %v", err, time.Since(began))
		}
	})
}

// TestAReadingIsWaitedForAsLongAsTheEchoes: that holds up nobody.
func TestAReadingIsWaitedForAsLongAsTheEchoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := testConfigs(t)["wan1"]
		cfg.Interval = 50 * time.Millisecond
		router := &faults{queues: func(context.Context) ([]cycle.Queue, error) {
			time.Sleep(300 * time.Millisecond)
			return make([]cycle.Queue, 2), nil
		}}
		r := newQueueReader(&cfg, router, slog.New(slog.DiscardHandler))
		r.began = true
		measured := make(chan struct{})
		time.AfterFunc(400*time.Millisecond, func() { close(measured) })
		timer := cycle.NewTimer(cycle.Autorate, nil)
		timer.Begin(time.Now())
		if err := r.read(t.Context(), timer, measured, new(cycle.Decision)); err != nil {
			t.Error(err)
		}
		r.close()
	})
}

// TestALoginOfTheReadingIsTheCycles, but only of the cycle that waited for it.
func TestALoginOfTheReadingIsTheCycles(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, false)
		takes := 10 * time.Millisecond
		b.world.queues = func(ctx context.Context) ([]cycle.Queue, error) {
			watch := cycle.TimerFrom(ctx).StartTarget(cycle.Other, "login api")
			time.Sleep(takes)
			watch.Stop(cycle.OK)
			return make([]cycle.Queue, 2), nil
		}
		if r := b.cycle(t, 25); r.spans[cycle.CAKE] != cycle.OK || r.logins != takes {
			t.Errorf("%v, login %v", r.spans, r.logins)
		}
		takes = 10 * time.Second
		if r := b.cycle(t, 25); r.spans[cycle.CAKE] != cycle.TimedOut || r.logins != 0 {
			t.Errorf("%v, login %v", r.spans, r.logins)
		}
		time.Sleep(takes)
		synctest.Wait()
		takes = 0
		if r := b.cycle(t, 25); r.spans[cycle.CAKE] != cycle.OK || r.logins != 0 {
			t.Errorf("%v, login %v", r.spans, r.logins)
		}
	})
}

func TestWriteFates(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		dry     bool
		write   func(context.Context) error
		fate    cycle.Write
		span    cycle.Outcome
		fails   bool
		again   bool // the next cycle tries again
		applied bool
	}{
		"taken":     {write: func(context.Context) error { return nil }, fate: cycle.Written, applied: true},
		"refused":   {write: func(context.Context) error { return errRefused }, fate: cycle.WriteFailed, span: cycle.Failed, fails: true, again: true},
		"late":      {write: func(context.Context) error { return context.DeadlineExceeded }, fate: cycle.WriteFailed, span: cycle.TimedOut, fails: true, again: true},
		"panicking": {write: func(context.Context) error { panic("boom") }, fate: cycle.WriteFailed, span: cycle.Panicked, fails: true, again: true},
		"held back": {write: func(context.Context) error { return fmt.Errorf("set limits: %w", heldBack{}) }, fate: cycle.Held, again: true},
		"dry":       {dry: true, write: func(context.Context) error { panic("a dry run wrote") }, fate: cycle.Dry, applied: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, tc.dry)
			b.world.write = tc.write
			r := b.cycle(t, 25)
			if r.decision.Write != tc.fate || (r.err != nil) != tc.fails {
				t.Errorf("write is %v with %v, want %v", r.decision.Write, r.err, tc.fate)
			}
			if outcome, ok := r.spans[cycle.Update]; ok == tc.dry || outcome != tc.span {
				t.Errorf("update span %v %v, want %v", ok, outcome, tc.span)
			}
			if b.state.Applied.Known != tc.applied {
				t.Errorf("applied %v", b.state.Applied)
			}
			b.world.write = nil
			if r := b.cycle(t, 25); (r.decision.Write == cycle.Written) != tc.again {
				t.Errorf("the next cycle's write is %v", r.decision.Write)
			}
			if saved := b.world.saves > 0; saved == tc.dry {
				t.Errorf("saved %v", saved)
			}
		})
	}
}

func TestTheWriteSetsTypesAndBothRates(t *testing.T) {
	t.Parallel()
	cfg := testConfigs(t)["wan1"]
	cfg.WAN = "Fibre-1"
	var got []cycle.Limit
	router := routerFunc(func(limits []cycle.Limit) { got = limits })
	a := New(cfg, &world{cfg: cfg, row: row{RTT: cycle.Known(25.0)}}, router, nil, false, slog.New(slog.DiscardHandler))
	if _, err := a.Turn(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	want := []cycle.Limit{{Queue: "Down", Type: "cake-down-fibre-1", Rate: 500e6}, {Queue: "Up", Type: "cake-up-fibre-1", Rate: 50e6}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

type routerFunc func([]cycle.Limit)

func (f routerFunc) Queues(context.Context, ...string) ([]cycle.Queue, error) { return nil, errRefused }

func (f routerFunc) SetLimits(_ context.Context, limits ...cycle.Limit) error {
	f(limits)
	return nil
}

func TestNoAnswerChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, false)
	b.cycle(t, 25)
	before, saves := b.state, b.world.saves
	r := b.cycle(t, 0)
	if !errors.Is(r.err, errNoAnswer) || cycle.OutcomeOf(r.err) != cycle.TimedOut {
		t.Errorf("error is %v", r.err)
	}
	want := map[cycle.Part]cycle.Outcome{cycle.RTT: cycle.TimedOut, cycle.Probe: cycle.TimedOut, cycle.CAKE: cycle.OK}
	if diff := cmp.Diff(want, r.spans); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	if d := r.decision; b.state != before || b.world.saves != saves || d.Delta.Known || d.RTT.Known || d.Download.Rate != cycle.Known(int64(500e6)) {
		t.Errorf("state %+v, decision %+v", b.state, d)
	}
}

func TestAFaultThatLastsIsToldEveryTwoSeconds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		interval time.Duration
		want     int // lines in 10 s
	}{{2 * time.Second, 5}, {500 * time.Millisecond, 5}, {50 * time.Millisecond, 6}} {
		t.Run(tc.interval.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, false)
				b.world.write = func(context.Context) error { return errRefused }
				refused, skipped, lost := 0, 0, 0
				for began := time.Now(); time.Since(began) < 10*time.Second; time.Sleep(tc.interval) {
					if r := b.cycle(t, 25); r.said("Failed to apply limits") {
						refused++
					}
					r := b.cycle(t, 0)
					if r.said("Ping failed, skipping cycle") {
						skipped++
					}
					if r.said("Ping to 192.0.2.3 timed out") {
						lost++
					}
				}
				if got := [3]int{refused, skipped, lost}; got != [3]int{tc.want, tc.want, tc.want} {
					t.Errorf("said %v times, want %d each", got, tc.want)
				}
			})
		})
	}
}

func TestFastLoopsSaveOnceASecond(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		interval time.Duration
		most     int
	}{{2 * time.Second, 10}, {time.Second, 10}, {50 * time.Millisecond, 2}} {
		t.Run(tc.interval.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, false)
				for range 10 {
					b.cycle(t, 25) // at the ceiling: one write, then none
					time.Sleep(tc.interval)
				}
				if b.world.saves < tc.most-1 || b.world.saves > tc.most {
					t.Errorf("%d saves, want %d", b.world.saves, tc.most)
				}
				good := b.state
				b.cycle(t, 0)
				b.cycle(t, 90)
				b.world.write = func(context.Context) error { return errRefused }
				for range 20 {
					b.cycle(t, 200) // RED: what the router was told is not what is saved
				}
				b.world.write = nil
				if err := b.Close(); err != nil {
					t.Fatal(err)
				}
				restarted := New(b.cfg, b.world, b.world, b.world, false, slog.New(slog.DiscardHandler))
				restarted.Restore()
				if restarted.state.Download.Rate != good.Download.Rate || restarted.state.Load < good.Load || restarted.state.Load > 50 {
					t.Errorf("a restart goes back to %+v", restarted.state)
				}
			})
		})
	}
}

func TestWhatTheRouterWasToldIsSavedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, false)
		for range 10 {
			r := b.cycle(t, 300)
			if r.decision.Write != cycle.Written {
				continue
			}
			s, err := b.law.decode(b.world.disk)
			if err != nil || s.Applied != b.state.Applied {
				t.Fatalf("saved %v (%v), the router has %v", s.Applied, err, b.state.Applied)
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
}

func TestASaveThatFailsHarmsNoCycle(t *testing.T) {
	t.Parallel()
	b := newBench(t, false)
	b.world.saveErr = errors.New("disk full")
	for i := range 3 {
		r := b.cycle(t, 300)
		if r.err != nil || r.said("state is not saved") != (i == 0) {
			t.Errorf("cycle %d: %v, %q", i, r.err, r.lines)
		}
	}
	b.world.saveErr = nil
	b.cycle(t, 300)
	if s, err := b.law.decode(b.world.disk); err != nil || s != b.state {
		t.Errorf("saved %+v (%v), want %+v", s, err, b.state)
	}
}

func TestABadStateFileIsKeptAside(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file string
		bad  bool
	}{
		"none":            {},
		"good":            {file: `{"ewma":{"baseline_rtt":30,"load_rtt":31}}`},
		"cut short":       {file: `{"ewma":{"baseli`, bad: true},
		"empty":           {file: "\x00", bad: true},
		"senseless":       {file: `{"ewma":{"baseline_rtt":-3}}`, bad: true},
		"of another type": {file: `{"download":{"current_rate":"fast"}}`, bad: true},
	} {
		for _, dry := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s dry=%v", name, dry), func(t *testing.T) {
				t.Parallel()
				b := newBench(t, dry)
				if tc.file != "" {
					b.world.disk = []byte(tc.file)
				}
				state := b.Restore()
				if _, err := b.law.decode([]byte(state)); err != nil {
					t.Errorf("the state to record is bad: %v", err)
				}
				warned := len(b.kept) > 0 && b.kept[0][0] == "WARNING"
				if warned != tc.bad || (b.world.aside != nil) != (tc.bad && !dry) {
					t.Errorf("warned %v, kept aside %q; want bad %v", warned, b.world.aside, tc.bad)
				}
			})
		}
	}
}
