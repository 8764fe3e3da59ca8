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

// question is what a picture of a window needs to know.
type question struct {
	recordings *recordings
	window     cycle.Window
	options    analyze.Options
	answer     *analyze.Analysis
	shown      report.Options
}

// picture is what analyze shows in place of its table.
type picture func(ctx context.Context, out io.Writer, q *question) error

// askedFor returns the picture that the flags ask for; nil for the table.
func askedFor(c *cli.Context) (picture, error) {
	var names []string
	for _, name := range []string{"by", "histogram", "trend", "what-if"} {
		if c.IsSet(name) {
			names = append(names, "--"+name)
		}
	}
	switch {
	case len(names) == 0:
		return nil, nil
	case len(names) > 1:
		return nil, misuse("analyze shows one at a time: %s", strings.Join(names, " or "))
	case c.String("format") != "text":
		return nil, misuse("%s is for --format text", names[0])
	}
	switch names[0] {
	case "--by":
		by := c.String("by")
		if !slices.Contains(analyze.Groupings, by) {
			return nil, misuse("--by %q is none (use %s)", by, strings.Join(analyze.Groupings, ", "))
		}
		return func(ctx context.Context, out io.Writer, q *question) error { return splitBy(ctx, out, q, by) }, nil
	case "--histogram":
		label := c.String("histogram")
		return func(_ context.Context, out io.Writer, q *question) error { return histogram(out, q, label) }, nil
	case "--trend":
		return trend, nil
	}
	intervals, err := parseIntervals(c.String("what-if"))
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, out io.Writer, q *question) error { return whatIf(ctx, out, q, intervals) }, nil
}

func splitBy(ctx context.Context, out io.Writer, q *question, by string) error {
	zone := q.shown.Zone
	groups, err := analyze.By(ctx, q.window, by, zone, q.options, q.recordings.sources()...)
	if err != nil {
		return q.recordings.wrap(err)
	}
	if len(groups) == 0 {
		return fmt.Errorf("nothing recorded to split by %s", by)
	}
	for i, g := range groups {
		if i > 0 {
			fmt.Fprintln(out)
		}
		fmt.Fprintf(out, "== %s\n", g.Name)
		if err := report.Text(out, g.Analysis, q.shown); err != nil {
			return err
		}
	}
	return nil
}

func histogram(out io.Writer, q *question, label string) error {
	found := false
	var names []string
	for i := range q.answer.Loops {
		l := &q.answer.Loops[i]
		for j := range l.Spans {
			s := &l.Spans[j]
			if s.Is(label) {
				if found {
					fmt.Fprintln(out)
				}
				found = true
				if err := report.Histogram(out, l, s, q.shown); err != nil {
					return err
				}
			}
			if !slices.Contains(names, string(s.Label)) {
				names = append(names, string(s.Label))
			}
		}
	}
	if !found {
		return fmt.Errorf("--histogram %s: nothing of that name was recorded; labels are %s", label, strings.Join(names, ", "))
	}
	return nil
}

// trendSteps is how many steps fit on a terminal beside the labels.
const trendSteps = 60

func trend(ctx context.Context, out io.Writer, q *question) error {
	trends, step, err := analyze.Trends(ctx, q.window, trendSteps, q.options, q.recordings.sources()...)
	if err != nil {
		return q.recordings.wrap(err)
	}
	return report.Trends(out, trends, step, q.shown)
}

func whatIf(ctx context.Context, out io.Writer, q *question, intervals []time.Duration) error {
	forecasts, err := analyze.WhatIf(ctx, q.window, intervals, q.options, q.recordings.sources()...)
	if err != nil {
		return q.recordings.wrap(err)
	}
	if len(forecasts) == 0 {
		return fmt.Errorf("the cycles of this window are no longer kept one by one: choose a later --since")
	}
	return report.WhatIf(out, forecasts, q.shown)
}

func parseIntervals(s string) (intervals []time.Duration, err error) {
	for text := range strings.SplitSeq(s, ",") {
		d, err := time.ParseDuration(strings.TrimSpace(text))
		if err != nil || d < time.Millisecond || d > time.Hour {
			return nil, misuse("--what-if %q: an interval is 1ms to 1h, such as 50ms,100ms,2s", s)
		}
		intervals = append(intervals, d)
	}
	return intervals, nil
}
