package routeros

import (
	"fmt"
	"strconv"

	"wanctl/cycle"
)

// queueProps are what is read of a queue.
var queueProps = []string{".id", "name", "queue", "max-limit", "bytes", "packets", "dropped", "queued-bytes", "queued-packets"}

// reading is one look at a queue: its counters since the router counts.
type reading struct {
	id, name, kind             string
	limit                      int64
	bytes, packets, dropped    uint64
	queuedBytes, queuedPackets uint64
}

// newReading reads a queue's row. A counter that is missing or is no number is an
// error: taken as zero it would make the next difference a lie.
func newReading(r row) (q reading, err error) {
	q = reading{id: r[".id"], name: r["name"], kind: r["queue"]}
	for _, f := range []struct {
		prop string
		into *uint64
	}{
		{"bytes", &q.bytes},
		{"packets", &q.packets},
		{"dropped", &q.dropped},
		{"queued-bytes", &q.queuedBytes},
		{"queued-packets", &q.queuedPackets},
	} {
		if *f.into, err = counter(r, f.prop); err != nil {
			return reading{}, err
		}
	}
	if v, ok := r["max-limit"]; ok {
		if q.limit, err = strconv.ParseInt(v, 10, 64); err != nil || q.limit < 0 {
			return reading{}, answerf("queue %q: max-limit %q is no rate", q.name, v)
		}
	}
	return q, nil
}

func counter(r row, prop string) (uint64, error) {
	v, ok := r[prop]
	if !ok {
		return 0, answerf("queue %q: the router does not tell %s", r["name"], prop)
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil {
		return 0, answerf("queue %q: %s %.40q is no count", r["name"], prop, v)
	}
	return n, nil
}

// Packets and drops may be kept in 32 bits and go back to zero there. A step of
// half that or more between two readings is not believed.
const (
	wrap32  = 1 << 32
	maxStep = 1 << 31
)

// since returns how far the counters moved from an earlier reading of the same
// queue. They are unknown after they went back to zero, and when the queue is
// another one of that name. wrapped tells that a 32-bit counter must have gone
// round: only a router that did not reboot meanwhile does that.
func (q reading) since(last reading) (c cycle.Maybe[cycle.Counted], wrapped bool) {
	another := q.id != last.id && q.id != "" && last.id != ""
	if another || q.bytes < last.bytes {
		return c, false
	}
	packets, ok1, wrapped1 := step(last.packets, q.packets)
	dropped, ok2, wrapped2 := step(last.dropped, q.dropped)
	if !ok1 || !ok2 {
		return c, false
	}
	return cycle.Known(cycle.Counted{Bytes: q.bytes - last.bytes, Packets: packets, Dropped: dropped}), wrapped1 || wrapped2
}

// step returns how far a counter moved that may be kept in 32 bits.
func step(last, now uint64) (d uint64, ok, wrapped bool) {
	if now >= last {
		return now - last, true, false
	}
	d = now + wrap32 - last
	return d, last < wrap32 && d < maxStep, true
}

// queue returns what the loops are told of a reading.
func (q reading) queue() cycle.Queue {
	return cycle.Queue{Name: q.name, Limit: q.limit, QueuedPackets: q.queuedPackets, QueuedBytes: q.queuedBytes}
}

// byName returns the readings of the queues that were asked for, in their order.
func byName(rows []row, names []string) ([]reading, error) {
	found := map[string]row{}
	for _, r := range rows {
		name, ok := r["name"]
		if !ok || found[name] != nil {
			return nil, answerf("the router answered with something else than the queues %q", names)
		}
		found[name] = r
	}
	readings := make([]reading, len(names))
	for i, name := range names {
		if found[name] == nil {
			return nil, &answerError{text: fmt.Sprintf("there is no queue %q on the router", name), missing: true}
		}
		var err error
		if readings[i], err = newReading(found[name]); err != nil {
			return nil, err
		}
	}
	return readings, nil
}
