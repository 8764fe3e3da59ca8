package main

import (
	"time"
	_ "time/tzdata" // a static binary brings its own zones

	"github.com/urfave/cli/v2"

	"wanctl/analyze"
	"wanctl/cycle"
)

// windowFlags are the flags that choose a stretch of time.
func windowFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "since", Value: "1h", Usage: "begin of the window: 90s, 15m, 1h, 7d, 2w (before now), RFC 3339, or '2026-01-09 15:04[:05]'"},
		&cli.StringFlag{Name: "until", Value: "now", Usage: "end of the window, likewise"},
		tzFlag(),
	}
}

func tzFlag() cli.Flag {
	return &cli.StringFlag{Name: "tz", Usage: "time zone of times read and shown, e.g. Europe/Berlin (default: local)"}
}

// zone returns the time zone that --tz names.
func zone(c *cli.Context) (*time.Location, error) {
	name := c.String("tz")
	if name == "" {
		return time.Local, nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, misuse("--tz %q is no time zone (use a name such as Europe/Berlin or UTC)", name)
	}
	return loc, nil
}

// window returns the stretch of time that --since and --until name, and the zone
// to show it in.
func (p *program) window(c *cli.Context) (w cycle.Window, loc *time.Location, err error) {
	if loc, err = zone(c); err != nil {
		return w, nil, err
	}
	now := p.now()
	if w.Since, err = analyze.ParseTime(c.String("since"), now, loc); err != nil {
		return w, nil, misuse("--since: %v", err)
	}
	if w.Until, err = analyze.ParseTime(c.String("until"), now, loc); err != nil {
		return w, nil, misuse("--until: %v", err)
	}
	if !w.Since.Before(w.Until) {
		return w, nil, misuse("the window is empty: --since %s is not before --until %s",
			w.Since.In(loc).Format(time.DateTime), w.Until.In(loc).Format(time.DateTime))
	}
	return w, loc, nil
}
