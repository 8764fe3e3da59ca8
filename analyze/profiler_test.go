package analyze

import (
	"bufio"
	"bytes"
	"encoding/json"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
)

// vectors returns the folder of recordings of the Python program's own outputs.
func vectors(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("WANCTL_VECTORS")
	if dir == "" {
		root, err := filepath.Abs(".")
		if err != nil {
			t.Fatal(err)
		}
		for root != filepath.Dir(root) {
			if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
				break
			}
			root = filepath.Dir(root)
		}
		dir = filepath.Join(root, "..", "shared", "vectors")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no vectors (set WANCTL_VECTORS to their folder): %v", err)
	}
	return dir
}

// rows calls f with each row of a vector file that is to be matched.
func rows[T any](t *testing.T, name string, f func(i int, row T)) {
	t.Helper()
	file, err := os.Open(filepath.Join(vectors(t), "profiler", name))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	n := 0
	for i := -1; lines.Scan(); i++ {
		if i < 0 {
			continue // the header
		}
		var bad struct {
			Bug bool `json:"incumbent_bug"`
		}
		var row T
		if err := json.Unmarshal(lines.Bytes(), &bad); err != nil {
			t.Fatal(err)
		}
		if bad.Bug {
			continue
		}
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		f(i, row)
		n++
	}
	if err := lines.Err(); err != nil || n == 0 {
		t.Fatalf("%s: %d rows: %v", name, n, err)
	}
}

// statsRow is how the Python program's profiler tells a label.
type statsRow struct {
	Count int      `json:"count"`
	Min   *float64 `json:"min_ms"`
	Max   float64  `json:"max_ms"`
	Avg   float64  `json:"avg_ms"`
	P95   float64  `json:"p95_ms"`
	P99   float64  `json:"p99_ms"`
}

func fromMillis(ms float64) time.Duration { return time.Duration(math.Round(ms * 1e6)) }

// checkStats compares our figures with the recorded ones. Count, min, max and mean
// are the same; a quantile is, where the nearest rank and the Python program's index
// int(q*(n-1)) are the same value of the n, and else the next one up.
func checkStats(t *testing.T, i int, want statsRow, got Stats, ok bool) {
	t.Helper()
	if ok != (want.Count > 0) || got.Count != want.Count {
		t.Errorf("row %d: count %d, want %d", i, got.Count, want.Count)
		return
	}
	if !ok {
		return
	}
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"min", cycle.Millis(got.Min), *want.Min}, {"max", cycle.Millis(got.Max), want.Max}, {"avg", got.Avg(), want.Avg},
	} {
		if math.Abs(c.got-c.want) > 1e-12*math.Max(1, math.Abs(c.want))+5e-7 {
			t.Errorf("row %d: %s %v, want %v", i, c.name, c.got, c.want)
		}
	}
	for _, q := range []struct {
		permille int64
		got      time.Duration
		want     float64
	}{{950, got.P95, want.P95}, {990, got.P99, want.P99}} {
		theirs := int(q.permille) * (got.Count - 1) / 1000
		ours := int(rank(int64(got.Count), q.permille)) - 1
		if theirs == ours && q.got != fromMillis(q.want) {
			t.Errorf("row %d: quantile %d is %v, want %v ms", i, q.permille, q.got, q.want)
		}
		if theirs < ours && q.got < fromMillis(q.want) || theirs > ours {
			t.Errorf("row %d: quantile %d is %v, below the Python program's %v ms", i, q.permille, q.got, q.want)
		}
	}
}

func TestProfilerStatsEqualTheVectors(t *testing.T) {
	t.Parallel()
	type row struct {
		In struct {
			Max     int       `json:"max_samples"`
			Samples []float64 `json:"samples"`
		} `json:"in"`
		Out struct {
			statsRow
			Kept   int    `json:"kept"`
			Report string `json:"report"`
		} `json:"out"`
	}
	rows(t, "stats.jsonl", func(i int, r row) {
		p := &Profiler{Samples: r.In.Max}
		for _, ms := range r.In.Samples {
			p.Record("op", fromMillis(ms))
		}
		s, ok := p.Stats("op")
		if s.Count != r.Out.Kept {
			t.Errorf("row %d: kept %d, want %d", i, s.Count, r.Out.Kept)
		}
		checkStats(t, i, r.Out.statsRow, s, ok)
	})
}

// figures cuts the figures that two formulas give out of a report's lines.
var figures = regexp.MustCompile(`p9[59]=-?[0-9.]+ms\??`)

func TestProfilerReportEqualsTheVectors(t *testing.T) {
	t.Parallel()
	type row struct {
		In struct {
			Max int     `json:"max_samples"`
			Ops [][]any `json:"ops"`
		} `json:"in"`
		Out struct {
			Report string              `json:"report"`
			Stats  map[string]statsRow `json:"stats"`
		} `json:"out"`
	}
	rows(t, "report.jsonl", func(i int, r row) {
		p := &Profiler{Samples: r.In.Max}
		for _, op := range r.In.Ops {
			label, named := op[1].(string)
			switch {
			case op[0] == "record":
				p.Record(cycle.Label(label), fromMillis(op[2].(float64)))
			case named:
				p.Clear(cycle.Label(label))
			default:
				p.Clear()
			}
		}
		cut := func(s string) string { return figures.ReplaceAllString(s, "") }
		if diff := cmp.Diff(cut(r.Out.Report), cut(p.Report())); diff != "" {
			t.Errorf("row %d (-want +got):\n%s", i, diff)
		}
		for label, want := range r.Out.Stats {
			s, ok := p.Stats(cycle.Label(label))
			checkStats(t, i, want, s, ok)
		}
	})
}

func TestProfilerKeepsTheLatest(t *testing.T) {
	t.Parallel()
	p := new(Profiler)
	for i := range 1000 {
		p.Record("a", time.Duration(i))
	}
	got, ok := p.Stats("a")
	want := Stats{Count: 100, Min: 900, Max: 999, Sum: 94950, P50: 949, P95: 994, P99: 998}
	if !ok || got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if p.Clear("a"); strings.Contains(p.Report(), "a:") {
		t.Errorf("cleared, it reports %q", p.Report())
	}
	if _, ok := p.Stats("a"); ok {
		t.Error("cleared, it has stats")
	}
}

func TestProfilerMarksThinQuantiles(t *testing.T) {
	t.Parallel()
	p := new(Profiler)
	for range 20 {
		p.Record("a", 1500*time.Microsecond)
	}
	const want = "=== Profiling Report ===\na: count=20, min=1.5ms, avg=1.5ms, max=1.5ms, p95=1.5ms, p99=1.5ms?"
	if got := p.Report(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestRollingLogsASummaryOnceInAWhile(t *testing.T) {
	t.Parallel()
	b := new(bytes.Buffer)
	r := NewRolling(slog.New(slog.NewTextHandler(b, nil)), time.Minute)
	for _, c := range house(9, 3*time.Minute).cycles {
		if c.Run.Daemon == cycle.Autorate {
			r.Record(c)
		}
	}
	if n := strings.Count(b.String(), "Profiling Report"); n != 2 {
		t.Errorf("%d summaries in three minutes, want 2", n)
	}
	for _, want := range []string{"autorate_rtt_measurement: count=100", "autorate_cycle_total: count=100"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in %s", want, b)
		}
	}
	if strings.Contains(b.String(), "autorate_probe") {
		t.Error("the summary tells every reflector")
	}
}

func TestRollingOutlivesASteppedClock(t *testing.T) {
	t.Parallel()
	b := new(bytes.Buffer)
	r := NewRolling(slog.New(slog.NewTextHandler(b, nil)), time.Minute)
	cs := house(10, 2*time.Minute).cycles
	r.Record(&cycle.Cycle{Run: cs[0].Run, Start: epoch.Add(24 * time.Hour)})
	for c := range slices.Values(cs) {
		r.Record(c)
	}
	if n := strings.Count(b.String(), "Profiling Report"); n != 1 {
		t.Errorf("%d summaries in the two minutes after the clock went back a day, want 1", n)
	}
}
