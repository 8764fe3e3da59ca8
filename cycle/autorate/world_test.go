package autorate

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"wanctl/cycle"
)

// world answers as a row says: reflectors, router and state file in one.
type world struct {
	cfg   Config
	row   row
	wrote []int64
	disk  []byte
	saves int
	aside []byte
}

var errRefused = errors.New("refused")

// restart ends a daemon as a row says and tells whether a new one is to begin.
func (w *world) restart(t *testing.T, a *Autorate) bool {
	t.Helper()
	how := w.row.Restart
	if how == nil {
		return false
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	var raw struct{ Raw string }
	switch string(how) {
	case `"keep"`:
	case `"missing"`:
		w.disk = nil
	default:
		if err := json.Unmarshal(how, &raw); err != nil {
			t.Fatal(err)
		}
		w.disk = append([]byte{}, raw.Raw...)
	}
	w.row.Restart = nil
	return true
}

func (w *world) Load() ([]byte, error) {
	if w.disk == nil {
		return nil, fs.ErrNotExist
	}
	return w.disk, nil
}

func (w *world) Save(_ context.Context, b []byte) error { w.disk, w.saves = b, w.saves+1; return nil }
func (w *world) KeepAside() error                       { w.aside = w.disk; return nil }
func (w *world) String() string                         { return "memory" }

// Probe implements Prober: every reflector answers with the row's RTT, or each
// as the row says.
func (w *world) Probe(_ context.Context, reflectors []string, _ time.Duration) (echoes []cycle.Echo) {
	for i, host := range reflectors {
		e := cycle.Echo{Reflector: host, Sent: time.Now(), Err: context.DeadlineExceeded}
		rtt := w.row.RTT
		if i < len(w.row.Hosts) {
			err := json.Unmarshal(w.row.Hosts[i], &rtt)
			rtt.Known = rtt.Known && err == nil // "exc" is no answer
		}
		if rtt.Known {
			e.RTT, e.Err = time.Duration(math.Round(rtt.Value*1000))*time.Microsecond, nil
		}
		echoes = append(echoes, e)
	}
	return echoes
}

// Queues implements Router.
func (w *world) Queues(_ context.Context, names ...string) ([]cycle.Queue, error) {
	return make([]cycle.Queue, len(names)), nil
}

// SetLimits implements Router.
func (w *world) SetLimits(_ context.Context, limits ...cycle.Limit) error {
	w.wrote = []int64{limits[0].Rate, limits[1].Rate}
	if string(w.row.Write) == "" {
		return nil
	}
	return errRefused
}

// faults make the world misbehave.
type faults struct {
	world
	queues  func(ctx context.Context) ([]cycle.Queue, error)
	write   func(ctx context.Context) error
	saveErr error
}

func (f *faults) Queues(ctx context.Context, names ...string) ([]cycle.Queue, error) {
	if f.queues == nil {
		return f.world.Queues(ctx, names...)
	}
	return f.queues(ctx)
}

func (f *faults) SetLimits(ctx context.Context, limits ...cycle.Limit) error {
	err := f.world.SetLimits(ctx, limits...)
	if f.write == nil {
		return err
	}
	return f.write(ctx)
}

func (f *faults) Save(ctx context.Context, b []byte) error {
	if f.saveErr != nil {
		return f.saveErr
	}
	return f.world.Save(ctx, b)
}

// heldBack is the error of a write that spares the flash.
type heldBack struct{}

func (heldBack) Error() string { return "held back" }
func (heldBack) Held() bool    { return true }

// turn is one cycle in a world, with its spans and log lines.
type turn struct {
	decision cycle.Decision
	err      error
	spans    map[cycle.Part]cycle.Outcome
	logins   time.Duration
	lines    []string
}

// bench is an Autorate in a world of its own.
type bench struct {
	*Autorate
	world *faults
	kept  [][2]string
	timer *cycle.Timer
}

func newBench(t *testing.T, dryRun bool) *bench {
	t.Helper()
	cfg := testConfigs(t)["wan1"]
	b := &bench{world: &faults{world: world{cfg: cfg}}, timer: cycle.NewTimer(cycle.Autorate, nil)}
	b.Autorate = New(cfg, b.world, b.world, b.world, dryRun, slog.New(lines{&b.kept}))
	return b
}

// cycle runs one cycle at an RTT in ms; 0 is no answer.
func (b *bench) cycle(t *testing.T, rtt float64) (r turn) {
	t.Helper()
	b.kept, b.world.wrote = nil, nil
	b.world.row = row{RTT: cycle.Maybe[float64]{Value: rtt, Known: rtt > 0}}
	b.timer.Begin(time.Now())
	r.decision, r.err = b.Turn(t.Context(), b.timer)
	spans, _ := b.timer.Spans()
	r.spans = map[cycle.Part]cycle.Outcome{}
	for _, s := range spans {
		r.spans[s.Part] = s.Outcome
		if s.Part == cycle.Other {
			r.logins += s.Duration
		}
	}
	for _, l := range b.kept {
		r.lines = append(r.lines, l[0]+" "+l[1])
	}
	return r
}

func (r *turn) said(text string) bool { return strings.Contains(strings.Join(r.lines, "\n"), text) }
