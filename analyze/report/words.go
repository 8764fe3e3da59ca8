package report

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"wanctl/analyze"
	"wanctl/cycle"
)

// Options say how a report is laid out.
type Options struct {
	Databases []string       // the files it is about, as they were named
	Zone      *time.Location // of the times shown; nil: UTC
	Width     int            // columns of the terminal; 0: as wide as it takes
	Verbose   bool           // confidence intervals and every warning
}

// clock shows a moment to the second, in the zone of the report.
func (o *Options) clock(t time.Time) string { return o.show(t, "2006-01-02 15:04:05 MST") }

// moment shows a cycle's start.
func (o *Options) moment(t time.Time) string { return o.show(t, "2006-01-02 15:04:05.000 MST") }

func (o *Options) show(t time.Time, layout string) string {
	if o.Zone == nil {
		return t.UTC().Format(layout)
	}
	return t.In(o.Zone).Format(layout)
}

// plural says a number with its noun.
func plural(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return count(n) + " " + noun
}

// duration shows a duration with three or four digits, in the unit that suits it.
func duration(d time.Duration) string {
	switch abs := max(d, -d); {
	case abs == 0:
		return "0"
	case abs < time.Millisecond:
		return fmt.Sprintf("%.0fµs", float64(d)/float64(time.Microsecond))
	case abs < 9995*time.Microsecond:
		return fmt.Sprintf("%.2fms", cycle.Millis(d))
	case abs < 999950*time.Microsecond:
		return fmt.Sprintf("%.1fms", cycle.Millis(d))
	case abs < 9995*time.Millisecond:
		return fmt.Sprintf("%.2fs", d.Seconds())
	case abs < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	return Stretch(d.Round(time.Second))
}

// Stretch shows a length of time without the zeros: "1h", "7d", "1h30m".
func Stretch(d time.Duration) string {
	s := ""
	if day := 24 * time.Hour; d >= day {
		s, d = fmt.Sprintf("%dd", d/day), d%day
	}
	if d == 0 && s != "" {
		return s
	}
	t := d.String()
	if strings.HasSuffix(t, "m0s") {
		t = strings.TrimSuffix(t, "0s")
	}
	if strings.HasSuffix(t, "h0m") {
		t = strings.TrimSuffix(t, "0m")
	}
	return s + t
}

// percent shows a share with as many digits as it deserves.
func percent(share float64) string {
	switch p := share * 100; {
	case p == 0:
		return "0 %"
	case p < 0.1:
		return "<0.1 %"
	case p < 9.95:
		return fmt.Sprintf("%.1f %%", p)
	default:
		return fmt.Sprintf("%.0f %%", p)
	}
}

// count shows a whole number.
func count(n int64) string { return strconv.FormatInt(n, 10) }

// quantile shows a quantile with its mark: "?" where it is thin.
func quantile(q analyze.Quantile) string {
	if q.Thin {
		return duration(q.Value) + "?"
	}
	return duration(q.Value) + " "
}

// timing shows a quantile in permille of n values with its mark, as far as it is known.
func timing(d time.Duration, n, permille int64) string {
	if n == 0 {
		return unknown
	}
	return quantile(analyze.Quantile{Value: d, Thin: analyze.Thin(n, permille)})
}

// unknown stands where there is no quantile; its last place is that of the mark.
const unknown = "- "

// Printable makes text from a file harmless to a terminal.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// around shows a confidence interval; an end that is not known is left open.
func around(q analyze.Quantile) string {
	switch {
	case q.Low.Known && q.High.Known:
		return duration(q.Low.Value) + " to " + duration(q.High.Value)
	case q.Low.Known:
		return duration(q.Low.Value) + " or more"
	case q.High.Known:
		return duration(q.High.Value) + " or less"
	}
	return "-"
}
