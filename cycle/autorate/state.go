package autorate

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"wanctl/cycle"
)

// What a state file may hold. The law clamps rates by itself; these keep out
// what no run of either program can have meant.
const (
	maxBaseline = 1000    // ms; an idle line, by satellite even, is not slower
	maxLoad     = 60_000  // ms, the longest ping timeout there is
	maxRate     = 1e15    // bit/s, of either sign
	maxStreak   = 1 << 53 // cycles; beyond, numbers in JSON are not exact
)

// stateFile is the layout of the Python program's state file.
type stateFile struct {
	Download  laneFile    `json:"download"`
	Upload    laneFile    `json:"upload"`
	EWMA      ewmaFile    `json:"ewma"`
	Applied   appliedFile `json:"last_applied"`
	Timestamp string      `json:"timestamp"`
}

type laneFile struct {
	Green   int64   `json:"green_streak"`
	SoftRed int64   `json:"soft_red_streak"`
	Red     int64   `json:"red_streak"`
	Rate    float64 `json:"current_rate"` // bit/s
}

type ewmaFile struct {
	Baseline float64 `json:"baseline_rtt"` // ms
	Load     float64 `json:"load_rtt"`     // ms
}

type appliedFile struct {
	Download cycle.Maybe[int64] `json:"dl_rate"` // bit/s
	Upload   cycle.Maybe[int64] `json:"ul_rate"` // bit/s
}

// encode returns the state as the Python program writes it, saved at a moment
// that is shown in local time.
func (s *State) encode(at time.Time) []byte {
	f := stateFile{
		Download: s.Download.file(), Upload: s.Upload.file(),
		EWMA:      ewmaFile{Baseline: s.Baseline, Load: s.Load},
		Timestamp: at.Local().Format("2006-01-02T15:04:05.000000"),
	}
	if s.Applied.Known {
		f.Applied = appliedFile{cycle.Known(s.Applied.Value.Download), cycle.Known(s.Applied.Value.Upload)}
	}
	b, err := json.MarshalIndent(&f, "", "  ")
	if err != nil {
		panic(err) // the law's numbers are finite
	}
	return b
}

func (s *Lane) file() laneFile {
	return laneFile{Green: s.Green, SoftRed: s.SoftRed, Red: s.Red, Rate: s.Rate}
}

// decode reads a state file over the state at the start. What is missing keeps
// its start; what is there and senseless is taken as missing, and the error
// names it. The state is good to go on with in any case.
func (l *Law) decode(b []byte) (State, error) {
	s := l.Start()
	var r reader
	if err := json.Unmarshal(cycle.FiniteJSON(b), &r.sections); err != nil || r.sections == nil {
		return s, errors.New("not a JSON object")
	}
	r.lane("download", &s.Download)
	r.lane("upload", &s.Upload)
	r.averages(&s)
	r.applied(&s)
	return s, errors.Join(r.problems...)
}

// reader reads a state file's sections and collects what is wrong with them.
type reader struct {
	sections map[string]json.RawMessage
	problems []error
}

// object returns a section's keys; nil where it is missing or no object.
func (r *reader) object(section string) (keys map[string]json.RawMessage) {
	raw, ok := r.sections[section]
	if ok && (json.Unmarshal(raw, &keys) != nil || keys == nil) {
		r.problem("%s is not an object", section)
		return nil
	}
	return keys
}

// number returns a key's value if it is a number within [low, high].
func (r *reader) number(section string, keys map[string]json.RawMessage, key string, low, high float64) cycle.Maybe[float64] {
	raw, ok := keys[key]
	if !ok {
		return cycle.Maybe[float64]{}
	}
	var v cycle.Maybe[float64]
	if json.Unmarshal(raw, &v) != nil || !v.Known {
		r.problem("%s.%s is not a finite number", section, key)
		return cycle.Maybe[float64]{}
	}
	if v.Value < low || v.Value > high {
		r.problem("%s.%s is %v, not within [%v, %v]", section, key, v.Value, low, high)
		return cycle.Maybe[float64]{}
	}
	return v
}

// whole returns a key's value if it is a whole number within [0, high].
func (r *reader) whole(section string, keys map[string]json.RawMessage, key string, high float64) cycle.Maybe[int64] {
	v := r.number(section, keys, key, 0, high)
	if v.Known && v.Value != math.Trunc(v.Value) {
		r.problem("%s.%s is %v, not a whole number", section, key, v.Value)
		return cycle.Maybe[int64]{}
	}
	return cycle.Maybe[int64]{Value: int64(v.Value), Known: v.Known}
}

func (r *reader) problem(format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf(format, args...))
}

func (r *reader) lane(section string, s *Lane) {
	keys := r.object(section)
	s.Green = r.whole(section, keys, "green_streak", maxStreak).Value
	s.SoftRed = r.whole(section, keys, "soft_red_streak", maxStreak).Value
	s.Red = r.whole(section, keys, "red_streak", maxStreak).Value
	rate := r.number(section, keys, "current_rate", -maxRate, maxRate)
	if rate.Known && rate.Value <= 0 {
		r.problem("%s.current_rate is %v, not positive: the floor takes its place", section, rate.Value)
	}
	s.Rate = rate.Or(s.Rate)
}

// averages reads the two averages. A senseless baseline takes the load with it:
// they were measured on the same line.
func (r *reader) averages(s *State) {
	keys := r.object("ewma")
	before := len(r.problems)
	baseline := r.number("ewma", keys, "baseline_rtt", math.SmallestNonzeroFloat64, maxBaseline)
	bad := len(r.problems) > before
	load := r.number("ewma", keys, "load_rtt", 0, maxLoad)
	if bad {
		return
	}
	s.Baseline, s.Load = baseline.Or(s.Baseline), load.Or(s.Load)
}

// applied reads what the router was last told; null is no problem, it was told
// nothing yet.
func (r *reader) applied(s *State) {
	keys := r.object("last_applied")
	rate := func(key string) cycle.Maybe[int64] {
		if string(keys[key]) == "null" {
			return cycle.Maybe[int64]{}
		}
		return r.whole("last_applied", keys, key, maxRate)
	}
	down, up := rate("dl_rate"), rate("ul_rate")
	if down.Known && up.Known {
		s.Applied = cycle.Known(Rates{Download: down.Value, Upload: up.Value})
	}
}
