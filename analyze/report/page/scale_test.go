package page

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/analyze"
	"wanctl/cycle"
)

func TestTicksAreRoundAndFew(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		scale scale
		n     int
		want  []float64
	}{
		{linearScale(500), 4, []float64{0, 200, 400}},
		{linearScale(0), 4, []float64{0, 0.5, 1}},
		{linearScale(0.3), 4, []float64{0, 0.1, 0.2, 0.3}},
		{scale{low: 20, high: 200, log: true}, 4, []float64{20, 50, 100, 200}},
		{scale{low: 22, high: 34, log: true}, 4, []float64{25, 30}},
		{scale{low: 0.09, high: 3000, log: true}, 7, []float64{0.1, 1, 10, 100, 1000}},
		{scale{low: 1, high: 2500, log: true}, 7, []float64{1, 3, 10, 30, 100, 300, 1000}},
	} {
		if diff := cmp.Diff(tc.want, tc.scale.ticks(tc.n)); diff != "" {
			t.Errorf("%+v, %d (-want +got):\n%s", tc.scale, tc.n, diff)
		}
	}
	rnd := rand.New(rand.NewPCG(3, 3))
	for range 2000 {
		low := math.Pow(10, -3+8*rnd.Float64())
		s := logScale(low, low*math.Pow(10, 6*rnd.Float64()*rnd.Float64()))
		ticks := s.ticks(6)
		if len(ticks) > 13 || len(ticks) == 0 || !slices.IsSorted(ticks) || ticks[0] < s.low || ticks[len(ticks)-1] > s.high {
			t.Errorf("%+v has the ticks %v", s, ticks)
		}
	}
}

func TestMomentsAreRoundInTheirZone(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04:05", s, berlin)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, tc := range []struct {
		since, until, want string
	}{
		{"2026-01-09 14:00:00", "2026-01-09 15:00:00", "14:00 14:10 14:20 14:30 14:40 14:50 15:00"},
		{"2026-01-09 20:07:13", "2026-01-10 02:30:00", "21:00 22:00 23:00 Sat 10 Jan 01:00 02:00"},
		{"2026-01-09 14:00:07", "2026-01-09 14:01:00", "14:00:10 14:00:20 14:00:30 14:00:40 14:00:50 14:01:00"},
		{"2026-01-05 00:00:00", "2026-01-12 00:00:00", "Mon 5 Jan Tue 6 Jan Wed 7 Jan Thu 8 Jan Fri 9 Jan Sat 10 Jan Sun 11 Jan Mon 12 Jan"},
		// Clocks go forward, and back: noon is noon, and no tick is told twice.
		{"2026-03-28 12:00:00", "2026-03-30 12:00:00", "12:00 18:00 Sun 29 Mar 06:00 12:00 18:00 Mon 30 Mar 06:00 12:00"},
		{"2026-10-25 00:00:00", "2026-10-25 06:00:00", "Sun 25 Oct 01:00 02:00 03:00 04:00 05:00 06:00"},
	} {
		var texts []string
		last := -1.
		for _, m := range moments(at(tc.since), at(tc.until), berlin, 9) {
			texts = append(texts, m.text)
			if m.at <= last || m.at > 1 {
				t.Errorf("%s: a tick at %v after %v", tc.since, m.at, last)
			}
			last = m.at
		}
		if got := strings.Join(texts, " "); got != tc.want {
			t.Errorf("%s to %s:\n got %s\nwant %s", tc.since, tc.until, got, tc.want)
		}
	}
	for length := time.Second; length < 10*365*24*time.Hour; length = length * 3 / 2 {
		if ms := moments(dusk, dusk.Add(length), berlin, 9); len(ms) < 2 || len(ms) > 11 {
			t.Errorf("%v has %d ticks", length, len(ms))
		}
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	plain := func(s string) string { return strings.ReplaceAll(s, narrow, "_") }
	for _, tc := range []struct{ got, want string }{
		{duration(0), "0"},
		{duration(950 * time.Microsecond), "950_µs"},
		{duration(1002 * time.Microsecond), "1_ms"},
		{duration(24_123 * time.Microsecond), "24.1_ms"},
		{duration(2 * time.Second), "2_s"},
		{duration(999_960 * time.Microsecond), "1000_ms"},
		{duration(90 * time.Minute), "1_h 30_min"},
		{stretch(50 * time.Millisecond), "50_ms"},
		{stretch(7 * 24 * time.Hour), "7_d"},
		{stretch(25*time.Hour + 61*time.Second), "1_d 1_h 1_min 1_s"},
		{count(12_096_000), "12_096_000"},
		{count(-1234), "-1_234"},
		{millis(2757969 * time.Microsecond), "2_757.969"},
		{percent(0), "0_%"},
		{percent(0.0004), "<0.1_%"},
		{percent(0.0461), "4.6_%"},
		{percent(0.996), "100_%"},
		{rate(0), "0"},
		{rate(940e6), "940_Mbit/s"},
		{rate(2.5e9), "2.5_Gbit/s"},
		{rate(64e3), "64_kbit/s"},
		{escape("a\x1b<b>"), "a?&lt;b&gt;"},
	} {
		if plain(tc.got) != tc.want {
			t.Errorf("%q, want %q", plain(tc.got), tc.want)
		}
	}
}

func TestGapsAreGaps(t *testing.T) {
	t.Parallel()
	ys := []int{5, 5, -1, 7, 9, -1, -1}
	at := func(i int) (int, bool) { return ys[i], ys[i] >= 0 }
	l := line("", len(ys), at)
	if l.String() != "M0 5h1h1M3 7h1V9h1" {
		t.Errorf("the line is %s", l.String())
	}
	a := area("", len(ys), func(i int) (int, int, bool) { return ys[i], 1, ys[i] >= 0 })
	if a.String() != "M0 1h1h1V5h-1h-1zM3 1h1h1V9h-1V7h-1z" {
		t.Errorf("the area is %s", a.String())
	}
}

func TestTheHeatMapCountsEveryCycle(t *testing.T) {
	t.Parallel()
	c, _ := shown(t, time.Hour, "wan1", "reflector.example", Options{})
	for i := range c.Analysis.Loops {
		l := &c.Analysis.Loops[i]
		h := newHistory(c, i, &Options{}, "loop")
		for _, rows := range []int{10, rowsOfHeat} {
			m := heatOf(h.total, rows)
			n := int64(0)
			for r := range m.count {
				for _, k := range m.count[r] {
					n += k
				}
			}
			if total := l.Span(cycle.Total); n != l.Cycles || len(m.count) > rows || m.edges[0] > total.Min || m.edges[len(m.count)] <= total.Max {
				t.Errorf("%s: %d of %d cycles in %d rows from %v to %v", l.String(), n, l.Cycles, len(m.count), m.edges[0], m.edges[len(m.count)])
			}
		}
		sp := axisOf([]*analyze.Span{l.Span(cycle.Total)})
		n := int64(0)
		for _, b := range sp.bars(l.Span(cycle.Total)) {
			n += b.count
			if b.to <= b.from {
				t.Errorf("a bin from %v to %v", b.from, b.to)
			}
		}
		if n != l.Cycles {
			t.Errorf("%s: %d of %d cycles in the distribution", l.String(), n, l.Cycles)
		}
	}
}

func TestAnotherLabelIsDrawnOverTime(t *testing.T) {
	t.Parallel()
	c, _ := shown(t, 10*time.Minute, "wan1", "reflector.example", Options{})
	for word, want := range map[string]string{"": "The whole cycle", "cake": "cake", "autorate_cake_stats_read": "cake", "9.9.9.9": "9.9.9.9", "unheard": "The whole cycle"} {
		if got := newHistory(c, 0, &Options{Label: word}, "loop").name(); got != want {
			t.Errorf("--label %q draws %q, want %q", word, got, want)
		}
	}
}
