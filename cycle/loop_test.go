package cycle

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
)

// turns is a daemon made of a function.
type turns func(ctx context.Context, t *Timer) (Decision, error)

func (f turns) Turn(ctx context.Context, t *Timer) (Decision, error) { return f(ctx, t) }

// takes is a daemon whose n-th turn, from 0, takes as long as d says.
func takes(d func(n int) time.Duration) Turner {
	n := 0
	return turns(func(context.Context, *Timer) (Decision, error) {
		time.Sleep(d(n))
		n++
		return Decision{}, nil
	})
}

// kept is a recorder that keeps copies.
type kept struct {
	mu  sync.Mutex
	all []Cycle
}

func (k *kept) Record(c *Cycle) {
	k.mu.Lock()
	defer k.mu.Unlock()
	v := *c
	v.Spans = append([]Span(nil), c.Spans...)
	k.all = append(k.all, v)
}

// newLoop returns a loop of 50 ms that is recorded, and its recording.
func newLoop(d Turner, cycles int64) (*Loop, *kept) {
	k := new(kept)
	return &Loop{
		Info:   &Run{Daemon: Autorate, WAN: "wan1", Started: time.Now(), Budget: 50 * time.Millisecond},
		Daemon: d, Recorder: k, Cycles: cycles,
	}, k
}

// turn is what is compared of a cycle; Start counts from the schedule's.
type turn struct {
	Start, Late, Total time.Duration
	Missed             int64
	Outcome            Outcome
}

func turnsOf(l *Loop, k *kept) (ts []turn) {
	for _, c := range k.all {
		ts = append(ts, turn{c.Start.Sub(l.start), c.Late, c.Total, c.Missed, c.Outcome})
	}
	return ts
}

const ms = time.Millisecond

func TestScheduleCountsEverySlot(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		takes []time.Duration
		want  []turn
	}{
		{"in time", []time.Duration{10 * ms, 49 * ms, 0}, []turn{{0, 0, 10 * ms, 0, OK}, {50 * ms, 0, 49 * ms, 0, OK}, {100 * ms, 0, 0, 0, OK}}},
		{"to the very end of its slot", []time.Duration{50 * ms, 0}, []turn{{0, 0, 50 * ms, 0, OK}, {50 * ms, 0, 0, 0, OK}}},
		{
			"into the next slot: that cycle is late, and the one after is not",
			[]time.Duration{70 * ms, 10 * ms, 0},
			[]turn{{0, 0, 70 * ms, 0, OK}, {70 * ms, 20 * ms, 10 * ms, 0, OK}, {100 * ms, 0, 0, 0, OK}},
		},
		{
			"over several slots",
			[]time.Duration{260 * ms, 0, 0},
			[]turn{{0, 0, 260 * ms, 0, OK}, {260 * ms, 10 * ms, 0, 4, OK}, {300 * ms, 0, 0, 0, OK}},
		},
		{
			"to the very end of a later slot",
			[]time.Duration{150 * ms, 0},
			[]turn{{0, 0, 150 * ms, 0, OK}, {150 * ms, 0, 0, 2, OK}},
		},
		{
			"late and long again",
			[]time.Duration{60 * ms, 60 * ms, 60 * ms, 0},
			[]turn{{0, 0, 60 * ms, 0, OK}, {60 * ms, 10 * ms, 60 * ms, 0, OK}, {120 * ms, 20 * ms, 60 * ms, 0, OK}, {180 * ms, 30 * ms, 0, 0, OK}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l, k := newLoop(takes(func(n int) time.Duration { return tc.takes[n] }), int64(len(tc.takes)))
				if err := l.Run(t.Context()); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tc.want, turnsOf(l, k)); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
			})
		})
	}
}

// TestScheduleNeverDrifts runs an hour of cycles of any length: each starts in a
// slot, a whole number of budgets after the first, and a slot has a cycle or is
// counted as missed.
func TestScheduleNeverDrifts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		random := rand.New(rand.NewPCG(1, 2))
		l, k := newLoop(takes(func(int) time.Duration {
			if random.IntN(100) == 0 {
				return time.Duration(random.Int64N(int64(500 * ms)))
			}
			return time.Duration(random.Int64N(int64(49 * ms)))
		}), 0)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour-time.Nanosecond)
		defer cancel()
		if err := l.Run(ctx); err != nil {
			t.Fatal(err)
		}
		const slots = 72_000
		started, missed, overruns := int64(0), int64(0), 0
		for i, c := range k.all {
			started++
			missed += c.Missed
			if c.Overrun() {
				overruns++
			}
			scheduled := c.Start.Add(-c.Late).Sub(l.start)
			if scheduled != time.Duration(started+missed-1)*l.Info.Budget {
				t.Fatalf("cycle %d was scheduled at %v, after %d cycles and %d missed slots", c.Seq, scheduled, started-1, missed)
			}
			if c.Seq != int64(i+1) || c.Late < 0 || c.Late >= l.Info.Budget {
				t.Fatalf("cycle %d of number %d was late by %v", i+1, c.Seq, c.Late)
			}
			if i > 0 && c.Late > 0 && !c.Start.Equal(k.all[i-1].Start.Add(k.all[i-1].Total)) {
				t.Fatalf("cycle %d was late by %v, though the one before was over", c.Seq, c.Late)
			}
		}
		last := &k.all[len(k.all)-1]
		missed += max(0, int64((last.Start.Add(last.Total).Sub(l.start)-1)/l.Info.Budget)-(started+missed-1))
		if started+missed < slots || missed == 0 || overruns == 0 {
			t.Errorf("%d cycles, %d overruns and %d missed slots in an hour of %d slots", started, overruns, missed, slots)
		}
	})
}

// stepWall steps the wall clock's reading of a moment and leaves its monotonic
// reading alone, as a time server or an administrator steps the system's clock.
func stepWall(t *time.Time, by time.Duration) {
	const secondsAt = 30 // above the nanoseconds: see the comment on time.Time
	*(*uint64)(unsafe.Pointer(t)) += uint64(int64(by/time.Second)) << secondsAt
}

// TestSteppedClockMovesNoSlot runs in real time: the clock of a synctest bubble
// has no monotonic reading.
func TestSteppedClockMovesNoSlot(t *testing.T) {
	t.Parallel()
	for _, step := range []time.Duration{-time.Hour, 24 * time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			t.Parallel()
			before := time.Now()
			stepped := before
			stepWall(&stepped, step)
			if stepped.Sub(before) != 0 || stepped.Unix()-before.Unix() != int64(step/time.Second) {
				t.Fatalf("%v became %v: the test does not know a time's layout any more", before, stepped)
			}
			var l *Loop
			n := 0
			l, k := newLoop(turns(func(_ context.Context, timer *Timer) (Decision, error) {
				w := timer.Start(RTT)
				if n++; n == 3 { // seen from the moments taken before, the clock is stepped
					stepWall(&l.start, -step)
					stepWall(&timer.start, -step)
				}
				w.Stop(OK)
				return Decision{}, nil
			}), 10)
			l.Info.Budget = 5 * ms
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := l.Run(ctx); err != nil || len(k.all) != 10 {
				t.Fatalf("%v, %d cycles", err, len(k.all))
			}
			slots := int64(time.Since(before)/l.Info.Budget) + 1
			missed := int64(0)
			for i, c := range k.all {
				missed += c.Missed
				if c.Late < 0 || c.Late >= l.Info.Budget || c.Total > time.Minute || len(c.Spans) != 1 || c.Spans[0].Offset > c.Total || c.Spans[0].Duration > c.Total {
					t.Errorf("cycle %d: %+v", i+1, c)
				}
			}
			if 10+missed > slots {
				t.Errorf("%d slots missed beside 10 cycles, and there were but %d", missed, slots)
			}
		})
	}
}

func TestCancelledLoopFinishesItsCycle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		l, k := newLoop(turns(func(inside context.Context, _ *Timer) (Decision, error) {
			time.Sleep(20 * ms)
			cancel()
			time.Sleep(20 * ms)
			return Decision{}, inside.Err()
		}), 0)
		if err := l.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]turn{{0, 0, 40 * ms, 0, OK}}, turnsOf(l, k)); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
		if since := time.Since(l.start); since != 40*ms {
			t.Errorf("the loop ended %v after it began: it waited for its next slot", since)
		}
	})
}

func TestCancelledLoopBeginsNoCycle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, k := newLoop(takes(func(int) time.Duration { return 0 }), 0)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := l.Run(ctx); err != nil || len(k.all) != 0 {
			t.Errorf("cancelled before: %v, %d cycles", err, len(k.all))
		}
		ctx, cancel = context.WithTimeout(t.Context(), 75*ms)
		defer cancel()
		if err := l.Run(ctx); err != nil || len(k.all) != 2 {
			t.Errorf("cancelled between two slots: %v, %d cycles, want 2", err, len(k.all))
		}
	})
}

func TestLoopWithoutAnInterval(t *testing.T) {
	t.Parallel()
	l, _ := newLoop(nil, 1)
	l.Info.Budget = 0
	if err := l.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "autorate wan1: interval 0s is not positive") {
		t.Errorf("%v", err)
	}
}

func TestLoopWithoutRecorderAndLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		l := &Loop{Info: &Run{Daemon: Steering, Budget: ms}, Cycles: 3, Daemon: turns(func(ctx context.Context, timer *Timer) (Decision, error) {
			if TimerFrom(ctx) != timer {
				t.Error("the context does not carry the cycle's timer")
			}
			n++
			panic("nobody hears of it")
		})}
		if err := l.Run(t.Context()); err != nil || n != 3 {
			t.Errorf("%v, %d cycles", err, n)
		}
	})
}

// TestLoopsSideBySide runs loops of several intervals into one recorder: a slow
// one and one that panics hold up no other.
func TestLoopsSideBySide(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all := new(kept)
		daemons := []Turner{
			takes(func(int) time.Duration { return 5 * ms }),
			takes(func(int) time.Duration { return time.Second }),
			turns(func(context.Context, *Timer) (Decision, error) { panic("every time") }),
		}
		var wg sync.WaitGroup
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second-1)
		defer cancel()
		for i, d := range daemons {
			l := &Loop{Info: &Run{Daemon: Autorate, WAN: fmt.Sprint(i), Budget: time.Duration(i+1) * 20 * ms}, Daemon: d, Recorder: all}
			wg.Go(func() {
				if err := l.Run(ctx); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		type sum struct{ cycles, missed, late int64 }
		got := map[string]sum{}
		for _, c := range all.all {
			s := got[c.Run.WAN]
			got[c.Run.WAN] = sum{s.cycles + 1, s.missed + c.Missed, s.late + c.Late.Milliseconds()}
		}
		// A cycle of the slow one takes 25 slots of 40 ms: one starts in every 25th.
		want := map[string]sum{"0": {500, 0, 0}, "1": {10, 9 * 24, 0}, "2": {167, 0, 0}}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(sum{})); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	})
}

func TestRecordersAreHandedEachCycleInOrder(t *testing.T) {
	t.Parallel()
	one, two := new(kept), new(kept)
	rs := Recorders{one, two}
	rs.Record(&Cycle{Seq: 1})
	rs.Record(&Cycle{Seq: 2})
	if len(one.all) != 2 || len(two.all) != 2 || two.all[1].Seq != 2 {
		t.Errorf("%+v, %+v", one.all, two.all)
	}
}
