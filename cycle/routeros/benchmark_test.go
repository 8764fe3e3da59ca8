package routeros_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"wanctl/cycle"
	"wanctl/cycle/routeros/simulator"
)

// BenchmarkCycle reads what a steering cycle reads, one after the other and side
// by side, and what an autorate cycle reads, from a simulated router on loopback
// that takes its time with each answer.
func BenchmarkCycle(b *testing.B) {
	for _, transport := range transports {
		for _, delay := range []time.Duration{0, 20 * time.Millisecond, 150 * time.Millisecond} {
			w := newWorld(b, transport)
			cake := func(ctx context.Context) error { _, err := w.Queues(ctx, download); return err }
			rule := func(ctx context.Context) error { _, err := w.Client.Rule(ctx, comment); return err }
			both := func(ctx context.Context) error { _, err := w.queues(ctx); return err }
			for _, err := range cycle.Together(b.Context(), nil, cycle.Measurement{Do: both}, cycle.Measurement{Do: rule}) {
				if err != nil {
					b.Fatal(err)
				}
			}
			if delay > 0 {
				w.Inject(simulator.Fault{Kind: simulator.Delay, Delay: delay})
			}
			for _, reads := range []struct {
				name string
				do   func(context.Context) []error
			}{
				{"both queues", func(ctx context.Context) []error { return []error{both(ctx)} }},
				{"queue", func(ctx context.Context) []error { return []error{cake(ctx)} }},
				{"rule", func(ctx context.Context) []error { return []error{rule(ctx)} }},
				{"queue and rule side by side", func(ctx context.Context) []error {
					return cycle.Together(ctx, nil, cycle.Measurement{Do: cake}, cycle.Measurement{Do: rule})
				}},
			} {
				b.Run(fmt.Sprintf("%s/delay %v/%s", transport, delay, reads.name), func(b *testing.B) {
					measure(b, w, reads.do)
				})
			}
		}
	}
}

// measure reports quantiles by nearest rank, round trips, and logins.
func measure(b *testing.B, w *world, do func(context.Context) []error) {
	before := w.Status()
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		for _, err := range do(b.Context()) {
			if err != nil {
				b.Fatal(err)
			}
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	rank := func(percent int) float64 { return float64(took[(len(took)*percent+99)/100-1].Microseconds()) / 1000 }
	n := float64(len(took))
	after := w.Status()
	b.ReportMetric(rank(50), "p50-ms")
	b.ReportMetric(rank(99), "p99-ms")
	b.ReportMetric(1000*float64(after.RoundTrips-before.RoundTrips)/n, "trips/1000")
	b.ReportMetric(1000*float64(after.Logins-before.Logins)/n, "logins/1000")
}

// BenchmarkWrite sets both limits.
func BenchmarkWrite(b *testing.B) {
	for _, transport := range transports {
		b.Run(string(transport), func(b *testing.B) {
			w := newWorld(b, transport)
			must(w.queues(b.Context()))(b)
			rate := int64(1_000_000)
			measure(b, w, func(ctx context.Context) []error {
				rate++
				return []error{w.set(ctx, rate, rate)}
			})
		})
	}
}
