package analyze

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"wanctl/cycle"
)

// MaxRelativeError bounds how far a quantile that hours took part in is from the
// exact one.
const MaxRelativeError = 0.005

// Summary tells of the durations of one series. Count, Failed, Min, Max and Avg
// are exact at any age; the quantiles are the nearest rank.
type Summary struct {
	Count, Failed int64
	Min, Max      time.Duration
	Sum           time.Duration
	P50, P95, P99 Quantile
	Warnings      []string // what to doubt, e.g. a p99 from 30 values
	Dist          *Distribution
}

// Quantile is a quantile with what is known of its certainty.
type Quantile struct {
	Value time.Duration
	// Low and High hold the true quantile in 95 of 100 recordings like this one, if
	// its values were independent of each other; unknown where there are too few
	// values to bound it from that side.
	Low, High cycle.Maybe[time.Duration]
	Thin      bool // from fewer values than it takes for one to lie beyond it
}

// quantiles are the three that are told, in permille.
var quantiles = [...]struct {
	name     string
	permille int64
	of       func(*Summary) *Quantile
}{
	{"p50", 500, func(s *Summary) *Quantile { return &s.P50 }},
	{"p95", 950, func(s *Summary) *Quantile { return &s.P95 }},
	{"p99", 990, func(s *Summary) *Quantile { return &s.P99 }},
}

// enough is how many values a quantile in permille takes: 1/(1-q), so that one may lie
// beyond it.
func enough(permille int64) int64 {
	beyond := 1000 - permille
	return (1000 + beyond - 1) / beyond
}

// Thin tells whether a quantile in permille, e.g. 990 for p99, is from too few values
// to be shown without a mark.
func Thin(n, permille int64) bool { return n < enough(permille) }

// Avg returns the mean in milliseconds; 0 when there are no values.
func (s *Summary) Avg() float64 {
	if s.Count == 0 {
		return 0
	}
	return float64(s.Sum.Microseconds()) / float64(s.Count) / 1000
}

// summarize works out what a tally amounts to.
func summarize(t *tally) Summary {
	s := Summary{
		Count: t.count, Failed: t.failed, Dist: &t.dist,
		Min: cycle.FromMicros(t.min), Max: cycle.FromMicros(t.max), Sum: cycle.FromMicros(t.sum),
	}
	n := t.dist.Count()
	if n == 0 {
		return s
	}
	var picks []pick
	for _, q := range quantiles {
		to := q.of(&s)
		picks = append(picks, pick{rank(n, q.permille), &to.Value})
		low, high := interval(n, q.permille)
		if to.Low.Known = low >= 1; to.Low.Known {
			picks = append(picks, pick{low, &to.Low.Value})
		}
		if to.High.Known = high <= n; to.High.Known {
			picks = append(picks, pick{high, &to.High.Value})
		}
		if to.Thin = Thin(n, q.permille); to.Thin {
			s.Warnings = append(s.Warnings, fmt.Sprintf("%s from %s (it takes %d)", q.name, counted(n, "value"), enough(q.permille)))
		}
	}
	pickAll(&t.dist, picks)
	for _, p := range picks { // a sketch may round past the ends, which are known
		*p.into = min(max(*p.into, s.Min), s.Max)
	}
	return s
}

// pick asks for the duration of a rank.
type pick struct {
	rank int64
	into *time.Duration
}

// pickAll answers all picks in one pass over the distribution.
func pickAll(d *Distribution, picks []pick) {
	slices.SortFunc(picks, func(a, b pick) int { return cmp.Compare(a.rank, b.rank) })
	ranks := make([]int64, len(picks))
	for i, p := range picks {
		ranks[i] = p.rank
	}
	for i, v := range d.At(ranks...) {
		*picks[i].into = v
	}
}

// interval returns the ranks that enclose a quantile of n independent values with
// a probability of at least 95 %: the number of values below it is binomial. A
// rank below 1 or above n means that no value bounds it from that side.
func interval(n, permille int64) (low, high int64) {
	q := float64(permille) / 1000
	if n > 2000 { // the normal approximation is good to a rank by then
		mean, dev := float64(n)*q, 1.959964*math.Sqrt(float64(n)*q*(1-q))
		return int64(math.Floor(mean - dev)), int64(math.Ceil(mean+dev)) + 1
	}
	const tail = 0.025
	below := 0.0 // P(values below the quantile <= k)
	low, high = 0, n+1
	mean, dev := float64(n)*q, math.Sqrt(float64(n)*q*(1-q))
	for k := int64(max(0, mean-12*dev)); k <= n; k++ { // what lies before is below 1e-15
		below += binomial(n, k, q)
		if below <= tail {
			low = k + 1
		}
		if below >= 1-tail {
			return low, k + 1
		}
	}
	return low, high
}

// binomial is the probability of k successes in n trials of chance q.
func binomial(n, k int64, q float64) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return math.Exp(a - b - c + float64(k)*math.Log(q) + float64(n-k)*math.Log(1-q))
}

// counted says a number with its noun.
func counted(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
