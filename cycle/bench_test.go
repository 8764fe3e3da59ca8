package cycle

import (
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"
)

// BenchmarkTwoClockReads is what timing anything costs at the least: the moment
// it began, and how long ago that is.
func BenchmarkTwoClockReads(b *testing.B) {
	for b.Loop() {
		twoClockReads(1)
	}
}

// BenchmarkSpan times one part of a cycle, and tells how that compares with its
// two clock reads, measured in turns with it. The quickest turn of either
// counts: what else the machine does only ever adds.
func BenchmarkSpan(b *testing.B) {
	t := NewTimer(Autorate, nil)
	b.ReportAllocs()
	for b.Loop() {
		spans(t, 1)
	}
	b.ReportMetric(spanCost(2000), "x_two_clock_reads")
}

// BenchmarkSpanLogged is the same with its debug line, which allocates.
func BenchmarkSpanLogged(b *testing.B) {
	t := NewTimer(Autorate, slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug})))
	b.ReportAllocs()
	for b.Loop() {
		spans(t, 1)
	}
}

// sink keeps the compiler from leaving out what is measured.
var sink time.Duration

func twoClockReads(n int) {
	for range n {
		start := time.Now()
		sink += time.Since(start)
	}
}

// spans times n spans, as many cycles of six as that takes.
func spans(t *Timer, n int) {
	for i := range n {
		if i%6 == 0 {
			t.next.Store(0)
		}
		sink += t.Start(CAKE).Stop(OK)
	}
}

// spanCost returns what a span costs, in units of two clock reads.
func spanCost(turns int) float64 {
	const n = 60
	t := NewTimer(Autorate, nil)
	reads, span := time.Hour, time.Hour
	for range turns {
		begin := time.Now()
		twoClockReads(n)
		middle := time.Now()
		spans(t, n)
		reads, span = min(reads, middle.Sub(begin)), min(span, time.Since(middle))
	}
	return float64(span) / float64(reads)
}

// TestSpanCostsLittleMoreThanItsClockReads holds a span to 1.4 times two clock
// reads.
func TestSpanCostsLittleMoreThanItsClockReads(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector slows down ours and not the clock's")
	}
	x := spanCost(2000)
	fmt.Printf("| a span | 1.4 times two clock reads | %.2f times | make prove |\n", x)
	if x > 1.4 {
		t.Errorf("a span costs %.2f times two clock reads, want at most 1.4", x)
	}
}
