package logfile

import (
	"fmt"
	"strings"
	"time"
)

// clock reads the times of a log. Lines of one minute share the work.
type clock struct {
	zone    *time.Location
	trusted bool // a time that occurred twice is told apart by its place in the log

	minute string    // "2006-01-02 15:04"
	base   time.Time // when that was
	twice  bool      // it occurred twice, and the zone was not named
	last   time.Time // the time read last
}

// stampLen is the length of "2006-01-02 15:04:05,000".
const stampLen = 23

// local reads the local time that a line begins with; ok is false if it begins
// with none.
func (c *clock) local(line string) (t time.Time, ok bool, err error) {
	if len(line) < stampLen || line[10] != ' ' || line[13] != ':' || line[16] != ':' || line[19] != ',' && line[19] != '.' {
		return t, false, nil
	}
	sec, ok1 := digits(line[17:19])
	ms, ok2 := digits(line[20:stampLen])
	if !ok1 || !ok2 || sec > 59 {
		return t, false, nil
	}
	if line[:16] != c.minute {
		base, err := time.ParseInLocation("2006-01-02 15:04", line[:16], c.zone)
		if err != nil {
			return t, false, nil
		}
		c.minute, c.base = strings.Clone(line[:16]), base
		c.twice = c.settle()
	}
	if c.twice {
		return t, true, fmt.Errorf("%s occurred twice in %s, because clocks were set back: name the zone with --tz, and the order of the lines decides",
			line[:stampLen], c.zone)
	}
	c.last = c.base.Add(time.Duration(sec)*time.Second + time.Duration(ms)*time.Millisecond)
	return c.last, true, nil
}

// settle decides between the two readings of a minute that occurred twice: the
// earlier one, unless the log is past that already. It tells whether it could not.
func (c *clock) settle() (twice bool) {
	first, second, twice := readings(c.base)
	if !twice || !c.trusted {
		return twice
	}
	// Lines of side by side threads may be a little out of order.
	if c.base = first; c.last.After(first.Add(2 * time.Minute)) {
		c.base = second
	}
	return false
}

// readings returns the two moments that show the wall clock of t in its zone, if
// there are two.
func readings(t time.Time) (first, second time.Time, twice bool) {
	start, end := t.ZoneBounds()
	_, here := t.Zone()
	shift := func(other time.Time) time.Time {
		_, there := other.Zone()
		return t.Add(time.Duration(here-there) * time.Second)
	}
	if !end.IsZero() {
		if u := shift(end); !u.Before(end) && u.After(t) {
			return t, u, true
		}
	}
	if !start.IsZero() {
		if before := start.Add(-time.Second); shift(before).Before(start) {
			if u := shift(before); u.Before(t) {
				return u, t, true
			}
		}
	}
	return t, t, false
}

// glance returns a time that a line of any format tells.
func (c *clock) glance(line string) (time.Time, bool) {
	if t, ok, err := c.local(line); ok && err == nil {
		return t, true
	}
	if strings.HasPrefix(line, "{") {
		if j, err := parseJSON(line); err == nil {
			t, err := c.iso(j.Timestamp)
			return t, err == nil
		}
	}
	if kind, rest, ok := strings.Cut(line, "; "); ok && kind == strings.ToUpper(kind) {
		if _, rest, ok = strings.Cut(rest, "; "); ok {
			stamp, _, _ := strings.Cut(rest, ";")
			return epoch(stamp)
		}
	}
	return time.Time{}, false
}

// iso reads a JSON log's time: with an offset or, as local time, without.
func (c *clock) iso(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, nil
	}
	if len(s) > 10 && s[10] == 'T' {
		s = s[:10] + " " + s[11:]
	}
	if len(s) > stampLen {
		s = s[:stampLen]
	}
	t, ok, err := c.local(s)
	if err == nil && !ok {
		err = fmt.Errorf("%q is no time", s)
	}
	return t, err
}

// digits reads a number of nothing but digits.
func digits(s string) (n int64, ok bool) {
	if s == "" || len(s) > 18 {
		return 0, false
	}
	for i := range len(s) {
		d := s[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + int64(d)
	}
	return n, true
}
