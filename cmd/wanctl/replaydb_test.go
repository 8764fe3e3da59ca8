package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"math"
	"time"

	"wanctl/configs"
	"wanctl/cycle"
	"wanctl/cycle/autorate"
	"wanctl/store"
)

func init() {
	fixtures["replay"] = func(ctx context.Context, path string) error {
		return recordForReplay(ctx, path, func(int64) bool { return true })
	}
	// Old cycles are pruned, and some were dropped.
	fixtures["replay-torn"] = func(ctx context.Context, path string) error {
		return recordForReplay(ctx, path, func(seq int64) bool { return seq > 100 && (seq < 200 || seq > 204) })
	}
}

// line is a WAN for a recording: its RTT, and a router that takes every limit
// but those of some cycles, and a state file in memory.
type line struct {
	n    int
	disk []byte
}

// Probe answers with 25 ms, a swell of 60 ms for 30 cycles of every 100, and once
// in a while not at all.
func (l *line) Probe(_ context.Context, reflectors []string, _ time.Duration) (echoes []cycle.Echo) {
	for i, r := range reflectors {
		e := cycle.Echo{Reflector: r, Sent: time.Now(), RTT: 25*time.Millisecond + time.Duration(l.n*7%13+i)*100*time.Microsecond}
		if at := l.n % 100; at >= 50 && at < 80 {
			e.RTT += time.Duration(60_000*math.Sin(float64(at-50)/30*math.Pi)) * time.Microsecond
		}
		if l.n%97 == 96 {
			e.Err = context.DeadlineExceeded
		}
		echoes = append(echoes, e)
	}
	return echoes
}

func (l *line) Queues(_ context.Context, names ...string) ([]cycle.Queue, error) {
	return make([]cycle.Queue, len(names)), nil
}

func (l *line) SetLimits(context.Context, ...cycle.Limit) error {
	if l.n%5 == 3 {
		return errors.New("refused")
	}
	return nil
}

func (l *line) Load() ([]byte, error) {
	if l.disk == nil {
		return nil, fs.ErrNotExist
	}
	return l.disk, nil
}

func (l *line) Save(_ context.Context, b []byte) error { l.disk = b; return nil }
func (l *line) KeepAside() error                       { return nil }
func (l *line) String() string                         { return "memory" }

// recordForReplay records two runs of a WAN of 300 cycles each, from 14:00 and
// from 14:10 on the 9th of January 2026, or those of them that are kept.
func recordForReplay(ctx context.Context, path string, kept func(seq int64) bool) error {
	config, findings := configs.ReadAutorate("fixture", []byte(replayFixture), func(string) (string, bool) { return "", false })
	if err := findings.Errors().Err(); err != nil {
		return err
	}
	keep := store.DefaultConfig()
	keep.Path, keep.KeepCycles = path, 100*365*24*time.Hour
	w := store.NewWriter(keep, nil)
	world := new(line)
	for n := range 2 {
		daemon := autorate.New(config.Daemon, world, world, world, false, slog.New(slog.DiscardHandler))
		run := &cycle.Run{
			Daemon: cycle.Autorate, WAN: config.Daemon.WAN, Started: time.Date(2026, 1, 9, 14, 10*n, 0, 0, time.UTC), Version: "test",
			Budget: config.Daemon.Interval, Reflectors: config.Daemon.Reflectors(), Config: config.JSON(), State: daemon.Restore(),
		}
		timer := cycle.NewTimer(cycle.Autorate, nil)
		for i := range 300 {
			c := &cycle.Cycle{Run: run, Seq: int64(i + 1), Start: run.Started.Add(time.Duration(i) * run.Budget), Total: 30 * time.Millisecond}
			timer.Begin(time.Now())
			var err error
			c.Decision, err = daemon.Turn(ctx, timer)
			c.Outcome = cycle.OutcomeOf(err)
			c.Spans, _ = timer.Spans()
			if kept(c.Seq) {
				w.Record(c)
			}
			world.n++
		}
		if err := daemon.Close(); err != nil {
			return err
		}
	}
	ended, end := context.WithCancel(ctx)
	end()
	return w.Run(ended)
}

const replayFixture = `
wan_name: wan1
router: {host: 192.0.2.1, user: wanctl, transport: rest, password: x}
queues: {download: down, upload: up}
continuous_monitoring:
  enabled: true
  baseline_rtt_initial: 25
  download: {floor_green_mbps: 100, floor_yellow_mbps: 75, floor_soft_red_mbps: 50, floor_red_mbps: 25, ceiling_mbps: 500, step_up_mbps: 5, factor_down: 0.85}
  upload: {floor_mbps: 10, ceiling_mbps: 50, step_up_mbps: 1, factor_down: 0.9}
  thresholds: {target_bloat_ms: 15, warn_bloat_ms: 30, hard_red_bloat_ms: 45, alpha_baseline: 0.02, alpha_load: 0.2}
  ping_hosts: [192.0.2.1, 192.0.2.2, 192.0.2.3]
  use_median_of_three: true
`
