package screen

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"wanctl/analyze"
	"wanctl/analyze/report"
	"wanctl/cycle"
)

// Plain writes a snapshot as lines for a pipe, a log or a terminal that can do
// nothing else: one a loop, in the order of daemon and WAN. Keys and their order are
// a promise; new ones come at the end. What is unknown is "-"; the figures are of
// the window, times are ms, rates Mbit/s, shares of 1. A thin quantile ends in "?".
//
//	2026-01-09T14:00:00Z autorate wan1 age_s=0.0 live=yes down=GREEN up=GREEN
//	down_mbit=240.0 up_mbit=38.0 last_ms=12.30 p50_ms=12.10 p95_ms=14.00
//	p99_ms=18.00 max_ms=80.00 cycles=6000 failed=0 overruns=3 missed=2 dropped=0
//	busy=0.241 rule=-
//
// A name with a space in it is quoted. What concerns a file and not a loop is a line
// that begins with "#".
func Plain(w io.Writer, snap Snapshot, zone *time.Location) error {
	b := new(strings.Builder)
	at := snap.At.In(zone).Format(time.RFC3339)
	for _, f := range snap.Files {
		if text := remark(&f); text != "" {
			fmt.Fprintf(b, "# %s %s: %s\n", at, report.Printable(f.Path), report.Printable(text))
		}
	}
	for i := range snap.Loops {
		l := &snap.Loops[i]
		fmt.Fprintf(b, "%s %s %s", at, l.Daemon, word(l.WAN))
		for _, f := range fields(l, snap.At) {
			fmt.Fprintf(b, " %s=%s", f.key, f.value)
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// remark says what is to be said of a file.
func remark(f *File) string {
	switch {
	case f.Trouble != "":
		return f.Trouble
	case !f.Loading.IsZero():
		return "reading what is on record"
	case f.Newest.IsZero() && f.Rings == 0:
		return "nothing is in the file yet"
	}
	return f.Unseen
}

// word quotes a name that would fall apart.
func word(s string) string {
	if s == "" || strings.ContainsAny(s, " \t\"=") || report.Printable(s) != s {
		return strconv.QuoteToGraphic(s)
	}
	return s
}

type field struct{ key, value string }

func fields(l *Loop, now time.Time) []field {
	d := &l.Last.Decision
	total := l.Span(cycle.Total)
	if total == nil {
		total = new(analyze.Span)
	}
	q := func(q analyze.Quantile) string { return strings.TrimSpace(quantile(&total.Summary, q)) }
	busy, rule := unknown, unknown
	if l.Utilization.Known {
		busy = fmt.Sprintf("%.3f", l.Utilization.Value)
	}
	if d.Degraded.Known {
		rule = map[bool]string{true: "on", false: "off"}[d.Degraded.Value]
	}
	return []field{
		{"age_s", fmt.Sprintf("%.1f", l.Age(now).Seconds())},
		{"live", map[bool]string{true: "yes", false: "no"}[l.Live]},
		{"down", zone(d.Download.Zone).text},
		{"up", zone(d.Upload.Zone).text},
		{"down_mbit", mbits(d.Download.Rate)},
		{"up_mbit", mbits(d.Upload.Rate)},
		{"last_ms", millis(l.Last.Total)},
		{"p50_ms", q(total.P50)},
		{"p95_ms", q(total.P95)},
		{"p99_ms", q(total.P99)},
		{"max_ms", maybeMillis(total.Max, total.Count > 0)},
		{"cycles", strconv.FormatInt(l.Cycles, 10)},
		{"failed", strconv.FormatInt(l.Failed, 10)},
		{"overruns", strconv.FormatInt(l.Overruns, 10)},
		{"missed", strconv.FormatInt(l.Missed, 10)},
		{"dropped", strconv.FormatInt(l.Dropped, 10)},
		{"busy", busy},
		{"rule", rule},
	}
}
