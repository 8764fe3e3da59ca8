package store

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/DataDog/sketches-go/ddsketch"
	sketches "github.com/DataDog/sketches-go/ddsketch/store"

	"wanctl/cycle"
	"wanctl/store/storetest"
)

// fill commits cycles of a sampler, one transaction after the other.
func fill(t testing.TB, w *Writer, s *storetest.Sampler, n int) {
	t.Helper()
	for i := range n {
		w.Record(s.Next())
		if i%2000 == 1999 || i == n-1 {
			if err := w.flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// rowsOf counts the rows of a table.
func rowsOf(t testing.TB, w *Writer, table string) int64 {
	t.Helper()
	n, err := w.file.c.number("SELECT count(*) FROM " + table)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestForWantOfSpaceTheOldestCyclesGoFirst(t *testing.T) {
	if testing.Short() {
		t.Skip("much to write for one goroutine")
	}
	t.Parallel()
	cfg := testConfig(t)
	cfg.MaxSize = 10 * mib
	w := NewWriter(cfg, nil)
	defer w.close()
	fill(t, w, newSampler("wan1", time.Now().Add(-3*time.Hour).Truncate(time.Hour)), 130_000)
	cycles, minutes, hours := rowsOf(t, w, "cycle"), rowsOf(t, w, "minute"), rowsOf(t, w, "hour")
	if cycles == 130_000 || cycles < 50_000 || minutes != 130_000/1200*10+10 || hours != 0 {
		t.Errorf("%d cycles, %d minutes, %d hours", cycles, minutes, hours)
	}
	if newest, err := w.file.c.number("SELECT max(seq) FROM cycle"); err != nil || newest != 130_000 {
		t.Errorf("the newest cycle is %d (%v)", newest, err)
	}
}

func TestWhatIsPastItsTimeIsDropped(t *testing.T) {
	if testing.Short() {
		t.Skip("much to write for one goroutine")
	}
	t.Parallel()
	cfg := testConfig(t)
	cfg.KeepCycles, cfg.KeepMinutes, cfg.KeepHours = time.Hour, 3*time.Hour, 6*time.Hour
	w := NewWriter(cfg, nil)
	defer w.close()
	now := time.Now()
	w.now = func() time.Time { return now } // however long it takes
	slow := newSampler("wan1", now.Add(-9*time.Hour))
	slow.Info.Budget = 2 * time.Second
	fill(t, w, slow, 9*1800)
	for w.retain.due(now) {
		if err := w.flush(); err != nil {
			t.Fatal(err)
		}
	}
	r := reading(t, cfg.Path)
	i, err := r.Info(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what  string
		since time.Time
		keep  time.Duration
		slack time.Duration // what is dropped together
	}{
		{"cycles", i.CyclesSince, cfg.KeepCycles, 10 * time.Second},
		{"minutes", i.ExactSince, cfg.KeepMinutes, time.Hour},
		{"hours", i.Since, cfg.KeepHours, time.Hour},
	} {
		if age := now.Sub(c.since); age < c.keep-2*time.Second || age > c.keep+c.slack+2*time.Second {
			t.Errorf("%s reach back %v, want %v", c.what, age, c.keep)
		}
	}
	if wrong, err := r.Check(context.Background(), nil); err != nil || len(wrong) > 0 {
		t.Errorf("check: %v, %v", wrong, err)
	}
}

// TestHoursTellWhatTheirMinutesTold compares hours with the minutes they are made
// of: counts, sums and extremes exactly, quantiles within the sketch's accuracy.
func TestHoursTellWhatTheirMinutesTold(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	w := NewWriter(cfg, nil)
	defer w.close()
	begin := time.Date(2026, 1, 9, 12, 30, 0, 0, time.UTC)
	s := newSampler("wan1", begin)
	s.Info.Budget = time.Second
	fill(t, w, s, 3*3600)
	want := map[cycle.Series]*hour{}
	values := map[cycle.Series][]int64{}
	r := reading(t, cfg.Path)
	until := time.Date(2026, 1, 9, 14, 0, 0, 0, time.UTC)
	for v, err := range r.Rollups(context.Background(), cycle.Window{Since: begin, Until: until}) {
		if err != nil {
			t.Fatal(err)
		}
		if want[v.Series] == nil {
			want[v.Series] = newHour()
		}
		h := want[v.Series]
		h.n, h.failed, h.over, h.missed = h.n+v.Count, h.failed+v.Failed, h.over+v.Over, h.missed+v.Missed
		h.sum, h.critical, h.budget = h.sum+v.Sum, h.critical+v.Critical, h.budget+v.Budget
		h.min, h.max = min(h.min, v.Min), max(h.max, v.Max)
		if values[v.Series], err = v.Dist.Append(values[v.Series]); err != nil {
			t.Fatal(err)
		}
	}
	for {
		did, err := w.file.mergeMinutes(until.UnixMicro())
		if err != nil {
			t.Fatal(err)
		}
		if !did {
			break
		}
	}
	covered, err := r.Covered(context.Background(), everything)
	if err != nil || len(covered) != 2 || !covered[0].Until.Equal(until) || !covered[1].Since.Equal(until) {
		t.Errorf("covered %v, %v; want hours until %v", covered, err, until)
	}
	got := map[cycle.Series]*hour{}
	for v, err := range r.Rollups(context.Background(), cycle.Window{Since: time.Unix(0, 0), Until: until}) {
		if err != nil {
			t.Fatal(err)
		}
		if v.Width != time.Hour || v.Dist != nil {
			t.Fatalf("a %v wide rollup of %v before %v", v.Width, v.Series, until)
		}
		h := got[v.Series]
		if h == nil {
			h = newHour()
			got[v.Series] = h
		}
		h.n, h.failed, h.over, h.missed = h.n+v.Count, h.failed+v.Failed, h.over+v.Over, h.missed+v.Missed
		h.sum, h.critical, h.budget = h.sum+v.Sum, h.critical+v.Critical, h.budget+v.Budget
		h.min, h.max = min(h.min, v.Min), max(h.max, v.Max)
		if err := h.sketch.DecodeAndMergeWith(v.Sketch); err != nil {
			t.Fatal(err)
		}
		alone, err := ddsketch.DecodeDDSketch(v.Sketch, sketches.BufferedPaginatedStoreConstructor, nil)
		if err != nil || int64(alone.GetCount()) != v.Count {
			t.Errorf("%v: the sketch alone: %v, %v", v.Series, alone, err)
		}
	}
	for s, w := range want {
		g := got[s]
		if g == nil || g.n != w.n || g.failed != w.failed || g.over != w.over || g.missed != w.missed || g.sum != w.sum ||
			g.critical != w.critical || g.budget != w.budget || g.min != w.min || g.max != w.max {
			t.Fatalf("%v: hours say %+v, minutes %+v", s, g, w)
		}
		us := values[s]
		slices.Sort(us)
		for _, percent := range []int{1, 50, 95, 99, 100} {
			exact := float64(us[rank(len(us), percent)])
			if near := float64(g.quantile(percent)); near < exact*(1-sketchAccuracy)-1 || near > exact*(1+sketchAccuracy)+1 {
				t.Errorf("%v: p%d is %v, exactly %v", s, percent, near, exact)
			}
		}
	}
}

func TestPruneEnforcesALowerBound(t *testing.T) {
	if testing.Short() {
		t.Skip("much to write for one goroutine")
	}
	t.Parallel()
	cfg := testConfig(t)
	w := NewWriter(cfg, nil)
	fill(t, w, newSampler("wan1", time.Now().Add(-2*time.Hour)), 100_000)
	w.close()
	cfg.MaxSize = 6 * mib
	p, err := Prune(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if after := total(cfg.Path); after > cfg.MaxSize || p.After != after || !p.Shrunk || p.Cycles < 40_000 || p.Before < 9*mib {
		t.Errorf("%+v, %d bytes now", p, after)
	}
	again, err := Prune(context.Background(), cfg)
	if err != nil || again.Cycles+again.Minutes+again.Hours != 0 || again.Shrunk {
		t.Errorf("a second time: %+v, %v", again, err)
	}
	if wrong, err := reading(t, cfg.Path).Check(context.Background(), nil); err != nil || len(wrong) > 0 {
		t.Errorf("check: %v, %v", wrong, err)
	}
}

func TestRunsAreDroppedWithTheirLastCycles(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	cfg.KeepCycles = 3 * time.Hour
	w := NewWriter(cfg, nil)
	defer w.close()
	for _, ago := range []time.Duration{30 * time.Hour, 10 * time.Hour, time.Hour} {
		fill(t, w, newSampler("wan1", time.Now().Add(-ago)), 10)
	}
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	w.retain.next = time.Time{}
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	if n := rowsOf(t, w, "run"); n != 1 {
		t.Errorf("%d runs are left, want the one with cycles", n)
	}
}

// TestCheckBesideRetention: a daemon drops cycles while the file is checked, which
// takes a while.
func TestCheckBesideRetention(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	w := NewWriter(cfg, nil)
	defer w.close()
	s := newSampler("wan1", at0)
	s.Info.Budget = time.Second
	fill(t, w, s, 3600)
	looked := 0
	wrong, err := reading(t, cfg.Path).Check(t.Context(), func(done, all int64) {
		if looked++; looked == 30 { // minutes whose cycles are there
			if did, err := w.file.mergeMinutes(at0.Add(time.Hour).UnixMicro()); err != nil || !did {
				t.Errorf("merged %v, %v", did, err)
			}
		}
		// The cycles go from just above the minute that was looked at last, and
		// the newest minute grows.
		w.Record(s.Next())
		if err := w.flush(); err != nil {
			t.Error(err)
		}
		if _, err := w.file.dropCycles(at0.Add(time.Duration(done)*time.Minute + 90*time.Second).UnixMicro()); err != nil {
			t.Error(err)
		}
	})
	if err != nil || len(wrong) > 0 || looked < 30 {
		t.Errorf("after %d minutes: %q, %v", looked, wrong, err)
	}
}

// TestTheIdOfARunIsNotUsedAgain: a reader keeps runs by their ids.
func TestTheIdOfARunIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	cfg.KeepCycles = time.Hour
	w := NewWriter(cfg, nil)
	defer w.close()
	now := time.Now()
	r := (*Reader)(nil)
	for i, wan := range []string{"wan1", "wan2", "wan3"} {
		fill(t, w, newSampler(wan, now.Add(time.Duration(i-30)*time.Hour)), 10)
		if r == nil {
			r = reading(t, cfg.Path)
		}
		for _, c := range cyclesOf(t, r) {
			if c.Run.WAN != wan {
				t.Errorf("a cycle of %s is told of as one of %s", wan, c.Run.WAN)
			}
		}
		for range 2 { // cycles, then the runs
			w.retain.next = time.Time{}
			if err := w.flush(); err != nil {
				t.Fatal(err)
			}
		}
		if c, n := rowsOf(t, w, "cycle"), rowsOf(t, w, "run"); c != 0 || n != 1 {
			t.Errorf("%d cycles and %d runs are left", c, n)
		}
	}
}
