package cycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"
)

// Timer times the spans of one cycle. Its methods may be called from several
// goroutines at once, and on a nil Timer, which times nothing. Timing a span
// costs two clock reads and allocates nothing.
type Timer struct {
	start  time.Time // with its monotonic reading
	labels *[parts]Label
	log    *slog.Logger // nil unless debug lines are wanted
	spans  []Span       // claimed by index; its length is the bound
	next   atomic.Int64
}

// maxSpans bounds the spans of one cycle. Six parts, a dozen reflectors and the
// router's own doings fit many times over; what is beyond is counted as lost.
const maxSpans = 64

// NewTimer returns a Timer for the cycles of a daemon. Each span is logged at
// debug, as "label: 12.3ms", unless log is nil or not at debug.
func NewTimer(d Daemon, log *slog.Logger) *Timer {
	t := &Timer{start: time.Now(), spans: make([]Span, maxSpans), labels: labels[d]}
	if t.labels == nil {
		t.labels = new([parts]Label)
		for p := range t.labels {
			t.labels[p] = d.Label(Part(p))
		}
	}
	if log != nil && log.Enabled(context.Background(), slog.LevelDebug) {
		t.log = log
	}
	return t
}

// Begin starts a new cycle at start, which time.Now returned; the spans before it
// are forgotten.
func (t *Timer) Begin(start time.Time) {
	t.start = start
	t.next.Store(0)
}

// Stopwatch is a span that is being timed.
//
// Note: it holds its moment as an offset from the cycle's start. Two readings of
// the monotonic clock alone cost less than one time.Now and one time.Since.
type Stopwatch struct {
	timer  *Timer
	target string
	offset time.Duration
	part   Part
}

// Start begins to time a part.
func (t *Timer) Start(p Part) Stopwatch { return t.StartTarget(p, "") }

// StartTarget begins to time a part's dealings with one target.
func (t *Timer) StartTarget(p Part, target string) Stopwatch {
	if t == nil {
		return Stopwatch{}
	}
	return Stopwatch{timer: t, target: target, offset: time.Since(t.start), part: p}
}

// Stop ends the span and returns how long it took.
func (s Stopwatch) Stop(o Outcome) time.Duration {
	if s.timer == nil {
		return 0
	}
	d := time.Since(s.timer.start) - s.offset
	s.timer.add(s.part, s.target, s.offset, d, o)
	return d
}

// Add records a span that was timed elsewhere, such as a reflector's echo.
func (t *Timer) Add(p Part, target string, start time.Time, d time.Duration, o Outcome) {
	if t != nil {
		t.add(p, target, start.Sub(t.start), d, o)
	}
}

func (t *Timer) add(p Part, target string, offset, d time.Duration, o Outcome) {
	l := t.labels[p]
	if i := t.next.Add(1) - 1; i < maxSpans {
		s := &t.spans[i]
		s.Label, s.Part, s.Target, s.Offset, s.Duration, s.Outcome = l, p, target, offset, d, o
	}
	if t.log != nil {
		t.logSpan(l, target, d)
	}
}

// logSpan writes the line that existing tools parse.
func (t *Timer) logSpan(l Label, target string, d time.Duration) {
	ms := Millis(d)
	attrs := []any{slog.String("label", string(l)), slog.Float64("duration_ms", ms)}
	if target != "" {
		attrs = append(attrs, slog.String("target", target))
	}
	t.log.LogAttrs(context.Background(), slog.LevelDebug, fmt.Sprintf("%s: %.1fms", l, ms), Values(attrs...))
}

// Millis returns a duration in milliseconds.
func Millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// Values groups attributes that a line's text already tells: the text form of
// the log leaves them out, the JSON form has them under their own keys.
func Values(attrs ...any) slog.Attr { return slog.Group("", attrs...) }

// Spans returns what was timed since Begin and how many spans were lost to the
// bound. The slice is good until the next Begin.
func (t *Timer) Spans() (spans []Span, lost int) {
	n := int(t.next.Load())
	return t.spans[:min(n, maxSpans)], max(0, n-maxSpans)
}

// Measure times a function call as one part of the cycle; the span's outcome
// follows from the error. A panic is timed too, and goes on.
func (t *Timer) Measure(p Part, f func() error) (err error) {
	s := t.Start(p)
	o := Panicked
	defer func() { s.Stop(o) }()
	err = f()
	o = OutcomeOf(err)
	return err
}

// OutcomeOf returns the outcome that an error stands for; OK for nil.
func OutcomeOf(err error) Outcome {
	if err == nil {
		return OK
	}
	if _, ok := errors.AsType[*PanicError](err); ok {
		return Panicked
	}
	if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		return TimedOut
	}
	return Failed
}

func isTimeout(err error) bool {
	t, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err)
	return ok && t.Timeout()
}

type timerKey struct{}

// WithTimer returns a context that carries the cycle's timer to whoever has
// something worth timing on the way, such as a router login.
func WithTimer(ctx context.Context, t *Timer) context.Context {
	return context.WithValue(ctx, timerKey{}, t)
}

// TimerFrom returns the context's timer; nil, which is usable, if it has none.
func TimerFrom(ctx context.Context) *Timer {
	t, _ := ctx.Value(timerKey{}).(*Timer)
	return t
}
