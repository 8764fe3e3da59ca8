package cycle

import "time"

// Queue is one reading of a CAKE queue.
type Queue struct {
	Name          string
	Limit         int64 // bit/s, 0 = unlimited
	QueuedPackets uint64
	QueuedBytes   uint64
	// Since the reading before; unknown on the first reading and after the
	// counters went back to zero (a reboot, a reset, a new queue).
	Counted Maybe[Counted]
}

// Counted is how far a queue's counters moved between two readings.
type Counted struct {
	Bytes, Packets, Dropped uint64
}

// Limit asks for a queue's max-limit, and for its queue type: the Python program
// sets the type with every write, and so do we.
type Limit struct {
	Queue string
	Type  string // e.g. "cake-down-wan1"; "" leaves it alone
	Rate  int64  // bit/s
}

// Echo is a reflector's answer to one ICMP echo request.
type Echo struct {
	Reflector string
	Sent      time.Time
	RTT       time.Duration // whole microseconds; meaningful when Err is nil
	Err       error         // no answer in time, or the reason none could be had
}

// Millis returns the RTT in milliseconds, the unit of the control laws. RTTs are
// whole microseconds, so a recorded one gives the law the very same number.
func (e Echo) Millis() float64 { return float64(e.RTT.Microseconds()) / 1000 }
