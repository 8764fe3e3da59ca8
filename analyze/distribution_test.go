package analyze

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/DataDog/sketches-go/ddsketch"

	"wanctl/cycle"
)

// samples are durations in us of every size there may be: equal ones, the edges
// of pages, and some beyond the paged range.
func samples(rnd *rand.Rand, n int) []int64 {
	us := make([]int64, n)
	for i := range us {
		switch rnd.IntN(10) {
		case 0:
			us[i] = int64(rnd.IntN(4)) * pageSize
		case 1:
			us[i] = int64(rnd.IntN(3)) + pageSize - 1
		case 2:
			us[i] = pagedMax + int64(rnd.IntN(3)) - 1
		case 3:
			us[i] = rnd.Int64N(1 << 40)
		default:
			us[i] = int64(20000 * math.Exp(rnd.NormFloat64()))
		}
	}
	return us
}

func TestMinutesAddUpToTheDistributionOfTheWhole(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(7, 7))
	for round := range 10 {
		us := samples(rnd, 1+rnd.IntN(2000))
		one, pieces, merged := new(Distribution), new(Distribution), new(Distribution)
		for _, v := range us {
			if err := one.Add(v); err != nil {
				t.Fatal(err)
			}
		}
		for piece := range slices.Chunk(slices.Clone(us), 1+rnd.IntN(200)) {
			slices.Sort(piece)
			enc := cycle.AppendDurations(nil, piece)
			part := new(Distribution)
			for _, d := range []*Distribution{pieces, part} {
				if n, err := d.AddDurations(enc); err != nil || n != int64(len(piece)) {
					t.Fatalf("round %d: counted %d of %d: %v", round, n, len(piece), err)
				}
			}
			if err := merged.Merge(part); err != nil {
				t.Fatal(err)
			}
		}
		slices.Sort(us)
		for name, d := range map[string]*Distribution{"one by one": one, "minutes": pieces, "merged": merged} {
			if d.Count() != int64(len(us)) || !d.Exact() {
				t.Fatalf("round %d, %s: count %d, want %d", round, name, d.Count(), len(us))
			}
			if got := unfold(d); !slices.Equal(got, us) {
				t.Fatalf("round %d, %s: the durations differ", round, name)
			}
			for _, permille := range []int64{1, 250, 500, 950, 990, 999, 1000} {
				want := us[int(math.Ceil(float64(permille)*float64(len(us))/1000-1e-9))-1]
				if got := d.Quantile(permille).Microseconds(); got != want {
					t.Fatalf("round %d, %s: quantile %d is %d, want %d", round, name, permille, got, want)
				}
			}
		}
	}
}

func unfold(d *Distribution) (us []int64) {
	for v, n := range d.All() {
		for range n {
			us = append(us, v.Microseconds())
		}
	}
	return us
}

func TestNearestRankInWholeNumbers(t *testing.T) {
	t.Parallel()
	for n := int64(1); n <= 5000; n++ {
		for _, permille := range []int64{500, 950, 990} {
			got := rank(n, permille)
			if got*1000 < n*permille || (got-1)*1000 >= n*permille {
				t.Fatalf("rank(%d, %d) = %d is not the smallest with at least q*n values at or below it", n, permille, got)
			}
		}
	}
	if got := rank(math.MaxInt64, 1000); got != math.MaxInt64 {
		t.Errorf("rank of the largest count is %d", got)
	}
}

func TestTheThreeFormulasInUseAndOurs(t *testing.T) {
	t.Parallel()
	// Eleven values of which one is an outlier: the p99 is the outlier, for no other
	// value has 99 % of them at or below it.
	d := new(Distribution)
	for _, ms := range []int64{10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 219} {
		if err := d.Add(ms * 1000); err != nil {
			t.Fatal(err)
		}
	}
	if got := d.Quantile(990); got != 219*time.Millisecond {
		t.Errorf("p99 of eleven values is %v, want the largest", got)
	}
}

func TestConfidenceIntervalsHoldTheQuantile(t *testing.T) {
	t.Parallel()
	// Values 0..1 uniform: the true quantile is q itself.
	rnd := rand.New(rand.NewPCG(8, 8))
	for _, n := range []int64{10, 30, 150, 2100} {
		for _, permille := range []int64{500, 950, 990} {
			low, high := interval(n, permille)
			const rounds = 400
			held := 0
			for range rounds {
				below := int64(0) // values below the true quantile
				for range n {
					if rnd.Float64() < float64(permille)/1000 {
						below++
					}
				}
				if below >= low && below < high {
					held++
				}
			}
			if got := float64(held) / rounds; got < 0.92 {
				t.Errorf("n=%d q=%d: ranks %d..%d hold the quantile in %.3f of the recordings", n, permille, low, high, got)
			}
		}
	}
}

func FuzzAddDurations(f *testing.F) {
	f.Add([]byte(cycle.AppendDurations(nil, []int64{0, 1, 1, 127, 128, 300000, 1 << 27})))
	f.Add([]byte{0x80})
	f.Add(bytes.Repeat([]byte{0xff}, 20))
	f.Fuzz(func(t *testing.T, b []byte) {
		want, wantErr := cycle.Durations(b).Append(nil)
		for _, v := range want {
			if v > longest {
				wantErr = cycle.ErrDurations // no time.Duration holds it
			}
		}
		d := new(Distribution)
		n, err := d.AddDurations(b)
		if err == nil && wantErr != nil {
			t.Fatalf("counting says nothing, unpacking %v", wantErr)
		}
		if err != nil && wantErr == nil {
			t.Fatalf("counting says %v, unpacking nothing", err)
		}
		if err == nil && (n != int64(len(want)) || !slices.Equal(unfold(d), want)) {
			t.Fatalf("counting finds %d durations, unpacking %v", n, want)
		}
	})
}

func TestSketchesAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	s, err := ddsketch.NewDefaultDDSketch(MaxRelativeError)
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(9, 9))
	want := map[time.Duration]int64{}
	for i := range 400 {
		v, n := float64(i*i), rnd.Int64N(1<<(uint(i)%30))+1
		if err := s.AddWithCount(v, float64(n)); err != nil {
			t.Fatal(err)
		}
	}
	s.ForEach(func(v, n float64) bool {
		want[time.Duration(v*float64(time.Microsecond))] += int64(n)
		return false
	})
	var b []byte
	s.Encode(&b, false)
	d := new(Distribution)
	if err := d.AddSketch(b); err != nil {
		t.Fatal(err)
	}
	for v, n := range d.All() {
		if want[v] != n {
			t.Errorf("%v: %d, want %d", v, n, want[v])
		}
		delete(want, v)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

func FuzzAddSketch(f *testing.F) {
	s, err := ddsketch.NewDefaultDDSketch(MaxRelativeError)
	if err != nil {
		f.Fatal(err)
	}
	for _, v := range []float64{0, 1, 20000, 1e9} {
		_ = s.Add(v)
	}
	var b []byte
	s.Encode(&b, false)
	f.Add(b)
	f.Add([]byte{})
	f.Add([]byte("\r\x000\x02")) // no bins, from the 24th on
	f.Fuzz(func(t *testing.T, b []byte) {
		d := new(Distribution)
		if d.AddSketch(b) == nil && d.Count() > 0 {
			d.Quantile(990)
		}
	})
}
