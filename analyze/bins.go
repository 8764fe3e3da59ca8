package analyze

import (
	"math"
	"sort"
	"sync"
	"time"

	"wanctl/cycle"
)

// Bin counts the durations from Edge(Index) to just below Edge(Index+1).
type Bin struct {
	Index int
	Count int64
}

// binEdges are the edges of all bins in whole microseconds: 0, 1, 2, ... as long
// as a bin would be narrower than that, then 200 to each power of ten, up to what
// a duration can hold. They are worked out when first asked for: most verbs start
// without them.
var binEdges = sync.OnceValue(func() (edges []int64) {
	edges = append(edges, 0)
	for i := 0.; ; i++ {
		us := math.Round(math.Pow(10, i/200))
		if us >= longest {
			return append(edges, longest)
		}
		if int64(us) > edges[len(edges)-1] {
			edges = append(edges, int64(us))
		}
	}
})

// Edge returns the shortest duration of a bin.
func Edge(index int) time.Duration {
	edges := binEdges()
	return cycle.FromMicros(edges[min(max(index, 0), len(edges)-1)])
}

// Bins counts how often which durations occurred, in bins of a hundredth of
// themselves.
func (d *Distribution) Bins() (bins []Bin) {
	edges := binEdges()
	at := 0 // the bin of the duration before; they ascend
	for v, n := range d.All() {
		us := v.Microseconds()
		if at+1 < len(edges) && us >= edges[at+1] {
			at += sort.Search(len(edges)-at-1, func(i int) bool { return edges[at+1+i] > us })
		}
		if len(bins) == 0 || bins[len(bins)-1].Index != at {
			bins = append(bins, Bin{Index: at})
		}
		bins[len(bins)-1].Count += n
	}
	return bins
}
