package store

import (
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"
)

// stepWall steps the wall clock's reading of a moment and leaves its monotonic
// reading alone, as a time server or an administrator steps the system's clock.
func stepWall(t time.Time, by time.Duration) time.Time {
	const secondsAt = 30 // above the nanoseconds: see the comment on time.Time
	*(*uint64)(unsafe.Pointer(&t)) += uint64(int64(by/time.Second)) << secondsAt
	return t
}

func TestThePresentBelievesNoStepAtOnce(t *testing.T) {
	t.Parallel()
	wall := time.Now()
	if s := stepWall(wall, -day); s.Sub(wall) != 0 || s.Unix() != wall.Unix()-86400 {
		t.Fatalf("%v became %v: the test does not know a time's layout any more", wall, s)
	}
	// look is a look at the wall clock some time after the start, and what the
	// present is then, both counted from the start.
	type look struct{ after, step, want time.Duration }
	for _, tc := range []struct {
		name   string
		start  time.Duration // the wall clock's step at the start
		newest time.Duration // before the start; 0: nothing is on record
		looks  []look
	}{
		{"a good clock", 0, 0, []look{{time.Minute, 0, time.Minute}, {40 * day, 0, 40 * day}}},
		{"a clock that is put right by seconds", 0, 0, []look{{time.Hour, 5 * time.Second, time.Hour + 5*time.Second}, {2 * time.Hour, -5 * time.Second, 2*time.Hour - 5*time.Second}}},
		{"a day forward for an hour", 0, 0, []look{{time.Hour, day, time.Hour}, {2 * time.Hour, day, 2 * time.Hour}, {3 * time.Hour, 0, 3 * time.Hour}}},
		{"ten years forward for good", 0, 0, []look{{time.Hour, 10 * year, time.Hour}, {24 * time.Hour, 10 * year, 24 * time.Hour}, {25 * time.Hour, 10 * year, 10*year + 25*time.Hour}}},
		{"forward, back, and forward again", 0, 0, []look{
			{time.Hour, year, time.Hour},
			{20 * time.Hour, 0, 20 * time.Hour},
			{30 * time.Hour, year, 30 * time.Hour},
			{53 * time.Hour, year, 53 * time.Hour},
			{54 * time.Hour, year, year + 54*time.Hour},
		}},
		{"an hour back", 0, 0, []look{{time.Minute, -time.Hour, time.Minute - time.Hour}, {3 * time.Hour, -time.Hour, 2 * time.Hour}}},
		{"an hour back and forth", 0, 0, []look{{time.Minute, -time.Hour, time.Minute - time.Hour}, {2 * time.Minute, 0, 2*time.Minute - time.Hour}, {25 * time.Hour, 0, 25 * time.Hour}}},
		{"wrong from the start", 10 * year, 10 * time.Minute, []look{{0, 10 * year, -10 * time.Minute}, {time.Hour, 10 * year, 50 * time.Minute}, {2 * time.Hour, 0, 110 * time.Minute}}},
		{"behind what is on record from the start", 0, -day, []look{{0, 0, 0}, {time.Hour, 0, time.Hour}}},
	} {
		c := clock{}
		newest := time.Time{}
		if tc.newest != 0 {
			newest = wall.Add(-tc.newest)
		}
		c.start(stepWall(wall, tc.start))
		c.found(newest)
		for _, l := range tc.looks {
			if got := c.at(stepWall(wall.Add(l.after), l.step)).Sub(wall.Round(0)); got != l.want {
				t.Errorf("%s: after %v the present is %v, want %v", tc.name, l.after, got, l.want)
			}
		}
	}
}

// TestAClockThatIsAYearAheadDropsNothing: the clock steps forward while a daemon
// records, and another starts while it is wrong.
func TestAClockThatIsAYearAheadDropsNothing(t *testing.T) {
	t.Parallel()
	ahead := func() time.Time { return stepWall(time.Now(), year) }
	now := time.Now()
	for _, restarts := range []bool{false, true} {
		cfg := testConfig(t)
		cfg.KeepCycles, cfg.KeepMinutes, cfg.KeepHours = 2*time.Hour, 3*time.Hour, 4*time.Hour
		w := NewWriter(cfg, nil)
		fill(t, w, newSampler("wan1", now.Add(-time.Hour)), 720)
		minutes := rowsOf(t, w, "minute")
		if restarts {
			w.close()
			w = NewWriter(cfg, nil)
		}
		w.now = ahead
		fill(t, w, newSampler("wan1", now.Add(year)), 10)
		w.now = time.Now // put right
		fill(t, w, newSampler("wan2", now), 10)
		if c, m, h := rowsOf(t, w, "cycle"), rowsOf(t, w, "minute"), rowsOf(t, w, "hour"); c != 740 || m <= minutes || h != 0 {
			t.Errorf("restarts %v: %d cycles of 740 are left, %d rows of minutes, %d of hours", restarts, c, m, h)
		}
		w.close()
	}
}

// TestCyclesOfTheFutureDoNotCostThoseOfToday: what was recorded while the clock
// was wrong is not the newest when space is tight.
func TestCyclesOfTheFutureDoNotCostThoseOfToday(t *testing.T) {
	if testing.Short() {
		t.Skip("much to write for one goroutine")
	}
	t.Parallel()
	cfg := testConfig(t)
	cfg.MaxSize, cfg.FlushInterval = 4*mib, time.Second
	w := NewWriter(cfg, nil)
	defer w.close()
	fill(t, w, newSampler("wan1", time.Now().Add(10*year)), 100)
	s := newSampler("wan1", time.Now().Add(-100*time.Hour))
	s.Info.Budget = 10 * time.Second // few cycles a minute, and many minutes
	fill(t, w, s, 32_000)
	least := int64(1 << 40)
	for range 350 {
		fill(t, w, s, 10)
		n, err := w.file.c.number("SELECT count(*) FROM cycle WHERE start_us < ?", time.Now().UnixMicro())
		if err != nil {
			t.Fatal(err)
		}
		least = min(least, n)
	}
	if spared := int64(spare(cfg.MaxSize) / s.Info.Budget); least < spared {
		t.Errorf("at times only %d of today's cycles were left, %d are to be spared", least, spared)
	}
	if rowsOf(t, w, "hour") == 0 {
		t.Error("space was never tight: the test proves nothing")
	}
}

// TestTheNextFlushIsNeverFurtherThanTheInterval, wherever the clock was stepped to;
// and whole minutes are flushed a moment after they end.
func TestTheNextFlushIsNeverFurtherThanTheInterval(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6))
	for range 10_000 {
		interval := time.Duration(1+random.IntN(300)) * time.Second
		w := Writer{cfg: Config{FlushInterval: interval}}
		now := time.Unix(random.Int64N(1<<32), random.Int64N(1e9))
		wait := w.until(now)
		if wait <= 0 || wait > interval {
			t.Fatalf("at %v, every %v: in %v", now, interval, wait)
		}
		if at := now.Add(wait); interval%time.Minute == 0 && at.Sub(at.Truncate(time.Minute)) != settle {
			t.Fatalf("at %v, every %v: at %v", now, interval, at)
		}
		w.health.Trouble = "some"
		if wait := w.until(now); wait != min(interval, retryAfter) {
			t.Fatalf("while nothing can be written: in %v", wait)
		}
	}
}

// TestAClockThatIsBehindCostsNoHours: a machine without a clock of its own boots in
// 1970, with a file at its bound; a moment later its clock is put right.
func TestAClockThatIsBehindCostsNoHours(t *testing.T) {
	if testing.Short() {
		t.Skip("much to write for one goroutine")
	}
	t.Parallel()
	now := time.Now()
	at := func(after, step time.Duration) func() time.Time {
		return func() time.Time { return stepWall(now.Add(after), step) }
	}
	left := func(behind time.Duration) (cycles, hours, oldest int64) {
		cfg := testConfig(t)
		cfg.MaxSize = 6 * mib
		w := NewWriter(cfg, nil)
		w.now = at(0, 0)
		slow := newSampler("wan1", now.Add(-62*time.Hour))
		slow.Info.Budget = 10 * time.Second
		fill(t, w, slow, 60*360)
		for did, err := true, error(nil); did; {
			if did, err = w.file.mergeMinutes(now.Add(-2 * time.Hour).UnixMicro()); err != nil {
				t.Fatal(err)
			}
		}
		fill(t, w, newSampler("wan1", now.Add(-2*time.Hour)), 2*72_000)
		w.close()

		w = NewWriter(cfg, nil)
		defer w.close()
		w.now = at(0, -behind)
		fill(t, w, newSampler("wan1", w.now()), 3600)
		again := newSampler("wan1", now.Add(3*time.Minute)) // with the clock put right
		for minute := range 30 {
			w.now = at(time.Duration(4+minute)*time.Minute, 0)
			fill(t, w, again, 1200)
		}
		oldest, err := w.file.c.number("SELECT hour FROM hour WHERE hour > 0 ORDER BY id LIMIT 1")
		if err != nil {
			t.Fatal(err)
		}
		if wrong, err := reading(t, cfg.Path).Check(t.Context(), nil); err != nil || len(wrong) > 0 {
			t.Errorf("%v behind: check: %v, %v", behind, wrong, err)
		}
		return rowsOf(t, w, "cycle"), rowsOf(t, w, "hour"), oldest
	}
	cycles, hours, oldest := left(0)
	c, h, o := left(now.Sub(time.Unix(180, 0)))
	t.Logf("%d cycles and %d hours since %d; with a clock behind %d and %d since %d", cycles, hours, oldest, c, h, o)
	if h < hours || o > oldest || c < 5*60*20 {
		t.Errorf("a clock that was behind leaves %d cycles and %d rows of hours since %d, a good one %d and %d since %d", c, h, o, cycles, hours, oldest)
	}
}
