package steering

import (
	"strings"
	"time"

	"wanctl/cycle"
)

// Switch is what is to be done to the rule.
type Switch uint8

// The switches. Leave: the rule stays as it is.
const (
	Leave Switch = iota
	Enable
	Disable
)

// Reading is what a cycle measured.
type Reading struct {
	Baseline cycle.Maybe[float64] // ms, within its bounds; unknown: the last good one serves
	Queue    cycle.Maybe[Queue]   // unknown: the read failed
	RTT      cycle.Maybe[float64] // ms; unknown: no try was answered, the last known one serves
}

// Verdict is what the law makes of a Reading.
type Verdict struct {
	OK         bool                 // false: without a baseline or an RTT nothing was decided, and nothing is saved
	RTT        cycle.Maybe[float64] // ms, as used
	Delta      cycle.Maybe[float64] // ms above the baseline, never negative
	LastKnown  bool                 // the RTT is the last known one
	Queue      Queue                // zeros where the read failed
	Before     cycle.Zone           // the assessment of the cycle before
	Assessment cycle.Zone           // of this one; in RTT-only mode it never changes
	Switch     Switch               // to be done now; the law is told of success by Switched
}

// maxTransitions is how many changes of the rule the state keeps.
const maxTransitions = 50

// Law is the steering law with what it remembers. It is pure: values in,
// verdict out. The zero Law is of no use; see NewLaw.
type Law struct {
	State
	t        Thresholds
	cake     bool
	history  int
	wan      string // the primary WAN in capitals
	good     string // state names, as the Python program writes them
	degraded string

	wasBad, wasGood int64 // the counters before this cycle: a transition stores those
}

// NewLaw returns the law of a configuration, as it is before its first cycle.
func NewLaw(cfg *Config) *Law {
	wan := strings.ToUpper(cfg.PrimaryWAN)
	return &Law{
		State: State{Assessment: cycle.Green},
		t:     cfg.Thresholds, cake: cfg.CAKEAware, history: max(cfg.HistorySize, 1),
		wan: wan, good: wan + "_GOOD", degraded: wan + "_DEGRADED",
	}
}

// Name returns the name of the law's state, e.g. "WAN1_DEGRADED".
func (l *Law) Name() string { return l.name(l.Degraded) }

func (l *Law) name(degraded bool) string {
	if degraded {
		return l.degraded
	}
	return l.good
}

// InBounds tells whether the law accepts a baseline, in ms.
func (t *Thresholds) InBounds(baseline float64) bool {
	return baseline >= t.BaselineMin && baseline <= t.BaselineMax
}

// Decide takes a cycle's reading and decides. Where the verdict wants a switch,
// Switched is called once the router has confirmed it; otherwise the law asks
// again as long as its reasons last.
func (l *Law) Decide(r Reading) Verdict {
	v := l.take(r)
	if !v.OK {
		return v
	}
	if l.cake {
		l.Bloat = smooth(l.Bloat, v.Delta.Value, l.t.RTTAlpha)
		l.Depth = smooth(l.Depth, float64(v.Queue.Queued), l.t.QueueAlpha)
		l.Assessment = l.t.Assess(l.Bloat, v.Queue)
	}
	l.count(&v)
	return v
}

// take remembers what was measured.
func (l *Law) take(r Reading) Verdict {
	if r.Baseline.Known && l.t.InBounds(r.Baseline.Value) {
		l.Baseline = r.Baseline
	}
	v := Verdict{Before: l.Assessment, Assessment: l.Assessment}
	if !l.Baseline.Known {
		return v
	}
	if l.cake {
		v.Queue = l.queue(r.Queue)
	}
	if v.RTT = r.RTT; !v.RTT.Known {
		if len(l.RTTs) == 0 {
			return v
		}
		v.RTT, v.LastKnown = cycle.Known(l.RTTs[len(l.RTTs)-1]), true
	}
	v.OK, v.Delta = true, cycle.Known(max(0, v.RTT.Value-l.Baseline.Value))
	l.RTTs = remember(l.RTTs, v.RTT.Value, l.history)
	l.Deltas = remember(l.Deltas, v.Delta.Value, l.history)
	return v
}

// decides tells whether a cycle with this baseline and RTT can be decided.
func (l *Law) decides(baseline, rtt cycle.Maybe[float64]) bool {
	return (l.Baseline.Known || baseline.Known && l.t.InBounds(baseline.Value)) && (rtt.Known || len(l.RTTs) > 0)
}

// count moves the counters by the cycle's assessment or, RTT alone, its delta.
func (l *Law) count(v *Verdict) {
	l.wasBad, l.wasGood = l.BadCount, l.GoodCount
	if v.Assessment = l.Assessment; l.cake {
		v.Switch = l.threeState(l.Assessment)
	} else {
		v.Switch = l.rttOnly(v.Delta.Value)
	}
}

// queue takes the reading of the queue. One that failed counts as an empty queue.
func (l *Law) queue(q cycle.Maybe[Queue]) Queue {
	if !q.Known {
		l.CAKEFailures++
		return Queue{}
	}
	l.CAKEFailures = 0
	l.Drops = remember(l.Drops, q.Value.Drops, l.history)
	l.Queued = remember(l.Queued, q.Value.Queued, l.history)
	return q.Value
}

// threeState counts RED cycles while good and GREEN ones while degraded.
func (l *Law) threeState(z cycle.Zone) Switch {
	if l.Degraded {
		if z != cycle.Green {
			l.GoodCount = 0
			return Leave
		}
		l.GoodCount++
		l.RedCount = 0
		return when(l.GoodCount >= l.t.GreenSamples, Disable)
	}
	if z != cycle.Red {
		l.RedCount = 0
		return Leave
	}
	l.RedCount++
	l.GoodCount = 0
	return when(l.RedCount >= l.t.RedSamples, Enable)
}

// rttOnly counts by the delta alone, unsmoothed.
func (l *Law) rttOnly(delta float64) Switch {
	if l.Degraded {
		if !(delta < l.t.RecoveryThreshold) {
			l.GoodCount = 0
			return Leave
		}
		l.GoodCount++
		l.BadCount = 0
		return when(l.GoodCount >= l.t.GoodSamples, Disable)
	}
	if !(delta > l.t.BadThreshold) {
		l.BadCount = 0
		return Leave
	}
	l.BadCount++
	l.GoodCount = 0
	return when(l.BadCount >= l.t.BadSamples, Enable)
}

func when(reached bool, s Switch) Switch {
	if reached {
		return s
	}
	return Leave
}

// Switched tells the law that the router has done what the last verdict wanted.
func (l *Law) Switched(at time.Time) {
	l.transition(at, l.wasBad, l.wasGood)
	if !l.Degraded { // recovered
		l.GoodCount = 0
		return
	}
	if l.cake {
		l.RedCount = 0
	} else {
		l.BadCount = 0
	}
}

// Adopt tells the law how the rule was found. Where that is not what the law
// remembers, the router is right: the law goes on from there with fresh counts,
// and it is true that it did.
func (l *Law) Adopt(on bool, at time.Time) bool {
	if on == l.Degraded {
		return false
	}
	l.transition(at, l.BadCount, l.GoodCount)
	l.RedCount, l.GoodCount, l.BadCount = 0, 0, 0
	return true
}

func (l *Law) transition(at time.Time, bad, good int64) {
	stamp := timestamp(at)
	l.Transitions = remember(l.Transitions, Transition{
		Timestamp: stamp, From: l.name(l.Degraded), To: l.name(!l.Degraded), BadCount: bad, GoodCount: good,
	}, maxTransitions)
	l.LastTransition = cycle.Known(stamp)
	l.Degraded = !l.Degraded
}

// remember appends v and keeps the newest n. The oldest fall off the front, so
// that appending seldom copies.
func remember[T any](h []T, v T, n int) []T {
	h = append(h, v)
	return h[max(0, len(h)-n):]
}

// decision is what the law has to say of a cycle, for the record.
func (l *Law) decision(v Verdict) cycle.Decision {
	d := cycle.Decision{Baseline: l.Baseline, Delta: v.Delta, Degraded: cycle.Known(l.Degraded)}
	if v.OK && l.cake {
		d.Load, d.Queue, d.Download.Zone = cycle.Known(l.Bloat), cycle.Known(l.Depth), v.Assessment
	}
	return d
}
