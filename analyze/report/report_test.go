package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"iter"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"wanctl/analyze"
	"wanctl/analyze/report"
	"wanctl/cycle"
	"wanctl/cycle/golden"
)

var epoch = time.Date(2026, 1, 9, 14, 0, 0, 0, time.UTC)

// hour is the window of the recordings here.
var hour = cycle.Window{Since: epoch, Until: epoch.Add(time.Hour)}

// recording is a Source of rows.
type recording struct {
	cycles []*cycle.Cycle
	drops  []cycle.Drop
}

var _ analyze.Source = (*recording)(nil)

func (r *recording) Runs(context.Context, cycle.Window) (runs []*cycle.Run, _ error) {
	seen := map[*cycle.Run]bool{}
	for _, c := range r.cycles {
		if !seen[c.Run] {
			seen[c.Run] = true
			runs = append(runs, c.Run)
		}
	}
	return runs, nil
}

func (r *recording) Cycles(_ context.Context, w cycle.Window) iter.Seq2[*cycle.Cycle, error] {
	return func(yield func(*cycle.Cycle, error) bool) {
		for _, c := range r.cycles {
			if !c.Start.Before(w.Since) && c.Start.Before(w.Until) && !yield(c, nil) {
				return
			}
		}
	}
}

func (r *recording) Covered(context.Context, cycle.Window) ([]cycle.Window, error) { return nil, nil }

func (r *recording) Rollups(context.Context, cycle.Window) iter.Seq2[*cycle.Rollup, error] {
	return func(func(*cycle.Rollup, error) bool) {}
}

func (r *recording) Drops(context.Context, cycle.Window) ([]cycle.Drop, error) { return r.drops, nil }

// add appends n cycles of a run, with durations that follow from their number.
func (r *recording) add(run *cycle.Run, n int, parts map[cycle.Part]time.Duration) {
	for i := range n {
		c := &cycle.Cycle{Run: run, Seq: int64(i + 1), Start: epoch.Add(time.Duration(i) * run.Budget), Late: time.Duration(i%7) * 100 * time.Microsecond}
		wobble := time.Duration(i*i%97) * 37 * time.Microsecond
		var together, after time.Duration
		for _, p := range cycle.Stretches {
			d, ok := parts[p]
			if !ok || p == cycle.Update && i%9 != 0 {
				continue
			}
			d += wobble * d / (10 * time.Millisecond)
			s := cycle.Span{Label: run.Daemon.Label(p), Part: p, Duration: d}
			if p <= cycle.Rule {
				together = max(together, d)
			} else {
				s.Offset = together + after
				after += d
			}
			if p == cycle.RTT && i%50 == 49 {
				s.Outcome = cycle.TimedOut
			}
			c.Spans = append(c.Spans, s)
		}
		for j, host := range run.Reflectors {
			s := cycle.Span{Label: run.Daemon.Label(cycle.Probe), Part: cycle.Probe, Target: host, Duration: parts[cycle.RTT] - time.Duration(j)*time.Millisecond}
			if i%50 == 49 {
				s.Outcome = cycle.TimedOut
			}
			c.Spans = append(c.Spans, s)
		}
		if c.Total = together + after + 90*time.Microsecond; i == 11 {
			c.Total, c.Missed, c.Outcome = run.Budget+time.Second, 1, cycle.Failed
		}
		r.cycles = append(r.cycles, c)
	}
}

// home is a recording of both daemons; steering's has too few cycles for a p99.
func home() *recording {
	ms := time.Millisecond
	r := &recording{drops: []cycle.Drop{{At: epoch.Add(time.Minute), Daemon: cycle.Autorate, WAN: "wan1", Count: 3, Reason: "disk full"}}}
	r.add(&cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Budget: 2 * time.Second, Reflectors: []string{"1.1.1.1", "9.9.9.9"}}, 300,
		map[cycle.Part]time.Duration{cycle.RTT: 24 * ms, cycle.CAKE: 7 * ms, cycle.Adjust: ms / 8, cycle.Update: 11 * ms})
	r.add(&cycle.Run{Daemon: cycle.Steering, WAN: "wan1", Budget: 2 * time.Second, Reflectors: []string{"1.1.1.1"}}, 60,
		map[cycle.Part]time.Duration{cycle.RTT: 13 * ms, cycle.CAKE: 45 * ms, cycle.Rule: 5 * ms, cycle.Adjust: ms / 2})
	return r
}

func analysis(t *testing.T, s analyze.Source) *analyze.Analysis {
	t.Helper()
	a, err := analyze.Analyze(t.Context(), hour, analyze.Options{}, s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// made compares what write wrote with a file under testdata.
func made(t *testing.T, name string, write func(io.Writer) error) []byte {
	t.Helper()
	b := new(bytes.Buffer)
	if err := write(b); err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, filepath.Join("testdata", name), b.String())
	return b.Bytes()
}

func berlin(t *testing.T) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestText(t *testing.T) {
	t.Parallel()
	a := analysis(t, home())
	o := report.Options{Databases: []string{"profile.db"}, Zone: berlin(t)}
	made(t, "home.txt", func(w io.Writer) error { return report.Text(w, a, o) })
	o.Verbose = true
	made(t, "home_verbose.txt", func(w io.Writer) error { return report.Text(w, a, o) })
}

func TestTextKeepsWithinTheTerminal(t *testing.T) {
	t.Parallel()
	a := analysis(t, home())
	for _, width := range []int{80, 100, 120} {
		b := new(bytes.Buffer)
		if err := report.Text(b, a, report.Options{Width: width}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if !strings.HasPrefix(line, "  ") || strings.HasPrefix(line, "  waits") {
				continue // sentences are for the terminal to wrap
			}
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > width {
				t.Errorf("width %d: a line of %d: %q", width, n, line)
			}
		}
		for _, must := range []string{"p50", "p95", "p99", "max", "waited on"} {
			if !strings.Contains(b.String(), must) {
				t.Errorf("width %d: no column %q", width, must)
			}
		}
	}
}

func TestTextIsHarmlessToATerminal(t *testing.T) {
	t.Parallel()
	r := new(recording)
	r.add(&cycle.Run{Daemon: cycle.Autorate, WAN: "wan\x1b[2J", Budget: time.Second, Reflectors: []string{"\x1b]0;x\a"}}, 3,
		map[cycle.Part]time.Duration{cycle.RTT: time.Millisecond})
	b := new(bytes.Buffer)
	if err := report.Text(b, analysis(t, r), report.Options{Databases: []string{"\x1b.db"}, Verbose: true}); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b\a") {
		t.Errorf("escape sequences reach the terminal: %q", b)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	a := analysis(t, home())
	b := made(t, "home.json", func(w io.Writer) error { return report.JSON(w, a, report.Options{Databases: []string{"profile.db"}}) })
	checkContract(t, b)
}

// checkContract makes sure that every key of the contract is there, and of its type.
func checkContract(t *testing.T, b []byte) {
	t.Helper()
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	var contract map[string]any
	if err := json.Unmarshal([]byte(`{"format":"","window":{"since":"","until":""},"databases":[""],
		"method":{"quantile":"","exact":true,"max_relative_error":0},
		"loops":[{"daemon":"","wan":"","budget_ms":0,"cycles":0,"failed":0,"missed":0,"dropped":0,"overruns":0,"utilization":0,"headroom_ms":0,
		"lateness":{"count":0,"min_ms":0,"max_ms":0,"avg_ms":0,"p50_ms":0,"p95_ms":0,"p99_ms":0,"warnings":[]},
		"spans":[{"label":"","part":"","count":0,"failed":0,"min_ms":0,"max_ms":0,"avg_ms":0,"p50_ms":0,"p95_ms":0,"p99_ms":0,
		"share":0,"critical_share":0,"warnings":[]}],
		"other_critical_share":0,"bottleneck":{"label":"","critical_share":0,"priority":""}}],"warnings":[]}`), &contract); err != nil {
		t.Fatal(err)
	}
	var compare func(path string, want, got any)
	compare = func(path string, want, got any) {
		switch want := want.(type) {
		case map[string]any:
			m, ok := got.(map[string]any)
			if !ok {
				t.Errorf("%s is %v, not an object", path, got)
				return
			}
			for k, v := range want {
				if _, ok := m[k]; !ok {
					t.Errorf("%s.%s is missing", path, k)
					continue
				}
				compare(path+"."+k, v, m[k])
			}
		case []any:
			l, ok := got.([]any)
			if !ok {
				t.Errorf("%s is %v, not a list", path, got)
				return
			}
			for _, v := range l {
				if len(want) > 0 {
					compare(path+"[]", want[0], v)
				}
			}
		case float64:
			if _, ok := got.(float64); !ok {
				t.Errorf("%s is %v, not a number", path, got)
			}
		case string:
			if _, ok := got.(string); !ok {
				t.Errorf("%s is %v, not a text", path, got)
			}
		}
	}
	compare("", contract, got)
}

func TestJSONOfWhatIsUnknownIsNull(t *testing.T) {
	t.Parallel()
	r := new(recording)
	run := &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Reflectors: []string{"9.9.9.9"}}
	r.cycles = []*cycle.Cycle{{Run: run, Start: epoch, Total: time.Millisecond, Spans: []cycle.Span{
		{Label: "autorate_probe", Part: cycle.Probe, Target: "9.9.9.9", Outcome: cycle.TimedOut},
	}}}
	b := new(bytes.Buffer)
	if err := report.JSON(b, analysis(t, r), report.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"budget_ms": null`, `"utilization": null`, `"headroom_ms": null`, `"bottleneck": null`, `"databases": []`, `"warnings": []`} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %s in\n%s", want, b)
		}
	}
}

func TestMarkdown(t *testing.T) {
	t.Parallel()
	a := analysis(t, home())
	made(t, "home.md", func(w io.Writer) error {
		return report.Markdown(w, a, report.Options{Databases: []string{"profile.db"}, Zone: berlin(t)})
	})
}

func TestCSV(t *testing.T) {
	t.Parallel()
	a := analysis(t, home())
	b := made(t, "home.csv", func(w io.Writer) error { return report.CSV(w, a, report.Options{}) })
	rows := read(t, b, ',')
	i := 0
	for _, l := range a.Loops {
		for _, s := range append(l.Spans, analyze.Span{Label: l.Daemon.Label(cycle.Late), Summary: l.Lateness}) {
			for name, want := range map[string]time.Duration{
				"min_ms": s.Min, "p50_ms": s.P50.Value, "p95_ms": s.P95.Value, "p99_ms": s.P99.Value, "max_ms": s.Max,
			} {
				ms, err := strconv.ParseFloat(rows[i][name], 64)
				if err != nil || time.Duration(math.Round(ms*1e6)) != want {
					t.Errorf("row %d, %s: %s is %q, want %v", i, s.Name(), name, rows[i][name], want)
				}
			}
			if rows[i]["label"] != string(s.Label) || rows[i]["count"] != strconv.FormatInt(s.Count, 10) {
				t.Errorf("row %d is %v, want %s", i, rows[i], s.Name())
			}
			i++
		}
	}
	if i != len(rows) {
		t.Errorf("%d rows for %d series", len(rows), i)
	}
}
