package store

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"wanctl/cycle"
)

// TestYearsOfHours makes WANCTL_YEARS years of hours at WANCTL_YEARS_DB, as a loop
// at 20 Hz with three probes leaves them, for `wanctl analyze` to be timed with,
// and reads them.
func TestYearsOfHours(t *testing.T) {
	years, err := strconv.Atoi(os.Getenv("WANCTL_YEARS"))
	if err != nil {
		t.Skip("set WANCTL_YEARS to a number of years")
	}
	cfg := testConfig(t)
	cfg.MaxSize = 1 << 40
	final := os.Getenv("WANCTL_YEARS_DB")
	if final != "" {
		if _, err := os.Stat(final); err == nil {
			t.Skipf("%s is there already", final)
		}
		if err := os.MkdirAll(filepath.Dir(final), 0o755); err != nil {
			t.Fatal(err)
		}
		cfg.Path = final + ".part"
		_ = os.Remove(cfg.Path) // of a test that was broken off
	}
	w := NewWriter(cfg, nil)
	fill(t, w, newSampler("wan1", at0.Truncate(time.Hour)), 72_000)
	hours, order, err := w.file.gather(at0.Unix() / 3600)
	if err != nil {
		t.Fatal(err)
	}
	all := int64(years) * 365 * 24
	for n := range all {
		if n%500 == 0 {
			if err := w.file.begin(0); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range order {
			if err := w.file.putHour(at0.Unix()/3600-all+n, s, hours[s]); err != nil {
				t.Fatal(err)
			}
		}
		if n%500 == 499 {
			if err := w.file.commit(); err != nil {
				t.Fatal(err)
			}
			if err := w.file.checkpoint(0); err != nil {
				t.Fatal(err)
			}
		}
	}
	if all%500 != 0 {
		if err := w.file.commit(); err != nil {
			t.Fatal(err)
		}
	}
	w.close()
	if final != "" {
		if err := os.Rename(cfg.Path, final); err != nil {
			t.Fatal(err)
		}
		cfg.Path = final
	}
	began, rows, bytes := time.Now(), 0, 0
	for v, err := range reading(t, cfg.Path).Rollups(context.Background(), everything) {
		if err != nil {
			t.Fatal(err)
		}
		rows, bytes = rows+1, bytes+len(v.Sketch)
	}
	t.Logf("%d rows, %d bytes each, read in %v; the file has %d MiB", rows, bytes/rows, time.Since(began), total(cfg.Path)/mib)
}

// TestMemoryStaysFlat records WANCTL_MONTHS months of a loop at 2 Hz, a minute a
// flush, with every kind of retention at work, and looks at the memory in use.
func TestMemoryStaysFlat(t *testing.T) {
	months, err := strconv.Atoi(os.Getenv("WANCTL_MONTHS"))
	if err != nil {
		t.Skip("set WANCTL_MONTHS to a number of months")
	}
	cfg := testConfig(t)
	cfg.KeepCycles, cfg.KeepMinutes, cfg.KeepHours, cfg.FlushInterval = day, 7*day, 20*day, time.Second // NORMAL: no fsync
	w := NewWriter(cfg, nil)
	defer w.close()
	now := time.Now()
	s := newSampler("wan1", now.Add(-time.Duration(months)*30*day))
	s.Info.Budget = 500 * time.Millisecond
	var first, most uint64
	residents := []string{}
	for minute := range months * 30 * 24 * 60 {
		var c *cycle.Cycle
		for range 120 {
			c = s.Next()
			w.Record(c)
		}
		w.now = func() time.Time { return c.Start }
		if err := w.flush(); err != nil {
			t.Fatal(err)
		}
		if minute%(24*60) != 24*60-1 {
			continue
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if d := minute / (24 * 60); d == 0 {
			first = m.HeapAlloc
		}
		residents, most = append(residents, resident()), max(most, m.HeapAlloc)
		if m.HeapAlloc > first+4*mib {
			t.Fatalf("heap %d bytes, %d after the first day", m.HeapAlloc, first)
		}
	}
	figure("make prove", "memory over %d simulated days", "flat", "heap %.1f MiB after the first, %.1f at most; resident %s after the first, %s after the last",
		len(residents), float64(first)/mib, float64(most)/mib, residents[0], residents[len(residents)-1])
}

// resident is what the process takes up in memory.
func resident() string {
	b, err := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(b))
	if err != nil || len(fields) < 2 {
		return "unknown"
	}
	pages, _ := strconv.Atoi(fields[1])
	return strconv.Itoa(pages*os.Getpagesize()>>20) + " MiB"
}
