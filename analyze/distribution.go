package analyze

import (
	"encoding/binary"
	"errors"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"wanctl/cycle"
)

// Distribution is how often each duration occurred, in whole microseconds. It is
// exact until a sketch is merged into it. The zero Distribution is empty.
type Distribution struct {
	pages  []*page // by duration / pageSize, up to pagedMax
	far    map[int64]uint32
	exact  int64 // how many are in pages and far
	sketch *sketch
}

// Durations up to pagedMax (67 s) are counted in pages that come into being when
// first touched; the rare ones beyond it in a map. A page is 4 KiB.
const (
	pageBits = 10
	pageSize = 1 << pageBits
	pagedMax = 1 << 26
)

type page [pageSize]uint32

// maxExact keeps every counter from overflowing.
const maxExact = math.MaxUint32

// longest is what a time.Duration holds, in microseconds: 292 years.
const longest = math.MaxInt64 / 1000

var errTooMany = errors.New("more than 4,294,967,295 durations of one label: choose a narrower window")

// Count returns how many durations there are.
func (d *Distribution) Count() int64 {
	if d.sketch == nil {
		return d.exact
	}
	return d.exact + d.sketch.count
}

// Exact tells whether no sketch is part of it.
func (d *Distribution) Exact() bool { return d.sketch == nil }

// Add counts one duration in microseconds; a negative one counts as 0.
func (d *Distribution) Add(us int64) error {
	us = min(max(us, 0), longest)
	if err := d.room(1); err != nil {
		return err
	}
	d.count(us, 1)
	return nil
}

// room makes sure that no counter can overflow by n more durations.
func (d *Distribution) room(n int64) error {
	if d.exact+n > maxExact {
		return errTooMany
	}
	d.exact += n
	return nil
}

func (d *Distribution) count(us int64, n uint32) {
	if us < pagedMax {
		d.page(us >> pageBits)[us%pageSize] += n
		return
	}
	if d.far == nil {
		d.far = map[int64]uint32{}
	}
	d.far[us] += n
}

// remove takes back a duration that Add has counted.
func (d *Distribution) remove(us int64) {
	us = min(max(us, 0), longest)
	d.exact--
	if us < pagedMax {
		d.pages[us>>pageBits][us%pageSize]--
		return
	}
	if d.far[us]--; d.far[us] == 0 {
		delete(d.far, us)
	}
}

// ends returns the shortest and the longest duration that was counted exactly, in
// microseconds, 0 where there is none, and gives up pages that hold nothing any more.
func (d *Distribution) ends() (low, high int64) {
	low = -1
	for i, pg := range d.pages {
		if pg == nil {
			continue
		}
		first, last := -1, -1
		for j, n := range pg {
			if n > 0 {
				if first < 0 {
					first = j
				}
				last = j
			}
		}
		if first < 0 {
			d.pages[i] = nil
			continue
		}
		if low < 0 {
			low = int64(i)<<pageBits + int64(first)
		}
		high = int64(i)<<pageBits + int64(last)
	}
	for us := range d.far {
		high = max(high, us)
		if low < 0 || us < low && low >= pagedMax {
			low = us
		}
	}
	return max(low, 0), high
}

// page returns the page of an index below pagedMax / pageSize.
func (d *Distribution) page(i int64) *page {
	if i >= int64(len(d.pages)) {
		d.pages = append(d.pages, make([]*page, i+1-int64(len(d.pages)))...)
	}
	if d.pages[i] == nil {
		d.pages[i] = new(page)
	}
	return d.pages[i]
}

// AddDurations counts a minute's durations without unpacking them first, and
// returns how many they are. After an error the Distribution is of no use.
func (d *Distribution) AddDurations(b cycle.Durations) (n int64, err error) {
	// A duration takes at least a byte, so len(b) bounds their number.
	if d.exact+int64(len(b)) > maxExact {
		return 0, errTooMany
	}
	// off is the place on page pg, whose number is at. Note: adding the byte first
	// and putting a long one right afterwards keeps the common way free of jumps; a
	// shared "last" instead of the two took 1.4 times as long.
	pg, at, off := (*page)(nil), uint64(0), uint64(0)
	if len(b) > 0 {
		pg = d.page(0)
	}
	for i := 0; i < len(b); i++ {
		c := b[i]
		off += uint64(c)
		if c >= 0x80 {
			v, size := binary.Uvarint(b[i:])
			if size <= 0 || v > longest {
				return n, cycle.ErrDurations
			}
			off += v - uint64(c)
			i += size - 1
		}
		if off >= pageSize {
			at += off >> pageBits
			off %= pageSize
			if at >= pagedMax>>pageBits {
				far, err := d.addFar(b[i+1:], at<<pageBits+off)
				d.exact += n + far
				return n + far, err
			}
			pg = d.page(int64(at))
		}
		pg[off%pageSize]++
		n++
	}
	d.exact += n
	return n, nil
}

// addFar counts last, which lies beyond the pages, and what follows it in b.
func (d *Distribution) addFar(b cycle.Durations, last uint64) (n int64, err error) {
	for ; ; n++ {
		if last > longest {
			return n, cycle.ErrDurations
		}
		d.count(int64(last), 1)
		if len(b) == 0 {
			return n + 1, nil
		}
		v, size := binary.Uvarint(b)
		if size <= 0 || v > longest {
			return n, cycle.ErrDurations
		}
		last += v
		b = b[size:]
	}
}

// AddSketch merges an hour's sketch, of durations in microseconds, as encoded by
// sketches-go. After an error the Distribution is of no use.
func (d *Distribution) AddSketch(b []byte) error {
	if d.sketch == nil {
		d.sketch = new(sketch)
	}
	return d.sketch.add(b)
}

// Merge adds all of o, which may share memory with d afterwards.
func (d *Distribution) Merge(o *Distribution) error {
	if err := d.room(o.exact); err != nil {
		return err
	}
	for i, from := range o.pages {
		switch {
		case from == nil:
		case i >= len(d.pages) || d.pages[i] == nil:
			d.page(int64(i))
			d.pages[i] = from
		default:
			to := d.pages[i]
			for j, n := range from {
				to[j] += n
			}
		}
	}
	for us, n := range o.far {
		d.count(us, n)
	}
	switch {
	case o.sketch == nil:
	case d.sketch == nil:
		d.sketch = o.sketch
	default:
		return d.sketch.merge(o.sketch)
	}
	return nil
}

// All yields every duration that occurred and how often, shortest first. Where
// sketches are part of it the durations are within MaxRelativeError.
func (d *Distribution) All() iter.Seq2[time.Duration, int64] {
	if d.sketch != nil {
		return d.approximate()
	}
	return func(yield func(time.Duration, int64) bool) {
		for us, n := range d.counts() {
			if !yield(cycle.FromMicros(us), n) {
				return
			}
		}
	}
}

// counts yields the microseconds that were counted exactly, in order.
func (d *Distribution) counts() iter.Seq2[int64, int64] {
	return func(yield func(int64, int64) bool) {
		for i, pg := range d.pages {
			if pg == nil {
				continue
			}
			for j, n := range pg {
				if n != 0 && !yield(int64(i)<<pageBits+int64(j), int64(n)) {
					return
				}
			}
		}
		for _, us := range slices.Sorted(maps.Keys(d.far)) {
			if !yield(us, int64(d.far[us])) {
				return
			}
		}
	}
}

// approximate yields the sketch with the exact counts folded in.
func (d *Distribution) approximate() iter.Seq2[time.Duration, int64] {
	return func(yield func(time.Duration, int64) bool) {
		s := d.sketch.with(d)
		if s.zeros > 0 && !yield(0, s.zeros) {
			return
		}
		for i, n := range s.bins {
			if n > 0 && !yield(time.Duration(s.mapping.Value(i)*float64(time.Microsecond)), n) {
				return
			}
		}
	}
}

// At returns the durations of the given ranks, which ascend and lie in [1, Count].
func (d *Distribution) At(ranks ...int64) []time.Duration {
	at := make([]time.Duration, 0, len(ranks))
	if len(ranks) == 0 {
		return at
	}
	below := int64(0)
	for v, n := range d.All() {
		below += n
		for below >= ranks[len(at)] {
			at = append(at, v)
			if len(at) == len(ranks) {
				return at
			}
		}
	}
	return at[:len(at):len(at)]
}

// Quantile returns the smallest duration with at least permille thousandths of
// all durations at or below it (nearest rank); 0 when there are none.
func (d *Distribution) Quantile(permille int64) time.Duration {
	n := d.Count()
	if n == 0 {
		return 0
	}
	return d.At(rank(n, permille))[0]
}

// rank is the nearest rank of a quantile among n values, 1 for the smallest.
// Whole numbers: in floating point 0.95*20 may come to more than 19.
func rank(n, permille int64) int64 {
	whole, part := n/1000, n%1000 // n*permille could overflow
	return max(1, whole*permille+(part*permille+999)/1000)
}
