package steering

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"wanctl/cycle"
)

var errFake = errors.New("connection refused")

// world is a WAN, its router and its files, as a Steering meets them.
type world struct {
	mu      sync.Mutex
	tries   []float64     // ms, answer to each try of the cycle; negative: none, at once; the last one serves for more tries
	delay   time.Duration // before an unanswered try ends; 0: at once
	attempt int
	queue   cycle.Maybe[cycle.Queue]
	rule    cycle.Maybe[bool] // unknown: it cannot be read
	deny    error             // what SetRule returns, without doing it
	lost    bool              // SetRule does it and returns an error
	sets    []bool

	stored []byte // nil: there is none
	saves  int
	syncs  int
	aside  [][]byte
	fail   error // what saving returns
}

// Probe implements Prober.
func (w *world) Probe(ctx context.Context, reflectors []string, timeout time.Duration) []cycle.Echo {
	w.mu.Lock()
	rtt := -1.0
	if n := len(w.tries); n > 0 {
		rtt = w.tries[min(w.attempt, n-1)]
	}
	w.attempt++
	wait := w.delay
	w.mu.Unlock()
	err := errFake
	if rtt >= 0 {
		wait, err = time.Duration(rtt*1000+0.5)*time.Microsecond, nil
	}
	if wait > timeout {
		wait, err = timeout, context.DeadlineExceeded
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		err = ctx.Err()
	}
	echoes := make([]cycle.Echo, len(reflectors))
	for i, r := range reflectors {
		echoes[i] = cycle.Echo{Reflector: r, RTT: wait, Err: err}
	}
	return echoes
}

// Queues implements Router.
func (w *world) Queues(_ context.Context, names ...string) ([]cycle.Queue, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.queue.Known {
		return nil, errFake
	}
	q := w.queue.Value
	q.Name = names[0]
	return []cycle.Queue{q}, nil
}

// Rule implements Router.
func (w *world) Rule(context.Context, string) (bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.rule.Known {
		return false, errFake
	}
	return w.rule.Value, nil
}

// SetRule implements Router.
func (w *world) SetRule(_ context.Context, _ string, on bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sets = append(w.sets, on)
	if w.deny != nil {
		return w.deny
	}
	w.rule = cycle.Known(on)
	if w.lost {
		return errFake
	}
	return nil
}

// Load implements StateFile.
func (w *world) Load() ([]byte, error) {
	if w.stored == nil {
		return nil, fmt.Errorf("read state: %w", fs.ErrNotExist)
	}
	return w.stored, nil
}

// Save implements StateFile.
func (w *world) Save(_ context.Context, b []byte) error {
	if w.fail != nil {
		return w.fail
	}
	w.saves++
	w.stored = b
	return nil
}

// SaveSynced implements StateFile.
func (w *world) SaveSynced(ctx context.Context, b []byte) error {
	w.syncs++
	return w.Save(ctx, b)
}

// KeepAside implements StateFile.
func (w *world) KeepAside() error {
	w.aside = append(w.aside, w.stored)
	return nil
}

// sees sets what the next cycles measure. Negative drops: they are not known.
func (w *world) sees(rtt float64, drops int64, queued uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tries, w.attempt = []float64{rtt}, 0
	q := cycle.Queue{QueuedPackets: queued, Limit: 100_000_000}
	if drops >= 0 {
		q.Counted = cycle.Known(cycle.Counted{Dropped: uint64(drops)})
	}
	w.queue = cycle.Known(q)
}

// lines collects a log as "LEVEL text key=value ...".
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }
func (l *lines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *lines) WithGroup(string) slog.Handler            { return l }

func (l *lines) Handle(_ context.Context, r slog.Record) error {
	b := new(strings.Builder)
	level := r.Level.String()
	if r.Level == slog.LevelWarn {
		level = "WARNING"
	}
	fmt.Fprintf(b, "%s %s", level, r.Message)
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "" { // what the text tells already is in the JSON form alone
			fmt.Fprintf(b, " %s=%v", a.Key, a.Value)
		}
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, b.String())
	return nil
}

// take returns the lines since the last take.
func (l *lines) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.all
	l.all = nil
	return all
}

// testConfig is a three-state configuration with short histories.
func testConfig(t *testing.T) Config {
	t.Helper()
	cfg := DefaultConfig()
	cfg.WAN, cfg.PrimaryWAN, cfg.AlternateWAN = "steering", "wan1", "wan2"
	cfg.PingHost, cfg.RuleComment = "192.0.2.1", "steer"
	cfg.DownloadQueue, cfg.StateFile = "down", "steering_state.json"
	cfg.BaselineFile = filepath.Join(t.TempDir(), "wan1_state.json")
	cfg.Thresholds.GreenSamples = 3
	return cfg
}

func writeBaseline(t *testing.T, cfg Config, text string) {
	t.Helper()
	if err := os.WriteFile(cfg.BaselineFile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// turn runs one cycle as the loop does.
func turn(s *Steering) (cycle.Decision, []cycle.Span, error) {
	t := cycle.NewTimer(cycle.Steering, nil)
	t.Begin(time.Now())
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	d, err := s.Turn(ctx, t)
	spans, _ := t.Spans()
	return d, spans, err
}
