package store

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"wanctl/cycle"
)

// columnParts are the parts that have a column of their own in a cycle's row, in
// the order of the columns.
var columnParts = [...]cycle.Part{cycle.RTT, cycle.CAKE, cycle.Rule, cycle.Adjust, cycle.Update}

// insertCycle takes the columns in the order of the table.
const insertCycle = `INSERT INTO cycle VALUES (?,?,?,?,?,?, ?,?,?,?,?,?, ?, ?,?,?, ?,?,?,?, ?,?,?,?, ?,?,?) ON CONFLICT DO NOTHING`

// flat is a cycle in the form of its row: whole microseconds, ids for names.
type flat struct {
	run      *run
	start    int64 // us since 1970
	us       [cycle.NumParts]int64
	outcomes [cycle.NumParts]cycle.Outcome
	probes   []int64 // by reflector, lost below 0; none unless each was asked
	others   []other
	text     []byte // of probes
}

// other is a span without a column.
type other struct {
	label, target, offset, us int64
	outcome                   cycle.Outcome
}

const (
	lostEcho = -1
	noEcho   = -2 // yet
)

// set makes f the row of c.
func (f *flat) set(r *run, c *cycle.Cycle, n *names) error {
	f.run, f.start, f.us = r, c.Start.UnixMicro(), c.Micros()
	f.outcomes = [cycle.NumParts]cycle.Outcome{cycle.Total: c.Outcome}
	f.probes, f.others = f.probes[:0], f.others[:0]
	for i := range c.Spans {
		s := &c.Spans[i]
		if slices.Contains(columnParts[:], s.Part) {
			if f.outcomes[s.Part] == cycle.OK {
				f.outcomes[s.Part] = s.Outcome
			}
			continue
		}
		if s.Part == cycle.Probe && f.probe(s) {
			continue
		}
		label, err := n.label(s.Label)
		if err != nil {
			return err
		}
		target, err := n.target(s.Target)
		if err != nil {
			return err
		}
		f.other(label, target, s)
	}
	if slices.Contains(f.probes, noEcho) {
		f.scatter(c)
	}
	return nil
}

func (f *flat) other(label, target int64, s *cycle.Span) {
	f.others = append(f.others, other{
		label: label, target: target, offset: s.Offset.Microseconds(), us: s.Duration.Microseconds(), outcome: s.Outcome,
	})
}

// scatter makes the echoes in the reflectors' places spans like others. It is for
// a cycle that did not ask all of them, as in logs that tell of one at a time: in
// the column one that was not asked would look like one that did not answer.
func (f *flat) scatter(c *cycle.Cycle) {
	for i := range c.Spans {
		s := &c.Spans[i]
		if s.Part != cycle.Probe {
			continue
		}
		for j, r := range f.run.Reflectors {
			if r == s.Target && f.probes[j] != noEcho {
				f.probes[j] = noEcho
				f.other(f.run.parts[cycle.Probe], f.run.targets[j], s)
				break
			}
		}
	}
	f.probes = f.probes[:0]
}

// probe puts an echo in its reflector's place and tells whether it has one.
func (f *flat) probe(s *cycle.Span) bool {
	if len(f.probes) == 0 {
		for range f.run.Reflectors {
			f.probes = append(f.probes, noEcho)
		}
	}
	for i, r := range f.run.Reflectors {
		if r == s.Target && f.probes[i] == noEcho {
			f.probes[i] = s.Duration.Microseconds()
			if s.Outcome != cycle.OK {
				f.probes[i] = lostEcho
			}
			return true
		}
	}
	return false
}

// bind makes f and the rest of c the values of insertCycle.
func (f *flat) bind(s *stmt, c *cycle.Cycle) error {
	s.int(1, f.start)
	s.int(2, f.run.id)
	s.int(3, c.Seq)
	s.int(4, f.us[cycle.Late])
	s.int(5, c.Missed)
	s.int(6, int64(c.Outcome))
	for i, p := range columnParts {
		orNull(s, 7+i, f.us[p], f.us[p] >= 0)
	}
	s.int(12, f.us[cycle.Total])
	if f.text = appendProbes(f.text[:0], f.probes); len(f.text) > 0 {
		s.textBytes(13, f.text)
	} else {
		s.null(13)
	}
	d := &c.Decision
	for i, m := range [...]cycle.Maybe[float64]{d.RTT, d.Baseline, d.Load} {
		us, ok := micros(m)
		orNull(s, 14+i, us, ok)
	}
	bindDirection(s, 17, &d.Download)
	bindDirection(s, 21, &d.Upload)
	on := int64(0)
	if d.Degraded.Value {
		on = 1
	}
	orNull(s, 25, on, d.Degraded.Known)
	s.int(26, int64(d.Write))
	note, err := f.note(c)
	if err != nil {
		return err
	}
	if note == nil {
		s.null(27)
	} else {
		s.textBytes(27, note)
	}
	return nil
}

func bindDirection(s *stmt, i int, d *cycle.Direction) {
	orNull(s, i, int64(d.Zone), d.Zone != cycle.NoZone)
	orNull(s, i+1, d.Rate.Value, d.Rate.Known)
	orNull(s, i+2, d.Drops.Value, d.Drops.Known)
	orNull(s, i+3, d.Queued.Value, d.Queued.Known)
}

func orNull(s *stmt, i int, v int64, known bool) {
	if known {
		s.int(i, v)
	} else {
		s.null(i)
	}
}

// appendProbes writes echoes as JSON, e.g. [12345,null,23456]; nothing for none.
func appendProbes(b []byte, us []int64) []byte {
	for i, v := range us {
		sep := byte(',')
		if i == 0 {
			sep = '['
		}
		b = append(b, sep)
		if v < 0 {
			b = append(b, "null"...)
		} else {
			b = strconv.AppendInt(b, v, 10)
		}
	}
	if len(us) > 0 {
		b = append(b, ']')
	}
	return b
}

// parseProbes reads what appendProbes wrote; null is lostEcho.
func parseProbes(dst []int64, text []byte) []int64 {
	v, digits := int64(0), false
	for i, ch := range text {
		switch {
		case ch >= '0' && ch <= '9':
			v, digits = v*10+int64(ch-'0'), true
		case i > 0 && (ch == ',' || ch == ']'):
			if !digits {
				v = lostEcho
			}
			dst = append(dst, v)
			v, digits = 0, false
		}
	}
	return dst
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// micros rounds milliseconds to whole microseconds; ok is false for what is
// unknown or no number.
func micros(m cycle.Maybe[float64]) (us int64, ok bool) {
	if !m.Known || !finite(m.Value) || math.Abs(m.Value) > 1e12 {
		return 0, false
	}
	return int64(math.Round(m.Value * 1000)), true
}

// millis is what micros made of a number.
func millis(us int64) float64 { return float64(us) / 1000 }

// note is what is rare in a cycle, as JSON in its row. What the law was given (the
// RTT; of steering also the baseline) is kept to the last bit, so that it can be
// replayed: here, if whole microseconds cannot hold it. What the law computed
// from that is kept to the microsecond.
type note struct {
	RTT       string   `json:"rtt,omitempty"` // outcomes other than ok
	CAKE      string   `json:"cake,omitempty"`
	Rule      string   `json:"rule,omitempty"`
	Adjust    string   `json:"adjust,omitempty"`
	Update    string   `json:"update,omitempty"`
	Lost      int      `json:"lost,omitempty"`
	Recovered bool     `json:"recovered,omitempty"`
	Measured  *float64 `json:"rtt_ms,omitempty"`
	Baseline  *float64 `json:"baseline_ms,omitempty"`
	Queue     *float64 `json:"queue,omitempty"`
	Delta     *float64 `json:"delta_ms,omitempty"` // where it is not what delta says
	NoDelta   bool     `json:"no_delta,omitempty"` // where it is unknown against what delta says
}

// outcome returns where the note keeps a part's outcome.
func (n *note) outcome(p cycle.Part) *string {
	return [...]*string{cycle.RTT: &n.RTT, cycle.CAKE: &n.CAKE, cycle.Rule: &n.Rule, cycle.Adjust: &n.Adjust, cycle.Update: &n.Update}[p]
}

// note returns the cycle's note; nil if there is nothing to note.
func (f *flat) note(c *cycle.Cycle) ([]byte, error) {
	n := note{Lost: c.Lost, Recovered: c.Recovered}
	for _, p := range columnParts {
		if f.us[p] >= 0 && f.outcomes[p] != cycle.OK {
			*n.outcome(p) = f.outcomes[p].String()
		}
	}
	d := &c.Decision
	n.Measured = inexact(d.RTT)
	if c.Run.Daemon == cycle.Steering {
		n.Baseline = inexact(d.Baseline)
	}
	if d.Queue.Known && finite(d.Queue.Value) {
		n.Queue = &d.Queue.Value
	}
	if follows := delta(c.Run.Daemon, d); follows.Known != d.Delta.Known || math.Abs(follows.Value-d.Delta.Value) > 0.002 {
		if n.NoDelta = !d.Delta.Known || !finite(d.Delta.Value); !n.NoDelta {
			n.Delta = &d.Delta.Value
		}
	}
	if n == (note{}) {
		return nil, nil
	}
	return json.Marshal(&n)
}

// inexact returns the value where whole microseconds cannot hold it, else nil.
func inexact(m cycle.Maybe[float64]) *float64 {
	if us, ok := micros(m); ok && millis(us) != m.Value {
		return &m.Value
	}
	return nil
}

// delta is what follows for a decision's delta from the rest of it, by the
// definition of cycle.Decision; it is not stored where that holds.
func delta(daemon cycle.Daemon, d *cycle.Decision) cycle.Maybe[float64] {
	switch {
	case !d.RTT.Known || !d.Baseline.Known:
	case daemon == cycle.Steering:
		return cycle.Known(max(0, d.RTT.Value-d.Baseline.Value))
	case d.Load.Known:
		return cycle.Known(d.Load.Value - d.Baseline.Value)
	}
	return cycle.Maybe[float64]{}
}
