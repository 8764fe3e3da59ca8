package cycle

import (
	"fmt"
	"log/slog"
	"strings"
)

// lineParts are the parts a cycle's line tells, in its order. Existing tools
// parse the line; a part that did not run is left out rather than shown as 0.
var lineParts = []struct {
	part Part
	name string
	key  string
}{
	{RTT, "RTT", "rtt_ms"},
	{CAKE, "CAKE", "cake_stats_ms"},
	{Rule, "Rule", "rule_check_ms"},
	{Adjust, "Adjust", "adjust_ms"},
	{Update, "Update", "router_update_ms"},
	{Total, "Total", "cycle_total_ms"},
}

// Line returns the cycle's line for the log, e.g.
//
//	Autorate cycle: RTT=12.3ms, CAKE=45.2ms, Adjust=0.1ms, Total=46.0ms
//	Steering cycle: RTT=12.3ms, CAKE=45.2ms, Rule=5.1ms, Total=62.6ms
func (c *Cycle) Line() string {
	b := new(strings.Builder)
	name := string(c.Run.Daemon)
	if name != "" {
		name = strings.ToUpper(name[:1]) + name[1:]
	}
	fmt.Fprintf(b, "%s cycle: ", name)
	sep := ""
	for _, lp := range lineParts {
		if lp.part == Update || lp.part == Adjust && c.Run.Daemon == Steering {
			continue // not in the line: see values
		}
		if d, ok := c.Part(lp.part); ok {
			fmt.Fprintf(b, "%s%s=%.1fms", sep, lp.name, Millis(d))
			sep = ", "
		}
	}
	return b.String()
}

// values are what the line tells, and what else is known, under keys of their own.
func (c *Cycle) values() slog.Attr {
	var attrs []any
	for _, lp := range lineParts {
		if d, ok := c.Part(lp.part); ok {
			attrs = append(attrs, slog.Float64(lp.key, Millis(d)))
		}
	}
	attrs = append(attrs, slog.Int64("cycle", c.Seq), slog.Float64("late_ms", Millis(c.Late)), slog.String("outcome", c.Outcome.String()))
	if c.Missed > 0 {
		attrs = append(attrs, slog.Int64("missed", c.Missed))
	}
	return Values(attrs...)
}
