package steering

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"time"

	"wanctl/cycle"
)

// A cycle tries maxTries times to have an RTT; a try begins tryEvery after the
// one before unless that was answered. An earlier try is listened to until the
// end: on a bloated line its answer may well come after the next has begun.
const (
	maxTries = 3
	tryEvery = 500 * time.Millisecond
)

var errNoAnswer = errors.New("no answer")

// try is one try and what became of it.
type try struct {
	n       int // 1 for the first
	start   time.Time
	took    time.Duration // the RTT, or how long it was waited for
	rtt     float64       // ms
	answers int
	err     error
}

// ping measures the RTT to the reflector, in ms: the median of one try's echoes.
func (s *Steering) ping(ctx context.Context, t *cycle.Timer) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.PingTotal)
	results := make(chan try, maxTries)
	begun, ended, answered := 0, 0, 0
	defer func() {
		for cancel(); ended < begun; ended++ {
			// A try that a later one overtook counts as lost; a later one is
			// merely not needed any more.
			if r := <-results; r.n < answered {
				t.Add(cycle.Probe, s.cfg.PingHost, r.start, r.took, cycle.TimedOut)
			}
		}
	}()
	next := time.NewTimer(0)
	defer next.Stop()
	done := ctx.Done()
	for err := errNoAnswer; ; {
		select {
		case <-next.C:
			begun++
			go func(n int) { results <- s.try(ctx, n) }(begun)
			if begun < maxTries {
				next.Reset(tryEvery)
			}
			continue
		case <-done: // no further try; those under way end by themselves
			done = nil
			next.Stop()
		case r := <-results:
			ended++
			t.Add(cycle.Probe, s.cfg.PingHost, r.start, r.took, cycle.OutcomeOf(r.err))
			if r.err == nil {
				answered = r.n
				s.tellPing(r)
				return r.rtt, nil
			}
			err = r.err
			s.log.Warn(fmt.Sprintf("ping failed on attempt %d/%d", r.n, maxTries),
				cycle.Values("host", s.cfg.PingHost, "attempt", r.n, "error", r.err))
		}
		if ended == maxTries || ended == begun && done == nil {
			return 0, fmt.Errorf("ping %s: %w", s.cfg.PingHost, err)
		}
	}
}

// try sends one try's echoes, all at once: a cycle has no time for the second
// that the ping program leaves between them.
func (s *Steering) try(ctx context.Context, n int) (r try) {
	r = try{n: n, start: time.Now(), err: errNoAnswer}
	var rtts []float64
	failed := cycle.Guard(func() error {
		for _, e := range s.prober.Probe(ctx, s.echoes, s.cfg.PingTimeout) {
			if e.Err != nil {
				r.err = e.Err
				continue
			}
			rtts = append(rtts, e.Millis())
		}
		return nil
	})
	switch r.took, r.answers = time.Since(r.start), len(rtts); {
	case failed != nil:
		r.err = failed
	case r.answers > 0:
		r.rtt, r.err = median(rtts), nil
		r.took = cycle.FromMicros(int64(math.Round(r.rtt * 1000)))
	}
	return r
}

func (s *Steering) tellPing(r try) {
	if !s.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	s.log.Debug(fmt.Sprintf("Ping %s: %.2fms (median, count=%d)", s.cfg.PingHost, r.rtt, r.answers),
		cycle.Values("host", s.cfg.PingHost, "rtt_ms", r.rtt, "count", r.answers))
}

// median sorts its values and returns the middle one, or the mean of the two in
// the middle.
func median(vs []float64) float64 {
	slices.Sort(vs)
	if n := len(vs); n%2 == 0 {
		return (vs[n/2-1] + vs[n/2]) / 2
	}
	return vs[len(vs)/2]
}
