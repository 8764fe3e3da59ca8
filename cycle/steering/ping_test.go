package steering

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
)

func TestPing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		tries []float64
		delay time.Duration // of an unanswered try
		want  float64       // ms; 0: none
		took  time.Duration
		spans []string // of the probes
	}{
		{"the first try is answered", []float64{12}, 0, 12, 12 * time.Millisecond, []string{"12ms ok"}},
		{"the second, half a second later", []float64{-1, 12}, 0, 12, 512 * time.Millisecond, []string{"0s failed", "12ms ok"}},
		{"the third", []float64{-1, -1, 12}, 0, 12, 1012 * time.Millisecond, []string{"0s failed", "0s failed", "12ms ok"}},
		{"none", []float64{-1}, 0, 0, time.Second, []string{"0s failed", "0s failed", "0s failed"}},
		{"a slow answer is waited for", []float64{700}, 0, 700, 700 * time.Millisecond, []string{"700ms ok"}},
		{"a lost echo costs half a second", []float64{-1, 12}, time.Hour, 12, 512 * time.Millisecond, []string{"12ms ok", "512ms timeout"}},
		{
			"silence leaves a quarter of the cycle",
			[]float64{-1},
			time.Hour, 0, 1500 * time.Millisecond,
			[]string{"1.5s timeout", "1s timeout", "500ms timeout"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := start(t)
				b.world.tries, b.delay = tt.tries, tt.delay
				began := time.Now()
				d, spans, err := turn(b.Steering)
				if took := time.Since(began); took != tt.took {
					t.Errorf("the cycle took %v, want %v", took, tt.took)
				}
				if d.RTT.Value != tt.want || (err == nil) != (tt.want > 0) {
					t.Errorf("RTT %+v, error %v; want %v ms", d.RTT, err, tt.want)
				}
				var probes []string
				for _, s := range spans {
					if s.Part == cycle.Probe {
						probes = append(probes, s.Duration.String()+" "+s.Outcome.String())
					}
				}
				slices.Sort(probes)
				if diff := cmp.Diff(tt.spans, probes); diff != "" {
					t.Errorf("probes (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestLastKnownRTTServes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t)
		b.world.tries = nil
		if _, _, err := turn(b.Steering); err == nil {
			t.Error("a cycle without an RTT, and none before it, did not fail")
		}
		if b.saves > 0 {
			t.Error("a cycle that was given up was saved")
		}
		b.sees(33, 0, 2)
		b.run(1)
		b.world.tries = nil
		d := b.run(1)
		if d.RTT.Known || d.Delta.Value != 13 {
			t.Errorf("after an RTT of 33 ms: %+v, want no RTT and a delta of 13 ms", d)
		}
		if n := b.said("Using last known RTT from state: 33.0ms (ping to 192.0.2.1 failed after retries)"); n != 1 {
			t.Errorf("told %d times, not once", n)
		}
	})
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in   []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{9, 1}, 5}, {[]float64{14.517, 57.532, 17.499}, 17.499}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(slices.Clone(tt.in)); got != tt.want {
			t.Errorf("median(%v) = %v, want %v", tt.in, got, tt.want)
		}
	}
}

func TestPingEndsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := start(t, func(c *Config, _ *world) { c.PingTotal = 100 * time.Millisecond })
		b.tries = nil // the first try fails at once, and there is no time for another
		began := time.Now()
		if _, err := b.ping(t.Context(), nil); err == nil {
			t.Error("an RTT from nowhere")
		}
		if took := time.Since(began); took != 100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}
