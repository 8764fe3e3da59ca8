package main

import (
	"runtime"
	"testing"
	"time"

	"wanctl/cycle"
)

// lastCycle keeps what it was given.
type lastCycle struct{ spans []cycle.Span }

func (l *lastCycle) Record(c *cycle.Cycle) { l.spans = append(l.spans[:0], c.Spans...) }

func TestPausesOfTheCollectorAreRecordedWithTheCycle(t *testing.T) {
	last := new(lastCycle)
	p := newPauses(last, 1) // any pause at all
	c := &cycle.Cycle{
		Run: &cycle.Run{Daemon: cycle.Autorate}, Total: time.Second,
		Spans: []cycle.Span{{Label: "autorate_rtt_measurement", Part: cycle.RTT}},
	}
	runtime.GC()
	p.Record(c)
	if len(c.Spans) != 1 {
		t.Errorf("the loop's own cycle was changed: %v", c.Spans)
	}
	found := false
	for _, s := range last.spans[1:] {
		found = found || s.Target == "gc pause" && s.Part == cycle.Other && s.Label == "autorate_other" && s.Duration > 0
	}
	if !found || last.spans[0].Part != cycle.RTT {
		t.Errorf("recorded: %+v", last.spans)
	}
}

func TestShortPausesAreLeftOut(t *testing.T) {
	last := new(lastCycle)
	p := newPauses(last, time.Hour)
	runtime.GC()
	p.Record(&cycle.Cycle{Run: &cycle.Run{Daemon: cycle.Autorate}, Total: 2 * time.Hour})
	if len(last.spans) != 0 {
		t.Errorf("recorded: %+v", last.spans)
	}
}

func TestPausesAllocateNothing(t *testing.T) {
	p := newPauses(new(lastCycle), 1)
	c := &cycle.Cycle{Run: &cycle.Run{Daemon: cycle.Autorate}, Total: time.Second, Spans: make([]cycle.Span, 9)}
	for range 10 {
		p.Record(c)
	}
	if n := testing.AllocsPerRun(100, func() { p.Record(c) }); n > 0 {
		t.Errorf("%v allocations a cycle", n)
	}
}

func BenchmarkPauses(b *testing.B) {
	p := newPauses(new(lastCycle), leastPause)
	c := &cycle.Cycle{Run: &cycle.Run{Daemon: cycle.Autorate}, Total: time.Second, Spans: make([]cycle.Span, 9)}
	b.ReportAllocs()
	for b.Loop() {
		p.Record(c)
	}
}
