package simulator

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Phase is a stretch of constant offered load.
type Phase struct {
	For  time.Duration // 0: for ever
	Rate int64         // bit/s
}

// Load is what the world offers to a queue: its phases in turn, over and over,
// counted from the simulator's start. No phases: nothing is offered.
type Load []Phase

// Constant is a load that never changes, in bit/s.
func Constant(rate int64) Load { return Load{{Rate: rate}} }

// ParseLoad reads a load: rates and how long each of them lasts, such as "80M"
// or "20M:5s,90M:1s".
func ParseLoad(s string) (Load, error) {
	var l Load
	for phase := range strings.SplitSeq(s, ",") {
		rate, length, timed := strings.Cut(phase, ":")
		p := Phase{}
		var ok bool
		if p.Rate, ok = ParseRate(rate); !ok {
			return nil, fmt.Errorf("load %q: %q is no rate (use e.g. 80M)", s, rate)
		}
		if timed {
			var err error
			if p.For, err = time.ParseDuration(length); err != nil || p.For <= 0 {
				return nil, fmt.Errorf("load %q: %q is no length of time (use e.g. 5s)", s, length)
			}
		}
		l = append(l, p)
	}
	for _, p := range l[:len(l)-1] {
		if p.For == 0 {
			return nil, fmt.Errorf("load %q: a rate without a length lasts for ever, and what follows it never comes", s)
		}
	}
	return l, nil
}

// at returns the load at a moment and for how long it stays so.
func (l Load) at(since time.Duration) (rate int64, left time.Duration) {
	var round time.Duration
	for _, p := range l {
		if p.For <= 0 {
			round = 0
			break
		}
		round += p.For
	}
	if round > 0 {
		since %= round
	}
	for _, p := range l {
		if p.For <= 0 {
			return p.Rate, math.MaxInt64
		}
		if since < p.For {
			return p.Rate, p.For - since
		}
		since -= p.For
	}
	return 0, math.MaxInt64
}

// Counters are what a queue has counted since it began or was reset.
type Counters struct {
	Bytes, Packets, Dropped uint64
}

// The queue's shape. A shaped queue holds at most holds worth of its limit (and
// never less than minPackets), and what comes on top is dropped: a fluid's
// drop-tail, which is enough for limits to have consequences.
const (
	holds      = 50 * time.Millisecond
	minPackets = 10
	packetSize = 1250 // bytes; a mix of full-size packets and acknowledgements
)

// flow is the traffic through one queue: a fluid that is offered at the load's
// rate and leaves at most at the limit's.
type flow struct {
	load    Load
	limit   int64   // bit/s, 0 = unlimited
	backlog float64 // bytes waiting
	rate    float64 // bit/s leaving, in the latest stretch
	stuck   bool    // the counters do not move, though the traffic does
	count   Counters
	bytes   fraction
	packets fraction
	dropped fraction
}

// fraction keeps what is left of a float after its whole part was counted.
type fraction float64

func (f *fraction) add(v float64) uint64 {
	whole, rest := math.Modf(float64(*f) + v)
	*f = fraction(rest)
	return uint64(whole)
}

// advance moves the traffic on from one moment to a later one, both counted
// from the simulator's start.
func (f *flow) advance(from, to time.Duration) {
	for from < to {
		offered, left := f.load.at(from)
		step := min(to-from, left)
		f.stretch(offered, step)
		from += step
	}
}

// stretch lets d pass at one offered rate.
func (f *flow) stretch(offered int64, d time.Duration) {
	in := float64(offered) / 8 * d.Seconds()
	sent, lost := f.backlog+in, 0.0
	if f.limit > 0 {
		sent = min(sent, float64(f.limit)/8*d.Seconds())
		f.backlog += in - sent
		if room := f.room(); f.backlog > room {
			lost, f.backlog = f.backlog-room, room
		}
	} else {
		f.backlog = 0
	}
	f.rate = float64(offered)
	if f.limit > 0 && (f.backlog > 0 || offered > f.limit) {
		f.rate = float64(f.limit)
	}
	if f.stuck {
		return
	}
	f.count.Bytes += f.bytes.add(sent)
	f.count.Packets += f.packets.add(sent / packetSize)
	f.count.Dropped += f.dropped.add(lost / packetSize)
}

// room is how many bytes the queue holds.
func (f *flow) room() float64 {
	return max(float64(f.limit)/8*holds.Seconds(), minPackets*packetSize)
}

// queued returns what waits in the queue.
func (f *flow) queued() (bytes, packets uint64) {
	return uint64(f.backlog), uint64(math.Ceil(f.backlog / packetSize))
}

// reset sets the counters to zero; what waits in the queue stays.
func (f *flow) reset() {
	f.count, f.bytes, f.packets, f.dropped = Counters{}, 0, 0, 0
}
