package health

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"wanctl/cycle"
	"wanctl/cycle/golden"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const budget = 50 * time.Millisecond

// world is a Health whose surroundings a test makes.
type world struct {
	*Health
	files []Recorder
	free  Disk
}

func newWorld() *world {
	w := &world{
		free: Disk{Path: "/var/lib/wanctl", Free: 5 << 30, Total: 8 << 30, FreePct: 62.5, Status: "ok"},
		files: []Recorder{{
			Path: "/var/lib/wanctl/profile.db", Flushed: time.Date(2026, 1, 9, 14, 0, 1, 5e8, time.UTC),
			Recorded: 1180, Queued: 20, Size: 1 << 20, MaxSize: 256 << 20,
		}},
	}
	w.Health = New("1.2.3", "", func() []Recorder { return w.files })
	w.Health.disk = func() Disk { return w.free }
	return w
}

// watch adds a loop; record hands it a cycle.
func (w *world) watch(d cycle.Daemon, name string) (record func(c cycle.Cycle)) {
	l := Loop{
		Run:     &cycle.Run{Daemon: d, WAN: name, Budget: budget},
		Longest: 2 * time.Second,
		Recent: func() Recent {
			return Recent{99, 12300 * time.Microsecond, 15 * time.Millisecond, 20 * time.Millisecond}
		},
		Router: func() Router { return Router{Transport: "rest", Fallbacks: 1} },
	}
	if d == cycle.Steering {
		l.Primary, l.Limits = "wan1", &SteeringLimits{5, 15, 15, 2, 15}
	}
	r := w.Loop(l)
	return func(c cycle.Cycle) {
		c.Run = l.Run
		r.Record(&c)
	}
}

// get returns what is served.
func (w *world) get(t *testing.T) (status int, page map[string]any, text string) {
	t.Helper()
	answer := httptest.NewRecorder()
	w.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/health", nil))
	if err := json.Unmarshal(answer.Body.Bytes(), &page); err != nil {
		t.Fatal(err)
	}
	return answer.Code, page, answer.Body.String()
}

// goldenPage compares a page with its file. The process's number is no part of it.
func goldenPage(t *testing.T, name, got string) {
	t.Helper()
	lines := strings.Split(got, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, `  "pid": `) {
			lines[i] = `  "pid": 1234,`
		}
	}
	golden.Equal(t, filepath.Join("testdata", name+".json"), strings.Join(lines, "\n"))
}

// span is a timed part of a made cycle.
func span(p cycle.Part, o cycle.Outcome) cycle.Span { return cycle.Span{Part: p, Outcome: o} }

func goodCycle() cycle.Cycle {
	return cycle.Cycle{
		Total: 12 * time.Millisecond,
		Spans: []cycle.Span{span(cycle.RTT, cycle.OK), span(cycle.CAKE, cycle.OK)},
		Decision: cycle.Decision{
			RTT: cycle.Known(25.12), Baseline: cycle.Known(24.006), Load: cycle.Known(25.555), Delta: cycle.Known(1.549),
			Download: cycle.Direction{Zone: cycle.Green, Rate: cycle.Known[int64](475_550_000)},
			Upload:   cycle.Direction{Zone: cycle.Yellow, Rate: cycle.Known[int64](38_000_000)},
		},
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status int
		live   func(w *world)
	}{
		"healthy": {200, func(w *world) {
			wan1, wan2 := w.watch(cycle.Autorate, "wan1"), w.watch(cycle.Autorate, "wan2")
			for range 3 {
				wan1(goodCycle())
			}
			slow := goodCycle()
			slow.Total, slow.Missed = 2*budget, 1
			wan2(slow)
			time.Sleep(90 * time.Second)
			wan1(goodCycle())
			failed := goodCycle()
			failed.Outcome, failed.Decision.Download.Zone = cycle.Failed, cycle.NoZone
			wan2(failed)
			time.Sleep(200 * time.Millisecond)
		}},
		"starting": {503, func(w *world) { w.watch(cycle.Autorate, "wan1") }},
		"degraded": {503, func(w *world) {
			wan1 := w.watch(cycle.Autorate, "wan1")
			w.watch(cycle.Autorate, "wan2") // hangs in its first cycle
			for range 4 {
				wan1(cycle.Cycle{Outcome: cycle.TimedOut, Spans: []cycle.Span{span(cycle.CAKE, cycle.TimedOut)}})
				time.Sleep(2 * time.Second)
			}
			w.free = Disk{Path: "/var/lib/wanctl", Free: 50 << 20, Total: 1 << 30, FreePct: 4.9, Status: "warning"}
			w.files[0] = Recorder{Path: "/var/lib/wanctl/profile.db", Dropped: 17, Trouble: "disk full"}
		}},
		"steering": {200, func(w *world) {
			record := w.watch(cycle.Steering, "steering")
			c := goodCycle()
			c.Decision = cycle.Decision{Download: cycle.Direction{Zone: cycle.Green}, Degraded: cycle.Known(false)}
			record(c)
			time.Sleep(time.Minute)
			c.Decision.Download.Zone, c.Decision.Degraded = cycle.Red, cycle.Known(true)
			c.Spans = []cycle.Span{span(cycle.CAKE, cycle.Failed), span(cycle.Rule, cycle.OK), span(cycle.Update, cycle.OK)}
			record(c)
			time.Sleep(1500 * time.Millisecond)
		}},
		"steering_starting": {503, func(w *world) { w.watch(cycle.Steering, "steering") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				tc.live(w)
				status, _, text := w.get(t)
				if status != tc.status {
					t.Errorf("answered %d, want %d", status, tc.status)
				}
				goldenPage(t, name, text)
			})
		})
	}
}

func TestDegradedIsThreeInARow(t *testing.T) {
	t.Parallel()
	bad := cycle.Cycle{Outcome: cycle.Failed}
	router := goodCycle()
	router.Spans[1].Outcome = cycle.Failed
	half := goodCycle()
	half.Spans = append(half.Spans, span(cycle.Update, cycle.Failed))
	idle := goodCycle()
	idle.Spans = nil
	for name, tc := range map[string]struct {
		cycles            []cycle.Cycle
		degraded, reached bool
		failures          float64
	}{
		"two failures":                          {[]cycle.Cycle{goodCycle(), bad, bad}, false, true, 2},
		"three failures":                        {[]cycle.Cycle{goodCycle(), bad, bad, bad}, true, true, 3},
		"three failures, then a good cycle":     {[]cycle.Cycle{bad, bad, bad, goodCycle()}, false, true, 0},
		"a good cycle between":                  {[]cycle.Cycle{bad, bad, goodCycle(), bad, bad}, false, true, 2},
		"router gone for two":                   {[]cycle.Cycle{router, router}, false, true, 0},
		"router gone for three":                 {[]cycle.Cycle{router, router, router}, true, false, 0},
		"router gone, then not asked":           {[]cycle.Cycle{router, router, router, idle}, true, false, 0},
		"router back":                           {[]cycle.Cycle{router, router, router, goodCycle()}, false, true, 0},
		"a write fails, but the router answers": {[]cycle.Cycle{half, half, half}, false, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld()
				record := w.watch(cycle.Autorate, "wan1")
				for _, c := range tc.cycles {
					record(c)
				}
				status, page, text := w.get(t)
				want := map[bool]string{false: "healthy", true: "degraded"}[tc.degraded]
				if page["status"] != want || (status == 503) != tc.degraded || page["router_reachable"] != tc.reached || page["consecutive_failures"] != tc.failures {
					t.Errorf("%d, want degraded %v, reachable %v, %v failures:\n%s", status, tc.degraded, tc.reached, tc.failures, text)
				}
			})
		})
	}
}

func TestSilentLoopIsDegraded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		record := w.watch(cycle.Autorate, "wan1")
		record(goodCycle())
		time.Sleep(6 * time.Second) // three cycles of 2 s
		if status, _, text := w.get(t); status != 200 {
			t.Errorf("a slow cycle is taken for a silent loop:\n%s", text)
		}
		time.Sleep(time.Second)
		if _, page, _ := w.get(t); !slices.Equal(page["reasons"].([]any), []any{"wan1: no cycle has ended for 7s"}) {
			t.Errorf("reasons %v", page["reasons"])
		}
		record(goodCycle())
		if status, _, _ := w.get(t); status != 200 {
			t.Errorf("back, and answered %d", status)
		}
	})
}

func TestThinQuantilesAreNull(t *testing.T) {
	t.Parallel()
	w := newWorld()
	w.watch(cycle.Autorate, "wan1")
	for count, want := range map[int][3]bool{0: {}, 1: {}, 2: {true}, 19: {true}, 20: {true, true}, 99: {true, true}, 100: {true, true, true}} {
		w.loops[0].Recent = func() Recent { return Recent{count, 1, 2, 3} }
		_, page, _ := w.get(t)
		times := page["cycle"].([]any)[0].(map[string]any)
		if got := [3]bool{times["p50_ms"] != nil, times["p95_ms"] != nil, times["p99_ms"] != nil}; got != want {
			t.Errorf("of %d cycles: shown %v, want %v", count, got, want)
		}
	}
}

func TestDiskSpace(t *testing.T) {
	t.Parallel()
	if d := diskSpace(t.TempDir()); d.Total == 0 || d.Free > d.Total || d.Status == "unknown" || d.FreePct < 0 || d.FreePct > 100 {
		t.Errorf("%+v", d)
	}
	if d := diskSpace("/no/such/folder"); d.Status != "unknown" || d.Free != 0 {
		t.Errorf("%+v", d)
	}
	if d := diskSpace("/proc"); d.Status != "warning" || d.FreePct != 0 { // a file system without any space
		t.Errorf("%+v", d)
	}
}

func BenchmarkRecord(b *testing.B) {
	w := newWorld()
	record := w.Loop(Loop{Run: &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Budget: budget}})
	c := goodCycle()
	c.Run = w.loops[0].Run
	for b.Loop() {
		record.Record(&c)
	}
}
