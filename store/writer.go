package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"wanctl/cycle"
)

// Writer records cycles. Record hands a cycle over and is done; Run writes what
// was handed over, one transaction per flush interval. Whatever happens to the
// file, the loops are not held up: cycles wait in a ring of fixed size, and what
// finds no room there is counted, and told to the file as soon as it can be
// written again.
type Writer struct {
	cfg   Config
	log   *slog.Logger
	queue *queue

	// Of the goroutine that runs Run.
	begun    bool
	file     *file
	left     []*orphan // crash rings to be recovered from
	written  int64     // bytes not yet told to the file
	told     time.Time // when they last were
	clock    clock
	retain   retention
	dropping dropping
	slowTold time.Time // when the log last told of a slow flush

	mu     sync.Mutex
	health Health

	now          func() time.Time // the wall clock
	beforeCommit func()           // of tests
}

// Health is how the recording is doing.
type Health struct {
	Recorded  int64     // cycles written since the start
	Recovered int64     // of them left behind by a crash
	Dropped   int64     // cycles for which there was no room
	Waiting   int       // cycles not written yet
	Flushes   int64     // transactions since the start
	Flushed   time.Time // the last one
	Trouble   string    // why nothing can be written; "" if it can
	Since     time.Time // when the trouble began
}

var _ cycle.Recorder = (*Writer)(nil)

// drainFor bounds how long Run goes on trying after its context has ended.
const drainFor = 10 * time.Second

// NewWriter returns a Writer. It touches nothing: the file is opened by Run, and a
// disk that is bad is reported and tried again.
func NewWriter(cfg Config, log *slog.Logger) *Writer {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if path, err := filepath.Abs(cfg.Path); err == nil {
		cfg.Path = path
	}
	return &Writer{cfg: cfg, log: log, queue: newQueue(ringSize), now: time.Now}
}

// String names the writer, e.g. "recorder /var/lib/wanctl/profile.db".
func (w *Writer) String() string { return "recorder " + w.cfg.Path }

// Record implements cycle.Recorder. It may be called by several loops, at any
// time; it allocates nothing but for the first cycle of a run.
func (w *Writer) Record(c *cycle.Cycle) { w.queue.put(c) }

// Health returns how the recording is doing.
func (w *Writer) Health() Health {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.health
	_, h.Dropped, h.Waiting = w.queue.counts()
	return h
}

// Begin makes the crash ring: from its return on, a crash of the process loses no
// cycle that is handed over. It touches no disk. Run begins by itself, but in a
// goroutine of its own, with the loops perhaps ahead of it: a daemon calls Begin
// before them.
func (w *Writer) Begin() {
	if !w.begun {
		w.begun = true
		w.clock.start(w.now())
		w.mirror()
	}
}

// Size returns the bytes that the file, its WAL and its shared memory take up. It
// asks the disk, and may wait for it.
func (w *Writer) Size() int64 {
	db, wal, shm := sizes(w.cfg.Path)
	return db + wal + shm
}

// Run writes what is recorded until the context ends, then what still waits, and
// closes the file. It returns an error only if cycles are left that could not be
// written; with a crash ring the next start writes them.
func (w *Writer) Run(ctx context.Context) error {
	defer w.close()
	w.Begin()
	w.flush() // what a crash left behind should not wait
	for ctx.Err() == nil {
		timer := time.NewTimer(w.until(time.Now()))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-w.queue.full:
		}
		timer.Stop()
		if ctx.Err() == nil {
			w.flush()
		}
	}
	return w.drain()
}

// drain writes what waits, on its own deadline.
func (w *Writer) drain() error {
	w.told = time.Time{}
	for deadline := time.Now().Add(drainFor); ; time.Sleep(100 * time.Millisecond) {
		err := w.flush()
		if err == nil {
			return nil
		}
		if _, _, waiting := w.queue.counts(); waiting == 0 {
			return nil
		} else if time.Now().After(deadline) || !is(err, busyCodes...) {
			return fmt.Errorf("%s: %d cycles are not written: %w", w, waiting, err)
		}
	}
}

// mirror begins the crash ring, or says why there is none.
func (w *Writer) mirror() {
	dir, err := runtimeDir(w.cfg.Runtime)
	if err == nil {
		w.left = orphans(dir, w.cfg.Path)
		var m *mirror
		if m, err = newMirror(dir, w.cfg.Path, len(w.queue.ring)); err == nil {
			w.queue.attach(m)
			return
		}
	}
	w.log.Info("no crash ring: a crash loses what was not flushed", slog.Any("error", err), slog.Float64("flush_interval_s", w.cfg.FlushInterval.Seconds()))
}

// Whole minutes are flushed a moment after they end, when the cycles that began in
// them are over: so a minute is written once. The moment differs by process, for
// several may write one file.
var settle = time.Second + time.Duration(os.Getpid()%16)*100*time.Millisecond

// retryAfter bounds the wait for the next attempt while nothing can be written.
const retryAfter = 5 * time.Second

// until returns how long to wait for the next flush.
func (w *Writer) until(now time.Time) time.Duration {
	interval := max(w.cfg.FlushInterval, time.Millisecond)
	if w.troubled() {
		return min(interval, retryAfter)
	}
	if interval%time.Minute != 0 {
		return interval
	}
	next := now.Truncate(interval).Add(interval + settle)
	if wait := next.Sub(now); wait <= interval {
		return wait
	}
	return next.Sub(now) - interval
}

func (w *Writer) troubled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.health.Trouble != ""
}

// slowFlush is how long a flush may take before the log tells of it, at most every
// slowEvery: storage that begins to fail is often slow first.
const (
	slowFlush = 2 * time.Second
	slowEvery = time.Hour
)

// flush writes what waits. An error is logged when it is the first, and when it
// is over.
func (w *Writer) flush() error {
	began := time.Now()
	err := w.guarded()
	var b *brokenError
	if errors.As(err, &b) {
		w.setAside(b)
		err = w.guarded()
	}
	w.tell(err)
	if took := time.Since(began); took >= slowFlush && err == nil && (w.slowTold.IsZero() || began.Sub(w.slowTold) >= slowEvery) {
		w.slowTold = began
		w.log.Warn("writing to storage took long; the loops ran as before", slog.String("file", w.cfg.Path), slog.Float64("took_s", took.Seconds()))
	}
	return err
}

// tell keeps and logs how it went.
func (w *Writer) tell(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := &w.health
	if err == nil {
		h.Flushed = time.Now()
		h.Flushes++
		w.tellDropped(h.Trouble != "")
		if h.Trouble != "" {
			w.log.Info("recording goes on", slog.String("file", w.cfg.Path), slog.Float64("held_up_s", time.Since(h.Since).Seconds()))
			h.Trouble, h.Since = "", time.Time{}
		}
		return
	}
	if h.Trouble == "" {
		h.Since = time.Now()
		w.log.Warn("recording is held up; the loops run as before", slog.String("file", w.cfg.Path), slog.Any("error", explain(err)))
	}
	h.Trouble = explain(err).Error()
}

// dropping is what the log was told of cycles for which there was no room.
type dropping struct {
	under  bool  // it has not been told that it is over
	before int64 // dropped before it began
	seen   int64 // dropped until the last look
}

// tellDropped logs once that cycles find no room, and once it is over how many did
// not. Where the recording was held up, the first is known already.
func (w *Writer) tellDropped(heldUp bool) {
	d := &w.dropping
	_, lost, _ := w.queue.counts()
	more := lost > d.seen
	if more && !d.under {
		d.under, d.before = true, d.seen
		if !heldUp {
			w.log.Warn("more cycles come than can wait; what finds no room is not recorded", slog.String("file", w.cfg.Path))
		}
	}
	if d.under && (heldUp || !more) {
		d.under = false
		w.log.Info("all cycles find room again", slog.String("file", w.cfg.Path), slog.Int64("dropped", lost-d.before))
	}
	d.seen = lost
}

func (w *Writer) close() {
	if w.file != nil {
		w.file.close()
		w.file = nil
	}
	for _, o := range w.left {
		o.close(false)
	}
	w.queue.detach()
}
