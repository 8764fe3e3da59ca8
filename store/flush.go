package store

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"wanctl/cycle"
)

// guarded flushes, opening the file first where need be. Memory of the database's
// that was cut away under it is an error like any other.
func (w *Writer) guarded() (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if v := recover(); v != nil {
			w.file = nil // not closed: nobody knows what it would touch
			err = fmt.Errorf("recording %q: %v", w.cfg.Path, v)
		}
	}()
	before := bytesWritten()
	err = w.write()
	w.written += bytesWritten() - before
	if err == nil || errors.Is(err, errHeld) || is(err, append(busyCodes, sqlite3.SQLITE_FULL)...) {
		return err
	}
	if is(err, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) || errors.Is(err, cycle.ErrDurations) {
		if w.file == nil {
			return err // it could not even be opened: openFile has judged
		}
		return &brokenError{err}
	}
	if w.file != nil { // an I/O error: begin afresh
		w.file.close()
		w.file = nil
	}
	return blame(w.cfg.Path, err)
}

// write writes all that waits, in transactions of bounded size.
func (w *Writer) write() error {
	if w.file != nil {
		err := w.file.check()
		if errors.Is(err, errGone) {
			w.log.Warn("the recording was deleted or replaced; going on in a new one", slog.String("file", w.cfg.Path))
			err = w.file.leave()
			w.file = nil
		}
		if err != nil {
			return err
		}
	}
	if w.file == nil {
		f, err := openFile(&w.cfg)
		if err != nil {
			return fmt.Errorf("open recording %q: %w", w.cfg.Path, err)
		}
		w.file = f
	}
	if err := w.beginClock(); err != nil {
		return err
	}
	if err := w.recover(); err != nil {
		return err
	}
	for {
		more, err := w.transaction()
		if err != nil {
			return err
		}
		if !more {
			return w.file.checkpoint(w.file.bound.checkpointAt)
		}
	}
}

// beginClock begins what retention takes for the present.
func (w *Writer) beginClock() error {
	if w.clock.seen.IsZero() {
		w.clock.start(w.now())
	}
	if w.clock.checked {
		return nil
	}
	newest, err := w.file.c.newest()
	if err == nil {
		w.clock.found(newest)
	}
	return err
}

// present is what retention takes for the present when the wall clock says now. A
// clock that was stepped is told of: cycles stand under the time that it says.
func (w *Writer) present(now time.Time) time.Time {
	if step := w.clock.step(now); step.Abs() > aheadUnasked {
		w.log.Warn("the clock was stepped, or the machine slept; cycles are recorded under the time it says now", slog.Int64("step_s", int64(step.Round(time.Second).Seconds())))
	}
	return w.clock.at(now)
}

// batchCycles bounds a transaction: 2,000 cycles hold the write lock for some 20 ms.
const batchCycles = flushAt

// transaction writes one batch, makes a little room, and tells whether there is
// more to do now.
func (w *Writer) transaction() (more bool, err error) {
	f, in := w.file, w.file.in
	tail, head, runs := w.queue.span()
	drops := w.queue.drops()
	now := w.now()
	present := w.present(now)
	if tail == head && len(drops) == 0 && !w.retain.due(present) && !w.tellWritten(now) {
		return false, nil
	}
	_, _, waiting := w.queue.counts()
	need := int64(min(waiting, batchCycles)) * cycleBytes
	if err := f.begin(need); err != nil {
		return false, err
	}
	defer func() {
		if err != nil {
			f.rollback()
		}
	}()
	room, err := w.retain.trim(f, &w.cfg, present, need)
	if err != nil {
		return false, err
	}
	batch := batch{to: tail, head: head, ring: w.queue.ring, records: records{runs: runs}}
	if room {
		if err := batch.insert(in); err != nil {
			return false, err
		}
		if err := f.tell(drops); err != nil {
			return false, err
		}
	} else {
		drops = nil
	}
	toldWritten, err := w.recordWritten(now)
	if err != nil {
		return false, err
	}
	if w.beforeCommit != nil {
		w.beforeCommit()
	}
	if err := f.commit(); err != nil {
		return false, err
	}
	if toldWritten {
		w.written, w.told = 0, now
	}
	w.queue.release(batch.to, batch.taken, drops)
	w.mu.Lock()
	w.health.Recorded += int64(batch.added)
	w.mu.Unlock()
	return !room || batch.to != head, nil
}

// batch is what one transaction takes from the queue.
type batch struct {
	ring     []byte
	to, head uint64 // the next frame, and where they end
	records  records
	taken    int
	added    int
}

// insert enters a bounded number of cycles.
func (b *batch) insert(in *inserter) error {
	scratch := make([]byte, positionLen)
	for b.to < b.head && b.taken < batchCycles {
		record, after, ok := next(b.ring, b.to, scratch)
		if !ok {
			return fmt.Errorf("frame at %d: %w", b.to, errRecord)
		}
		c, err := b.records.read(record)
		if err != nil {
			return err
		}
		added, err := in.add(c)
		if err != nil && !errors.Is(err, errBeforeTime) && !errors.Is(err, errTooManyLoops) {
			return err
		}
		if added {
			b.added++
		}
		b.to = after
		b.taken++
		if b.taken%16 == 0 {
			runtime.Gosched() // on one core the loop goes first
		}
	}
	return in.finish()
}

// tell enters what was dropped.
func (f *file) tell(drops map[*cycle.Run]dropped) error {
	for r, d := range drops {
		if r == nil {
			continue
		}
		known, err := f.in.names.run(r)
		if errors.Is(err, errTooManyLoops) {
			continue
		}
		if err != nil {
			return err
		}
		f.drop.int(1, d.since.UnixMicro())
		f.drop.int(2, known.loop)
		f.drop.int(3, d.count)
		f.drop.text(4, "no room: the recording was held up")
		if err := f.drop.run(); err != nil {
			return err
		}
	}
	return nil
}

// recover writes what crashes left behind.
func (w *Writer) recover() error {
	for len(w.left) > 0 {
		o := w.left[0]
		n, err := w.adopt(o)
		if err != nil {
			return err
		}
		o.close(true)
		w.left = w.left[1:]
		w.mu.Lock()
		w.health.Recovered += int64(n)
		w.health.Recorded += int64(n)
		w.mu.Unlock()
		if n > 0 {
			w.log.Info("cycles of a process that ended without notice were recovered", slog.Int("cycles", n), slog.String("file", w.cfg.Path))
		}
	}
	return nil
}

// adopt enters an orphan's cycles.
func (w *Writer) adopt(o *orphan) (n int, err error) {
	b := bulk{file: w.file, cfg: &w.cfg, batch: batchCycles, now: func() time.Time { return w.present(w.now()) }}
	err = o.cycles(func(c *cycle.Cycle) error {
		added, err := b.add(c)
		if added {
			n++
		}
		if errors.Is(err, errBeforeTime) || errors.Is(err, errTooManyLoops) {
			return nil
		}
		return err
	})
	return n, b.end(err)
}

// tellWritten tells whether it is time to tell the file how much was written.
func (w *Writer) tellWritten(now time.Time) bool {
	return w.written > 0 && now.Sub(w.told).Abs() >= time.Hour
}

// recordWritten adds the bytes written to those of the day, and tells whether it
// has; once an hour, for it costs a page.
func (w *Writer) recordWritten(now time.Time) (bool, error) {
	if !w.tellWritten(now) {
		return false, nil
	}
	_, err := w.file.c.number("INSERT INTO written VALUES (?1, ?2) ON CONFLICT DO UPDATE SET bytes = bytes + ?2", now.Unix()/86400, w.written)
	return err == nil, err
}

// bytesWritten is what this process has sent to storage; 0 where that is not told.
func bytesWritten() int64 {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), "\nwrite_bytes: ")
	digits, _, _ := strings.Cut(after, "\n")
	n, _ := strconv.ParseInt(digits, 10, 64)
	return n
}
