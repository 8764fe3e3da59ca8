package analyze

import (
	"fmt"
	"time"

	"wanctl/cycle"
)

// partAdvice says what usually helps where a loop waits on a part.
var partAdvice = map[cycle.Part]string{
	cycle.RTT: "the cycle waits on the echoes: compare the reflectors (--by reflector) and replace the slowest; the RTT to the nearest " +
		"reflector is the least a cycle can take",
	cycle.CAKE:   "the cycle waits on reading the queues: the api transport reads both in one round trip, and a connection that is kept needs no login",
	cycle.Rule:   "the cycle waits on reading the rule: see wanctl why for logins and reconnects, and prefer the api transport",
	cycle.Adjust: "the cycle waits on the decision, in which the state is saved: is the state file on slow or failing storage?",
	cycle.Update: "the cycle waits on writing the limits: writes happen only on a change, so rates that swing write often; see wanctl replay for calmer thresholds",
}

// Advise says what could be done for a loop, most urgent first; nothing where all
// is well.
func Advise(l *Loop) (advice []string) {
	if l.Cycles == 0 {
		return nil
	}
	if l.Dropped > 0 {
		advice = append(advice, fmt.Sprintf("%s run but not recorded: the log of the daemon says why (wanctl db check looks at the file)", counted(l.Dropped, "cycle")))
	}
	if l.Missed > 0 {
		advice = append(advice, fmt.Sprintf("%s passed without a cycle: wanctl why shows what came before", counted(l.Missed, "slot")))
	}
	if l.Overruns > 0 {
		advice = append(advice, fmt.Sprintf("%s longer than the interval: wanctl why tells what held each of them", counted(l.Overruns, "cycle")))
	}
	if l.Failed*100 > l.Cycles {
		advice = append(advice, fmt.Sprintf("%.1f %% of the cycles failed: the log of the daemon names the reasons", 100*ratio(l.Failed, l.Cycles)))
	}
	if b := l.Bottleneck.Value; l.Bottleneck.Known && b.Priority == High {
		advice = append(advice, partAdvice[b.Label.Part()])
	}
	if total := l.Span(cycle.Total); total != nil && l.Budget >= time.Second && l.Overruns == 0 && !total.P99.Thin && total.P99.Value*5 < l.Budget {
		advice = append(advice, fmt.Sprintf("99 of 100 cycles take at most %v of %v: a shorter interval is possible; --what-if tells what it would do", total.P99.Value, l.Budget))
	}
	return advice
}
