package logfile

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
)

// text is an input of lines.
func text(name string, lines ...string) Input {
	s := strings.Join(lines, "\n") + "\n"
	return Input{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }}
}

// packed is a compressed input of lines.
func packed(name string, lines ...string) Input {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, strings.Join(lines, "\n")+"\n")
	_ = w.Close()
	return Input{Name: name, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }}
}

// collect reads everything and keeps copies.
func collect(t testing.TB, opts Options, inputs ...Input) (cycles []cycle.Cycle, stats Stats, err error) {
	t.Helper()
	if opts.Zone == nil {
		opts.Zone = time.UTC
	}
	for c, e := range Read(t.Context(), inputs, opts, &stats) {
		if e != nil {
			return cycles, stats, e
		}
		kept := *c
		kept.Spans = slices.Clone(c.Spans)
		cycles = append(cycles, kept)
	}
	return cycles, stats, nil
}

// brief is what a test looks at in a cycle.
func brief(c cycle.Cycle) string {
	b := new(strings.Builder)
	fmt.Fprintf(b, "%s %s #%d %s total=%v", c.Run.Daemon, c.Run.WAN, c.Seq, c.Start.UTC().Format("15:04:05.000"), c.Total)
	if c.Missed > 0 {
		fmt.Fprintf(b, " missed=%d", c.Missed)
	}
	if c.Outcome != cycle.OK {
		fmt.Fprintf(b, " %s", c.Outcome)
	}
	for _, s := range c.Spans {
		fmt.Fprintf(b, "; %s%s %v+%v", strings.TrimPrefix(string(s.Label), string(c.Run.Daemon)+"_"), s.Target, s.Offset, s.Duration)
		if s.Outcome != cycle.OK {
			fmt.Fprintf(b, " %s", s.Outcome)
		}
	}
	return b.String()
}

func briefs(cs []cycle.Cycle) (bs []string) {
	for _, c := range cs {
		bs = append(bs, brief(c))
	}
	return bs
}

func at(second, label string) string {
	return "2026-01-09 15:00:" + second + " [wan1] [DEBUG] " + label
}

func TestRead(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		opts  Options
		lines []string
		want  []string
		loose int64
		bad   []string
	}{
		"a cycle ends with its total": {
			lines: []string{
				at("01,020", "autorate_rtt_measurement: 20.0ms"), at("01,020", "autorate_ewma_update: 0.1ms"),
				at("01,050", "autorate_router_update: 29.5ms"), at("01,050", "autorate_cycle_total: 50.0ms"),
				at("03,010", "autorate_cycle_total: 10.0ms"),
			},
			want: []string{
				"autorate wan1 #1 15:00:01.000 total=50ms; rtt_measurement 0s+20ms; ewma_update 19.9ms+100µs; router_update 20.5ms+29.5ms",
				"autorate wan1 #2 15:00:03.000 total=10ms",
			},
		},
		"other lines are no timings": {
			lines: []string{
				at("01,020", "Ping 1.1.1.1: 23.17ms (average, count=1)"), at("01,020", "Ping 1.1.1.1: 23.17ms"),
				at("01,020", "Loaded baseline RTT from autorate state: 25.00ms"), at("01,020", "host dns.quad9.net: 5.0ms"),
				at("01,020", "autorate_x: 5.0ms late"), at("01,020", "an autorate_x: 5.0ms"), at("01,020", "autorate: 5.0ms"),
				"autorate_rtt_measurement: 7.0ms", "  autorate_cycle_total: 7.0ms", "",
				at("01,050", "autorate_cycle_total: 50.0ms"),
			},
			want: []string{"autorate wan1 #1 15:00:01.000 total=50ms; probe1.1.1.1 0s+23.17ms"},
		},
		"probes that got no answer": {
			lines: []string{
				at("01,020", "Ping to 9.9.9.9 failed (returncode 1)"), at("01,020", "Ping to 8.8.8.8 timed out (timeout=3s)"),
				at("01,020", "Ping error to 1.1.1.1: no such program"), at("01,020", "No RTT samples from 2606:4700::1111"),
				at("01,020", "autorate_rtt_measurement: 20.0ms"), at("01,020", "wan1: Ping failed, skipping cycle"),
				at("01,021", "autorate_cycle_total: 21.0ms"), at("02,021", "autorate_cycle_total: 21.0ms"),
			},
			want: []string{
				"autorate wan1 #1 15:00:01.000 total=21ms failed; probe9.9.9.9 20ms+0s failed; probe8.8.8.8 20ms+0s timeout; " +
					"probe1.1.1.1 20ms+0s failed; probe2606:4700::1111 20ms+0s failed; rtt_measurement 0s+20ms failed",
				"autorate wan1 #2 15:00:02.000 total=21ms",
			},
		},
		"gaps are missed slots where the interval is known": {
			opts: Options{Interval: 2 * time.Second},
			lines: []string{
				at("01,000", "autorate_cycle_total: 10.0ms"), at("03,004", "autorate_cycle_total: 10.0ms"),
				at("09,000", "autorate_cycle_total: 10.0ms"), at("30,000", "=== Continuous CAKE Controller - wan1 ==="),
				at("40,000", "autorate_cycle_total: 10.0ms"),
			},
			want: []string{
				"autorate wan1 #1 15:00:00.990 total=10ms", "autorate wan1 #2 15:00:02.994 total=10ms",
				"autorate wan1 #3 15:00:08.990 total=10ms missed=2", "autorate wan1 #4 15:00:39.990 total=10ms",
			},
		},
		"spans of a cycle that never ended": {
			lines: []string{
				at("01,020", "autorate_rtt_measurement: 20.0ms"),
				at("21,020", "autorate_rtt_measurement: 20.0ms"), at("21,030", "autorate_cycle_total: 30.0ms"),
				at("23,030", "autorate_rtt_measurement: 20.0ms"),
			},
			want:  []string{"autorate wan1 #1 15:00:21.000 total=30ms; rtt_measurement 0s+20ms"},
			loose: 2,
		},
		"timings beside the cycles": {
			lines: []string{at("01,000", "rtt_background_cycle: 3.0ms"), at("01,000", "autorate_cycle_total: 1.0ms")},
			want:  []string{"autorate wan1 #1 15:00:00.999 total=1ms"},
			loose: 1,
		},
		"daemons and WANs are apart": {
			lines: []string{
				at("01,000", "autorate_rtt_measurement: 1.0ms"), "2026-01-09 15:00:01,000 [wan2] [DEBUG] autorate_rtt_measurement: 2.0ms",
				"2026-01-09 15:00:01,000 [steering] [DEBUG] steering_rtt_measurement: 3.0ms", at("01,000", "autorate_cycle_total: 1.0ms"),
				"2026-01-09 15:00:01,000 [steering] [DEBUG] steering_cycle_total: 4.0ms",
				"2026-01-09 15:00:01,000 [wan2] [DEBUG] autorate_cycle_total: 5.0ms",
			},
			want: []string{
				"autorate wan1 #1 15:00:00.999 total=1ms; rtt_measurement 0s+1ms",
				"steering steering #1 15:00:00.996 total=4ms; rtt_measurement 1ms+3ms",
				"autorate wan2 #1 15:00:00.995 total=5ms; rtt_measurement 3ms+2ms",
			},
		},
		"JSON lines, with the daemon in the logger's name": {
			lines: []string{
				`{"timestamp":"2026-01-09T15:00:01.020Z","level":"DEBUG","logger":"cake_continuous_wan1","message":"autorate_rtt_measurement: 20.0ms"}`,
				`{"timestamp":"2026-01-09T16:00:01.030+01:00","level":"DEBUG","logger":"wan1","message":"autorate_cycle_total: 30.0ms","x":NaN}`,
				`{"timestamp":"2026-01-09T15:00:02.000","level":"DEBUG","logger":"wan_steering_steering","message":"steering_cycle_total: 5.0ms"}`,
				`{"timestamp":"2026-01-09T15:00:03.030Z","level":"DEBUG","logger":"cake_continuous_wan1","message":"Cycle timing","cycle_total_ms":30.1234,"rtt_measurement_ms":20.5,"overrun":false,"interval_ms":50}`,
			},
			want: []string{
				"autorate wan1 #1 15:00:01.000 total=30ms; rtt_measurement 0s+20ms",
				"steering steering #1 15:00:01.995 total=5ms",
				"autorate wan1 #2 15:00:02.999 total=30.123ms; rtt_measurement 9.623ms+20.5ms",
			},
		},
		"lines that cannot be read": {
			lines: []string{
				at("01,000", "autorate_rtt_measurement: -1.0ms"), at("01,000", "autorate_rtt_measurement: 1e3ms"),
				at("01,000", "autorate_cycle_total: 99999999999.0ms"), at("01,000", "autorate_cycle_total: 1.ms"),
				"{not json", `{"timestamp":"yesterday","message":"x"}`, `{"timestamp":"2026-01-09T15:00:01.020Z"}`,
				"2026-13-09 15:00:01,000 [wan1] [DEBUG] autorate_cycle_total: 1.0ms",
			},
			bad: []string{
				`x.log:1: autorate_rtt_measurement: "-1.0" is no duration in ms`, `x.log:2: autorate_rtt_measurement: "1e3" is no duration in ms`,
				`x.log:3: autorate_cycle_total: "99999999999.0" is no duration in ms`, `x.log:4: autorate_cycle_total: "1." is no duration in ms`,
				`x.log:5: no JSON: invalid character 'n' looking for beginning of object key string`,
				`x.log:6: JSON without a timestamp and a message`, `x.log:7: JSON without a timestamp and a message`,
			},
		},
		"only the format asked for": {
			opts:  Options{Format: CakeAutorate},
			lines: []string{at("01,000", "autorate_cycle_total: 1.0ms")},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cycles, stats, err := collect(t, tt.opts, text("x.log", tt.lines...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, briefs(cycles)); diff != "" {
				t.Errorf("cycles (-want +got):\n%s", diff)
			}
			var bad []string
			for _, b := range stats.First {
				bad = append(bad, b.String())
			}
			if diff := cmp.Diff(tt.bad, bad); diff != "" {
				t.Errorf("bad lines (-want +got):\n%s", diff)
			}
			if stats.Loose != tt.loose || stats.Cycles != int64(len(tt.want)) || stats.Lines != int64(len(tt.lines)) {
				t.Errorf("stats %+v, want %d loose", stats, tt.loose)
			}
		})
	}
}

func TestReadFillsTheDecision(t *testing.T) {
	t.Parallel()
	steering := func(s string) string { return "2026-01-09 15:00:05,000 [steering] [INFO] " + s }
	cycles, _, err := collect(t, Options{}, text("x.log",
		at("01,000", "Ping: hosts=['1.1.1.1', '8.8.8.8'], median-of-three=True"),
		at("01,000", "Ping 8.8.8.8: 25.00ms (average, count=1)"),
		at("01,000", "wan1: Median-of-2 RTT = 24.93ms"),
		at("01,000", "wan1: [YELLOW/RED] RTT=24.9ms, load_ewma=33.1ms, baseline=25.0ms, delta=-8.1ms | DL=136M, UL=14M"),
		at("01,000", "wan1: Setting limits DOWN=136245261 UP=14121475"),
		at("01,000", "autorate_router_update: 5.0ms"),
		at("01,000", "wan1: Failed to apply limits"),
		at("01,000", "autorate_cycle_total: 100.0ms"),
		at("03,000", "wan1: [GREEN/GREEN] RTT=20.0ms, load_ewma=21.0ms, baseline=20.0ms, delta=1.0ms | DL=940M, UL=38M"),
		at("03,000", "wan1: Applied new limits to router"),
		at("03,000", "autorate_cycle_total: 100.0ms"),
		steering("Loaded baseline RTT from autorate state: 24.00ms"),
		steering("Ping 1.1.1.1: 23.70ms (median, count=3)"),
		steering("[WAN1_GOOD] rtt=1.5ms ewma=2.5ms drops=12345 q=9 | congestion=GREEN"),
		steering("Assessment: RED - rtt=1.5ms (>15), drops=12345 (>=1), queue=9 (>=50)"),
		steering("[WAN1_GOOD] [RED] rtt=1.5ms ewma=2.5ms drops=12345 q=9 | red_count=2/2"),
		steering("Steering rule enabled and verified"),
		steering("State transition: WAN1_DEGRADED (last transition: never)"),
		steering("steering_cycle_total: 100.0ms"),
		steering("[WAN1_DEGRADED] RTT=25.0ms, baseline=24.0ms, delta=1.0ms | bad_count=0/8, good_count=0/15"),
		steering("Failed to read CAKE stats for WAN-Download-1: "),
		steering("steering_cake_stats_read: 1.0ms"),
		steering("steering_cycle_total: 100.0ms"),
	))
	if err != nil {
		t.Fatal(err)
	}
	f, n := cycle.Known[float64], cycle.Known[int64]
	want := []cycle.Decision{
		{
			RTT: f(24.93), Load: f(33.1), Baseline: f(25), Delta: f(-8.1), Write: cycle.WriteFailed,
			Download: cycle.Direction{Zone: cycle.Yellow, Rate: n(136245261)}, Upload: cycle.Direction{Zone: cycle.Red, Rate: n(14121475)},
		},
		{
			RTT: f(20), Load: f(21), Baseline: f(20), Delta: f(1), Write: cycle.Written,
			Download: cycle.Direction{Zone: cycle.Green, Rate: n(940e6)}, Upload: cycle.Direction{Zone: cycle.Green, Rate: n(38e6)},
		},
		{
			RTT: f(23.7), Baseline: f(24), Delta: f(1.5), Load: f(2.5), Degraded: cycle.Known(true), Write: cycle.Written,
			Download: cycle.Direction{Zone: cycle.Red, Drops: n(12345), Queued: n(9)},
		},
		{RTT: f(25), Baseline: f(24), Delta: f(1), Degraded: cycle.Known(true)},
	}
	var got []cycle.Decision
	for _, c := range cycles {
		got = append(got, c.Decision)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"1.1.1.1", "8.8.8.8"}, cycles[0].Run.Reflectors); diff != "" {
		t.Errorf("reflectors (-want +got):\n%s", diff)
	}
	if !cycles[0].Run.Sequential || cycles[0].Outcome != cycle.Failed || cycles[0].Spans[1].Outcome != cycle.Failed || cycles[3].Spans[0].Outcome != cycle.Failed {
		t.Errorf("outcomes %s / %s", brief(cycles[0]), brief(cycles[3]))
	}
}

func TestReadPutsRotatedFilesInOrder(t *testing.T) {
	t.Parallel()
	newer := text("w.log", at("21,000", "autorate_cycle_total: 30.0ms"), at("23,000", "autorate_cycle_total: 30.0ms"))
	older := packed("w.log.1.gz", at("01,000", "autorate_cycle_total: 30.0ms"), at("20,990", "autorate_rtt_measurement: 10.0ms"))
	both, _, err := collect(t, Options{}, newer, older)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"autorate wan1 #1 15:00:00.970 total=30ms",
		"autorate wan1 #1 15:00:20.970 total=30ms; rtt_measurement 10ms+10ms",
		"autorate wan1 #2 15:00:22.970 total=30ms",
	}
	if diff := cmp.Diff(want, briefs(both)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	renamed := newer
	renamed.Name = "w.log.1"
	alone, _, err := collect(t, Options{}, renamed)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(both[1].Run, alone[0].Run); diff != "" {
		t.Errorf("a renamed file is another run (-before +after):\n%s", diff)
	}
	if both[0].Run.Source == both[1].Run.Source {
		t.Error("two files are one run")
	}
	if _, _, err = collect(t, Options{}, newer, renamed); err == nil || !strings.Contains(err.Error(), "w.log.1: the autorate cycles of wan1 begin at") {
		t.Errorf("a copy beside its original: %v", err)
	}
}

func TestReadKeepsTimesApartThatOccurredTwice(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip(err)
	}
	line := func(s string) string { return "2026-10-25 " + s + ",000 [w] [DEBUG] autorate_cycle_total: 0.0ms" }
	lines := []string{line("01:59:59"), line("02:00:00"), line("02:59:59"), line("02:00:01"), line("02:30:00"), line("02:59:58"), line("03:00:00")}
	cycles, _, err := collect(t, Options{Zone: berlin, Trusted: true}, text("x.log", lines...))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range cycles {
		got = append(got, c.Start.UTC().Format(time.TimeOnly))
	}
	if diff := cmp.Diff([]string{"23:59:59", "00:00:00", "00:59:59", "01:00:01", "01:30:00", "01:59:58", "02:00:00"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	cycles, _, err = collect(t, Options{Zone: berlin}, text("x.log", lines...))
	if bad := (BadLineError{}); !errors.As(err, &bad) || bad.Line != 2 || !strings.Contains(bad.Wrong, "--tz") || len(cycles) != 1 {
		t.Errorf("%d cycles, error %v; want one cycle and an error that names line 2 and --tz", len(cycles), err)
	}
	if _, _, err = collect(t, Options{Zone: berlin}, text("x.log", line("01:00:00"), line("03:00:00"))); err != nil {
		t.Errorf("unambiguous times of that day: %v", err)
	}
	if _, _, err = collect(t, Options{Zone: time.UTC}, text("x.log", lines...)); err != nil {
		t.Errorf("a zone without such times: %v", err)
	}
}

func TestReadCakeAutorate(t *testing.T) {
	t.Parallel()
	header := "DATA_HEADER; LOG_DATETIME; LOG_TIMESTAMP; PROC_TIME_US; DL_ACHIEVED_RATE_KBPS; UL_ACHIEVED_RATE_KBPS; DL_LOAD_PERCENT; UL_LOAD_PERCENT; " +
		"ICMP_TIMESTAMP; REFLECTOR; SEQUENCE; DL_OWD_BASELINE; DL_OWD_US; DL_OWD_DELTA_EWMA_US; DL_OWD_DELTA_US; DL_ADJ_DELAY_THR; UL_OWD_BASELINE; UL_OWD_US; " +
		"UL_OWD_DELTA_EWMA_US; UL_OWD_DELTA_US; UL_ADJ_DELAY_THR; DL_SUM_DELAYS; DL_AVG_OWD_DELTA_US; DL_ADJ_AVG_OWD_DELTA_THR_US; UL_SUM_DELAYS; " +
		"UL_AVG_OWD_DELTA_US; UL_ADJ_AVG_OWD_DELTA_THR_US; DL_LOAD_CONDITION; UL_LOAD_CONDITION; CAKE_DL_RATE_KBPS; CAKE_UL_RATE_KBPS"
	data := func(second, proc, owd, condition string) string {
		return "DATA; 2023-03-01-12:00:00; 16776720" + second + ".123456; 16776720" + proc + "; 900; 80; 4; 1; [16776720" + second + ".100000]; 9.9.9.9; 7; 5000; " + owd +
			"; 300; 400; 30000; 5000; " + owd + "; 300; 400; 30000; 0; 350; 60000; 0; 350; 60000; " + condition + "; ul_low; 20000; 30000"
	}
	cycles, stats, err := collect(t, Options{}, text("/var/log/cake-autorate.primary.log",
		"DEBUG; 2023-03-01-12:00:00; 1677672000.000001; Starting: main with PID: 1",
		header,
		"LOAD; 2023-03-01-12:00:00; 1677672000.100000; 1677672000099999; 900; 80; 20000; 30000",
		data("00", "00.103000", "5400", "dl_low"),
		data("01", "01103000", "9000", "dl_high_bb"),
		"SUMMARY; 2023-03-01-12:00:01; 1677672001.100000; 900; 80; 0; 0; 300; 300; dl_low; ul_low; 20000; 30000",
		"DATA; 2023-03-01-12:00:01; 1677672001.100000; 1; 2",
		strings.Replace(data("02", "02.103000", "5400", "dl_low"), "5400", "many", 1),
	))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"autorate primary #1 12:00:00.089 total=13.8ms; rtt_measurement 0s+10.8ms; probe9.9.9.9 0s+10.8ms",
		"autorate primary #2 12:00:01.082 total=21ms; rtt_measurement 0s+18ms; probe9.9.9.9 0s+18ms",
	}
	if diff := cmp.Diff(want, briefs(cycles)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	f, n := cycle.Known[float64], cycle.Known[int64]
	decision := cycle.Decision{
		RTT: f(18), Baseline: f(10), Load: f(10.6), Delta: f(0.6),
		Download: cycle.Direction{Zone: cycle.Red, Rate: n(20_000_000)}, Upload: cycle.Direction{Zone: cycle.Green, Rate: n(30_000_000)},
	}
	if diff := cmp.Diff(decision, cycles[1].Decision); diff != "" {
		t.Errorf("decision (-want +got):\n%s", diff)
	}
	if stats.Bad != 2 || !strings.Contains(stats.First[0].String(), "5 fields") || !strings.Contains(stats.First[1].String(), `DL_OWD_US "many"`) {
		t.Errorf("bad lines %v", stats.First)
	}
}

func TestReadTellsWhatIsWrongWithAFile(t *testing.T) {
	t.Parallel()
	cut := packed("cut.gz", at("01,000", "autorate_cycle_total: 1.0ms"), strings.Repeat("x\n", 1e5))
	whole := cut.Open
	cut.Open = func() (io.ReadCloser, error) {
		f, err := whole()
		return io.NopCloser(io.LimitReader(f, 150)), err
	}
	missing := Input{Name: "none", Open: func() (io.ReadCloser, error) { return nil, os.ErrNotExist }}
	for name, tt := range map[string]struct {
		in   Input
		want string
	}{
		"cut off":     {cut, "cut.gz: after line"},
		"not there":   {missing, "file does not exist"},
		"not gzipped": {Input{Name: "bad.gz", Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("\x1f\x8bnonsense")), nil }}, "bad.gz: "},
	} {
		if _, _, err := collect(t, Options{}, tt.in); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", name, err, tt.want)
		}
	}
	_, stats, err := collect(t, Options{}, text("notes.txt", "hello", strings.Repeat("long", maxLine), "DATA is good", at("01,000", "autorate_cycle_total: 1.0ms")))
	if err != nil || stats.Bad != 1 || stats.Cycles != 1 || stats.First[0].Line != 2 {
		t.Errorf("a long line: stats %+v, error %v", stats, err)
	}
	_, stats, err = collect(t, Options{}, text("notes.txt", "hello", "world"))
	if err != nil || stats.Known {
		t.Errorf("no log at all: stats %+v, error %v", stats, err)
	}
}

func TestReadEndsWhenNobodyWantsMore(t *testing.T) {
	t.Parallel()
	in := text("x.log", at("01,000", "autorate_cycle_total: 1.0ms"), at("02,000", "autorate_cycle_total: 1.0ms"))
	var stats Stats
	for range Read(t.Context(), []Input{in}, Options{}, &stats) {
		break
	}
	if stats.Cycles != 1 {
		t.Errorf("%d cycles read", stats.Cycles)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	many := text("x.log", slices.Repeat([]string{"x"}, 5000)...)
	for _, err := range Read(ctx, []Input{many}, Options{}, &stats) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want %v", err, context.Canceled)
		}
	}
}
