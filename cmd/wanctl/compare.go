package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"wanctl/analyze"
	"wanctl/analyze/report"
	"wanctl/cycle"
)

// compareCommand tells whether a change helped.
func (p *program) compareCommand() *cli.Command {
	return &cli.Command{
		Name:  "compare",
		Usage: "two windows, or two files, side by side, with a verdict that knows noise",
		Flags: slices.Concat(loopFlags(), []cli.Flag{
			&cli.StringFlag{Name: "before", Usage: "window, e.g. 24h..12h, 2026-01-08..2026-01-09, '2026-01-09 15:04..2026-01-09 16:00'"},
			&cli.StringFlag{Name: "after", Usage: "window, likewise, e.g. 12h..now"},
			&cli.StringFlag{Name: "before-db", TakesFile: true, Usage: "the file that --before is of"},
			&cli.StringFlag{Name: "after-db", TakesFile: true, Usage: "the file that --after is of"},
			tzFlag(), dbFlag(), configFlag(), outputFlag(),
			&cli.StringFlag{Name: "format", Value: "text", Usage: "text or json"},
			&cli.StringSliceFlag{Name: "fail-if", Usage: "exit 1 if this came true, e.g. 'total p99 slower'; may be given several times"},
		}),
		Action: p.compare,
	}
}

func (p *program) compare(c *cli.Context) error {
	loc, err := zone(c)
	if err != nil {
		return err
	}
	o, err := p.analyzeOptions(c)
	if err != nil {
		return err
	}
	layout := map[string]func(io.Writer, *analyze.Comparison, report.Options) error{"text": report.Compare, "json": report.CompareJSON}[c.String("format")]
	if layout == nil {
		return misuse("--format %q is none (use text or json)", c.String("format"))
	}
	expectations, err := parseAll(c.StringSlice("fail-if"), analyze.ParseExpectation)
	if err != nil {
		return err
	}
	before, after, err := p.sides(c, loc)
	if err != nil {
		return err
	}
	defer before.recordings.Close()
	defer after.recordings.Close()
	for _, s := range []*side{before, after} {
		if _, err := s.recordings.analyze(c.Context, s.window, o, loc); err != nil {
			return err
		}
	}
	answer, err := analyze.Compare(c.Context, before.side(), after.side(), o)
	if err != nil {
		return before.recordings.wrap(err)
	}
	if err := p.output(c, func(out io.Writer) error { return layout(out, answer, p.reportOptions(c, before.recordings, loc)) }); err != nil {
		return err
	}
	return cameTrue(expectations, func(e analyze.Expectation) (bool, string, error) { return e.Met(answer) })
}

// cameTrue returns an error that names each condition of --fail-if that came true.
func cameTrue[T any](conditions []T, met func(T) (bool, string, error)) error {
	var came []string
	for _, c := range conditions {
		yes, found, err := met(c)
		if err != nil {
			return fmt.Errorf("--fail-if: %w", err)
		}
		if yes {
			came = append(came, found)
		}
	}
	if len(came) == 0 {
		return nil
	}
	return fmt.Errorf("--fail-if came true: %s", strings.Join(came, "; "))
}

func parseAll[T any](texts []string, parse func(string) (T, error)) (all []T, err error) {
	for _, text := range texts {
		v, err := parse(text)
		if err != nil {
			return nil, misuse("--fail-if: %v", err)
		}
		all = append(all, v)
	}
	return all, nil
}

// side is one of the two recordings that are compared.
type side struct {
	window     cycle.Window
	recordings *recordings
}

func (s *side) side() analyze.Side {
	return analyze.Side{Window: s.window, Sources: s.recordings.sources()}
}

// sides opens what --before and --after, --before-db and --after-db name.
func (p *program) sides(c *cli.Context, loc *time.Location) (before, after *side, err error) {
	if (c.String("before-db") == "") != (c.String("after-db") == "") {
		return nil, nil, misuse("compare: --before-db and --after-db go together")
	}
	twoFiles := c.String("before-db") != ""
	if !twoFiles && (c.String("before") == "" || c.String("after") == "") {
		return nil, nil, misuse("compare wants --before WINDOW and --after WINDOW (such as 24h..12h and 12h..now), or --before-db FILE and --after-db FILE")
	}
	if twoFiles && len(c.StringSlice("db")) > 0 {
		return nil, nil, misuse("compare: --db does not go with --before-db and --after-db")
	}
	if before, err = p.oneSide(c, "before", loc); err != nil {
		return nil, nil, err
	}
	if after, err = p.oneSide(c, "after", loc); err != nil {
		before.recordings.Close()
		return nil, nil, err
	}
	return before, after, nil
}

func (p *program) oneSide(c *cli.Context, name string, loc *time.Location) (s *side, err error) {
	s = new(side)
	if text := c.String(name); text != "" {
		if s.window, err = parseWindow(text, p.now(), loc); err != nil {
			return nil, misuse("--%s: %v", name, err)
		}
	}
	if db := c.String(name + "-db"); db != "" {
		s.recordings, err = openRecordings(c.Context, db)
	} else {
		s.recordings, err = p.recordings(c)
	}
	if err != nil || !s.window.Until.IsZero() {
		return s, err
	}
	if s.window, err = s.recordings.whole(c.Context); err != nil {
		s.recordings.Close()
		return nil, err
	}
	return s, nil
}

// whole returns the window from the first cycle that is kept one by one to the
// newest.
func (rs *recordings) whole(ctx context.Context) (w cycle.Window, err error) {
	w = cycle.Window{Since: time.Unix(0, 0), Until: time.Unix(1, 0)}
	for _, r := range rs.readers {
		newest, err := r.Newest(ctx)
		if err != nil {
			return w, rs.wrap(err)
		}
		if end := newest.Add(time.Microsecond); end.After(w.Until) {
			w.Until = end
		}
	}
	for c, err := range analyze.Cycles(ctx, w, analyze.Options{}, rs.sources()...) {
		if err != nil {
			return w, rs.wrap(err)
		}
		w.Since = c.Start
		break
	}
	return w, nil
}

// parseWindow reads two moments with two dots between them.
func parseWindow(s string, now time.Time, loc *time.Location) (w cycle.Window, err error) {
	since, until, ok := strings.Cut(s, "..")
	if !ok {
		return w, fmt.Errorf("%q is no window (use two times with .. between them, such as 24h..12h or 2026-01-08..2026-01-09)", s)
	}
	if w.Since, err = analyze.ParseTime(strings.TrimSpace(since), now, loc); err != nil {
		return w, err
	}
	if w.Until, err = analyze.ParseTime(strings.TrimSpace(until), now, loc); err != nil {
		return w, err
	}
	if !w.Since.Before(w.Until) {
		return w, fmt.Errorf("%q is empty: it ends at or before its begin", s)
	}
	return w, nil
}
