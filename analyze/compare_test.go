package analyze

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
)

// autocorrelated makes cycle totals that resemble those before them: log-normal
// around a median, with memory phi from one to the next.
func autocorrelated(rnd *rand.Rand, n int, median, sigma, phi float64) []int64 {
	us := make([]int64, n)
	x := rnd.NormFloat64()
	for i := range us {
		x = phi*x + math.Sqrt(1-phi*phi)*rnd.NormFloat64()
		us[i] = int64(median * math.Exp(sigma*x))
	}
	return us
}

// compared compares two series of totals.
func compared(before, after []int64) Change {
	span := func(us []int64) (*Span, *sample) {
		t, s := new(tally), new(sample)
		for _, v := range us {
			_ = t.value(v, false)
			s.add(v)
		}
		return &Span{Summary: summarize(t)}, s
	}
	b, x := span(before)
	a, y := span(after)
	return change(cycle.Series{Daemon: cycle.Autorate, WAN: "wan1", Label: "autorate_cycle_total"}, b, a, x, y)
}

// half is thirty minutes of a loop of two seconds.
const half = 900

func TestCompareRaisesFewFalseAlarms(t *testing.T) {
	t.Parallel()
	const rounds = simulations
	for _, phi := range []float64{0, 0.5, 0.8} {
		t.Run(fmt.Sprint("memory ", phi), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(21, uint64(phi*10)))
			alarms := map[string]int{}
			for range rounds {
				c := compared(autocorrelated(rnd, half, 40000, 0.1, phi), autocorrelated(rnd, half, 40000, 0.1, phi))
				for name, d := range map[string]Difference{"p50": c.P50, "p95": c.P95, "p99": c.P99, "mean": c.Mean} {
					if d.Verdict == Faster || d.Verdict == Slower {
						alarms[name]++
					}
				}
			}
			t.Logf("false alarms of %d comparisons: %v", rounds, alarms)
			for name, n := range alarms {
				if float64(n) > 0.05*rounds {
					t.Errorf("%d false alarms of %d on the %s", n, rounds, name)
				}
			}
		})
	}
}

func TestCompareFindsFivePercent(t *testing.T) {
	t.Parallel()
	const rounds = simulations / 4
	for _, shift := range []float64{1.05, 1 / 1.05} {
		rnd := rand.New(rand.NewPCG(22, 22))
		found := 0
		for range rounds {
			c := compared(autocorrelated(rnd, half, 40000, 0.1, 0.5), autocorrelated(rnd, half, 40000*shift, 0.1, 0.5))
			want := Slower
			if shift < 1 {
				want = Faster
			}
			if c.Verdict() == want {
				found++
			}
		}
		t.Logf("median times %.3f: found %d of %d", shift, found, rounds)
		if found*10 < rounds*9 {
			t.Errorf("median times %.3f: found %d of %d", shift, found, rounds)
		}
	}
}

func TestCompareSaysTooFew(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(23, 23))
	for _, c := range []struct {
		n    int
		want [4]Verdict
	}{
		{19, [4]Verdict{TooFew, TooFew, TooFew, TooFew}},
		{99, [4]Verdict{NoDifference, TooFew, TooFew, NoDifference}},
		{499, [4]Verdict{NoDifference, NoDifference, TooFew, NoDifference}},
	} {
		one := autocorrelated(rnd, c.n, 40000, 0.1, 0)
		got := compared(one, slices.Clone(one))
		if v := [4]Verdict{got.P50.Verdict, got.P95.Verdict, got.P99.Verdict, got.Mean.Verdict}; v != c.want {
			t.Errorf("%d values: %v, want %v", c.n, v, c.want)
		}
	}
}

func TestCompareIsTheSameEachTime(t *testing.T) {
	t.Parallel()
	m := house(24, time.Hour)
	before, after := Side{stretch(0, 30*time.Minute), []Source{m}}, Side{stretch(30*time.Minute, time.Hour), []Source{m}}
	first, err := Compare(t.Context(), before, after, Options{})
	if err != nil {
		t.Fatal(err)
	}
	second, err := Compare(t.Context(), before, after, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first.Changes, second.Changes); diff != "" {
		t.Error(diff)
	}
	if len(first.Changes) != 17 || first.Changes[0].Before != 3600 {
		t.Errorf("%d changes, the first from %d values", len(first.Changes), first.Changes[0].Before)
	}
}

func TestASampleKeepsToItsBound(t *testing.T) {
	t.Parallel()
	s := new(sample)
	for i := range int64(5 * maxSample) {
		s.add(i)
	}
	if len(s.us) > maxSample || len(s.us) < maxSample/2 {
		t.Fatalf("%d kept", len(s.us))
	}
	for i, v := range s.us {
		if v != int64(i)*s.stride {
			t.Fatalf("value %d is %d, want every %dth", i, v, s.stride)
		}
	}
}

func TestBlockLengthFollowsTheMemory(t *testing.T) {
	t.Parallel()
	last := 0
	for _, phi := range []float64{0, 0.5, 0.9} {
		rnd := rand.New(rand.NewPCG(25, 25))
		sum := 0
		for range 20 {
			_, rank := ranked(autocorrelated(rnd, half, 40000, 0.1, phi))
			sum += blockLength(rank)
		}
		if sum <= last {
			t.Errorf("phi %.1f: blocks of %d on average, no longer than with less memory", phi, sum/20)
		}
		last = sum
	}
	if got := blockLength(make([]int32, 500)); got != shortest {
		t.Errorf("all alike: blocks of %d", got)
	}
}
