package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
)

// tally is what rollups tell of a series, worked out from cycles.
type tally struct {
	Count, Failed, Over, Missed, Sum, Critical, Budget int64
	US                                                 []int64
}

// tallies works out what the minutes of these cycles must be. It is a second
// implementation of the contract, and shares nothing with a store.
func tallies(cs []*cycle.Cycle) map[time.Time]map[cycle.Series]*tally {
	minutes := map[time.Time]map[cycle.Series]*tally{}
	for _, c := range cs {
		m := c.Start.UTC().Truncate(time.Minute)
		if minutes[m] == nil {
			minutes[m] = map[cycle.Series]*tally{}
		}
		at := func(l cycle.Label, target string) *tally {
			s := cycle.Series{Daemon: c.Run.Daemon, WAN: c.Run.WAN, Label: l, Target: target}
			if minutes[m][s] == nil {
				minutes[m][s] = &tally{}
			}
			return minutes[m][s]
		}
		us := c.Micros()
		critical, _ := cycle.Critical(&us, c.Run.Sequential)
		for _, s := range c.Spans {
			t := at(s.Label, s.Target)
			if s.Outcome != cycle.OK {
				t.Failed++
			}
			if s.Part != cycle.Probe || s.Outcome == cycle.OK {
				t.add(s.Duration)
			}
			if s.Part >= cycle.RTT && s.Part <= cycle.Update {
				t.Critical += critical[s.Part]
			}
		}
		at(c.Run.Daemon.Label(cycle.Late), "").add(c.Late)
		t := at(c.Run.Daemon.Label(cycle.Total), "")
		t.add(c.Total)
		t.Missed += c.Missed
		t.Budget += c.Run.Budget.Microseconds()
		if c.Outcome != cycle.OK {
			t.Failed++
		}
		if c.Overrun() {
			t.Over++
		}
	}
	return minutes
}

func (t *tally) add(d time.Duration) {
	t.Count++
	t.Sum += d.Microseconds()
	t.US = append(t.US, d.Microseconds())
	slices.Sort(t.US)
}

// minutesAreExact compares a file's minutes with what its cycles make of them.
func (s Store) minutesAreExact(t *testing.T, path string, cs []*cycle.Cycle) {
	t.Helper()
	want := tallies(cs)
	got := map[time.Time]map[cycle.Series]*tally{}
	var before time.Time
	for v, err := range s.read(t, path).Rollups(context.Background(), all) {
		if err != nil {
			t.Fatal(err)
		}
		if v.Width != time.Minute || v.Start.Before(before) {
			t.Fatalf("%v wide at %v, after %v", v.Width, v.Start, before)
		}
		before = v.Start
		us, err := v.Dist.Append(nil)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(us); n > 0 && (v.Min != us[0] || v.Max != us[n-1]) {
			t.Errorf("%v %v: from %d to %d, durations from %d to %d", v.Start, v.Series, v.Min, v.Max, us[0], us[n-1])
		}
		if got[v.Start] == nil {
			got[v.Start] = map[cycle.Series]*tally{}
		}
		got[v.Start][v.Series] = &tally{
			Count: v.Count, Failed: v.Failed, Over: v.Over, Missed: v.Missed, Sum: v.Sum, Critical: v.Critical, Budget: v.Budget, US: us,
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%.4000s", diff)
	}
}

// edgesAndRollupsAgree takes windows of every kind and counts the cycle totals in
// them by rollups where they are covered and by cycles where not.
func (s Store) edgesAndRollupsAgree(t *testing.T, path string, n int) {
	t.Helper()
	r := s.read(t, path)
	ctx := context.Background()
	end := Begin.Add(time.Duration(n) * 50 * time.Millisecond)
	for _, w := range []cycle.Window{
		all,
		{Since: Begin, Until: end},
		{Since: Begin.Add(10 * time.Second), Until: end.Add(-time.Second)},
		{Since: Begin.Add(time.Second), Until: Begin.Add(3 * time.Second)},
		{Since: Begin.Truncate(time.Minute), Until: Begin.Truncate(time.Minute).Add(2 * time.Minute)},
	} {
		want, got := 0, 0
		for _, err := range r.Cycles(ctx, w) {
			if err != nil {
				t.Fatal(err)
			}
			want++
		}
		stretches, err := r.Covered(ctx, w)
		if err != nil {
			t.Fatal(err)
		}
		at := w.Since
		rows := func(until time.Time) {
			for _, err := range r.Cycles(ctx, cycle.Window{Since: at, Until: until}) {
				if err != nil {
					t.Fatal(err)
				}
				got++
			}
		}
		for _, c := range stretches {
			if c.Since.Before(at) || !c.Since.Before(c.Until) || c.Until.After(w.Until) {
				t.Errorf("stretch %v after %v in %v", c, at, w)
			}
			rows(c.Since)
			for v, err := range r.Rollups(ctx, c) {
				if err != nil {
					t.Fatal(err)
				}
				if v.Label.Part() == cycle.Total {
					got += int(v.Count)
				}
			}
			at = c.Until
		}
		rows(w.Until)
		if got != want {
			t.Errorf("window %v: %d cycles by rollups and edges, %d by cycles", w, got, want)
		}
	}
	newest, err := r.Newest(ctx)
	if err != nil || newest.Before(end.Add(-time.Second)) || newest.After(end) {
		t.Errorf("newest %v, %v; want just before %v", newest, err, end)
	}
}
