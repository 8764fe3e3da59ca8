package steering

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"time"

	"wanctl/cycle"
)

// State is what the law remembers from one cycle to the next. Histories hold the
// newest value last.
type State struct {
	Degraded   bool                 // the rule is on
	RedCount   int64                // RED cycles in a row while good
	GoodCount  int64                // good cycles in a row while degraded
	BadCount   int64                // bad cycles in a row while good, RTT-only mode
	Baseline   cycle.Maybe[float64] // ms, the last good one
	Bloat      float64              // ms, the smoothed delta
	Depth      float64              // packets, the smoothed queue depth
	Assessment cycle.Zone           // the last one

	CAKEFailures   int64 // failed queue reads in a row
	RTTs, Deltas   []float64
	Drops, Queued  []int64
	Transitions    []Transition
	LastTransition cycle.Maybe[string] // when, as Transition.Timestamp
}

// Transition is one change of the rule, with the counters from before the cycle
// that brought it.
type Transition struct {
	Timestamp string `json:"timestamp"` // local time, ISO 8601 without a zone
	From      string `json:"from"`
	To        string `json:"to"`
	BadCount  int64  `json:"bad_count"`
	GoodCount int64  `json:"good_count"`
}

// timestamp writes a time as the Python program does; "" for the zero time.
func timestamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Format("2006-01-02T15:04:05.000000")
}

// stateJSON is the layout of the state file, which is the Python program's.
type stateJSON struct {
	CurrentState   string               `json:"current_state"`
	BadCount       int64                `json:"bad_count"`
	GoodCount      int64                `json:"good_count"`
	Baseline       cycle.Maybe[float64] `json:"baseline_rtt"`
	RTTs           []float64            `json:"history_rtt"`
	Deltas         []float64            `json:"history_delta"`
	Transitions    []Transition         `json:"transitions"`
	LastTransition cycle.Maybe[string]  `json:"last_transition_time"`
	Bloat          float64              `json:"rtt_delta_ewma"`
	Depth          float64              `json:"queue_ewma"`
	Drops          []int64              `json:"cake_drops_history"`
	Queued         []int64              `json:"queue_depth_history"`
	RedCount       int64                `json:"red_count"`
	Assessment     string               `json:"congestion_state"`
	CAKEFailures   int64                `json:"cake_read_failures"`
}

// MarshalJSON writes the law's state in the layout of the state file.
func (l *Law) MarshalJSON() ([]byte, error) {
	s := &l.State
	return json.Marshal(stateJSON{
		CurrentState: l.Name(), BadCount: s.BadCount, GoodCount: s.GoodCount, Baseline: s.Baseline,
		RTTs: list(s.RTTs), Deltas: list(s.Deltas), Transitions: list(s.Transitions), LastTransition: s.LastTransition,
		Bloat: s.Bloat, Depth: s.Depth, Drops: list(s.Drops), Queued: list(s.Queued),
		RedCount: s.RedCount, Assessment: s.Assessment.String(), CAKEFailures: s.CAKEFailures,
	})
}

// list is s, or an empty list where s is nil: the Python program takes no null.
func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// encode returns the state file's text.
func (l *Law) encode() ([]byte, error) {
	b, err := json.MarshalIndent(l, "", "  ")
	return append(b, '\n'), err
}

// Load replaces the law's state by that of a state file, ours or the Python
// program's. Fields that are missing or make no sense keep the value of a fresh
// start; bad names the senseless ones. An error means that the text as a whole
// is no state, and that the law begins afresh.
func (l *Law) Load(text []byte) (bad []string, err error) {
	l.State = State{Assessment: cycle.Green}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(cycle.FiniteJSON(text), &raw); err != nil {
		return nil, fmt.Errorf("steering state: %w", err)
	}
	if raw == nil {
		return nil, fmt.Errorf("steering state: not a JSON object")
	}
	s, f := &l.State, fields{raw: raw}
	if name := ""; f.read("current_state", &name, nil) {
		s.Degraded = !slices.Contains([]string{l.good, "SPECTRUM_GOOD", "WAN1_GOOD", "WAN2_GOOD"}, name)
	}
	f.count("bad_count", &s.BadCount)
	f.count("good_count", &s.GoodCount)
	f.count("red_count", &s.RedCount)
	f.count("cake_read_failures", &s.CAKEFailures)
	f.read("rtt_delta_ewma", &s.Bloat, func() bool { return plausible(s.Bloat) })
	f.read("queue_ewma", &s.Depth, func() bool { return plausible(s.Depth) })
	f.optional("baseline_rtt", func(key string) {
		s.Baseline.Known = f.read(key, &s.Baseline.Value, func() bool { return l.t.InBounds(s.Baseline.Value) })
	})
	f.optional("last_transition_time", func(key string) {
		s.LastTransition.Known = f.read(key, &s.LastTransition.Value, nil)
	})
	f.history("history_rtt", &s.RTTs, func() bool { return every(s.RTTs, plausible) })
	f.history("history_delta", &s.Deltas, func() bool { return every(s.Deltas, plausible) })
	f.history("cake_drops_history", &s.Drops, nil)
	f.history("queue_depth_history", &s.Queued, nil)
	f.read("transitions", &s.Transitions, nil)
	if name := ""; f.read("congestion_state", &name, func() bool { _, ok := cycle.ParseZone(name); return ok }) {
		s.Assessment, _ = cycle.ParseZone(name)
	}
	s.RTTs, s.Deltas = newest(s.RTTs, l.history), newest(s.Deltas, l.history)
	s.Drops, s.Queued = newest(s.Drops, l.history), newest(s.Queued, l.history)
	return f.bad, nil
}

// fields reads a JSON object field by field, so that a bad one harms no other.
type fields struct {
	raw map[string]json.RawMessage
	bad []string
}

// read reads a field into the value that into points at; what is not there, not
// of the type, or not ok is left at zero. It tells whether the field was read.
func (f *fields) read(key string, into any, ok func() bool) bool {
	b, there := f.raw[key]
	if !there {
		return false
	}
	if !bytes.Equal(b, null) && json.Unmarshal(b, into) == nil && (ok == nil || ok()) {
		return true
	}
	f.bad = append(f.bad, key)
	reflect.ValueOf(into).Elem().SetZero()
	return false
}

// optional reads a field in which null is as good as absent.
func (f *fields) optional(key string, read func(key string)) {
	if !bytes.Equal(f.raw[key], null) {
		read(key)
	}
}

// history reads a list of numbers. A null among them would pass for a zero.
func (f *fields) history(key string, into any, ok func() bool) {
	f.read(key, into, func() bool { return !bytes.Contains(f.raw[key], null) && (ok == nil || ok()) })
}

var null = []byte("null")

// count reads a counter: whole, not negative, not absurd.
func (f *fields) count(key string, into *int64) {
	f.read(key, into, func() bool { return *into >= 0 && *into <= math.MaxInt32 })
}

// maxPlausible bounds what is believed of an RTT in ms or a queue in packets. A
// greater number is a broken file's, and an average would take for ever to
// forget it.
const maxPlausible = 1e7

func plausible(v float64) bool { return v >= 0 && v <= maxPlausible }

func every(vs []float64, ok func(float64) bool) bool {
	return !slices.ContainsFunc(vs, func(v float64) bool { return !ok(v) })
}

func newest[T any](h []T, n int) []T { return h[max(0, len(h)-n):] }
