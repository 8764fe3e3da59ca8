package store

import (
	"fmt"
	"math"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/mapping"
	sketches "github.com/DataDog/sketches-go/ddsketch/store"

	"wanctl/cycle"
)

// sketchAccuracy is the relative error that an hour's quantiles may have.
const sketchAccuracy = 0.005

// sketchMapping puts durations into bins; all hours share it, so that they merge.
var sketchMapping = func() mapping.IndexMapping {
	m, err := mapping.NewLogarithmicMapping(sketchAccuracy)
	if err != nil {
		panic(err) // the accuracy is a constant
	}
	return m
}()

// hour is what the minutes of a series become.
type hour struct {
	n, failed, over, missed, sum, critical, budget int64
	min, max                                       int64
	sketch                                         *ddsketch.DDSketch
}

func newHour() *hour {
	return &hour{min: math.MaxInt64, sketch: ddsketch.NewDDSketchFromStoreProvider(sketchMapping, sketches.BufferedPaginatedStoreConstructor)}
}

// counts are a row's columns after min, max and before dist, as both tables have.
const counts = "id, n, failed, over, missed, min_us, max_us, sum_us, critical_us, budget_us, dist"

// take adds a row's counts.
func (h *hour) take(row *stmt) {
	h.n += row.colInt(1)
	h.failed += row.colInt(2)
	h.over += row.colInt(3)
	h.missed += row.colInt(4)
	if row.colInt(1) > 0 {
		h.min, h.max = min(h.min, row.colInt(5)), max(h.max, row.colInt(6))
	}
	h.sum += row.colInt(7)
	h.critical += row.colInt(8)
	h.budget += row.colInt(9)
}

// add puts sorted durations into the sketch. Neighbours mostly share a bin, whose
// upper end is worked out once.
func (h *hour) add(us []int64) {
	bins := h.sketch.GetPositiveValueStore()
	for i := 0; i < len(us); {
		if us[i] <= 0 {
			_ = h.sketch.Add(0)
			i++
			continue
		}
		index := sketchMapping.Index(float64(us[i]))
		end, j := sketchMapping.LowerBound(index+1), i+1
		for j < len(us) && float64(us[j]) < end {
			j++
		}
		bins.AddWithCount(index, float64(j-i))
		i = j
	}
}

// quantile returns the value at a percentile by nearest rank, to the sketch's
// accuracy.
func (h *hour) quantile(percent int) int64 {
	rank, at := float64(rank(int(h.n), percent)), h.min
	seen := h.sketch.GetZeroCount()
	if seen > rank {
		return 0
	}
	h.sketch.GetPositiveValueStore().ForEach(func(index int, count float64) bool {
		seen += count
		at = int64(math.Round(sketchMapping.Value(index)))
		return seen > rank
	})
	return min(max(at, h.min), h.max)
}

// mergeMinutes makes the oldest hour's minutes one hour, if it ended before a
// moment.
func (f *file) mergeMinutes(before int64) (bool, error) {
	oldest, ok, err := f.c.find("SELECT minute FROM minute ORDER BY id LIMIT 1")
	if err != nil || !ok || (oldest/60+1)*hourUS > before {
		return false, err
	}
	unit := oldest / 60
	hours, order, err := f.gather(unit)
	if err != nil {
		return false, err
	}
	for _, s := range order {
		if err := f.putHour(unit, s, hours[s]); err != nil {
			return false, err
		}
	}
	_, err = f.c.number("DELETE FROM minute WHERE id < ?", series{}.key((unit+1)*60))
	return true, err
}

// gather adds up an hour's minutes by series, and what the hour has already.
func (f *file) gather(unit int64) (hours map[series]*hour, order []series, err error) {
	hours = map[series]*hour{}
	var us []int64
	for _, table := range []struct {
		name    string
		minutes int64
	}{{"hour", 1}, {"minute", 60}} {
		row, err := f.c.prepare("SELECT " + counts + " FROM " + table.name + " WHERE id >= ? AND id < ? ORDER BY id")
		if err != nil {
			return nil, nil, err
		}
		defer f.c.forget(row)
		row.int(1, series{}.key(unit*table.minutes))
		row.int(2, series{}.key((unit+1)*table.minutes))
		for {
			ok, err := row.step()
			if err != nil {
				return nil, nil, err
			}
			if !ok {
				break
			}
			_, s := unkey(row.colInt(0))
			h := hours[s]
			if h == nil {
				h = newHour()
				hours[s] = h
				order = append(order, s)
			}
			h.take(row)
			if table.minutes == 1 {
				if err := h.sketch.DecodeAndMergeWith(row.colBytes(10)); err != nil {
					return nil, nil, fmt.Errorf("hour %d: %w: %w", row.colInt(0), cycle.ErrDurations, err)
				}
				continue
			}
			if us, err = cycle.Durations(row.colBytes(10)).Append(us[:0]); err != nil {
				return nil, nil, fmt.Errorf("minute %d: %w", row.colInt(0), err)
			}
			h.add(us)
		}
	}
	return hours, order, nil
}

// putHour writes an hour's row of a series.
func (f *file) putHour(unit int64, s series, h *hour) error {
	p, err := f.c.prepare("INSERT OR REPLACE INTO hour VALUES (?,?,?,?,?, ?,?,?,?, ?,?,?, ?,?,?, ?,?,?)")
	if err != nil {
		return err
	}
	defer f.c.forget(p)
	for i, v := range [...]int64{s.key(unit), unit, s.loop, s.label, s.target, h.n, h.failed, h.over, h.missed} {
		p.int(i+1, v)
	}
	orNull(p, 10, h.min, h.n > 0)
	orNull(p, 11, h.max, h.n > 0)
	p.int(12, h.sum)
	for i, percent := range [...]int{50, 95, 99} {
		if h.n > 0 {
			p.int(13+i, h.quantile(percent))
		} else {
			p.null(13 + i)
		}
	}
	p.int(16, h.critical)
	p.int(17, h.budget)
	var b []byte
	h.sketch.Encode(&b, false)
	p.blob(18, b)
	return p.run()
}
