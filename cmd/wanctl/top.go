package main

import (
	"context"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"wanctl/analyze"
	"wanctl/analyze/report/screen"
)

// topCommand is the live view.
func (p *program) topCommand() *cli.Command {
	return &cli.Command{
		Name:        "top",
		Usage:       "the loops as they run: zones, rates, what each part takes, the slowest cycle of the last minute",
		Description: topDescription,
		Flags: slices.Concat(loopFlags(), []cli.Flag{
			dbFlag(), configFlag(), tzFlag(),
			&cli.StringFlag{Name: "since", Aliases: []string{"window"}, Value: "5m", Usage: "the window of the figures, before the newest cycle: 10s to 1h"},
			&cli.DurationFlag{Name: "every", Value: time.Second, Usage: "the time between two looks, 200ms and more"},
			&cli.BoolFlag{Name: "plain", Usage: "lines, also in a terminal"},
			&cli.IntFlag{Name: "times", Usage: "lines: end after so many looks (default: at a signal)"},
		}),
		Action: p.top,
	}
}

const topDescription = `In a terminal it is a screen: press ? for its keys. Elsewhere, or with --plain, it is one line a loop
each time, in a form that is kept; new keys come at the end:

  TIME DAEMON WAN age_s= live= down= up= down_mbit= up_mbit= last_ms= p50_ms= p95_ms= p99_ms= max_ms=
  cycles= failed= overruns= missed= dropped= busy= rule=

"-" is unknown, "?" after a quantile says that it is from too few cycles; lines that begin with "#"
speak of a file.

The cycles of daemons on this machine are seen as they run, by whoever may read their crash rings
(their user, or root); otherwise as the file gains them, at each flush.`

// Bounds of what top is asked for.
const (
	leastTopWindow = 10 * time.Second
	mostTopWindow  = time.Hour
	leastEvery     = 200 * time.Millisecond
	mostEvery      = time.Hour
)

func (p *program) top(c *cli.Context) error {
	loc, err := zone(c)
	if err != nil {
		return err
	}
	o, err := p.analyzeOptions(c)
	if err != nil {
		return err
	}
	window, err := analyze.ParseStretch(c.String("since"))
	if err != nil || window < leastTopWindow || window > mostTopWindow {
		return misuse("--since %q is no stretch of %v to %v (use e.g. 1m, 5m, 15m, 1h)", c.String("since"), leastTopWindow, mostTopWindow)
	}
	every := c.Duration("every")
	if every < leastEvery || every > mostEvery {
		return misuse("--every wants %v to %v", leastEvery, mostEvery)
	}
	if c.IsSet("times") && c.Int("times") < 1 {
		return misuse("--times wants 1 or more")
	}
	paths, err := p.databases(c)
	if err != nil {
		return err
	}
	w := newLookout(p.now, o, paths...)
	defer w.Close()
	if c.Bool("plain") || c.IsSet("times") || !p.showsScreens() {
		return plainly(c.Context, p.stdout, w, window, every, c.Int("times"), loc)
	}
	s := screen.New(window, screen.Options{Zone: loc, ASCII: !p.unicode()})
	view := screen.Program{Screen: s, Watcher: w, Every: every, Input: p.stdin, Output: p.stdout, Environ: os.Environ()}
	return view.Run(c.Context)
}

// showsScreens tells whether the program is used in a terminal that can move its
// cursor.
func (p *program) showsScreens() bool {
	kind, _ := p.getenv("TERM")
	return isTerminal(p.stdin) && isTerminal(p.stdout) && kind != "" && kind != "dumb"
}

// unicode tells whether the locale is one of Unicode.
func (p *program) unicode() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v, ok := p.getenv(name); ok && v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}

// plainly writes lines, so many times or until the context ends.
func plainly(ctx context.Context, out io.Writer, w screen.Watcher, window, every time.Duration, times int, loc *time.Location) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 1; ; n++ {
		snap := w.Look(ctx, window)
		for more := 100; snap.Loading() && more > 0 && ctx.Err() == nil; more-- { // the first line is of the whole window
			snap = w.Look(ctx, window)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := screen.Plain(out, snap, loc); err != nil || n == times {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
