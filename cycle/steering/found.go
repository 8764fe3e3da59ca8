package steering

import (
	"fmt"
	"math"
	"time"

	"wanctl/cycle"
)

// readBaseline reads the baseline out of autorate's state file. With an error it
// is unknown, and the law goes on with the last good one if it has one.
func (s *Steering) readBaseline() (cycle.Maybe[float64], error) {
	v, err := s.baseline.read()
	if err != nil {
		s.log.Debug("no baseline RTT read", "error", err, "last_known", s.law.Baseline.Known)
		return cycle.Maybe[float64]{}, err
	}
	value := cycle.Values("baseline_ms", v)
	s.log.Debug(fmt.Sprintf("Loaded baseline RTT from autorate state: %.2fms", v), value)
	if old := s.law.Baseline; !old.Known {
		s.log.Info(fmt.Sprintf("Initialized baseline RTT: %.2fms", v), value)
	} else if math.Abs(v-old.Value) > 5 {
		s.log.Info(fmt.Sprintf("Baseline RTT updated: %.2fms -> %.2fms", old.Value, v), value)
	}
	return cycle.Known(v), nil
}

// reconcile compares the rule as it was found with what the law remembers. They
// part when the state is lost or old, when a person switches the rule, and when
// a switch of our own went through that the router did not confirm in time. The
// rule as found is right each time: the law takes over from there and, if the
// line is of another mind, switches it by its own counts, never at once.
//
// In a dry run the law's switches exist in its mind alone, so that only the
// first finding means anything.
func (s *Steering) reconcile(m measured) {
	if !m.rule.Known {
		if !s.ruleTrouble {
			s.log.Warn("the rule cannot be read", "comment", s.cfg.RuleComment, "error", m.ruleErr)
		}
		s.ruleTrouble = true
		return
	}
	if s.ruleTrouble {
		s.log.Info("the rule can be read again", "comment", s.cfg.RuleComment)
	}
	first := !s.ruleSeen
	s.ruleTrouble, s.ruleSeen = false, true
	if s.dry && !first {
		return
	}
	before := s.law.Name()
	if !s.law.Adopt(m.rule.Value, time.Now()) {
		return
	}
	message := "the rule was switched from outside; going on from how it is"
	if first {
		message = "the rule is not as the saved state has it; going on from how it is"
	}
	s.log.Warn(message, "on", m.rule.Value, "state_before", before, "state", s.law.Name())
}
