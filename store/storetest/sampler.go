// Package storetest holds what any store of cycles must pass, and a source of
// cycles to try one with.
package storetest

import (
	"math/rand/v2"
	"time"

	"wanctl/cycle"
)

// Sampler makes up the cycles of a loop: six spans and three probes each, with a
// full decision, on schedule. The same seed makes the same cycles.
type Sampler struct {
	Info  *cycle.Run
	rand  *rand.Rand
	cycle cycle.Cycle
	base  float64
}

// NewSampler returns a sampler of autorate cycles at 20 Hz.
func NewSampler(wan string, start time.Time, seed uint64) *Sampler {
	return &Sampler{
		Info: &cycle.Run{
			Daemon: cycle.Autorate, WAN: wan, Started: start, Version: "sample", Budget: 50 * time.Millisecond,
			Reflectors: []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}, Config: `{"wan_name":"` + wan + `"}`, State: `{}`,
		},
		rand: rand.New(rand.NewPCG(seed, 1)), base: 22,
	}
}

// us makes up a duration with a long tail.
func (s *Sampler) us(typical, spread float64) time.Duration {
	return time.Duration(max(20, typical+spread*s.rand.ExpFloat64())) * time.Microsecond
}

// Next returns the next cycle; it is good until the one after.
func (s *Sampler) Next() *cycle.Cycle {
	c := &s.cycle
	*c = cycle.Cycle{
		Run: s.Info, Seq: c.Seq + 1, Start: s.Info.Started.Add(time.Duration(c.Seq) * s.Info.Budget), Late: s.us(60, 40), Spans: c.Spans[:0],
	}
	c.Start = c.Start.Add(c.Late)
	slowest, measured := time.Duration(0), time.Duration(0)
	for i, target := range s.Info.Reflectors {
		d := s.us(22000+1500*float64(i), 900)
		s.span(cycle.Probe, target, 0, d)
		slowest, measured = max(slowest, d), d
	}
	rtt, adjust, update := slowest+s.us(100, 50), s.us(90, 40), s.us(4000, 1200)
	s.span(cycle.RTT, "", 0, rtt)
	s.span(cycle.CAKE, "", 0, s.us(3500, 900))
	s.span(cycle.Rule, "", 0, s.us(2500, 500))
	s.span(cycle.Adjust, "", rtt, adjust)
	s.span(cycle.Update, "", rtt+adjust, update)
	c.Total = rtt + adjust + update + s.us(50, 20)
	s.decide(float64(measured.Microseconds()) / 1000)
	return c
}

func (s *Sampler) span(p cycle.Part, target string, offset, d time.Duration) {
	s.cycle.Spans = append(s.cycle.Spans, cycle.Span{Label: s.Info.Daemon.Label(p), Part: p, Target: target, Offset: offset, Duration: d})
}

func (s *Sampler) decide(measured float64) {
	s.base += 0.01 * (measured - s.base)
	load := s.base + s.rand.Float64()*4
	direction := func(rate, spread, queued int64) cycle.Direction {
		return cycle.Direction{
			Zone: cycle.Green, Rate: cycle.Known(rate - s.rand.Int64N(spread)),
			Drops: cycle.Known[int64](0), Queued: cycle.Known(s.rand.Int64N(queued)),
		}
	}
	s.cycle.Decision = cycle.Decision{
		RTT: cycle.Known(measured), Baseline: cycle.Known(s.base), Load: cycle.Known(load), Delta: cycle.Known(load - s.base),
		Download: direction(940e6, 1e8, 9), Upload: direction(38e6, 1e7, 3), Write: cycle.Written,
	}
}

// Clone copies a cycle, spans and all.
func Clone(c *cycle.Cycle) *cycle.Cycle {
	v := *c
	v.Spans = append([]cycle.Span(nil), c.Spans...)
	return &v
}
