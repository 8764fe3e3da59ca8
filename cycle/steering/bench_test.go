package steering

import (
	"log/slog"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"wanctl/cycle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a Steering in its world.
type bench struct {
	*world
	*Steering
	log *lines
	t   *testing.T
}

// start makes a bench whose line is idle and whose rule is off.
func start(t *testing.T, change ...func(*Config, *world)) *bench {
	t.Helper()
	cfg, w, log := testConfig(t), &world{rule: cycle.Known(false)}, new(lines)
	writeBaseline(t, cfg, `{"ewma":{"baseline_rtt":20,"load_rtt":21}}`)
	w.sees(21, 0, 2)
	for _, c := range change {
		c(&cfg, w)
	}
	s := New(cfg, w, w, w, false, slog.New(log))
	s.Restore()
	return &bench{w, s, log, t}
}

// again is the same world seen by a new process.
func (b *bench) again(dry bool) *bench {
	s := New(b.cfg, b.world, b.world, b.world, dry, slog.New(b.log))
	s.Restore()
	return &bench{b.world, s, b.log, b.t}
}

// run runs n cycles of which none may fail, and returns the last decision.
func (b *bench) run(n int) (d cycle.Decision) {
	b.t.Helper()
	for i := range n {
		b.attempt = 0
		var err error
		if d, _, err = turn(b.Steering); err != nil {
			b.t.Fatalf("cycle %d: %v", i+1, err)
		}
	}
	return d
}

func (b *bench) congested() { b.sees(120, 40, 300) }
func (b *bench) idle()      { b.sees(21, 0, 2) }

// said tells whether a line with the text was logged since the last take.
func (b *bench) said(text string) (n int) {
	for _, l := range b.log.take() {
		if strings.Contains(l, text) {
			n++
		}
	}
	return n
}

// recording keeps what a Recorder is handed.
type recording struct{ cycles []cycle.Cycle }

func (r *recording) Record(c *cycle.Cycle) {
	kept := *c
	kept.Spans = slices.Clone(c.Spans)
	r.cycles = append(r.cycles, kept)
}
