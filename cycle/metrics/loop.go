package metrics

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"wanctl/cycle"
)

// loop is what is known of a loop. It implements cycle.Recorder.
type loop struct {
	run    *cycle.Run
	router func() Router
	parts  [cycle.NumParts]*series // nil for what the loop does not do
	probes map[string]*series      // by reflector
	late   prometheus.Observer

	mu sync.Mutex
	counts
}

// counts is what a scrape copies.
type counts struct {
	outcomes       [len(failed) + 1]int64 // cycles
	writes         [cycle.Held + 1]int64  // cycles
	drops          [2]int64               // packets, download and upload
	overruns       int64                  // cycles
	missed         int64                  // slots
	failuresInARow int64                  // cycles
	last           cycle.Decision
	lastEnded      time.Time
}

// Record implements cycle.Recorder. It allocates nothing.
func (l *loop) Record(c *cycle.Cycle) {
	for i := range c.Spans {
		s := &c.Spans[i]
		if s.Part == cycle.Probe {
			if of := l.probes[s.Target]; of != nil {
				of.count(s.Duration, s.Outcome, s.Outcome != cycle.OK)
			}
			continue
		}
		if of := l.parts[s.Part]; of != nil {
			of.count(s.Duration, s.Outcome, false)
		}
	}
	l.parts[cycle.Total].count(c.Total, c.Outcome, false)
	l.late.Observe(c.Late.Seconds())

	l.mu.Lock()
	defer l.mu.Unlock()
	l.outcomes[min(int(c.Outcome), len(failed))]++
	if l.failuresInARow++; c.Outcome == cycle.OK {
		l.failuresInARow = 0
	}
	if c.Overrun() {
		l.overruns++
	}
	l.missed += c.Missed
	l.writes[min(c.Decision.Write, cycle.Held)]++
	l.drops[0] += c.Decision.Download.Drops.Or(0)
	l.drops[1] += c.Decision.Upload.Drops.Or(0)
	l.last, l.lastEnded = c.Decision, c.Start.Add(c.Total)
}

// snapshot returns the counts as they are.
func (l *loop) snapshot() counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}
