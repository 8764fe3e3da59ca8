package main

import (
	"math"
	"runtime/metrics"
	"time"

	"wanctl/cycle"
)

// pauses passes cycles on and adds what held up the process itself since the
// cycle before, as the Go runtime tells it, so that `why` need not guess: the
// longest pause of the garbage collector, and the longest wait of anything
// runnable for a processor. What is shorter than least is left out. It belongs to
// one loop and allocates nothing once it has run.
type pauses struct {
	next    cycle.Recorder
	least   time.Duration
	samples []metrics.Sample
	seen    [][]uint64 // counts of the histograms when they were last read
	copy    cycle.Cycle
}

var _ cycle.Recorder = (*pauses)(nil)

// leastPause is what a pause must last to be recorded: less explains no slow cycle.
const leastPause = 5 * time.Millisecond

// pauseNames are what the runtime's histograms become in a recording.
var pauseNames = []struct{ metric, target string }{
	{"/sched/pauses/total/gc:seconds", "gc pause"},
	{"/sched/latencies:seconds", "wait for a processor"},
}

func newPauses(next cycle.Recorder, least time.Duration) *pauses {
	p := &pauses{next: next, least: least, seen: make([][]uint64, len(pauseNames))}
	for _, n := range pauseNames {
		p.samples = append(p.samples, metrics.Sample{Name: n.metric})
	}
	metrics.Read(p.samples)
	for i := range p.samples {
		p.longest(i) // what was before the first cycle is not its fault
	}
	return p
}

// Record implements cycle.Recorder.
func (p *pauses) Record(c *cycle.Cycle) {
	metrics.Read(p.samples)
	told := false
	for i, n := range pauseNames {
		d := p.longest(i)
		if d < p.least || d > c.Late+c.Total {
			continue // nothing, or in the quiet between two cycles
		}
		if !told {
			told = true
			spans := append(p.copy.Spans[:0], c.Spans...)
			p.copy = *c
			p.copy.Spans = spans
		}
		p.copy.Spans = append(p.copy.Spans, cycle.Span{
			Label: c.Run.Daemon.Label(cycle.Other), Part: cycle.Other, Target: n.target, Duration: min(d, c.Total),
		})
	}
	if told {
		c = &p.copy
	}
	p.next.Record(c)
}

// longest returns the longest new entry of a histogram, by the lower edge of its
// bucket; 0 when there is none.
func (p *pauses) longest(i int) (d time.Duration) {
	if p.samples[i].Value.Kind() != metrics.KindFloat64Histogram {
		return 0 // a runtime that does not tell
	}
	h := p.samples[i].Value.Float64Histogram()
	first := p.seen[i] == nil
	if first {
		p.seen[i] = make([]uint64, len(h.Counts))
	}
	for b, n := range h.Counts {
		if n > p.seen[i][b] && !first {
			if edge := h.Buckets[b]; !math.IsInf(edge, 0) {
				d = time.Duration(edge * float64(time.Second))
			}
		}
		p.seen[i][b] = n
	}
	return d
}
