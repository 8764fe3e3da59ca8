package store

import (
	"encoding/binary"
	"errors"
	"math"
	"time"

	"wanctl/cycle"
)

// A cycle waits for its transaction as a record of about 150 bytes: in a ring in
// memory, and as a copy of that in the crash ring. Records never outlive the
// version of the program by much, and carry no version of their own: the ring
// does.

// Bounds of a record: names longer than this are cut.
const (
	maxName   = 200
	maxRecord = 32 << 10 // 64 spans with two such names
)

// What a span's target is.
const (
	noTarget = iota
	reflectorTarget
	namedTarget
)

// appendRecord appends the record of a cycle of the n-th run.
func appendRecord(b []byte, n int, c *cycle.Cycle) []byte {
	b = binary.AppendUvarint(b, uint64(n))
	b = binary.AppendVarint(b, c.Seq)
	b = binary.AppendVarint(b, c.Start.UnixMicro())
	b = binary.AppendVarint(b, c.Late.Microseconds())
	b = binary.AppendVarint(b, c.Missed)
	b = binary.AppendVarint(b, c.Total.Microseconds())
	b = append(b, byte(c.Outcome))
	b = binary.AppendUvarint(b, uint64(c.Lost))
	b = appendDecision(b, &c.Decision)
	b = append(b, byte(min(len(c.Spans), math.MaxUint8)))
	for i := range c.Spans[:min(len(c.Spans), math.MaxUint8)] {
		b = appendSpan(b, c.Run, &c.Spans[i])
	}
	return b
}

func appendSpan(b []byte, r *cycle.Run, s *cycle.Span) []byte {
	label := s.Label != r.Daemon.Label(s.Part)
	target := byte(noTarget)
	reflector := 0
	if s.Target != "" {
		target = namedTarget
		for i, t := range r.Reflectors {
			if t == s.Target && s.Part == cycle.Probe {
				target, reflector = reflectorTarget, i
				break
			}
		}
	}
	b = append(b, byte(s.Part)|target<<4|bit(label)<<6, byte(s.Outcome))
	b = binary.AppendVarint(b, s.Offset.Microseconds())
	b = binary.AppendVarint(b, s.Duration.Microseconds())
	if label {
		b = appendName(b, string(s.Label))
	}
	switch target {
	case reflectorTarget:
		b = binary.AppendUvarint(b, uint64(reflector))
	case namedTarget:
		b = appendName(b, s.Target)
	}
	return b
}

func appendName(b []byte, s string) []byte {
	s = s[:min(len(s), maxName)]
	b = append(b, byte(len(s)))
	return append(b, s...)
}

func bit(v bool) byte {
	if v {
		return 1
	}
	return 0
}

// floats and ints are the decision's numbers that may be unknown, in the order of
// the record.
func floats(d *cycle.Decision) [5]*cycle.Maybe[float64] {
	return [...]*cycle.Maybe[float64]{&d.RTT, &d.Baseline, &d.Load, &d.Delta, &d.Queue}
}

func ints(d *cycle.Decision) [6]*cycle.Maybe[int64] {
	down, up := &d.Download, &d.Upload
	return [...]*cycle.Maybe[int64]{&down.Rate, &down.Drops, &down.Queued, &up.Rate, &up.Drops, &up.Queued}
}

func appendDecision(b []byte, d *cycle.Decision) []byte {
	known := uint16(bit(d.Degraded.Known)) | uint16(bit(d.Degraded.Value))<<1
	for i, m := range floats(d) {
		known |= uint16(bit(m.Known)) << (2 + i)
	}
	for i, m := range ints(d) {
		known |= uint16(bit(m.Known)) << (7 + i)
	}
	b = binary.LittleEndian.AppendUint16(b, known)
	b = append(b, byte(d.Download.Zone), byte(d.Upload.Zone), byte(d.Write))
	for _, m := range floats(d) {
		if m.Known {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(m.Value))
		}
	}
	for _, m := range ints(d) {
		if m.Known {
			b = binary.AppendVarint(b, m.Value)
		}
	}
	return b
}

// errRecord reports a record that is none. Its checksum was right, so it can only
// come from another version of the program.
var errRecord = errors.New("malformed record")

// records reads records back into cycles, one after the other into the same value.
type records struct {
	runs  []*cycle.Run
	names map[string]string
	cycle cycle.Cycle
	b     []byte
	bad   bool
}

// read returns the cycle of a record; it is good until the next call.
func (r *records) read(b []byte) (*cycle.Cycle, error) {
	r.b, r.bad = b, false
	n := r.uvarint()
	if r.bad || n >= uint64(len(r.runs)) {
		return nil, errRecord
	}
	c := &r.cycle
	*c = cycle.Cycle{Run: r.runs[n], Spans: c.Spans[:0]}
	c.Seq, c.Start = r.varint(), time.UnixMicro(r.varint()).UTC()
	c.Late, c.Missed, c.Total = cycle.FromMicros(r.varint()), r.varint(), cycle.FromMicros(r.varint())
	c.Outcome, c.Lost = cycle.Outcome(r.byte()), int(r.uvarint())
	r.decision(&c.Decision)
	for range r.byte() {
		r.span(c)
	}
	if r.bad || len(r.b) > 0 {
		return nil, errRecord
	}
	return c, nil
}

func (r *records) span(c *cycle.Cycle) {
	kind := r.byte()
	s := cycle.Span{Part: cycle.Part(kind & 15), Outcome: cycle.Outcome(r.byte())}
	s.Offset, s.Duration = cycle.FromMicros(r.varint()), cycle.FromMicros(r.varint())
	if s.Label = c.Run.Daemon.Label(s.Part); kind>>6&1 != 0 {
		s.Label = cycle.Label(r.name())
	}
	switch kind >> 4 & 3 {
	case reflectorTarget:
		if i := r.uvarint(); i < uint64(len(c.Run.Reflectors)) {
			s.Target = c.Run.Reflectors[i]
		} else {
			r.bad = true
		}
	case namedTarget:
		s.Target = r.name()
	}
	c.Spans = append(c.Spans, s)
}

func (r *records) decision(d *cycle.Decision) {
	known := binary.LittleEndian.Uint16(r.take(2))
	d.Download.Zone, d.Upload.Zone, d.Write = cycle.Zone(r.byte()), cycle.Zone(r.byte()), cycle.Write(r.byte())
	d.Degraded = cycle.Maybe[bool]{Known: known&1 != 0, Value: known&2 != 0}
	for i, m := range floats(d) {
		if known>>(2+i)&1 != 0 {
			*m = cycle.Known(math.Float64frombits(binary.LittleEndian.Uint64(r.take(8))))
		}
	}
	for i, m := range ints(d) {
		if known>>(7+i)&1 != 0 {
			*m = cycle.Known(r.varint())
		}
	}
}

// nothing stands in for bytes that are missing.
var nothing [maxName]byte

func (r *records) take(n int) []byte {
	if len(r.b) < n {
		r.bad, r.b = true, nil
		return nothing[:n]
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *records) byte() byte { return r.take(1)[0] }

func (r *records) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	r.skip(n)
	return v
}

func (r *records) varint() int64 {
	v, n := binary.Varint(r.b)
	r.skip(n)
	return v
}

func (r *records) skip(n int) {
	if n <= 0 {
		r.bad, r.b = true, nil
		return
	}
	r.b = r.b[n:]
}

// name returns the one copy of a name; maxName bounds how long, and the caller's
// loops how many there are.
func (r *records) name() string {
	n := min(int(r.byte()), maxName)
	b := r.take(n)
	if s, ok := r.names[string(b)]; ok {
		return s
	}
	if r.names == nil || len(r.names) > maxTargets {
		r.names = map[string]string{}
	}
	s := string(b)
	r.names[s] = s
	return s
}
