package metrics

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"wanctl/cycle"
	"wanctl/cycle/golden"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var began = time.Date(2026, 1, 9, 14, 0, 0, 0, time.UTC)

func newRun(d cycle.Daemon, wan string, reflectors ...string) *cycle.Run {
	return &cycle.Run{Daemon: d, WAN: wan, Budget: 50 * time.Millisecond, Reflectors: reflectors}
}

// made is the i-th cycle of a run; every tenth failed in all its parts but one.
func made(run *cycle.Run, i int) *cycle.Cycle {
	c := &cycle.Cycle{Run: run, Seq: int64(i + 1), Start: began.Add(time.Duration(i) * run.Budget), Late: 30 * time.Microsecond, Total: 12 * time.Millisecond}
	o := cycle.OK
	if i%10 == 9 {
		o, c.Total, c.Missed = cycle.TimedOut, 60*time.Millisecond, 2
	}
	c.Outcome = o
	add := func(p cycle.Part, target string, d time.Duration, o cycle.Outcome) {
		c.Spans = append(c.Spans, cycle.Span{Label: run.Daemon.Label(p), Part: p, Target: target, Duration: d, Outcome: o})
	}
	for _, r := range run.Reflectors {
		add(cycle.Probe, r, 11*time.Millisecond, o)
	}
	add(cycle.RTT, "", 11*time.Millisecond, o)
	add(cycle.CAKE, "", 4*time.Millisecond, cycle.OK)
	add(cycle.Adjust, "", 150*time.Microsecond, cycle.OK)
	c.Decision = cycle.Decision{
		RTT: cycle.Maybe[float64]{Value: 25.5, Known: o == cycle.OK}, Baseline: cycle.Known(24.0), Load: cycle.Known(25.0), Delta: cycle.Known(1.0),
		Download: cycle.Direction{Zone: cycle.SoftRed, Rate: cycle.Known[int64](475e6), Queued: cycle.Known[int64](3), Drops: cycle.Known[int64](2)},
		Upload:   cycle.Direction{Zone: cycle.Green, Rate: cycle.Known[int64](38e6)},
	}
	if run.Daemon == cycle.Steering {
		add(cycle.Rule, "", 3*time.Millisecond, cycle.OK)
		c.Decision.Upload = cycle.Direction{}
		c.Decision.Degraded, c.Decision.Queue = cycle.Known(true), cycle.Known(7.5)
	}
	if i%4 == 0 {
		add(cycle.Update, "", 5*time.Millisecond, cycle.OK)
		c.Decision.Write = cycle.Written
	}
	return c
}

func newMetrics() *Metrics {
	return New(Build{"1.2.3", "abc", "go1.26"}, func() []Recorder {
		return []Recorder{{Path: "/var/lib/wanctl/profile.db", Recorded: 90, Dropped: 1, Queued: 9, Flushes: 2, Flushed: began, Size: 4096, MaxSize: 1 << 20}}
	}, slog.New(slog.DiscardHandler))
}

func router() Router { return Router{"rest", true, 1, 200, 3} }

// both returns the Metrics of both daemons' loops after a hundred cycles and one.
func both() *Metrics {
	m := newMetrics()
	for _, run := range []*cycle.Run{newRun(cycle.Autorate, "wan1", "1.1.1.1", "9.9.9.9"), newRun(cycle.Steering, "steering", "1.1.1.1")} {
		r := m.Loop(run, router)
		for i := range 101 {
			r.Record(made(run, i))
		}
	}
	return m
}

// scrape returns the answer to a scrape that accepts a form.
func scrape(t *testing.T, h http.Handler, accept string) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	r.Header.Set("Accept", accept)
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, r)
	if answer.Code != http.StatusOK {
		t.Fatalf("answered %d: %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}

func TestScrape(t *testing.T) {
	t.Parallel()
	var ours []string
	for line := range strings.Lines(scrape(t, both(), "text/plain")) {
		if strings.Contains(line, "wanctl_") {
			ours = append(ours, line)
		}
	}
	golden.Equal(t, filepath.Join("testdata", "metrics.txt"), strings.Join(ours, ""))
}

func TestNamesFollowTheConventions(t *testing.T) {
	t.Parallel()
	problems, err := testutil.GatherAndLint(prometheus.GathererFunc(both().registry.Gather))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "wanctl_") && p.Metric != "wanctl_rate_limit_bits_per_second" { // as everybody counts them
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// TestHistogramsAreNativeToo asks in the form that carries them.
func TestHistogramsAreNativeToo(t *testing.T) {
	t.Parallel()
	families, err := both().registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			h := m.GetHistogram()
			if h == nil || !strings.HasPrefix(f.GetName(), "wanctl_") || h.GetSampleCount() == 0 {
				continue
			}
			seen++
			if len(h.GetPositiveSpan()) == 0 || len(h.GetBucket()) == 0 {
				t.Errorf("%s %v: native %v, classic %v", f.GetName(), m.GetLabel(), h.GetPositiveSpan(), h.GetBucket())
			}
		}
	}
	if seen != 16 { // autorate: five parts, two reflectors, the lateness; steering: six parts, one, the lateness
		t.Errorf("%d histograms hold something", seen)
	}
	const protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
	if text := scrape(t, both(), protobuf); strings.Contains(text, "# HELP") || !strings.Contains(text, "wanctl_span_duration_seconds") {
		t.Error("the scrape is no protocol buffer")
	}
}

// TestWhatIsNotKnownIsLeftOut scrapes before the first cycle and after one that
// measured nothing.
func TestWhatIsNotKnownIsLeftOut(t *testing.T) {
	t.Parallel()
	m := newMetrics()
	run := newRun(cycle.Autorate, "wan1", "1.1.1.1")
	r := m.Loop(run, router)
	has := func(name string) bool { return strings.Contains(scrape(t, m, "text/plain"), "\n"+name+"{") }
	names := []string{"wanctl_rtt_seconds", "wanctl_zone", "wanctl_rate_limit_bits_per_second", "wanctl_last_cycle_timestamp_seconds"}
	for _, name := range names {
		if has(name) {
			t.Errorf("%s is there before the first cycle", name)
		}
	}
	r.Record(made(run, 0))
	for _, name := range names {
		if !has(name) {
			t.Errorf("%s is not there", name)
		}
	}
	r.Record(&cycle.Cycle{Run: run, Start: began, Outcome: cycle.Failed})
	if has("wanctl_rtt_seconds") || has("wanctl_zone") || !has("wanctl_last_cycle_timestamp_seconds") {
		t.Error("what an earlier cycle measured passes for what this one did")
	}
}

func TestLabelsAreBounded(t *testing.T) {
	t.Parallel()
	m := newMetrics()
	var many []string
	for i := range 100 {
		many = append(many, fmt.Sprintf("10.0.0.%d", i))
	}
	run := newRun(cycle.Autorate, "wan1", many...)
	r := m.Loop(run, router)
	before := strings.Count(scrape(t, m, "text/plain"), "\n")
	for i := range 1000 {
		c := made(run, i)
		c.Spans = append(c.Spans, cycle.Span{Part: cycle.Other, Target: fmt.Sprint("login ", i)}, cycle.Span{Part: cycle.Probe, Target: fmt.Sprint("host", i)}, cycle.Span{Part: cycle.Late})
		r.Record(c)
	}
	if got := strings.Count(scrape(t, m, "text/plain"), "\n"); got-before > 25 { // the decision's, which was not known before
		t.Errorf("%d lines became %d", before, got)
	}
}

func TestRecordAllocatesNothing(t *testing.T) {
	m := newMetrics()
	run := newRun(cycle.Autorate, "wan1", "1.1.1.1", "8.8.8.8", "9.9.9.9")
	r, c := m.Loop(run, router), made(run, 8)
	r.Record(c) // makes the buckets
	if n := testing.AllocsPerRun(100, func() { r.Record(c) }); n != 0 {
		t.Errorf("%v allocations a cycle", n)
	}
}

// TestEveryMetricIsDescribed keeps Describe what Collect sends.
func TestEveryMetricIsDescribed(t *testing.T) {
	t.Parallel()
	m := both()
	descs, metrics := make(chan *prometheus.Desc, 100), make(chan prometheus.Metric, 1000)
	m.loops.Describe(descs)
	m.loops.Collect(metrics)
	close(descs)
	close(metrics)
	var described, sent []string
	for d := range descs {
		described = append(described, d.String())
	}
	for s := range metrics {
		sent = append(sent, s.Desc().String())
	}
	slices.Sort(described)
	slices.Sort(sent)
	if diff := cmp.Diff(described, slices.Compact(sent)); diff != "" {
		t.Errorf("described and sent differ:\n%s", diff)
	}
}

func BenchmarkRecord(b *testing.B) {
	run := newRun(cycle.Autorate, "wan1", "1.1.1.1", "8.8.8.8", "9.9.9.9")
	r, c := newMetrics().Loop(run, router), made(run, 8)
	b.ReportAllocs()
	for b.Loop() {
		r.Record(c)
	}
}

func BenchmarkScrape(b *testing.B) {
	m := both()
	r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	size := 0
	b.ReportAllocs()
	for b.Loop() {
		answer := httptest.NewRecorder()
		m.ServeHTTP(answer, r)
		size = answer.Body.Len()
	}
	b.ReportMetric(float64(size), "B/scrape")
}
