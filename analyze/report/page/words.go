package page

import (
	"fmt"
	"html"
	"strconv"
	"strings"
	"time"
	"unicode"

	"wanctl/analyze"
	"wanctl/cycle"
)

// narrow is a narrow space that does not break: between a number and its unit, and
// between thousands.
const narrow = "\u202f"

// duration shows a duration with three digits, in the unit that suits it.
func duration(d time.Duration) string {
	switch {
	case d == 0:
		return "0"
	case d < time.Millisecond:
		return digits(float64(d)/1e3) + narrow + "µs"
	case d < time.Second:
		return digits(cycle.Millis(d)) + narrow + "ms"
	case d < time.Minute:
		return digits(d.Seconds()) + narrow + "s"
	}
	return stretch(d.Round(time.Second))
}

// digits shows three digits of a number, all of those before the point.
func digits(v float64) string {
	places := 0
	for places < 2 && v < 99.95 && v*pow10(places) < 99.95 {
		places++
	}
	s := strconv.FormatFloat(v, 'f', places, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

func pow10(n int) float64 { return [...]float64{1, 10, 100}[n] }

// stretch shows a length of time without what is zero: "50 ms", "1 h 30 min", "7 d".
func stretch(d time.Duration) string {
	if d < time.Minute {
		return duration(d)
	}
	var parts []string
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if n := d / u.unit; n > 0 {
			parts = append(parts, strconv.FormatInt(int64(n), 10)+narrow+u.name)
		}
		d %= u.unit
	}
	return strings.Join(parts, " ")
}

// millis shows a duration in milliseconds, to the microsecond it was recorded in.
func millis(d time.Duration) string { return grouped(strconv.FormatFloat(cycle.Millis(d), 'f', 3, 64)) }

// count shows a whole number.
func count(n int64) string { return grouped(strconv.FormatInt(n, 10)) }

// grouped parts the thousands of a number.
func grouped(s string) string {
	whole, fraction, _ := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0 && whole[i-1] != '-'; i -= 3 {
		whole = whole[:i] + narrow + whole[i:]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	return whole
}

// exact shows a number as JSON does, for those who compute with it.
func exact(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// percent shows a share with as many digits as it deserves.
func percent(share float64) string {
	switch p := share * 100; {
	case p == 0:
		return "0" + narrow + "%"
	case p < 0.1:
		return "<0.1" + narrow + "%"
	case p < 9.95:
		return fmt.Sprintf("%.1f", p) + narrow + "%"
	default:
		return fmt.Sprintf("%.0f", p) + narrow + "%"
	}
}

// rate shows bit/s.
func rate(bps float64) string {
	switch {
	case bps == 0:
		return "0"
	case bps >= 999.5e6:
		return digits(bps/1e9) + narrow + "Gbit/s"
	case bps >= 999.5e3:
		return digits(bps/1e6) + narrow + "Mbit/s"
	}
	return digits(bps/1e3) + narrow + "kbit/s"
}

// plural says a number with its noun.
func plural(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return count(n) + " " + noun
}

// printable takes out of a text from a file what is not to be seen.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) && string(r) != narrow {
			return '?'
		}
		return r
	}, s)
}

// escape makes a text harmless in HTML.
func escape(s string) string { return html.EscapeString(printable(s)) }

// loopName names a loop.
func loopName(l *analyze.Loop) string { return printable(l.String()) }

// spanName names a series shortly: its part, or whatever it is of.
func spanName(p cycle.Part, l cycle.Label, target string) string {
	switch {
	case target != "":
		return printable(target)
	case p == cycle.Other:
		return printable(string(l))
	}
	return p.String()
}
