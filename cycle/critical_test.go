package cycle

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// micros makes durations by part; parts that are not named did not run.
func micros(of map[Part]int64) (us [NumParts]int64) {
	for p := range us {
		us[p] = -1
	}
	for p, v := range of {
		us[p] = v
	}
	return us
}

func TestCriticalGivesTheSharedStretchToTheLongest(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name       string
		us         map[Part]int64
		sequential bool
		want       map[Part]int64
		other      int64
	}{
		{"one after the other", map[Part]int64{RTT: 20, Adjust: 2, Update: 5, Total: 30}, false, map[Part]int64{RTT: 20, Adjust: 2, Update: 5}, 3},
		{"side by side", map[Part]int64{RTT: 20, CAKE: 25, Rule: 7, Adjust: 2, Total: 30}, false, map[Part]int64{CAKE: 25, Adjust: 2}, 3},
		{"the rule alone", map[Part]int64{Rule: 7, Total: 7}, false, map[Part]int64{Rule: 7}, 0},
		{"a tie goes to the first", map[Part]int64{RTT: 20, CAKE: 20, Total: 20}, false, map[Part]int64{RTT: 20}, 0},
		{"imported, one after the other", map[Part]int64{RTT: 20, CAKE: 25, Total: 50}, true, map[Part]int64{RTT: 20, CAKE: 25}, 5},
		{"nothing ran", map[Part]int64{Total: 9}, false, nil, 9},
		{"rounding takes no time away", map[Part]int64{RTT: 20, Adjust: 2, Total: 21}, false, map[Part]int64{RTT: 20, Adjust: 2}, 0},
		{"lateness and what else was timed are in no stretch", map[Part]int64{Late: 40, Probe: 19, Other: 3, RTT: 20, Total: 22}, false, map[Part]int64{RTT: 20}, 2},
	} {
		us := micros(tc.us)
		got, other := Critical(&us, tc.sequential)
		var want [NumParts]int64
		for p, v := range tc.want {
			want[p] = v
		}
		if diff := cmp.Diff(want, got); diff != "" || other != tc.other {
			t.Errorf("%s: other %d, want %d; -want +got\n%s", tc.name, other, tc.other, diff)
		}
	}
}

// TestCriticalAddsUpToTheTotal: with other, the critical times of a cycle that is
// at least as long as its parts are its total.
func TestCriticalAddsUpToTheTotal(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 10_000 {
		us := micros(nil)
		for _, p := range Stretches {
			if random.IntN(4) > 0 {
				us[p] = random.Int64N(1000)
			}
		}
		sequential := random.IntN(2) == 0
		us[Total] = 5000 + random.Int64N(100)
		critical, other := Critical(&us, sequential)
		sum := other
		for p, v := range critical {
			sum += v
			if v < 0 || v > max(us[p], 0) {
				t.Fatalf("%v: %v waits %d of its %d", us, Part(p), v, us[p])
			}
		}
		if sum != us[Total] || other < 0 {
			t.Fatalf("%v: %v and %d add up to %d", us, critical, other, sum)
		}
	}
}

func TestMicrosAddsUpASpanTimedTwice(t *testing.T) {
	t.Parallel()
	c := &Cycle{Total: 30*ms + 999*time.Nanosecond, Late: 2 * time.Microsecond, Spans: []Span{
		{Part: CAKE, Duration: 3 * ms}, {Part: Probe, Duration: ms}, {Part: Other, Duration: ms}, {Part: CAKE, Duration: 4 * ms},
	}}
	want := micros(map[Part]int64{Total: 30_000, Late: 2, CAKE: 7000})
	if diff := cmp.Diff(want, c.Micros()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if FromMicros(30_000) != 30*ms {
		t.Error(FromMicros(30_000))
	}
}
