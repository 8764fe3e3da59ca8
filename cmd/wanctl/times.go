package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a static binary brings its own zones

	"github.com/urfave/cli/v2"

	"wanctl/cycle"
)

// windowFlags are the flags that choose a stretch of time.
func windowFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "since", Value: "1h", Usage: "begin of the window: 90s, 15m, 1h, 7d, 2w (before now), RFC 3339, or '2026-01-09 15:04[:05]'"},
		&cli.StringFlag{Name: "until", Value: "now", Usage: "end of the window, likewise"},
		&cli.StringFlag{Name: "tz", Usage: "time zone of times read and shown, e.g. Europe/Berlin (default: local)"},
	}
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
	if w.Since, err = parseTime(c.String("since"), now, loc); err != nil {
		return w, nil, misuse("--since: %v", err)
	}
	if w.Until, err = parseTime(c.String("until"), now, loc); err != nil {
		return w, nil, misuse("--until: %v", err)
	}
	if !w.Since.Before(w.Until) {
		return w, nil, misuse("the window is empty: --since %s is not before --until %s",
			w.Since.In(loc).Format(time.DateTime), w.Until.In(loc).Format(time.DateTime))
	}
	return w, loc, nil
}

// localLayouts are the times without an offset, read in --tz.
var localLayouts = []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"}

// parseTime reads a moment: "now", a stretch before now, RFC 3339, or a local
// time in loc.
func parseTime(s string, now time.Time, loc *time.Location) (time.Time, error) {
	if s == "now" {
		return now, nil
	}
	if d, err := parseStretch(s); err == nil {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	for _, layout := range localLayouts {
		if t, err := time.ParseInLocation(layout, s, loc); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time (use now, 90s, 15m, 1h, 7d, 2w, 2026-01-09T15:04:05Z or '2026-01-09 15:04')", s)
}

// maxStretch keeps "before now" within what time can count.
const maxStretch = 100 * 365 * 24 * time.Hour

// parseStretch reads 90s, 15m, 1h, 7d, 2w and sums of them such as 1h30m.
func parseStretch(s string) (time.Duration, error) {
	bad := fmt.Errorf("%q is no stretch of time (use 90s, 15m, 1h, 7d or 2w)", s)
	if s == "" || strings.ContainsAny(s, "+- _") {
		return 0, bad
	}
	if n, unit := s[:len(s)-1], s[len(s)-1]; unit == 'd' || unit == 'w' {
		v, err := strconv.ParseFloat(n, 64)
		day := 24 * time.Hour
		if unit == 'w' {
			day *= 7
		}
		if err != nil || !(v >= 0 && v <= float64(maxStretch/day)) {
			return 0, bad
		}
		return time.Duration(v * float64(day)), nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || d > maxStretch {
		return 0, bad
	}
	return d, nil
}
