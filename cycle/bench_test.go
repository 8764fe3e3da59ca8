package cycle

import (
	"testing"
	"time"
)

// BenchmarkTwoClockReads is what timing anything costs at the least: the moment
// it began, and how long ago that is.
func BenchmarkTwoClockReads(b *testing.B) {
	var sum time.Duration
	for b.Loop() {
		start := time.Now()
		sum += time.Since(start)
	}
	_ = sum
}

// BenchmarkSpan times one part of a cycle.
func BenchmarkSpan(b *testing.B) {
	t := NewTimer(Autorate, nil)
	t.Begin(time.Now())
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%maxSpans == 0 {
			t.next.Store(0)
		}
		t.Start(CAKE).Stop(OK)
	}
}
