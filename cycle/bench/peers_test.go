// Package bench sets the timing of a cycle beside other ways to have it: a clock
// read twice, a channel that takes each span, a line of a log, an OpenTelemetry
// span. It is a module of its own, so that the others are no part of the program.
//
//	make bench-peers
package bench

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"wanctl/cycle"
	"wanctl/store"
)

// A cycle of these benchmarks has six spans and three probes.
var (
	parts  = [...]cycle.Part{cycle.RTT, cycle.CAKE, cycle.Rule, cycle.Adjust, cycle.Update}
	probes = [...]string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}
)

const perCycle = len(parts) + len(probes) + 1 // the total

// way is one way to time a cycle. begin makes ready what a program has once, and
// returns what is done each cycle, and what at the end.
type way struct {
	name  string
	begin func(t *testing.T) (one, end func())
}

// TestPeers prints the table: the ways take turns, and the quickest turn of each
// counts, because what else the machine does only ever adds.
func TestPeers(t *testing.T) {
	ways := []way{
		{"two clock reads", clockReads},
		{"ours, recorded", ours},
		{"a channel send", channel},
		{"a slog line", slogLine},
		{"an OpenTelemetry span", openTelemetry},
	}
	const turns, cycles = 200, 100
	best := make([]time.Duration, len(ways))
	allocs := make([]float64, len(ways))
	for turn := range turns {
		for i, w := range ways {
			one, end := w.begin(t)
			one()
			began := time.Now()
			for range cycles {
				one()
			}
			if d := time.Since(began); turn == 0 || d < best[i] {
				best[i] = d
			}
			if turn == 0 {
				allocs[i] = testing.AllocsPerRun(cycles, one)
			}
			end()
		}
	}
	t.Logf("%-22s %9s %6s %13s", "a cycle of 9 spans by", "ns a span", "times", "allocs a span")
	for i, w := range ways {
		t.Logf("%-22s %9.0f %6.2f %13.1f", w.name, float64(best[i])/float64(cycles*perCycle), float64(best[i])/float64(best[0]), allocs[i]/float64(perCycle))
	}
	if allocs[1] != 0 {
		t.Errorf("ours allocates %v times a cycle", allocs[1])
	}
}

// spans calls each for the parts and probes of a cycle.
func spans(each func(p cycle.Part, target string)) {
	for _, p := range parts {
		each(p, "")
	}
	for _, target := range probes {
		each(cycle.Probe, target)
	}
	each(cycle.Other, "")
}

var sink time.Duration

func nothing() {}

func clockReads(*testing.T) (one, end func()) {
	return func() {
		spans(func(cycle.Part, string) {
			start := time.Now()
			sink += time.Since(start)
		})
	}, nothing
}

// ours times the spans of a cycle and hands it over, which copies it into the ring.
// To write it is the work of another goroutine, once a minute.
func ours(t *testing.T) (one, end func()) {
	cfg := store.DefaultConfig()
	cfg.Path = t.TempDir() + "/profile.db"
	w, timer := store.NewWriter(cfg, nil), cycle.NewTimer(cycle.Autorate, nil)
	c := &cycle.Cycle{Run: &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Started: time.Now(), Budget: 50 * time.Millisecond, Reflectors: probes[:]}}
	return func() {
			c.Seq++
			c.Start = time.Now()
			timer.Begin(c.Start)
			spans(func(p cycle.Part, target string) { timer.StartTarget(p, target).Stop(cycle.OK) })
			c.Total = time.Since(c.Start)
			c.Spans, c.Lost = timer.Spans()
			w.Record(c)
		}, func() {
			if h := w.Health(); h.Dropped > 0 || h.Waiting == 0 {
				t.Errorf("the ring did not take all: %+v", h)
			}
		}
}

func channel(*testing.T) (one, end func()) {
	taken, done := make(chan cycle.Span, 1024), make(chan struct{})
	go func() {
		defer close(done)
		for s := range taken {
			sink += s.Duration
		}
	}()
	return func() {
			spans(func(p cycle.Part, target string) {
				start := time.Now()
				taken <- cycle.Span{Label: cycle.Autorate.Label(p), Part: p, Target: target, Duration: time.Since(start)}
			})
		}, func() {
			close(taken)
			<-done
		}
}

func slogLine(*testing.T) (one, end func()) {
	log := slog.New(slog.NewJSONHandler(io.Discard, nil))
	return func() {
		spans(func(p cycle.Part, target string) {
			start := time.Now()
			log.LogAttrs(context.Background(), slog.LevelInfo, "span", slog.String("label", string(cycle.Autorate.Label(p))),
				slog.String("target", target), slog.Duration("took", time.Since(start)))
		})
	}, nothing
}

// discard is an exporter that costs nothing.
type discard struct{}

func (discard) ExportSpans(context.Context, []sdk.ReadOnlySpan) error { return nil }
func (discard) Shutdown(context.Context) error                        { return nil }

func openTelemetry(t *testing.T) (one, end func()) {
	provider := sdk.NewTracerProvider(sdk.WithBatcher(discard{}))
	tracer := provider.Tracer("wanctl")
	return func() {
			spans(func(p cycle.Part, target string) {
				_, s := tracer.Start(context.Background(), string(cycle.Autorate.Label(p)), trace.WithAttributes(attribute.String("target", target)))
				s.End()
			})
		}, func() {
			if err := provider.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		}
}
