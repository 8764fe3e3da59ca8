package page

import (
	"context"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"wanctl/analyze"
	"wanctl/cycle"
	"wanctl/cycle/autorate"
	"wanctl/store"
)

// dusk is when an evening begins.
var dusk = time.Date(2026, 1, 9, 19, 0, 0, 0, time.UTC)

// evening is a recording in a file in which everything happens that a page shows:
// a line that bloats while others watch films, decided by the real law; a reflector
// that loses echoes; a router that drops its connection; a restart with other
// settings; and cycles that were not recorded.
type evening struct {
	*store.Reader
	path  string
	drops []cycle.Drop
}

// Drops implements analyze.Source: a full disk is hard to come by in a test.
func (e *evening) Drops(_ context.Context, w cycle.Window) (drops []cycle.Drop, _ error) {
	for _, d := range e.drops {
		if !d.At.Before(w.Since) && d.At.Before(w.Until) {
			drops = append(drops, d)
		}
	}
	return drops, nil
}

var _ analyze.Source = (*evening)(nil)

// newEvening records an evening of some length; names are those of the WAN and of
// the third reflector.
func newEvening(t testing.TB, length time.Duration, wan, reflector string) *evening {
	t.Helper()
	m := &maker{rnd: rand.New(rand.NewPCG(9, 1)), length: length}
	hosts := []string{"1.1.1.1", "9.9.9.9", reflector}
	for _, half := range []struct{ from, to float64 }{{0, 0.62}, {0.65, 1}} { // restarted in between
		start := dusk.Add(time.Duration(half.from * float64(length))).Truncate(2 * time.Second)
		m.autorate(&cycle.Run{
			Daemon: cycle.Autorate, WAN: wan, Started: start, Version: "v1.2.0", Budget: 2 * time.Second, Reflectors: hosts,
			Config: `{"wan_name":"wan1","router":{"host":"192.0.2.1","password":"(secret)","transport":"rest"},"continuous_monitoring":{"download":{"ceiling_mbps":500}}}`,
			Router: `{"version":"7.18.2 (stable)","board":"RB5009UG+S+","write_sect_since_reboot":1234}`, State: "{}",
		}, half.to)
	}
	m.steering(&cycle.Run{
		Daemon: cycle.Steering, WAN: "steering", Started: dusk, Version: "v1.2.0", Budget: 2 * time.Second, Reflectors: hosts[:1],
		Config: `{"topology":{"primary_wan":"wan1","alternate_wan":"wan2"}}`, State: "{}",
	})
	slices.SortStableFunc(m.cycles, func(a, b *cycle.Cycle) int { return a.Start.Compare(b.Start) })
	cfg := store.DefaultConfig()
	const century = 100 * 365 * 24 * time.Hour
	cfg.Path, cfg.Runtime = filepath.Join(t.TempDir(), "evening.db"), t.TempDir()
	cfg.KeepCycles, cfg.KeepMinutes, cfg.KeepHours = century, century, century
	if _, err := store.Import(t.Context(), cfg, func(yield func(*cycle.Cycle, error) bool) {
		for _, c := range m.cycles {
			if !yield(c, nil) {
				return
			}
		}
	}, func(int64) {}); err != nil {
		t.Fatal(err)
	}
	r, err := store.OpenReader(t.Context(), cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return &evening{Reader: r, path: cfg.Path, drops: []cycle.Drop{
		{At: dusk.Add(length * 7 / 10), Daemon: cycle.Autorate, WAN: wan, Count: 12, Reason: "the disk is full"},
	}}
}

// at is how much of the evening has passed.
func (m *maker) at(t time.Time) float64 { return float64(t.Sub(dusk)) / float64(m.length) }

// maker makes an evening's cycles.
type maker struct {
	rnd    *rand.Rand
	length time.Duration
	cycles []*cycle.Cycle
}

// ms makes up a duration with a long tail.
func (m *maker) ms(typical, spread float64) time.Duration {
	return time.Duration(typical*1000+spread*1000*m.rnd.ExpFloat64()) * time.Microsecond
}

// bloat is how many milliseconds the line is bloated by: spells between a third and
// two thirds of the evening, each a sharp rise and a slow fall.
func bloat(at float64) float64 {
	b := 0.
	for _, spell := range []struct{ at, high float64 }{{0.3, 30}, {0.36, 70}, {0.42, 25}, {0.47, 130}, {0.56, 60}, {0.78, 40}} {
		if d := at - spell.at; d >= 0 {
			b += spell.high * math.Exp(-d*70)
		}
	}
	return b
}

func (m *maker) autorate(run *cycle.Run, until float64) {
	cfg := autorate.DefaultConfig()
	cfg.BaselineInitial = 22
	cfg.Download = autorate.Direction{FloorGreen: cycle.Known(250.), FloorYellow: cycle.Known(200.), FloorSoftRed: cycle.Known(150.), FloorRed: cycle.Known(100.), Ceiling: 500, StepUp: 5, FactorDown: 0.85}
	cfg.Upload = autorate.Direction{Floor: cycle.Known(10.), Ceiling: 50, StepUp: 1, FactorDown: 0.9}
	cfg.Thresholds = autorate.Thresholds{Target: 15, Warn: 45, HardRed: 80, AlphaBaseline: 0.02, AlphaLoad: 0.2, BaselineUpdate: 3}
	law := autorate.NewLaw(&cfg)
	state := law.Start()
	missed := int64(0)
	for i := int64(0); ; i++ {
		start := run.Started.Add(time.Duration(i) * run.Budget)
		at := m.at(start)
		if at >= until {
			return
		}
		if missed > 0 && i%2 == 1 { // the slot went by
			continue
		}
		c := m.begin(run, start, missed)
		missed = 0
		span := func(p cycle.Part, target string, from, d time.Duration, o cycle.Outcome) time.Duration {
			c.Spans = append(c.Spans, cycle.Span{Label: run.Daemon.Label(p), Part: p, Target: target, Offset: from, Duration: d, Outcome: o})
			return from + d
		}
		rtt, lost := time.Duration(0), 0
		for k, host := range run.Reflectors {
			d := m.ms(20+2*float64(k)+bloat(at)*m.rnd.Float64()*1.4, 0.8)
			if k == 2 && at > 0.4 && at < 0.55 && m.rnd.IntN(4) == 0 || m.rnd.IntN(3000) == 0 {
				lost++
				rtt = max(rtt, time.Second)
				span(cycle.Probe, host, 0, 0, cycle.TimedOut)
				continue
			}
			rtt = max(rtt, span(cycle.Probe, host, 0, d, cycle.OK))
		}
		rtt += m.ms(0.1, 0.05)
		cake := m.ms(4, 1.2)
		if i%613 == 400 { // the router closed the connection
			login := m.ms(1900, 250)
			span(cycle.Other, "login rest", time.Millisecond, login, cycle.OK)
			cake += login
		}
		span(cycle.RTT, "", 0, rtt, cycle.OK)
		end := max(rtt, span(cycle.CAKE, "", 0, cake, cycle.OK))
		d := &c.Decision
		if i%997 == 500 {
			c.Outcome = cycle.Failed
			c.Spans[len(c.Spans)-2].Outcome = cycle.TimedOut
		} else {
			measured := 22 + bloat(at)*(0.7+0.6*m.rnd.Float64()) + m.rnd.ExpFloat64()
			v := law.Step(&state, measured)
			d.RTT, d.Delta = cycle.Known(measured), cycle.Known(v.Delta)
			d.Download.Zone, d.Upload.Zone = v.Download, v.Upload
			end = span(cycle.Adjust, "", end, m.ms(0.1, 0.05), cycle.OK)
			if v.Write {
				end = span(cycle.Update, "", end, m.ms(9, 2), cycle.OK)
				d.Write = cycle.Written
				state.Applied = cycle.Known(v.Rates)
			}
		}
		d.Baseline, d.Load = cycle.Known(state.Baseline), cycle.Known(state.Load)
		d.Download.Rate, d.Upload.Rate = cycle.Known(int64(state.Download.Rate)), cycle.Known(int64(state.Upload.Rate))
		c.Total = end + m.ms(0.1, 0.04)
		if c.Overrun() {
			missed = 1
		}
	}
}

func (m *maker) begin(run *cycle.Run, start time.Time, missed int64) *cycle.Cycle {
	late := m.ms(0.05, 0.05)
	c := &cycle.Cycle{Run: run, Seq: int64(len(m.cycles) + 1), Start: start.Add(late), Late: late, Missed: missed}
	m.cycles = append(m.cycles, c)
	return c
}

func (m *maker) steering(run *cycle.Run) {
	smoothed, on := 0., 0
	for i := int64(0); ; i++ {
		start := run.Started.Add(time.Duration(i)*run.Budget + 700*time.Millisecond)
		at := m.at(start)
		if at >= 1 {
			return
		}
		c := m.begin(run, start, 0)
		span := func(p cycle.Part, target string, from, d time.Duration) time.Duration {
			c.Spans = append(c.Spans, cycle.Span{Label: run.Daemon.Label(p), Part: p, Target: target, Offset: from, Duration: d})
			return from + d
		}
		echo := m.ms(20+bloat(at), 1)
		span(cycle.Probe, run.Reflectors[0], 0, echo)
		end := max(span(cycle.RTT, "", 0, echo+m.ms(0.1, 0.05)), span(cycle.CAKE, "", 0, m.ms(12, 4)), span(cycle.Rule, "", 0, m.ms(6, 1)))
		end = span(cycle.Adjust, "", end, m.ms(0.4, 0.1))
		delta := cycle.Millis(echo) - 20
		smoothed += 0.3 * (delta - smoothed)
		if on = max(on-1, 0); smoothed > 25 {
			on = 40
		}
		zone := cycle.Green
		switch {
		case smoothed > 25:
			zone = cycle.Red
		case smoothed > 10:
			zone = cycle.Yellow
		}
		c.Decision = cycle.Decision{
			RTT: cycle.Known(cycle.Millis(echo)), Baseline: cycle.Known(20.), Load: cycle.Known(smoothed), Delta: cycle.Known(delta),
			Download: cycle.Direction{Zone: zone}, Queue: cycle.Known(math.Round(bloat(at))), Degraded: cycle.Known(on > 0),
		}
		c.Total = end + m.ms(0.1, 0.04)
	}
}
