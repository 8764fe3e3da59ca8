package store

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"wanctl/cycle"
)

// TestTheBoundIsNeverPassed records a day and more much faster than it would
// happen, into a file of 4 MiB, with a reader in the way for a while, and looks
// all the time at what the three files take up.
func TestTheBoundIsNeverPassed(t *testing.T) {
	if testing.Short() {
		t.Skip("much to write; TestTheBoundHoldsUpNobody has the same goroutines")
	}
	t.Parallel()
	cfg := testConfig(t)
	cfg.MaxSize, cfg.FlushInterval = 4*mib, 100*time.Millisecond
	ctx, stop := context.WithCancel(context.Background())
	w := NewWriter(cfg, nil)
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	most := int64(0)
	wg.Go(func() {
		for ctx.Err() == nil {
			most = max(most, total(cfg.Path))
			time.Sleep(2 * time.Millisecond)
		}
	})
	s := newSampler("wan1", time.Now().Add(-100*time.Hour))
	s.Info.Budget = 2 * time.Second
	recorded := 0
	feed := func(n int) {
		for until := time.Now().Add(15 * time.Second); n > 0 && time.Now().Before(until); {
			if _, _, waiting := w.queue.counts(); waiting > 4000 {
				time.Sleep(time.Millisecond)
				continue
			}
			for range 500 {
				w.Record(s.Next())
				recorded++
			}
			n -= 500
		}
	}
	feed(80_000)
	end := reads(&scene{t: t, path: cfg.Path})
	for range 30 { // nobody waits for these: what finds no room is dropped
		for range 2000 {
			w.Record(s.Next())
			recorded++
		}
		time.Sleep(20 * time.Millisecond)
	}
	held := w.Health()
	end()
	feed(20_000)
	stop()
	wg.Wait()
	h := w.Health()
	t.Logf("%d cycles, at most %d of %d bytes, %d dropped while a reader was in the way, a transaction held up for at most %v",
		recorded, most, cfg.MaxSize, h.Dropped, w.retain.longest)
	if most > cfg.MaxSize {
		t.Errorf("%d bytes, %d allowed", most, cfg.MaxSize)
	}
	if held.Trouble == "" || h.Trouble != "" || h.Recorded+h.Dropped != int64(recorded) {
		t.Errorf("while held %+v\nat the end %+v", held, h)
	}
	r := reading(t, cfg.Path)
	if wrong, err := r.Check(context.Background(), nil); err != nil || len(wrong) > 0 {
		t.Errorf("check: %v, %v", wrong, err)
	}
	i, err := r.Info(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if i.Cycles < 100 || i.Minutes == 0 || i.Newest.Sub(i.CyclesSince) < 4*time.Minute || h.Recorded > 100_000 && i.Hours == 0 {
		t.Errorf("what is left: %+v", i)
	}
}

// TestTheBoundHoldsUpNobody records at a hundred times real speed into a file that
// is full, so that every flush must make room, and looks every 10 ms at what the
// three files take up, while a reader asks as often as it can. With
// WANCTL_BOUND=full for two minutes, and on a machine that does nothing else.
func TestTheBoundHoldsUpNobody(t *testing.T) {
	t.Parallel()
	full := os.Getenv("WANCTL_BOUND") == "full"
	lasts, size, most := 4*time.Second, int64(4*mib), 500*time.Millisecond
	if full {
		lasts, size, most = 2*time.Minute, 16*mib, 50*time.Millisecond
	}
	cfg := testConfig(t)
	cfg.MaxSize, cfg.FlushInterval = size, 600*time.Millisecond // a minute, at that speed
	w := NewWriter(cfg, nil)
	s := newSampler("wan1", time.Now().Add(-100*time.Hour))
	fill(t, w, s, int(size/80))
	first, err := w.file.c.number("SELECT min(start_us) FROM cycle")
	if err != nil {
		t.Fatal(err)
	}
	w.retain.longest = 0
	before, recorded := w.Health().Recorded, int64(0)

	ctx, stop := context.WithTimeout(context.Background(), lasts)
	defer stop()
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	var largest int64
	var samples int
	wg.Go(func() {
		for ; ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
			largest = max(largest, total(cfg.Path))
			samples++
		}
	})
	// What a small read takes at most, and how many there were: of this file, and of
	// one that nobody writes, which tells what else the machine does.
	still := testConfig(t)
	record(t, still, func(w *Writer) { w.Record(newSampler("wan1", at0).Next()) })
	var read, beside time.Duration
	reads := 0
	reader := func(path string, longest *time.Duration, n *int) {
		r, err := OpenReader(context.Background(), path)
		if err != nil {
			t.Error(err)
			return
		}
		defer r.Close()
		for ; ctx.Err() == nil; time.Sleep(time.Millisecond) {
			began := time.Now()
			if _, err := r.Newest(context.Background()); err != nil {
				t.Error(err)
			}
			*longest = max(*longest, time.Since(began))
			*n++
		}
	}
	wg.Go(func() { reader(cfg.Path, &read, &reads) })
	wg.Go(func() { reader(still.Path, &beside, new(int)) })
	for began := time.Now(); ctx.Err() == nil; time.Sleep(5 * time.Millisecond) {
		for due := int64(time.Since(began) / (500 * time.Microsecond)); recorded < due; recorded++ {
			w.Record(s.Next())
		}
	}
	wg.Wait()
	if h := w.Health(); h.Recorded-before != recorded || h.Dropped != 0 {
		t.Errorf("of %d cycles: %+v", recorded, h)
	}
	if largest > cfg.MaxSize {
		t.Errorf("%d bytes, %d allowed", largest, cfg.MaxSize)
	}
	r := reading(t, cfg.Path)
	if i, err := r.Info(context.Background()); err != nil || i.CyclesSince.UnixMicro() <= first {
		t.Errorf("nothing had to go: the test proves nothing (%v)", err)
	}
	if wrong, err := r.Check(context.Background(), nil); err != nil || len(wrong) > 0 {
		t.Errorf("check: %v, %v", wrong, err)
	}
	if most += beside; !raceDetector && (w.retain.longest > most || read > most) {
		t.Errorf("retention held up a flush for %v, a reader waited for %v, want at most %v", w.retain.longest, read, most)
	}
	figure("make prove", "max_size, %d cycles at 100 times real speed", "at most %d bytes, sampled every 10 ms", "%d bytes, %d samples", recorded, cfg.MaxSize, largest, samples)
	figure("make prove", "retention's longest stay in a flush", "50 ms", "%.1f ms", cycle.Millis(w.retain.longest))
	figure("make prove", "the longest of %d small reads beside it", "50 ms", "%.1f ms (of a file that nobody writes: %.1f ms)", reads, cycle.Millis(read), cycle.Millis(beside))
}
