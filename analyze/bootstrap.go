package analyze

import (
	"math"
	"math/rand/v2"
	"slices"
)

// sample is one side of a comparison: the durations of a series in the order they
// were recorded, in microseconds. Past maxSample it keeps every second, fourth, ...
// so that no window is too long for it.
type sample struct {
	us     []int64
	stride int64 // one in so many is kept
	seen   int64
}

// maxSample bounds what is kept of a series. More would narrow an interval further
// that is narrow by then.
const maxSample = 1 << 16

func (s *sample) add(us int64) {
	s.stride = max(s.stride, 1)
	if s.seen++; (s.seen-1)%s.stride != 0 {
		return
	}
	if len(s.us) == maxSample {
		for i := range maxSample / 2 {
			s.us[i] = s.us[2*i]
		}
		s.us = s.us[:maxSample/2]
		s.stride *= 2
		if (s.seen-1)%s.stride != 0 {
			return
		}
	}
	s.us = append(s.us, us)
}

// statistics are what a comparison compares, of durations in order of size.
const (
	statP50 = iota
	statP95
	statP99
	statMean
	numStats
)

// statPermille are the quantiles among the statistics.
var statPermille = [...]int64{statP50: 500, statP95: 950, statP99: 990}

// resamples is how many times a series is drawn anew. It is the spread of the
// draws that is used, not their tails, and for that it is plenty.
const resamples = 250

// spread is how far a statistic of a series would be off in another recording of
// the same: its standard error, and the degrees of freedom that it was told from.
type spread struct {
	err [numStats]float64 // us
	df  float64
}

// bootstrap draws the series anew from blocks of neighbours, for cycles resemble
// those before them, and returns how its statistics scatter (moving blocks:
// Künsch 1989). The same seed gives the same result.
func bootstrap(us []int64, seed uint64) spread {
	n := len(us)
	values, rank := ranked(us)
	length := blockLength(rank)
	rnd := rand.New(rand.NewPCG(seed, uint64(n)))
	counts := make([]int32, len(values))
	var draws [numStats][]float64
	for range resamples {
		clear(counts)
		for left := n; left > 0; {
			at := rnd.IntN(n - length + 1)
			for _, r := range rank[at : at+min(length, left)] {
				counts[r]++
			}
			left -= length
		}
		for i, v := range drawn(values, counts, int64(n)) {
			draws[i] = append(draws[i], v)
		}
	}
	s := spread{df: max(1, float64(n)/float64(length)-1)}
	for i := range draws {
		s.err[i] = deviation(draws[i])
	}
	return s
}

// ranked returns the different durations in order, and of each duration which of
// them it is.
func ranked(us []int64) (values []int64, rank []int32) {
	values = slices.Compact(slices.Sorted(slices.Values(us)))
	rank = make([]int32, len(us))
	for i, v := range us {
		at, _ := slices.BinarySearch(values, v)
		rank[i] = int32(at)
	}
	return values, rank
}

// drawn returns the statistics of a draw.
func drawn(values []int64, counts []int32, n int64) (stats [numStats]float64) {
	below, sum, q := int64(0), int64(0), 0
	for i, c := range counts {
		if c == 0 {
			continue
		}
		below += int64(c)
		sum += int64(c) * values[i]
		for q < len(statPermille) && below >= rank(n, statPermille[q]) {
			stats[q] = float64(values[i])
			q++
		}
	}
	stats[statMean] = float64(sum) / float64(n)
	return stats
}

func deviation(xs []float64) float64 {
	mean, sum := 0.0, 0.0
	for _, x := range xs {
		mean += x / float64(len(xs))
	}
	for _, x := range xs {
		sum += (x - mean) * (x - mean)
	}
	return math.Sqrt(sum / float64(len(xs)-1))
}

// shortest is the shortest block: blocks longer than the memory cost nothing but
// a few degrees of freedom, and no recording is free of all memory.
const shortest = 3

// blockLength chooses the length of the blocks by how long the series remembers:
// Politis and White (2004), as corrected by Patton, Politis and White (2009), for
// overlapping blocks. It works on ranks, so that no outlier decides it.
func blockLength(rank []int32) int {
	n := len(rank)
	if n < fewest {
		return 1
	}
	mean := 0.0
	for _, r := range rank {
		mean += float64(r) / float64(n)
	}
	cov := func(lag int) (c float64) {
		for i := lag; i < n; i++ {
			c += (float64(rank[i]) - mean) * (float64(rank[i-lag]) - mean)
		}
		return c / float64(n)
	}
	r0 := cov(0)
	if r0 == 0 {
		return shortest
	}
	quiet := max(5, int(math.Sqrt(math.Log10(float64(n)))))
	most := int(math.Ceil(math.Sqrt(float64(n)))) + quiet
	noise := 2 * math.Sqrt(math.Log10(float64(n))/float64(n))
	r := []float64{r0}
	last := 0 // the last lag that still tells something
	for lag := 1; lag <= most && lag < n && lag-last <= quiet; lag++ {
		r = append(r, cov(lag))
		if math.Abs(r[lag]/r0) > noise {
			last = lag
		}
	}
	m := min(2*max(last, 1), len(r)-1)
	g, spectrum := 0.0, r0
	for lag := 1; lag <= m; lag++ {
		w := min(1, 2*(1-float64(lag)/float64(m))) // flat-top window
		g += 2 * w * float64(lag) * r[lag]
		spectrum += 2 * w * r[lag]
	}
	b := math.Cbrt(2*g*g/(4./3*spectrum*spectrum)) * math.Cbrt(float64(n))
	if math.IsNaN(b) {
		return shortest
	}
	longest := math.Ceil(min(3*math.Sqrt(float64(n)), float64(n)/3))
	return int(max(shortest, math.Round(min(b, longest))))
}

// The quantiles of the normal distribution that leave 5 % and 1 % outside.
const (
	z95 = 1.959964
	z99 = 2.575829
)

// student turns a quantile of the normal distribution into that of Student's t
// with so many degrees of freedom (Cornish and Fisher's expansion, which falls
// short below three: no verdict rests on so few blocks).
func student(z, df float64) float64 {
	df = max(df, 3)
	z3, z5, z7 := z*z*z, z*z*z*z*z, z*z*z*z*z*z*z
	return z + (z3+z)/(4*df) + (5*z5+16*z3+3*z)/(96*df*df) + (3*z7+19*z5+17*z3-15*z)/(384*df*df*df)
}
