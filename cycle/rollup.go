package cycle

import (
	"encoding/binary"
	"errors"
	"math"
	"time"
)

// Series identifies what a distribution is of.
type Series struct {
	Daemon Daemon
	WAN    string
	Label  Label
	Target string
}

// Rollup is what a minute (or, when it has grown old, an hour) of one series
// became. Count, Failed, Min, Max and Sum are exact at any width.
type Rollup struct {
	Series
	Start    time.Time     // aligned to Width, UTC
	Width    time.Duration // time.Minute or time.Hour
	Count    int64
	Failed   int64
	Over     int64     // of a cycle total: overruns
	Missed   int64     // of a cycle total: missed slots
	Min, Max int64     // us
	Sum      int64     // us
	Critical int64     // us the cycles waited on this label
	Budget   int64     // of a cycle total: the sum of the cycles' budgets, us
	Dist     Durations // a minute's durations, exact; nil for an hour
	Sketch   []byte    // an hour's DDSketch (relative accuracy 0.005); nil for a minute
}

// Durations is a sorted list of durations in whole microseconds, each written
// as the uvarint of its difference to the one before: about one byte each, and
// exact.
type Durations []byte

// ErrDurations reports bytes that are no Durations.
var ErrDurations = errors.New("malformed durations")

// AppendDurations appends the encoding of us, which is sorted and not negative.
func AppendDurations(dst Durations, us []int64) Durations {
	last := int64(0)
	for _, v := range us {
		dst = binary.AppendUvarint(dst, uint64(v-last))
		last = v
	}
	return dst
}

// Append decodes d and appends its durations to dst, in order.
func (d Durations) Append(dst []int64) ([]int64, error) {
	last := int64(0)
	for i := 0; i < len(d); {
		b := d[i]
		i++
		v := uint64(b)
		if b >= 0x80 {
			var n int
			if v, n = binary.Uvarint(d[i-1:]); n <= 0 {
				return dst, ErrDurations
			}
			i += n - 1
		}
		if v > uint64(math.MaxInt64-last) {
			return dst, ErrDurations
		}
		last += int64(v)
		dst = append(dst, last)
	}
	return dst, nil
}
