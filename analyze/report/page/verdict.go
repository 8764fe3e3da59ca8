package page

import (
	"fmt"
	"strings"
	"time"

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
func judge(c *Content, o *Options) (v verdict) {
	a := c.Analysis
	if len(a.Loops) == 0 {
		return verdict{Text: "Nothing was recorded in this window."}
	}
	var wrong []string
	clean := true // what is on record
	for i := range a.Loops {
		l := &a.Loops[i]
		missing, spoiled := absences(l, c.Timeline, o), troubles(l)
		clean = clean && len(spoiled) == 0
		if all := append(missing, spoiled...); len(all) > 0 {
			wrong = append(wrong, loopName(l)+": "+strings.Join(all, ", "))
		}
		if b := l.Bottleneck; b.Known {
			v.Then = append(v.Then, fmt.Sprintf("%s waits longest on %s: %s of the cycle, %s priority.",
				loopName(l), partPhrase(b.Value.Label), percent(b.Value.CriticalShare), b.Value.Priority))
		}
	}
	cycles := plural(a.Cycles(), "cycle")
	switch v.Good = len(wrong) == 0; {
	case v.Good:
		v.Text = fmt.Sprintf("All is well: of %s none overran or failed, and no slot was missed.", cycles)
	case clean:
		v.Text = fmt.Sprintf("%s. Of the %s on record none overran or failed, and no slot was missed.", strings.Join(wrong, "; "), cycles)
	default:
		v.Text = strings.Join(wrong, "; ") + "."
	}
	return v
}

// absences tells of what stretches there should be more on record of a loop: those
// that are longer than it takes for cycles to be in the file.
func absences(l *analyze.Loop, t *analyze.Timeline, o *Options) (parts []string) {
	if l.Silent > 0 {
		parts = append(parts, "nothing on record "+since(l, t, o))
	}
	var longest cycle.Window
	large := 0
	for _, g := range gapsOf(l, t) {
		w := cycle.Window{Since: t.Step(g.from).Since, Until: t.Step(g.to).Since}
		if length := w.Until.Sub(w.Since); length > l.Patience {
			large++
			if length > longest.Until.Sub(longest.Since) {
				longest = w
			}
		}
	}
	if large == 0 {
		return parts
	}
	end := t.Window.Until
	text := fmt.Sprintf("nothing on record from %s to %s (%s)", o.short(longest.Since, end), o.short(longest.Until, end), stretch(longest.Until.Sub(longest.Since)))
	if large > 1 {
		text += fmt.Sprintf(" and in %s", plural(int64(large-1), "shorter gap"))
	}
	return append(parts, text)
}

// since says since when nothing is on record of a silent loop, and how long that is.
func since(l *analyze.Loop, t *analyze.Timeline, o *Options) string {
	unit := time.Second
	if l.Silent >= 10*time.Minute {
		unit = time.Minute
	}
	return fmt.Sprintf("since %s (%s)", o.short(l.Newest, t.Window.Until), stretch(l.Silent.Round(unit)))
}

// troubles tells what went wrong in a loop.
func troubles(l *analyze.Loop) (parts []string) {
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
	return parts
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
