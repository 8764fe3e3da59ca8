package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"wanctl/analyze"
	"wanctl/analyze/report"
	"wanctl/cycle"
)

// whyCommand explains single cycles.
func (p *program) whyCommand() *cli.Command {
	return &cli.Command{
		Name:  "why",
		Usage: "the slowest cycles, each with what made it slow and what was decided in it",
		Flags: slices.Concat(windowFlags(), loopFlags(), []cli.Flag{
			dbFlag(), configFlag(), outputFlag(),
			&cli.IntFlag{Name: "slowest", Value: 10, Usage: "how many cycles to explain"},
			&cli.StringFlag{Name: "cycle", Usage: "explain the cycle of each loop that was under way at this time"},
		}),
		Action: p.why,
	}
}

// maxSlowest bounds what is kept in memory and shown.
const maxSlowest = 1000

// aroundCycle is how much before and after a cycle tells what is usual for it.
const aroundCycle = 30 * time.Minute

func (p *program) why(c *cli.Context) error {
	q := analyze.Question{Slowest: c.Int("slowest")}
	if q.Slowest < 1 || q.Slowest > maxSlowest {
		return misuse("--slowest %d is out of range (1 to %d)", q.Slowest, maxSlowest)
	}
	w, loc, err := p.window(c)
	if err != nil {
		return err
	}
	if at := c.String("cycle"); at != "" {
		if c.IsSet("slowest") {
			return misuse("why takes --slowest or --cycle, not both")
		}
		if q.At, err = analyze.ParseTime(at, p.now(), loc); err != nil {
			return misuse("--cycle: %v", err)
		}
		if !c.IsSet("since") && !c.IsSet("until") {
			w = cycle.Window{Since: q.At.Add(-aroundCycle), Until: q.At.Add(aroundCycle)}
		}
	}
	o, err := p.analyzeOptions(c)
	if err != nil {
		return err
	}
	rs, err := p.recordings(c)
	if err != nil {
		return err
	}
	defer rs.Close()
	y, err := analyze.Why(c.Context, w, q, o, rs.sources()...)
	switch {
	case err != nil:
		return rs.wrap(err)
	case len(y.Analysis.Loops) == 0:
		return rs.nothing(c.Context, w, o, loc)
	case !q.At.IsZero() && y.Idle():
		return idle(y, q.At, w, loc)
	case len(y.Cycles) == 0 && !q.At.IsZero():
		return fmt.Errorf("no cycle was under way at %s: cycles from %s to %s are known by their minutes at most",
			moment(q.At, loc), moment(w.Since, loc), moment(w.Until, loc))
	case len(y.Cycles) == 0:
		return fmt.Errorf("the cycles from %s to %s are no longer kept one by one, only their minutes: wanctl analyze answers for them",
			moment(w.Since, loc), moment(w.Until, loc))
	}
	return p.output(c, func(out io.Writer) error { return report.Why(out, y, p.reportOptions(c, rs, loc)) })
}

// idle says that nothing ran at a moment, and what did before and after.
func idle(y *analyze.Whys, at time.Time, w cycle.Window, loc *time.Location) error {
	before := "no cycle is on record from " + moment(w.Since, loc) + " to then"
	if !y.Before.IsZero() {
		before = "the cycle before was at " + moment(y.Before, loc)
	}
	after := "none is on record from then to " + moment(w.Until, loc)
	if !y.After.IsZero() {
		after = "the next at " + moment(y.After, loc)
	}
	return fmt.Errorf("nothing ran at %s: %s, %s", moment(at, loc), before, after)
}
