package autorate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"wanctl/cycle"
)

// medianOf is how many reflectors a median is taken of.
const medianOf = 3

// Prober sends one echo request to each reflector at once. Result i belongs to
// reflector i.
type Prober interface {
	Probe(ctx context.Context, reflectors []string, timeout time.Duration) []cycle.Echo
}

// errNoAnswer is the measurement's error when no reflector answered.
var errNoAnswer = errors.New("no reflector answered")

// Reflectors returns the reflectors that are measured: the first three with
// MedianOfThree and at least so many, else the first.
func (c *Config) Reflectors() []string {
	if c.MedianOfThree && len(c.PingHosts) >= medianOf {
		return c.PingHosts[:medianOf]
	}
	return c.PingHosts[:min(1, len(c.PingHosts))]
}

// median returns the median of the RTTs, the mean of two, the only one. It
// sorts them.
func median(rtts []float64) (rtt float64, ok bool) {
	n := len(rtts)
	if n == 0 {
		return 0, false
	}
	slices.Sort(rtts)
	if n%2 == 1 {
		return rtts[n/2], true
	}
	return (rtts[n/2-1] + rtts[n/2]) / 2, true
}

// measure asks the reflectors, times each echo as a probe, and returns the RTT
// for the law in ms.
func (a *Autorate) measure(ctx context.Context, t *cycle.Timer) (rtt float64, err error) {
	started := time.Now()
	echoes := a.prober.Probe(ctx, a.reflectors, a.cfg.PingTimeout)
	rtts := make([]float64, 0, medianOf)
	for _, e := range echoes {
		if e.Sent.IsZero() {
			e.Sent = started
		}
		if e.Err != nil {
			t.Add(cycle.Probe, e.Reflector, e.Sent, time.Since(e.Sent), cycle.OutcomeOf(e.Err))
			a.lostEcho(ctx, e)
			if err == nil {
				err = e.Err // one of them says how it failed; each has a line of its own
			}
			continue
		}
		t.Add(cycle.Probe, e.Reflector, e.Sent, e.RTT, cycle.OK)
		rtts = append(rtts, e.Millis())
		a.say(ctx, slog.LevelDebug, cycle.Values(slog.String("reflector", e.Reflector), slog.Float64("rtt_ms", e.Millis())),
			"Ping %s: %.2fms (average, count=1)", e.Reflector, e.Millis())
	}
	ofThree := len(a.reflectors) == medianOf
	rtt, ok := median(rtts)
	switch {
	case !ok && ofThree:
		a.complain(ctx, slog.LevelWarn, "all", slog.Attr{}, "%s: All pings failed (median-of-three)", a.cfg.WAN)
		fallthrough
	case !ok:
		return 0, noAnswer(err)
	case ofThree && len(rtts) > 1:
		a.say(ctx, slog.LevelDebug, cycle.Values(slog.Float64("rtt_ms", rtt), slog.Int("answers", len(rtts))),
			"%s: Median-of-%d RTT = %.2fms", a.cfg.WAN, len(rtts), rtt)
	}
	return rtt, nil
}

// noAnswer wraps what became of an echo.
func noAnswer(err error) error {
	if err == nil {
		return errNoAnswer
	}
	return fmt.Errorf("%w: %w", errNoAnswer, err)
}

// lostEcho writes the line of an echo without an answer.
func (a *Autorate) lostEcho(ctx context.Context, e cycle.Echo) {
	values := cycle.Values(slog.String("reflector", e.Reflector), slog.Any("error", e.Err))
	if cycle.OutcomeOf(e.Err) == cycle.TimedOut {
		a.complain(ctx, slog.LevelWarn, e.Reflector, values, "Ping to %s timed out (timeout=%gs)", e.Reflector, a.cfg.PingTimeout.Seconds())
		return
	}
	a.complain(ctx, slog.LevelError, e.Reflector, values, "Ping error to %s: %v", e.Reflector, e.Err)
}
