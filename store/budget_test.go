package store

import (
	"os"
	"testing"
	"time"
)

// TestAnHourStaysWithinTheBudgets writes an hour at 20 Hz, six spans and three
// probes a cycle, a minute a flush, and weighs what went to storage and what is
// kept.
func TestAnHourStaysWithinTheBudgets(t *testing.T) {
	if testing.Short() {
		t.Skip("an hour's worth of writes")
	}
	if os.Getenv("WANCTL_BUDGET") == "" {
		t.Skip("set WANCTL_BUDGET=1: it weighs what the whole process writes, so no other test may run")
	}
	const minutes, perMinute, timings = 60, 1200, 9
	cfg := testConfig(t)
	w := NewWriter(cfg, nil)
	s := newSampler("wan1", at0)
	flush := func() {
		if err := w.flush(); err != nil {
			t.Fatal(err)
		}
	}
	flush()
	before, began := bytesWritten(), time.Now()
	if before == 0 {
		t.Skip("the kernel does not tell how much a process writes")
	}
	for range minutes {
		for range perMinute {
			w.Record(s.Next())
		}
		flush()
	}
	written := float64(bytesWritten()-before) / (minutes * perMinute * timings)
	took := time.Since(began)
	w.close()
	fi, err := os.Stat(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	kept := float64(fi.Size()) / (minutes * perMinute * timings)
	figure("make budget", "written to storage, an hour at 20 Hz", "25 bytes a timing", "%.1f", written)
	figure("make budget", "kept in the file", "12 bytes a timing", "%.1f", kept)
	figure("make budget", "a flush of a minute of cycles", "", "%.1f ms", took.Seconds()*1000/minutes)
	if written > 25 || kept > 12 {
		t.Errorf("written %.2f bytes per timing, kept %.2f; want at most 25 and 12", written, kept)
	}
}
