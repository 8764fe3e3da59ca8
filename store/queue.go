package store

import (
	"encoding/binary"
	"hash/crc32"
	"sync"
	"time"

	"wanctl/cycle"
)

// queue holds cycles between Record and their transaction, as records in a ring
// of fixed size. Taking one in copies it, allocates nothing and waits for nobody
// but another loop that is doing the same; one that finds no room is counted.
//
// A record lies in the ring as a frame: its length, a checksum of its position
// and its bytes, the bytes, and padding to 8. Positions count on for ever, so a
// frame of an earlier turn of the ring never passes for one of this.
type queue struct {
	mu      sync.Mutex
	ring    []byte
	head    uint64 // where the next frame goes
	tail    uint64 // where the oldest one is
	waiting int    // cycles in the ring
	runs    []*cycle.Run
	index   map[*cycle.Run]int
	scratch []byte
	mirror  *mirror // nil where there is no crash ring
	dropped map[*cycle.Run]dropped
	lost    int64 // cycles dropped since the start
	taken   int64 // cycles taken in since the start

	full chan struct{} // told when flushAt cycles wait
}

// dropped is what has not been told to the file yet.
type dropped struct {
	count int64
	since time.Time
}

const (
	ringSize    = 2 << 20 // about 10 minutes of a loop at 20 Hz
	flushAt     = 2000    // cycles that make a flush worth it before its time
	frameHead   = 8
	wrapped     = ^uint32(0) // in place of a length: the ring goes on at its begin
	maxRuns     = 1000
	positionLen = 8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func newQueue(size int) *queue {
	return &queue{
		ring: make([]byte, size), index: map[*cycle.Run]int{}, dropped: map[*cycle.Run]dropped{},
		scratch: make([]byte, 0, maxRecord+positionLen), full: make(chan struct{}, 1),
	}
}

// put takes in a cycle.
func (q *queue) put(c *cycle.Cycle) {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, ok := q.index[c.Run]
	if !ok {
		if n, ok = q.enter(c.Run); !ok {
			q.drop(c)
			return
		}
	}
	q.scratch = appendRecord(q.scratch[:positionLen], n, c)
	if !q.append() {
		q.drop(c)
		return
	}
	q.taken++
	if q.waiting++; q.waiting%flushAt == 0 {
		select {
		case q.full <- struct{}{}:
		default:
		}
	}
}

func (q *queue) drop(c *cycle.Cycle) {
	q.lost++
	d := q.dropped[c.Run]
	if d.count == 0 {
		d.since = c.Start
	}
	d.count++
	q.dropped[c.Run] = d
}

// enter gives a run its number.
func (q *queue) enter(r *cycle.Run) (int, bool) {
	if r == nil || len(q.runs) >= maxRuns {
		return 0, false
	}
	n := len(q.runs)
	q.runs = append(q.runs, r)
	q.index[r] = n
	if q.mirror != nil {
		q.mirror.enter(r)
	}
	return n, true
}

// append puts the scratch's record into the ring, if there is room.
func (q *queue) append() bool {
	size := uint64(len(q.ring))
	need := (frameHead + uint64(len(q.scratch)-positionLen) + 7) &^ 7
	at := q.head % size
	skip := uint64(0)
	if size-at < need {
		skip = size - at
	}
	if q.head+skip+need-q.tail > size {
		return false
	}
	if skip > 0 {
		q.frame(q.head, wrapped, q.scratch[:positionLen])
		q.head += skip
	}
	q.frame(q.head, uint32(len(q.scratch)-positionLen), q.scratch)
	q.head += need
	return true
}

// frame writes one frame; b has room for its position in front of the record.
func (q *queue) frame(pos uint64, length uint32, b []byte) {
	binary.LittleEndian.PutUint64(b, pos)
	at := pos % uint64(len(q.ring))
	f := q.ring[at:]
	binary.LittleEndian.PutUint32(f, length)
	binary.LittleEndian.PutUint32(f[4:], crc32.Update(0, castagnoli, b))
	n := copy(f[frameHead:], b[positionLen:])
	if q.mirror != nil {
		q.mirror.write(int(at), f[:frameHead+n])
	}
}

// next returns the frame's record at a position and where the next frame is; ok is
// false where there is none. The record is good until it is released.
func next(ring []byte, pos uint64, scratch []byte) (record []byte, after uint64, ok bool) {
	size := uint64(len(ring))
	for range 2 {
		at := pos % size
		if size-at < frameHead {
			return nil, pos, false
		}
		f := ring[at:]
		length, sum := binary.LittleEndian.Uint32(f), binary.LittleEndian.Uint32(f[4:])
		binary.LittleEndian.PutUint64(scratch, pos)
		check := crc32.Update(0, castagnoli, scratch[:positionLen])
		if length == wrapped {
			if check != sum {
				return nil, pos, false
			}
			pos += size - at
			continue
		}
		if length > maxRecord || uint64(length) > size-at-frameHead {
			return nil, pos, false
		}
		record = f[frameHead : frameHead+length]
		if crc32.Update(check, castagnoli, record) != sum {
			return nil, pos, false
		}
		return record, pos + (frameHead+uint64(length)+7)&^7, true
	}
	return nil, pos, false
}

// span returns where the frames are that wait now, and the runs they speak of.
func (q *queue) span() (tail, head uint64, runs []*cycle.Run) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.tail, q.head, q.runs
}

// release gives back the room of n cycles before a position, and forgets the
// drops that have been told to the file.
func (q *queue) release(to uint64, n int, told map[*cycle.Run]dropped) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tail = to
	q.waiting -= n
	if q.mirror != nil {
		q.mirror.release(to)
	}
	for r, t := range told {
		if d := q.dropped[r]; d.count == t.count {
			delete(q.dropped, r)
		} else {
			d.count -= t.count
			q.dropped[r] = d
		}
	}
}

// drops returns what has not been told to the file.
func (q *queue) drops() map[*cycle.Run]dropped {
	q.mu.Lock()
	defer q.mu.Unlock()
	m := make(map[*cycle.Run]dropped, len(q.dropped))
	for r, d := range q.dropped {
		m[r] = d
	}
	return m
}

// counts returns how many cycles were taken in, dropped, and wait.
func (q *queue) counts() (taken, lost int64, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.taken, q.lost, q.waiting
}

// attach begins to copy what waits, and all that comes, to a crash ring.
func (q *queue) attach(m *mirror) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.mirror = m
	for _, r := range q.runs {
		m.enter(r)
	}
	m.write(0, q.ring)
	m.release(q.tail)
}

// detach ends the copying.
func (q *queue) detach() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.mirror != nil {
		q.mirror.close(q.waiting == 0)
		q.mirror = nil
	}
}
