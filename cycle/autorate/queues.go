package autorate

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"time"

	"wanctl/cycle"
)

// queueReader reads the CAKE stats. They decide nothing, so no cycle waits for them
// beyond its interval: a reading that is not done by then goes on by itself, and until
// it ends, which the router's own timeout sees to, no other is begun. What it brings
// is let go of: it is not of the cycle that would record it.
type queueReader struct {
	router   Router
	wan      string
	names    []string
	patience time.Duration // of a cycle
	first    time.Duration // of the first, whose reading logs in
	log      *slog.Logger

	timer  *cycle.Timer  // of the reading under way: what it meets is not a later cycle's
	busy   chan struct{} // holds a token while a reading is under way
	cancel context.CancelFunc
	began  bool      // there was a reading
	failed bool      // the last one did, and the log says so
	late   time.Time // when one last was
}

// queueShare is how much of the interval a reading may take. It leaves room for the
// decision, not for a write: reading and writing take the router about as long, and one
// that is too slow for both is not kept from being read.
const queueShare = 0.9

// lateAgain is after how long without a late reading the next one is told of.
const lateAgain = time.Minute

// lateError reports a reading that the cycle did not wait for.
type lateError struct{ waited time.Duration }

func (e *lateError) Error() string {
	return fmt.Sprintf("read queues: not done after %v", e.waited.Round(time.Millisecond))
}

// Timeout makes it a measurement that timed out.
func (e *lateError) Timeout() bool { return true }

func newQueueReader(cfg *Config, router Router, log *slog.Logger) *queueReader {
	return &queueReader{
		router: router, wan: cfg.WAN, names: []string{cfg.DownloadQueue, cfg.UploadQueue},
		patience: min(time.Duration(queueShare*float64(cfg.Interval)), cfg.PingTimeout), first: cfg.PingTimeout,
		log: log, timer: cycle.NewTimer(cycle.Autorate, nil), busy: make(chan struct{}, 1), cancel: func() {},
	}
}

// idle tells whether a reading may be begun.
func (r *queueReader) idle() bool { return len(r.busy) == 0 }

// read reads the queues into a decision. It waits for its patience and, beyond, for
// the RTT to be measured; then the error is a *lateError. Only an idle reader is asked.
func (r *queueReader) read(ctx context.Context, t *cycle.Timer, measured <-chan struct{}, d *cycle.Decision) error {
	patience := r.patience
	if !r.began {
		patience, r.began = r.first, true
	}
	r.busy <- struct{}{}
	began := time.Now()
	r.timer.Begin(began)
	asking, cancel := context.WithCancel(cycle.WithTimer(context.WithoutCancel(ctx), r.timer))
	r.cancel = cancel
	var queues []cycle.Queue
	done := make(chan error, 1)
	go func() { // ends with the router's timeout, or by close
		defer cancel()
		err := cycle.Guard(func() (err error) {
			queues, err = r.router.Queues(asking, r.names...)
			return err
		})
		<-r.busy
		done <- err
	}()
	enough := time.NewTimer(patience)
	defer enough.Stop()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		return &lateError{time.Since(began)}
	case <-enough.C:
		select {
		case err = <-done:
		case <-measured:
			return &lateError{time.Since(began)}
		}
	}
	spans, _ := r.timer.Spans()
	for _, s := range spans { // such as the login
		t.Add(s.Part, s.Target, began.Add(s.Offset), s.Duration, s.Outcome)
	}
	if err != nil {
		return err
	}
	return fillQueues(d, queues)
}

// fillQueues puts the readings of download and upload into a decision.
func fillQueues(d *cycle.Decision, queues []cycle.Queue) error {
	if len(queues) != 2 {
		return fmt.Errorf("read queues: asked for 2, got %d", len(queues))
	}
	for i, to := range []*cycle.Direction{&d.Download, &d.Upload} {
		q := &queues[i]
		to.Queued = cycle.Known(packets(q.QueuedPackets))
		to.Drops = cycle.Maybe[int64]{Value: packets(q.Counted.Value.Dropped), Known: q.Counted.Known}
	}
	return nil
}

// packets keeps a router's 64-bit counter within what is recorded.
func packets(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

// report logs what the queues told, when reading them begins to fail or comes late, and
// when it is well again.
func (r *queueReader) report(ctx context.Context, d *cycle.Decision, err error) {
	wan := slog.String("wan", r.wan)
	if late, ok := err.(*lateError); ok {
		now := time.Now()
		if now.Sub(r.late) > lateAgain {
			r.log.Warn("CAKE stats come late; control does not wait for them", wan, slog.Float64("waited_ms", cycle.Millis(late.waited)))
		}
		r.late = now
		return
	}
	failed := err != nil
	switch {
	case failed && !r.failed:
		r.log.Warn("CAKE stats cannot be read; control goes on without them", wan, slog.Any("error", err))
	case !failed && r.failed:
		r.log.Info("CAKE stats can be read again", wan)
	}
	if r.failed = failed; failed || !r.log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	var values []any
	for _, q := range []struct {
		key  string
		seen *cycle.Direction
	}{{"dl", &d.Download}, {"ul", &d.Upload}} {
		values = append(values, slog.Int64(q.key+"_queued_packets", q.seen.Queued.Value))
		if q.seen.Drops.Known { // not on the first reading, nor after a reset
			values = append(values, slog.Int64(q.key+"_drops", q.seen.Drops.Value))
		}
	}
	r.log.Debug("CAKE stats", append(values, wan)...)
}

// close ends the reading under way, and waits for its end.
func (r *queueReader) close() {
	r.cancel()
	select {
	case r.busy <- struct{}{}:
		<-r.busy
	case <-time.After(cycle.LastSavePatience): // a router that does not heed its context
	}
}
