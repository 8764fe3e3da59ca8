package cycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Turner is a daemon: what is done in one turn of a loop. Turn is called from
// one goroutine at a time and returns by the context's deadline. An error makes
// the cycle a failed one; the decision is recorded either way.
type Turner interface {
	Turn(ctx context.Context, t *Timer) (Decision, error)
}

// Loop runs a daemon's cycles on a fixed schedule that never drifts: slot k
// begins k budgets after the first. A cycle that ends in a later slot than its
// own is followed at once by one in that slot, started late; slots that no cycle
// started in are counted as missed.
type Loop struct {
	Info     *Run          // what all its cycles have in common; Budget is the interval; must be positive
	Deadline time.Duration // for one cycle; 0: the larger of the budget and 2 s
	Daemon   Turner
	Recorder Recorder     // may be nil
	Log      *slog.Logger // may be nil
	Cycles   int64        // stop after so many; 0: never
	start    time.Time    // of the schedule
	throttle *Throttle
}

// String names the loop, e.g. "autorate wan1".
func (l *Loop) String() string { return string(l.Info.Daemon) + " " + l.Info.WAN }

// Run runs until the context is cancelled or Cycles are done, and returns nil. A
// cycle that has begun is finished first. A cycle that fails, by error or by
// panic, is counted and logged, and the loop goes on.
func (l *Loop) Run(ctx context.Context) error {
	if l.Info.Budget <= 0 {
		return fmt.Errorf("%s: interval %v is not positive", l, l.Info.Budget)
	}
	log := l.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	deadline := l.Deadline
	if deadline <= 0 {
		deadline = max(l.Info.Budget, 2*time.Second)
	}
	timer := NewTimer(l.Info.Daemon, log)
	inside := WithTimer(context.WithoutCancel(ctx), timer)
	l.throttle = NewThrottle(l.Info.Budget)
	c := &Cycle{Run: l.Info}
	tick := time.NewTimer(0)
	defer tick.Stop()
	l.start = time.Now()
	for slot := int64(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if ctx.Err() != nil {
			return nil // both were ready, and the wish to stop goes first
		}
		now := time.Now()
		due := int64(now.Sub(l.start) / l.Info.Budget)
		*c = Cycle{Run: l.Info, Seq: c.Seq + 1, Start: now, Missed: max(0, due-slot)}
		slot = max(slot, due)
		c.Late = max(0, now.Sub(l.start.Add(time.Duration(slot)*l.Info.Budget)))
		l.turn(inside, c, timer, deadline, log)
		if l.Cycles > 0 && c.Seq >= l.Cycles {
			return nil
		}
		slot++
		tick.Reset(time.Until(l.start.Add(time.Duration(slot) * l.Info.Budget)))
	}
}

// turn runs one cycle and hands it over.
func (l *Loop) turn(ctx context.Context, c *Cycle, timer *Timer, deadline time.Duration, log *slog.Logger) {
	timer.Begin(c.Start)
	ctx, cancel := context.WithTimeout(ctx, deadline)
	err := Guard(func() (err error) {
		c.Decision, err = l.Daemon.Turn(ctx, timer)
		return err
	})
	cancel()
	c.Total = time.Since(c.Start)
	c.Outcome = OutcomeOf(err)
	c.Spans, c.Lost = timer.Spans()
	if timer.log != nil {
		timer.logSpan(l.Info.Daemon.Label(Total), "", c.Total)
	}
	l.tell(ctx, c, err, log)
	if l.Recorder != nil {
		l.Recorder.Record(c)
	}
}

// tell logs what became of a cycle.
func (l *Loop) tell(ctx context.Context, c *Cycle, err error, log *slog.Logger) {
	if p, ok := errors.AsType[*PanicError](err); ok {
		if unsaid, ok := l.throttle.Say("panicked", time.Now()); ok {
			log.Error("cycle panicked", "error", err, "stack", string(p.Stack), unsaid)
		}
	}
	if log.Enabled(ctx, slog.LevelInfo) {
		log.LogAttrs(ctx, slog.LevelInfo, c.Line(), c.values())
	}
	if c.Lost > 0 {
		if unsaid, ok := l.throttle.Say("lost", time.Now()); ok {
			log.Warn("more spans than a cycle can hold; the rest is not recorded", "lost", c.Lost, unsaid)
		}
	}
}
