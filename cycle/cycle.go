package cycle

import "time"

// Run is one start of a daemon's loop: what all of its cycles have in common.
// It is made once, before the first cycle, and not changed after.
type Run struct {
	Daemon     Daemon
	WAN        string
	Started    time.Time
	Version    string        // the program's version
	Budget     time.Duration // the loop's interval: a cycle that takes longer is an overrun
	Reflectors []string      // in the order of the probes
	Config     string        // the settings in force as JSON, without secrets
	State      string        // the law's state at the start as JSON, for replay
	Router     string        // what the router told of itself, e.g. write-sect-since-reboot; "" if unknown
	Sequential bool          // true where parts ran one after the other (imported recordings)
	Source     string        // where imported cycles come from; "" for our own
}

// Outcome says how a span or a cycle ended.
type Outcome uint8

// The outcomes. All but OK count as failed.
const (
	OK       Outcome = iota
	Failed           // it returned an error
	TimedOut         // its deadline passed
	Panicked         // it panicked, and the panic was caught
)

var outcomeNames = [...]string{"ok", "failed", "timeout", "panic"}

// String returns "ok", "failed", "timeout" or "panic".
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) {
		return outcomeNames[o]
	}
	return outcomeNames[Failed]
}

// Span is a named, timed part of a cycle.
type Span struct {
	Label    Label
	Part     Part          // what the label stands for
	Target   string        // a reflector, a queue, a router request; "" where the label says it all
	Offset   time.Duration // from the cycle's start
	Duration time.Duration
	Outcome  Outcome
}

// Cycle is one turn of a loop. A Recorder sees a finished cycle; the loop reuses
// the value, so what is to be kept is copied before Record returns.
type Cycle struct {
	Run       *Run
	Seq       int64         // 1 for the first cycle of the run
	Start     time.Time     // when it actually started
	Late      time.Duration // actual minus scheduled start, never negative
	Missed    int64         // scheduled slots passed over just before this one
	Total     time.Duration
	Outcome   Outcome
	Spans     []Span // all but the total, in the order they ended
	Lost      int    // spans beyond the timer's bound: timed, not kept
	Decision  Decision
	Recovered bool // written by a later start, after a crash
}

// Overrun tells whether the cycle took longer than its budget.
// Times are compared in whole microseconds, as they are recorded.
func (c *Cycle) Overrun() bool {
	return c.Run != nil && c.Run.Budget > 0 && c.Total.Microseconds() > c.Run.Budget.Microseconds()
}

// Part returns the duration of one of the cycle's parts and whether it ran.
func (c *Cycle) Part(p Part) (time.Duration, bool) {
	if p == Total {
		return c.Total, true
	}
	if p == Late {
		return c.Late, true
	}
	for i := range c.Spans {
		if c.Spans[i].Part == p {
			return c.Spans[i].Duration, true
		}
	}
	return 0, false
}

// Recorder takes finished cycles. Record never blocks, never fails and keeps no
// reference to c: what cannot be recorded is counted as dropped.
type Recorder interface {
	Record(c *Cycle)
}

// Recorders hands each cycle to several recorders, in order.
type Recorders []Recorder

var _ Recorder = Recorders(nil)

// Record implements Recorder.
func (rs Recorders) Record(c *Cycle) {
	for _, r := range rs {
		r.Record(c)
	}
}

// Drop counts cycles that were run but not recorded.
type Drop struct {
	At     time.Time
	Daemon Daemon
	WAN    string
	Count  int64
	Reason string
}

// Window is a half-open stretch of time: Since is in it, Until is not.
type Window struct {
	Since, Until time.Time
}
