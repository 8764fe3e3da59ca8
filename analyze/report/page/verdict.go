package page

import (
	"fmt"
	"strings"

	"wanctl/analyze"
	"wanctl/cycle"
)

// verdict says in a sentence how things are.
type verdict struct {
	Good bool
	Text string
	Then []string // a sentence of each loop's bottleneck
}

// judge finds the verdict: what went wrong, most harmful first, or that nothing did.
func judge(a *analyze.Analysis) (v verdict) {
	if len(a.Loops) == 0 {
		return verdict{Text: "Nothing was recorded in this window."}
	}
	var wrong []string
	for i := range a.Loops {
		l := &a.Loops[i]
		wrong = append(wrong, troubles(l)...)
		if b := l.Bottleneck; b.Known {
			v.Then = append(v.Then, fmt.Sprintf("%s waits longest on %s: %s of the cycle, %s priority.",
				loopName(l), partPhrase(b.Value.Label), percent(b.Value.CriticalShare), b.Value.Priority))
		}
	}
	if len(wrong) == 0 {
		v.Good = true
		v.Text = fmt.Sprintf("All is well: of %s none overran or failed, and no slot was missed.", plural(a.Cycles(), "cycle"))
		return v
	}
	v.Text = strings.Join(wrong, "; ") + "."
	return v
}

// troubles tells what went wrong in a loop.
func troubles(l *analyze.Loop) []string {
	var parts []string
	if l.Overruns > 0 {
		parts = append(parts, fmt.Sprintf("%s of %s took longer than %s", count(l.Overruns), plural(l.Cycles, "cycle"), stretch(l.Budget)))
	}
	if l.Failed > 0 {
		parts = append(parts, fmt.Sprintf("%s failed", count(l.Failed)))
	}
	if l.Missed > 0 {
		parts = append(parts, plural(l.Missed, "slot")+" passed without a cycle")
	}
	if l.Dropped > 0 {
		parts = append(parts, plural(l.Dropped, "cycle")+" went unrecorded")
	}
	if len(parts) == 0 {
		return nil
	}
	return []string{loopName(l) + ": " + strings.Join(parts, ", ")}
}

// partPhrases say what a part does.
var partPhrases = map[cycle.Part]string{
	cycle.RTT: "the RTT measurement", cycle.CAKE: "the reading of the queues", cycle.Rule: "the reading of the rule",
	cycle.Adjust: "the decision", cycle.Update: "the router write",
}

func partPhrase(l cycle.Label) string {
	if s := partPhrases[l.Part()]; s != "" {
		return s
	}
	return printable(string(l))
}
