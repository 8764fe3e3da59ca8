package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/analyze/report"
	"wanctl/cycle"
)

// decided are two cycles that hold something in every column.
func decided() *recording {
	run := &cycle.Run{Daemon: cycle.Autorate, WAN: "=1+1", Budget: 2 * time.Second, Reflectors: []string{"1.1.1.1"}}
	steer := &cycle.Run{Daemon: cycle.Steering, WAN: "wan,1", Budget: 2 * time.Second}
	at := time.Date(2026, 1, 9, 14, 4, 5, 123_456_000, time.UTC)
	return &recording{cycles: []*cycle.Cycle{
		{
			Run: run, Seq: 41, Start: at, Late: 1500 * time.Microsecond, Missed: 2, Total: 46_012 * time.Microsecond, Outcome: cycle.Failed, Recovered: true,
			Spans: []cycle.Span{
				{Label: "autorate_probe", Part: cycle.Probe, Target: "1.1.1.1", Offset: 100 * time.Microsecond, Duration: 12_345 * time.Microsecond},
				{Label: "autorate_probe", Part: cycle.Probe, Target: "9.9.9.9", Outcome: cycle.TimedOut},
				{Label: "autorate_rtt_measurement", Part: cycle.RTT, Duration: 12_901 * time.Microsecond},
				{Label: "autorate_cake_stats_read", Part: cycle.CAKE, Duration: 45_200 * time.Microsecond, Outcome: cycle.TimedOut},
				{Label: "autorate_other", Part: cycle.Other, Target: "@login\t\"x\"", Duration: 30 * time.Millisecond},
				{Label: "autorate_adjust_state", Part: cycle.Adjust, Offset: 45_250 * time.Microsecond, Duration: 80 * time.Microsecond},
				{Label: "autorate_router_update", Part: cycle.Update, Offset: 45_400 * time.Microsecond, Duration: 600 * time.Microsecond},
			},
			Decision: cycle.Decision{
				RTT: cycle.Known(25.5), Baseline: cycle.Known(24.25), Load: cycle.Known(26.125), Delta: cycle.Known(1.875),
				Download: cycle.Direction{Zone: cycle.Green, Rate: cycle.Known(int64(940_000_000)), Drops: cycle.Known(int64(3)), Queued: cycle.Known(int64(12))},
				Upload:   cycle.Direction{Zone: cycle.SoftRed, Rate: cycle.Known(int64(38_000_000))},
				Write:    cycle.Written,
			},
		},
		{
			Run: steer, Seq: 42, Start: at.Add(time.Second), Total: 5 * time.Microsecond,
			Decision: cycle.Decision{Delta: cycle.Known(-0.5), Queue: cycle.Known(1.5), Degraded: cycle.Known(true)},
		},
	}}
}

// lay lays the recording's cycles out.
func lay(t *testing.T, table string, set func(*report.Rows), r *recording) func(io.Writer) error {
	t.Helper()
	rows, err := report.NewRows(table)
	if err != nil {
		t.Fatal(err)
	}
	rows.Zone = berlin(t)
	if set != nil {
		set(rows)
	}
	return func(w io.Writer) error {
		b := rows.AppendHead(nil)
		for _, c := range r.cycles {
			b = rows.Append(b, c, func(b []byte) []byte { return b })
		}
		_, err := w.Write(b)
		return err
	}
}

func TestRows(t *testing.T) {
	t.Parallel()
	for _, table := range report.Tables {
		made(t, table+".csv", lay(t, table, nil, decided()))
		made(t, table+".jsonl", lay(t, table, func(r *report.Rows) { r.JSON = true }, decided()))
		made(t, table+"_european.csv", lay(t, table, func(r *report.Rows) { r.DecimalComma = true }, decided()))
	}
}

// read reads CSV back into rows by column.
func read(t *testing.T, b []byte, comma rune) (rows []map[string]string) {
	t.Helper()
	r := csv.NewReader(bytes.NewReader(b))
	r.Comma = comma
	records, err := r.ReadAll()
	if err != nil {
		t.Fatalf("%v in\n%s", err, b)
	}
	for _, record := range records[1:] {
		row := map[string]string{}
		for i, name := range records[0] {
			row[name] = record[i]
		}
		rows = append(rows, row)
	}
	return rows
}

func TestRowsReadBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		set   func(*report.Rows)
		comma rune
		point string
	}{
		{"as it is", nil, ',', "."},
		{"semicolon", func(r *report.Rows) { r.Delimiter = ';' }, ';', "."},
		{"decimal comma", func(r *report.Rows) { r.DecimalComma = true }, ';', ","},
		{"decimal comma between commas", func(r *report.Rows) { r.DecimalComma, r.Delimiter = true, ',' }, ',', ","},
		{"tab", func(r *report.Rows) { r.Delimiter = '\t' }, '\t', "."},
	} {
		b := new(bytes.Buffer)
		if err := lay(t, "spans", c.set, decided())(b); err != nil {
			t.Fatal(err)
		}
		if strings.Count(b.String(), "\r\n") != strings.Count(b.String(), "\n") {
			t.Errorf("%s: lines do not end as RFC 4180 wants", c.name)
		}
		rows := read(t, b.Bytes(), c.comma)
		if len(rows) != 8 { // six timings and two totals; the lost echo has none
			t.Fatalf("%s: %d rows", c.name, len(rows))
		}
		want := map[string]string{
			"time": "2026-01-09 15:04:05" + c.point + "123", "utc_offset": "+01:00", "unix_us": "1767967445123456", "daemon": "autorate",
			"wan": "'=1+1", "cycle": "41", "label": "autorate_probe", "target": "1.1.1.1", "duration_ms": "12" + c.point + "345", "outcome": "ok",
		}
		if diff := cmp.Diff(want, rows[0]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if got, want := rows[3]["target"], "'@login\t\"x\""; got != want {
			t.Errorf("%s: target %q, want %q", c.name, got, want)
		}
	}
}

func TestJSONLinesReadBack(t *testing.T) {
	t.Parallel()
	for _, table := range report.Tables {
		b := new(bytes.Buffer)
		if err := lay(t, table, func(r *report.Rows) { r.JSON = true }, decided())(b); err != nil {
			t.Fatal(err)
		}
		plain := new(bytes.Buffer)
		if err := lay(t, table, nil, decided())(plain); err != nil {
			t.Fatal(err)
		}
		want := read(t, plain.Bytes(), ',')
		dec := json.NewDecoder(b)
		dec.UseNumber()
		for i := range want {
			var got map[string]any
			if err := dec.Decode(&got); err != nil {
				t.Fatal(err)
			}
			for name, w := range want[i] {
				g := ""
				if got[name] != nil {
					g = fmt.Sprint(got[name])
				}
				if w = strings.TrimPrefix(w, "'"); g != w {
					t.Errorf("%s row %d: %s is %q in JSON, %q in CSV", table, i, name, g, w)
				}
			}
		}
		if dec.More() {
			t.Errorf("%s: more lines than rows", table)
		}
	}
}

func FuzzRowsReadBack(f *testing.F) {
	f.Add("wan1", "1.1.1.1", int64(1500))
	f.Add("=cmd|' /C calc'!A0", "a\"b;c,d\r\ne", int64(-1))
	f.Add("\xff\x00", "\t", int64(0))
	f.Fuzz(func(t *testing.T, wan, target string, us int64) {
		us = max(min(us, 1<<50), -1<<50)
		r := &recording{cycles: []*cycle.Cycle{{
			Run: &cycle.Run{Daemon: cycle.Autorate, WAN: wan}, Start: epoch, Total: time.Second,
			Spans: []cycle.Span{{Label: "x", Target: target, Duration: cycle.FromMicros(us)}},
		}}}
		b := new(bytes.Buffer)
		if err := lay(t, "spans", nil, r)(b); err != nil {
			t.Fatal(err)
		}
		row := read(t, b.Bytes(), ',')[0]
		ms, err := strconv.ParseFloat(row["duration_ms"], 64)
		if err != nil || int64(ms*1000+0.5*float64(sign(us))) != us {
			t.Errorf("%d us became %q: %v", us, row["duration_ms"], err)
		}
		for name, s := range map[string]string{"wan": wan, "target": target} {
			got := row[name]
			if got != "" && strings.ContainsRune("=+-@\t\r", rune(got[0])) {
				t.Errorf("%s is live: %q", name, got)
			}
			// A CSV reader takes a line break for LF, whatever it was.
			if want := strings.ReplaceAll(s, "\r\n", "\n"); got != want && got != "'"+want {
				t.Errorf("%s: %q became %q", name, want, got)
			}
		}
		b.Reset()
		if err := lay(t, "spans", func(r *report.Rows) { r.JSON = true }, r)(b); err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(b.Bytes()) {
			var v struct{ WAN string }
			if err := json.Unmarshal(line, &v); err != nil || v.WAN != strings.ToValidUTF8(wan, "\ufffd") {
				t.Errorf("%q: WAN %q: %v", line, v.WAN, err)
			}
		}
	})
}

func sign(n int64) int {
	if n < 0 {
		return -1
	}
	return 1
}
