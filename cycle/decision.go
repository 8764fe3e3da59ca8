package cycle

import "encoding/json"

// Maybe is a value that may be unknown; the zero Maybe is.
type Maybe[T any] struct {
	Value T
	Known bool
}

// Known returns a Maybe that holds v.
func Known[T any](v T) Maybe[T] { return Maybe[T]{Value: v, Known: true} }

// Or returns the value, or other where it is unknown.
func (m Maybe[T]) Or(other T) T {
	if m.Known {
		return m.Value
	}
	return other
}

// MarshalJSON writes the value, or null where it is unknown.
func (m Maybe[T]) MarshalJSON() ([]byte, error) {
	if !m.Known {
		return []byte("null"), nil
	}
	return json.Marshal(m.Value)
}

// UnmarshalJSON reads a value, or null as unknown.
func (m *Maybe[T]) UnmarshalJSON(b []byte) error {
	*m = Maybe[T]{}
	if string(b) == "null" {
		return nil
	}
	m.Known = true
	return json.Unmarshal(b, &m.Value)
}

// Zone is a congestion zone, mildest first.
type Zone uint8

// The zones. NoZone: none was computed (the measurement failed).
const (
	NoZone Zone = iota
	Green
	Yellow
	SoftRed
	Red
)

var zoneNames = [...]string{"", "GREEN", "YELLOW", "SOFT_RED", "RED"}

// String returns "GREEN", "YELLOW", "SOFT_RED" or "RED"; "" for NoZone.
func (z Zone) String() string {
	if int(z) < len(zoneNames) {
		return zoneNames[z]
	}
	return ""
}

// ParseZone reads a zone's name; ok is false for any other text.
func ParseZone(s string) (z Zone, ok bool) {
	for i, n := range zoneNames {
		if i > 0 && n == s {
			return Zone(i), true
		}
	}
	return NoZone, false
}

// Write says what became of the cycle's router write.
type Write uint8

// The fates of a write. Dry: decided, but --dry-run keeps it from the router.
// Held: decided, but held back to spare the router's flash.
const (
	NotWritten Write = iota
	Written
	WriteFailed
	Dry
	Held
)

var writeNames = [...]string{"", "written", "failed", "dry", "held"}

// String returns "", "written", "failed", "dry" or "held".
func (w Write) String() string {
	if int(w) < len(writeNames) {
		return writeNames[w]
	}
	return ""
}

// Direction is what a cycle saw of and decided for one direction of the WAN.
type Direction struct {
	Zone   Zone
	Rate   Maybe[int64] // bit/s, the limit in force after the cycle
	Drops  Maybe[int64] // packets dropped by the queue since the reading before
	Queued Maybe[int64] // packets in the queue when it was read
}

// Decision is what a cycle measured and decided, in plain values; enough to
// replay it. For autorate, Load is the smoothed RTT and Delta is Load minus
// Baseline. For steering, Delta is RTT minus Baseline, Load is the smoothed
// delta, Download the watched queue with the assessment as its zone.
type Decision struct {
	RTT      Maybe[float64] // ms, as the law was given it
	Baseline Maybe[float64] // ms
	Load     Maybe[float64] // ms
	Delta    Maybe[float64] // ms
	Download Direction
	Upload   Direction
	Queue    Maybe[float64] // steering: smoothed queue depth, packets
	Degraded Maybe[bool]    // steering: whether the rule is on
	Write    Write
}
