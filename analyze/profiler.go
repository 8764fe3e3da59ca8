package analyze

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"wanctl/cycle"
)

// DefaultSamples is how many durations of each label a Profiler keeps.
const DefaultSamples = 100

// Profiler keeps the latest durations of each label in memory. The zero Profiler
// keeps DefaultSamples; its methods may be called from several goroutines at once.
type Profiler struct {
	Samples int // per label; 0: DefaultSamples; not changed after the first Record

	mu    sync.Mutex
	rings map[cycle.Label]*ring
}

// ring holds the latest durations of a label; the oldest gives way.
type ring struct {
	kept []time.Duration
	next int // where the next one goes once kept is full
}

// Stats are the figures of a label's latest durations.
type Stats struct {
	Count         int
	Min, Max, Sum time.Duration
	P50, P95, P99 time.Duration // nearest rank
}

// Avg returns the mean in milliseconds; 0 when there are no durations.
func (s Stats) Avg() float64 {
	if s.Count == 0 {
		return 0
	}
	return float64(s.Sum) / float64(s.Count) / float64(time.Millisecond)
}

// Record adds a duration of a label.
func (p *Profiler) Record(l cycle.Label, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	size := p.Samples
	if size <= 0 {
		size = DefaultSamples
	}
	r := p.rings[l]
	if r == nil {
		if p.rings == nil {
			p.rings = map[cycle.Label]*ring{}
		}
		r = &ring{kept: make([]time.Duration, 0, size)}
		p.rings[l] = r
	}
	if len(r.kept) < size {
		r.kept = append(r.kept, d)
		return
	}
	r.kept[r.next] = d
	r.next = (r.next + 1) % size
}

// Stats returns the figures of a label; ok is false when it has no durations.
func (p *Profiler) Stats(l cycle.Label) (s Stats, ok bool) {
	p.mu.Lock()
	kept := p.rings[l].clone()
	p.mu.Unlock()
	return statsOf(kept) // while others record
}

func (r *ring) clone() []time.Duration {
	if r == nil {
		return nil
	}
	return slices.Clone(r.kept)
}

// statsOf sorts the durations.
func statsOf(sorted []time.Duration) (s Stats, ok bool) {
	n := len(sorted)
	if n == 0 {
		return s, false
	}
	slices.Sort(sorted)
	s = Stats{Count: n, Min: sorted[0], Max: sorted[n-1]}
	for _, d := range sorted {
		s.Sum += d
	}
	at := func(permille int64) time.Duration { return sorted[rank(int64(n), permille)-1] }
	s.P50, s.P95, s.P99 = at(500), at(950), at(990)
	return s, true
}

// Clear forgets the durations of the labels given; without any, everything.
func (p *Profiler) Clear(labels ...cycle.Label) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(labels) == 0 {
		p.rings = nil
	}
	for _, l := range labels {
		if r := p.rings[l]; r != nil {
			r.kept, r.next = r.kept[:0], 0
		}
	}
}

// Report returns one line per label, sorted, under a heading, in the form of the
// Python program's profiler, which tools read. A p95 or p99 from too few values
// is marked with "?".
func (p *Profiler) Report() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rings == nil {
		return "No profiling data collected"
	}
	b := new(strings.Builder)
	b.WriteString("=== Profiling Report ===")
	for _, l := range slices.Sorted(maps.Keys(p.rings)) {
		s, ok := statsOf(p.rings[l].clone())
		if !ok {
			continue
		}
		fmt.Fprintf(b, "\n%s: count=%d, min=%.1fms, avg=%.1fms, max=%.1fms, p95=%.1fms%s, p99=%.1fms%s", l, s.Count,
			cycle.Millis(s.Min), s.Avg(), cycle.Millis(s.Max), cycle.Millis(s.P95), thin(s.Count, 950), cycle.Millis(s.P99), thin(s.Count, 990))
	}
	return b.String()
}

// thin is the mark of a quantile from too few values.
func thin(n int, permille int64) string {
	if Thin(int64(n), permille) {
		return "?"
	}
	return ""
}

// Rolling is a cycle.Recorder that profiles the cycles it is given and from time
// to time logs a summary of the latest. It belongs to one loop, in whose
// goroutine it works, so that it needs none of its own.
type Rolling struct {
	profiler Profiler
	log      *slog.Logger
	every    time.Duration
	last     time.Time // when the summary was logged, or the first cycle began
}

var _ cycle.Recorder = (*Rolling)(nil)

// NewRolling returns a Rolling that logs at info, every so often.
func NewRolling(log *slog.Logger, every time.Duration) *Rolling {
	return &Rolling{log: log, every: every}
}

// Record implements cycle.Recorder.
func (r *Rolling) Record(c *cycle.Cycle) {
	r.profiler.Record(c.Run.Daemon.Label(cycle.Total), c.Total)
	for i := range c.Spans {
		if s := &c.Spans[i]; s.Part != cycle.Probe && s.Part != cycle.Other {
			r.profiler.Record(s.Label, s.Duration)
		}
	}
	switch since := c.Start.Sub(r.last); {
	case r.last.IsZero() || since < 0: // the first, or the clock was stepped back
		r.last = c.Start
	case since >= r.every:
		r.last = c.Start
		r.log.LogAttrs(context.Background(), slog.LevelInfo, r.profiler.Report())
	}
}
