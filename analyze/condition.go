package analyze

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"wanctl/cycle"
)

// Condition is something to watch for in an analysis, for use in scripts: a
// figure of a loop or of one of its labels, and a bound.
//
//	autorate total.p99 > 50ms
//	total.p99 >= 50ms
//	steering wan1 rtt.failed > 10
//	autorate overruns > 0
//	utilization > 80%
type Condition struct {
	text     string
	daemon   cycle.Daemon // "": any
	wan      string       // "": any
	label    string       // a part or a label; "": the figure is the loop's
	figure   string
	operator string
	bound    float64 // ms for durations
}

// figures of a label, in milliseconds; counts are plain numbers.
var labelFigures = map[string]func(*Span) float64{
	"p50":            func(s *Span) float64 { return cycle.Millis(s.P50.Value) },
	"p95":            func(s *Span) float64 { return cycle.Millis(s.P95.Value) },
	"p99":            func(s *Span) float64 { return cycle.Millis(s.P99.Value) },
	"min":            func(s *Span) float64 { return cycle.Millis(s.Min) },
	"avg":            func(s *Span) float64 { return s.Avg() },
	"max":            func(s *Span) float64 { return cycle.Millis(s.Max) },
	"count":          func(s *Span) float64 { return float64(s.Count) },
	"failed":         func(s *Span) float64 { return float64(s.Failed) },
	"share":          func(s *Span) float64 { return s.Share },
	"critical_share": func(s *Span) float64 { return s.CriticalShare },
}

// figures of a loop.
var loopFigures = map[string]func(*Loop) float64{
	"cycles":      func(l *Loop) float64 { return float64(l.Cycles) },
	"failed":      func(l *Loop) float64 { return float64(l.Failed) },
	"missed":      func(l *Loop) float64 { return float64(l.Missed) },
	"dropped":     func(l *Loop) float64 { return float64(l.Dropped) },
	"overruns":    func(l *Loop) float64 { return float64(l.Overruns) },
	"utilization": func(l *Loop) float64 { return l.Utilization.Or(math.NaN()) },
	"headroom":    func(l *Loop) float64 { return cycle.Millis(l.Headroom.Value) },
}

// timed are the figures that are durations: their bound takes a unit.
var timed = map[string]bool{"p50": true, "p95": true, "p99": true, "min": true, "avg": true, "max": true, "headroom": true}

var operators = map[string]func(a, b float64) bool{
	">": func(a, b float64) bool { return a > b }, ">=": func(a, b float64) bool { return a >= b },
	"<": func(a, b float64) bool { return a < b }, "<=": func(a, b float64) bool { return a <= b },
}

// ParseCondition reads a condition.
func ParseCondition(s string) (c Condition, err error) {
	c.text = strings.Join(strings.Fields(s), " ")
	bad := func(why string) (Condition, error) {
		return c, fmt.Errorf("%q: %s (write it as 'autorate total.p99 > 50ms' or 'steering overruns > 0')", s, why)
	}
	at := strings.IndexAny(s, "<>")
	if at < 0 {
		return bad("there is no < or >")
	}
	c.operator = s[at : at+1]
	rest := s[at+1:]
	if strings.HasPrefix(rest, "=") {
		c.operator, rest = c.operator+"=", rest[1:]
	}
	words := strings.Fields(s[:at])
	if len(words) == 0 || len(words) > 3 {
		return bad("before the sign stand at most a daemon, a WAN and a figure")
	}
	c.daemon, c.wan = scope(words[:len(words)-1])
	name := words[len(words)-1]
	dot := strings.LastIndexByte(name, '.')
	if dot >= 0 {
		c.label, c.figure = name[:dot], name[dot+1:]
	} else {
		c.figure = name
	}
	if _, ok := labelFigures[c.figure]; c.label != "" && !ok {
		return bad("a label has no figure " + strconv.Quote(c.figure))
	}
	if _, ok := loopFigures[c.figure]; c.label == "" && !ok {
		return bad("a loop has no figure " + strconv.Quote(c.figure))
	}
	if c.bound, err = parseBound(strings.TrimSpace(rest), timed[c.figure]); err != nil {
		return bad(err.Error())
	}
	return c, nil
}

// scope reads a daemon and a WAN, either of which may be left out.
func scope(words []string) (d cycle.Daemon, wan string) {
	for _, w := range words {
		if d == "" && (w == string(cycle.Autorate) || w == string(cycle.Steering)) {
			d = cycle.Daemon(w)
		} else {
			wan = w
		}
	}
	return d, wan
}

func parseBound(s string, duration bool) (float64, error) {
	if duration {
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, fmt.Errorf("%q is no duration (use 50ms, 1.5s)", s)
		}
		return cycle.Millis(d), nil
	}
	number, percent := strings.CutSuffix(s, "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("%q is no number", s)
	}
	if percent {
		v /= 100
	}
	return v, nil
}

// Met tells whether the condition holds for any loop it speaks of, and what was
// found. A condition that speaks of nothing recorded is an error, for it watches
// nothing.
func (c Condition) Met(a *Analysis) (met bool, found string, err error) {
	seen := false
	check := func(who string, v float64, what string) {
		seen = true
		if operators[c.operator](v, c.bound) {
			met = true
			found = fmt.Sprintf("%s (%s: %s %s)", c.text, who, what, c.shown(v))
		}
	}
	for i := range a.Loops {
		l := &a.Loops[i]
		if c.daemon != "" && l.Daemon != c.daemon || c.wan != "" && l.WAN != c.wan {
			continue
		}
		if c.label == "" {
			check(l.String(), loopFigures[c.figure](l), c.figure)
			continue
		}
		for j := range l.Spans {
			if s := &l.Spans[j]; named(s.Part, s.Label, s.Target, c.label) && (s.Count > 0 || !timed[c.figure]) {
				check(l.String(), labelFigures[c.figure](s), s.Name()+" "+c.figure)
			}
		}
	}
	if !seen {
		return false, "", fmt.Errorf("%q speaks of nothing that was recorded", c.text)
	}
	return met, found, nil
}

func (c Condition) shown(v float64) string {
	if timed[c.figure] {
		return fmt.Sprintf("%.3gms", v)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// named tells whether a word means a series: its part, its label or its target.
func named(p cycle.Part, l cycle.Label, target, word string) bool {
	return p.String() == word || string(l) == word || target != "" && target == word
}

// Expectation is something to watch for in a comparison, for use in scripts:
// "total p99 slower", "autorate rtt mean faster", "total slower" (of the median).
type Expectation struct {
	text      string
	daemon    cycle.Daemon
	wan       string
	label     string
	statistic string
	verdict   Verdict
}

// ParseExpectation reads an expectation.
func ParseExpectation(s string) (e Expectation, err error) {
	words := strings.Fields(s)
	e.text = strings.Join(words, " ")
	bad := func(why string) (Expectation, error) {
		return e, fmt.Errorf("%q: %s (write it as 'total p99 slower' or 'autorate rtt mean faster')", s, why)
	}
	if len(words) < 2 {
		return bad("a label and a verdict are the least")
	}
	switch e.verdict = Verdict(words[len(words)-1]); e.verdict {
	case Faster, Slower:
	default:
		return bad("the verdict is faster or slower")
	}
	words = words[:len(words)-1]
	e.statistic = "p50"
	if len(words) == 1 { // total.p99, but a reflector has dots too
		if dot := strings.LastIndexByte(words[0], '.'); dot >= 0 && (&Change{}).statistic(words[0][dot+1:]) != nil {
			words = []string{words[0][:dot], words[0][dot+1:]}
		}
	}
	if last := words[len(words)-1]; (&Change{}).statistic(last) != nil {
		e.statistic, words = last, words[:len(words)-1]
	}
	if len(words) == 0 || len(words) > 3 {
		return bad("before the verdict stand a daemon, a WAN, a label and p50, p95, p99 or mean, of which the label must")
	}
	e.daemon, e.wan = scope(words[:len(words)-1])
	e.label = words[len(words)-1]
	return e, nil
}

// statistic returns a change's statistic by name; nil if there is none.
func (c *Change) statistic(name string) *Difference {
	return map[string]*Difference{"p50": &c.P50, "p95": &c.P95, "p99": &c.P99, "mean": &c.Mean}[name]
}

// Met tells whether the expectation came true for any series it speaks of, and
// what was found. One that speaks of nothing recorded is an error.
func (e Expectation) Met(c *Comparison) (met bool, found string, err error) {
	seen := false
	for i := range c.Changes {
		x := &c.Changes[i]
		if e.daemon != "" && x.Daemon != e.daemon || e.wan != "" && x.WAN != e.wan || !named(x.Part, x.Label, x.Target, e.label) {
			continue
		}
		seen = true
		if d := x.statistic(e.statistic); d.Verdict == e.verdict {
			met = true
			found = fmt.Sprintf("%s (%s %s %s: %v before, %v after)", e.text, x.Daemon, x.WAN, x.Name(), d.Before, d.After)
		}
	}
	if !seen {
		return false, "", fmt.Errorf("%q speaks of nothing that was recorded", e.text)
	}
	return met, found, nil
}
