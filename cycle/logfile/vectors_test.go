package logfile

import (
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
)

// vectors finds the shared vectors; without them the test is skipped.
func vectors(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("WANCTL_VECTORS"); dir != "" {
		return dir
	}
	dir, _ := os.Getwd()
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			v := filepath.Join(dir, "..", "shared", "vectors")
			if _, err := os.Stat(v); err == nil {
				return v
			}
		}
	}
	t.Skip("the vectors are not here: name their folder in WANCTL_VECTORS")
	return ""
}

func TestReadAgreesWithTheVectors(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(vectors(t), "collector")
	b, err := os.ReadFile(filepath.Join(dir, "expected_clean", "collector.json"))
	if err != nil {
		t.Fatal(err)
	}
	type stat struct {
		Count int     `json:"count"`
		Min   float64 `json:"min_ms"`
		Max   float64 `json:"max_ms"`
		Avg   float64 `json:"avg_ms"`
		P95   float64 `json:"p95_ms"`
		P99   float64 `json:"p99_ms"`
	}
	want := map[string]stat{}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "wanctl_debug.log.gz")
	cycles, stats, err := collect(t, Options{Interval: 2 * time.Second}, Input{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(name) }})
	if err != nil {
		t.Fatal(err)
	}
	times := map[string][]float64{}
	probes := 0
	for _, c := range cycles {
		times[string(c.Run.Daemon.Label(cycle.Total))] = append(times[string(c.Run.Daemon.Label(cycle.Total))], cycle.Millis(c.Total))
		for _, s := range c.Spans {
			if s.Part == cycle.Probe {
				probes++
				continue
			}
			times[string(s.Label)] = append(times[string(s.Label)], cycle.Millis(s.Duration))
		}
	}
	got := map[string]stat{}
	for l, v := range times {
		slices.Sort(v)
		sum := 0.0
		for _, x := range v {
			sum += x
		}
		n := len(v)
		got[l] = stat{n, v[0], v[n-1], sum / float64(n), v[95*(n-1)/100], v[99*(n-1)/100]}
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) <= 1e-12*math.Abs(a) })
	if diff := cmp.Diff(want, got, near); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if stats.Bad != 0 || stats.Loose != 0 {
		t.Errorf("stats %+v: no line is bad", stats)
	}
	if want := 1308 + 451 + 63 + 44 + 9 + 7; probes != want {
		t.Errorf("%d probes, want %d", probes, want)
	}
	for _, c := range cycles {
		if d := c.Decision; c.Outcome == cycle.OK && (!d.RTT.Known || !d.Baseline.Known || !d.Delta.Known || d.Download.Zone == cycle.NoZone) {
			t.Fatalf("%s: decision %+v", brief(c), d)
		}
	}
}
