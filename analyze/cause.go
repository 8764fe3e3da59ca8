package analyze

import (
	"time"

	"wanctl/cycle"
)

// Cause is what a cycle waited for longest, beyond what is usual.
type Cause struct {
	Kind   Kind
	Target string // a reflector, or what was timed inside the part, e.g. "login rest"
}

// Kind is a kind of cause.
type Kind uint8

// The kinds. Slow and Lost concern a reflector; Inside something that was timed
// inside a part, such as a login; the others are the parts themselves.
const (
	Process   Kind = iota // the program itself: no part accounts for the time
	Slow                  // a reflector answered late
	Lost                  // a reflector did not answer
	Silence               // no reflector answered
	Echoes                // the measurement, but none of its echoes
	Queues                // the router, reading the queues
	RuleRead              // the router, reading the rule
	Decision              // the law, or saving the state
	LimitsSet             // the router, writing
	Inside
)

var kindPhrases = [...]string{
	Process: "the process itself", Silence: "any reflector to answer", Echoes: "the measurement to end after its echoes", Queues: "the router to tell its queues",
	RuleRead: "the router to tell its rule", Decision: "the decision or the saving of the state", LimitsSet: "the router to take the limits",
}

// String completes the sentence "the cycle waited for ...".
func (c Cause) String() string {
	switch c.Kind {
	case Slow, Inside:
		return c.Target
	case Lost:
		return c.Target + ", which did not answer"
	}
	return kindPhrases[c.Kind]
}

// attribute tells what a cycle waited for: of the stretches that its time divides
// into, the one that exceeds its usual length most, and of what is known of that
// stretch, what fills the excess. A cycle no longer than usual has no excess: of
// it the longest stretch counts.
func attribute(c *cycle.Cycle, u *usual) Cause {
	if c.Total <= u.p50[cycle.Total] {
		u = new(usual)
	}
	us := c.Micros()
	critical, rest := cycle.Critical(&us, c.Run.Sequential)
	worst, most := cycle.Other, cycle.FromMicros(rest)-u.rest
	for _, p := range cycle.Stretches {
		if critical[p] <= 0 {
			continue
		}
		if over := cycle.FromMicros(critical[p]) - u.all[p]; over > most {
			worst, most = p, over
		}
	}
	if worst == cycle.RTT {
		if cause := reflector(c, u, most); cause.Kind != Echoes {
			return cause
		}
	}
	if inside, ok := timedInside(c, worst, cycle.FromMicros(critical[worst]), most); ok {
		return Cause{Inside, inside}
	}
	switch worst {
	case cycle.RTT:
		return Cause{Kind: Echoes}
	case cycle.CAKE:
		return Cause{Kind: Queues}
	case cycle.Rule:
		return Cause{Kind: RuleRead}
	case cycle.Adjust:
		return Cause{Kind: Decision}
	case cycle.Update:
		return Cause{Kind: LimitsSet}
	}
	return Cause{Kind: Process}
}

// reflector tells which echo held the measurement, which took over longer than usual.
func reflector(c *cycle.Cycle, u *usual, over time.Duration) Cause {
	var slowest *cycle.Span
	lost, echoes := "", 0
	for i := range c.Spans {
		s := &c.Spans[i]
		if s.Part != cycle.Probe {
			continue
		}
		echoes++
		switch {
		case s.Outcome != cycle.OK:
			if lost == "" {
				lost = s.Target
			} else {
				lost = lost + " and " + s.Target
			}
		case slowest == nil || s.Duration > slowest.Duration:
			slowest = s
		}
	}
	if slowest != nil && slowest.Duration-u.echo[slowest.Target] >= over/2 {
		return Cause{Slow, slowest.Target}
	}
	switch {
	case lost == "":
		return Cause{Kind: Echoes}
	case slowest == nil && echoes > 1:
		return Cause{Kind: Silence}
	}
	return Cause{Lost, lost}
}

// timedInside returns what else was timed in a part, such as a login or a pause of
// the process, if it fills at least half of what the part took beyond the usual.
func timedInside(c *cycle.Cycle, p cycle.Part, length, over time.Duration) (target string, ok bool) {
	from, to := time.Duration(0), c.Total
	if p != cycle.Other {
		for i := range c.Spans {
			if s := &c.Spans[i]; s.Part == p {
				from = s.Offset
				break
			}
		}
		to = from + length
	}
	var longest time.Duration
	for i := range c.Spans {
		s := &c.Spans[i]
		if s.Part != cycle.Other || s.Target == "" {
			continue
		}
		// Offsets of parts are derived from their lengths, so they are near, not exact.
		common := min(s.Offset+s.Duration, to) - max(s.Offset, from)
		if common > longest && common >= over/2 && common >= s.Duration/2 {
			target, longest = s.Target, common
		}
	}
	return target, target != ""
}
