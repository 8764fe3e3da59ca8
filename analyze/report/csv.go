package report

import (
	"encoding/csv"
	"io"
	"strconv"
	"time"

	"wanctl/analyze"
	"wanctl/cycle"
)

// csvColumns are the columns of the report as CSV: a row per label, lateness
// among them.
var csvColumns = []string{
	"daemon", "wan", "part", "label", "target", "count", "failed",
	"min_ms", "avg_ms", "p50_ms", "p95_ms", "p99_ms", "max_ms", "share", "critical_share",
	"p50_low_ms", "p50_high_ms", "p95_low_ms", "p95_high_ms", "p99_low_ms", "p99_high_ms", "warnings",
}

// CSV writes the report's table as RFC 4180: what is unknown is an empty cell.
func CSV(w io.Writer, a *analyze.Analysis, _ Options) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	rows := [][]string{csvColumns}
	for i := range a.Loops {
		l := &a.Loops[i]
		for j := range l.Spans {
			s := &l.Spans[j]
			rows = append(rows, csvRow(l, s, strconv.FormatFloat(s.Share, 'f', -1, 64), strconv.FormatFloat(s.CriticalShare, 'f', -1, 64)))
		}
		if l.Lateness.Count > 0 {
			late := analyze.Span{Label: l.Daemon.Label(cycle.Late), Part: cycle.Late, Summary: l.Lateness}
			rows = append(rows, csvRow(l, &late, "", ""))
		}
	}
	return out.WriteAll(rows)
}

func csvRow(l *analyze.Loop, s *analyze.Span, share, critical string) []string {
	row := []string{defuse(string(l.Daemon)), defuse(l.WAN), s.Part.String(), defuse(string(s.Label)), defuse(s.Target), count(s.Count), count(s.Failed)}
	known := s.Count > 0
	avg := ""
	if known {
		avg = strconv.FormatFloat(s.Avg(), 'f', -1, 64)
	}
	row = append(row, csvMillis(s.Min, known), avg)
	for _, q := range []analyze.Quantile{s.P50, s.P95, s.P99} {
		row = append(row, csvMillis(q.Value, known))
	}
	row = append(row, csvMillis(s.Max, known), share, critical)
	for _, q := range []analyze.Quantile{s.P50, s.P95, s.P99} {
		row = append(row, csvMillis(q.Low.Value, q.Low.Known), csvMillis(q.High.Value, q.High.Known))
	}
	doubts := ""
	for i, warning := range s.Warnings {
		if i > 0 {
			doubts += "; "
		}
		doubts += warning
	}
	return append(row, doubts)
}

func csvMillis(d time.Duration, known bool) string {
	if !known {
		return ""
	}
	return strconv.FormatFloat(cycle.Millis(d), 'f', -1, 64)
}
