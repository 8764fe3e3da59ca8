package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/analyze/report"
	"wanctl/cycle"
	"wanctl/store"
)

func init() {
	fixtures["house"] = recordHouse
	fixtures["old"] = recordOld
	fixtures["empty"] = func(ctx context.Context, path string) error { return recordAll(ctx, path, keepAll(), nil) }
}

var fourteen = time.Date(2026, 1, 9, 14, 0, 0, 0, time.UTC)

// keepAll keeps a recording of long ago as it is.
func keepAll() store.Config {
	const century = 100 * 365 * 24 * time.Hour
	cfg := store.DefaultConfig()
	cfg.KeepCycles, cfg.KeepMinutes, cfg.KeepHours = century, century, century
	return cfg
}

func recordAll(ctx context.Context, path string, cfg store.Config, cycles []*cycle.Cycle) error {
	runtime, err := os.MkdirTemp("", "wanctl-fixture")
	if err != nil {
		return err
	}
	defer os.RemoveAll(runtime)
	cfg.Path, cfg.Runtime = path, runtime
	_, err = store.Import(ctx, cfg, func(yield func(*cycle.Cycle, error) bool) {
		for _, c := range cycles {
			if !yield(c, nil) {
				return
			}
		}
	}, func(int64) {})
	return err
}

// madeCycle makes the i-th cycle of a run, with durations that follow from i.
func madeCycle(run *cycle.Run, i int, cake time.Duration) *cycle.Cycle {
	c := &cycle.Cycle{Run: run, Seq: int64(i + 1), Start: run.Started.Add(time.Duration(i) * run.Budget), Late: time.Duration(i%5) * 20 * time.Microsecond}
	wobble := time.Duration(i*i%89) * 41 * time.Microsecond
	rtt := time.Duration(0)
	add := func(p cycle.Part, target string, at, d time.Duration, o cycle.Outcome) {
		c.Spans = append(c.Spans, cycle.Span{Label: run.Daemon.Label(p), Part: p, Target: target, Offset: at, Duration: d, Outcome: o})
	}
	for j, host := range run.Reflectors {
		if i%300 == 250 && j == 1 { // lost
			add(cycle.Probe, host, 0, 0, cycle.TimedOut)
			rtt = run.Budget + 100*time.Millisecond
			continue
		}
		d := 20*time.Millisecond + wobble + time.Duration(j)*time.Millisecond
		add(cycle.Probe, host, 0, d, cycle.OK)
		rtt = max(rtt, d)
	}
	rtt += 150 * time.Microsecond
	cake += wobble / 4
	if i%700 == 350 {
		add(cycle.Other, "login rest", time.Millisecond, run.Budget, cycle.OK)
		cake += run.Budget
	}
	add(cycle.RTT, "", 0, rtt, cycle.OK)
	add(cycle.CAKE, "", 0, cake, cycle.OK)
	end := max(rtt, cake)
	add(cycle.Adjust, "", end, 200*time.Microsecond, cycle.OK)
	c.Total = end + 300*time.Microsecond
	c.Decision = cycle.Decision{
		RTT: cycle.Known(20.5), Baseline: cycle.Known(20.25), Load: cycle.Known(20.75), Delta: cycle.Known(0.5),
		Download: cycle.Direction{Zone: cycle.Green, Rate: cycle.Known(int64(940_000_000))}, Upload: cycle.Direction{Zone: cycle.Green, Rate: cycle.Known(int64(38_000_000))},
	}
	if i%10 == 0 {
		c.Decision.Download.Zone = cycle.Yellow
	}
	return c
}

// recordHouse records an hour of both daemons. From half past the router is slower
// to tell its queues; every 300th cycle an echo is lost, every 700th a login is slow.
func recordHouse(ctx context.Context, path string) error {
	auto := &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Started: fourteen, Budget: 2 * time.Second, Reflectors: []string{"1.1.1.1", "9.9.9.9"}, Source: "test"}
	steer := &cycle.Run{Daemon: cycle.Steering, WAN: "wan1", Started: fourteen.Add(time.Millisecond), Budget: 2 * time.Second, Reflectors: []string{"1.1.1.1"}, Source: "test"}
	var cycles []*cycle.Cycle
	for i := range 1800 {
		cake := 22 * time.Millisecond
		if i >= 900 {
			cake = 33 * time.Millisecond
		}
		cycles = append(cycles, madeCycle(auto, i, cake), madeCycle(steer, i, cake))
	}
	return recordAll(ctx, path, keepAll(), cycles)
}

// recordOld records three hours of which the oldest are kept as hours alone.
func recordOld(ctx context.Context, path string) error {
	run := &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Started: fourteen, Budget: 2 * time.Second, Reflectors: []string{"1.1.1.1"}, Source: "test"}
	cfg := keepAll()
	cfg.KeepMinutes = time.Since(fourteen.Add(90 * time.Minute))
	cfg.KeepCycles = time.Hour
	var cycles []*cycle.Cycle
	for i := range 3 * 1800 {
		cycles = append(cycles, madeCycle(run, i, 22*time.Millisecond))
	}
	if err := recordAll(ctx, path, keepAll(), cycles); err != nil {
		return err
	}
	cfg.Path = path
	_, err := store.Prune(ctx, cfg)
	return err
}

func TestParseWindow(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 9, 15, 0, 0, 0, time.UTC)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]cycle.Window{
		"24h..12h":               {Since: now.Add(-24 * time.Hour), Until: now.Add(-12 * time.Hour)},
		"12h..now":               {Since: now.Add(-12 * time.Hour), Until: now},
		"2026-01-08..2026-01-09": {Since: time.Date(2026, 1, 7, 23, 0, 0, 0, time.UTC), Until: time.Date(2026, 1, 8, 23, 0, 0, 0, time.UTC)},
		"2026-01-08 10:00 .. 2026-01-08T11:00:00Z": {
			Since: time.Date(2026, 1, 8, 9, 0, 0, 0, time.UTC), Until: time.Date(2026, 1, 8, 11, 0, 0, 0, time.UTC),
		},
	} {
		got, err := parseWindow(text, now, berlin)
		if err != nil || !got.Since.Equal(want.Since) || !got.Until.Equal(want.Until) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "1h", "..", "1h..", "..1h", "1h..2h", "1h..1h", "x..y", "1h..30m..now"} {
		if w, err := parseWindow(text, now, berlin); err == nil {
			t.Errorf("%q is read as %v", text, w)
		}
	}
}

func TestDelimiter(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]rune{";": ';', ",": ',', "|": '|', "tab": '\t', `\t`: '\t', "\t": '\t', "·": '·'} {
		if got, err := delimiter(text); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{";;", `"`, "\n", ".", "5", "\xff", "-"} {
		if _, err := delimiter(text); !errors.As(err, new(usageError)) {
			t.Errorf("%q: %v, want a usage error", text, err)
		}
	}
}

func TestAFailedExportLeavesNoFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broken := errors.New("broken")
	err := writeFile(t.Context(), filepath.Join(dir, "x.csv"), func(w io.Writer) error {
		_, _ = io.WriteString(w, strings.Repeat("x", 1<<20))
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestANumberedSetAppearsWholeOrNotAtAll loses the second of three files at the last
// moment: what stood at the names stands there again.
func TestANumberedSetAppearsWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rows, err := report.NewRows("cycles")
	if err != nil {
		t.Fatal(err)
	}
	write := func(lose int) error {
		set := &numbered{path: filepath.Join(dir, "x.csv"), rows: rows, most: 2}
		defer set.cleanup()
		for range 3 {
			set.row([]byte("new\n"))
		}
		if set.err != nil {
			t.Fatal(set.err)
		}
		if lose >= 0 {
			if err := os.Remove(set.files[lose].Name()); err != nil {
				t.Fatal(err)
			}
		}
		return set.publish()
	}
	files := func() map[string]string {
		found := map[string]string{}
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			_, found[e.Name()], _ = strings.Cut(string(b), "\n")
		}
		return found
	}
	old := map[string]string{"x-001.csv": "old", "x-002.csv": "old"}
	for name, text := range old {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("head\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for lose := range 3 {
		if err := write(lose); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("x-%03d.csv", lose+1)) {
			t.Errorf("without its file %d: %v", lose+1, err)
		}
		if diff := cmp.Diff(old, files()); diff != "" {
			t.Errorf("without its file %d (-want +got)\n%s", lose+1, diff)
		}
	}
	if err := write(-1); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"x-001.csv": "new\n", "x-002.csv": "new\n", "x-003.csv": "new\n"}, files()); diff != "" {
		t.Errorf("whole (-want +got)\n%s", diff)
	}
}

func TestADeviceIsWrittenToAndNotReplaced(t *testing.T) {
	t.Parallel()
	if err := writeFile(t.Context(), os.DevNull, func(w io.Writer) error {
		_, err := io.WriteString(w, "x")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	about, err := os.Stat(os.DevNull)
	if err != nil || about.Mode()&os.ModeDevice == 0 {
		t.Fatalf("%s is %v, %v", os.DevNull, about.Mode(), err)
	}
}
