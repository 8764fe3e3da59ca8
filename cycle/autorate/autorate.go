package autorate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"time"

	"wanctl/cycle"
)

// Router is what the loop asks of the router.
type Router interface {
	// Queues reads the named queues, in their order.
	Queues(ctx context.Context, names ...string) ([]cycle.Queue, error)
	// SetLimits writes all limits or returns an error; one with Held() true was
	// held back to spare the router's flash.
	SetLimits(ctx context.Context, limits ...cycle.Limit) error
}

// StateFile keeps the law's state between runs.
type StateFile interface {
	Load() ([]byte, error) // fs.ErrNotExist where there is none
	// Save waits for a slow disk until the context ends, and says DeadlineExceeded then.
	Save(ctx context.Context, b []byte) error
	// KeepAside puts what Load found to where no save reaches; where it fails, no save
	// replaces the file before that was done after all.
	KeepAside() error
	String() string // its path
}

// saveInterval is the least time between two saves of the averages alone. At the
// usual interval every good cycle is saved, as by the Python program; faster
// loops spare the disk. What the router was told is always saved at once.
//
// Note: no save waits for the disk. Rates may change twenty times a second, and a
// wait of some milliseconds each time would be the longest part of such cycles.
// The usual place of the file, /run, forgets it with the power in any case.
const saveInterval = time.Second

// Autorate controls one WAN. It implements cycle.Turner.
type Autorate struct {
	cfg        Config
	law        Law
	reflectors []string
	limits     [2]cycle.Limit // download, upload, but for the rates
	prober     Prober
	router     Router
	file       StateFile
	dryRun     bool
	log        *slog.Logger

	state      State
	good       State              // after the last good cycle: a restart goes back to it
	unsaved    bool               // good is not in the file yet
	applied    cycle.Maybe[Rates] // as the file has it
	saved      time.Time          // when the file was last written; zero before
	saveFailed bool               // the last save did, and the log says so
	queues     *queueReader
	complained map[string]time.Time
}

var _ cycle.Turner = (*Autorate)(nil)

// New returns the control of one WAN in the state of a fresh start; it touches
// neither network nor disk. cfg is valid. file may be nil: nothing is kept. With
// dryRun neither the router nor the state file is written: that file says what
// the router was told.
func New(cfg Config, prober Prober, router Router, file StateFile, dryRun bool, log *slog.Logger) *Autorate {
	down, up := cfg.QueueTypes()
	queues := newQueueReader(&cfg, router, log)
	law := NewLaw(&cfg)
	return &Autorate{
		cfg: cfg, law: law, state: law.Start(), reflectors: cfg.Reflectors(),
		limits: [2]cycle.Limit{
			{Queue: cfg.DownloadQueue, Type: down},
			{Queue: cfg.UploadQueue, Type: up},
		},
		prober: prober, router: router, queues: queues, file: file, dryRun: dryRun, log: log, complained: map[string]time.Time{},
	}
}

// Restore reads the state file and returns the law's state as JSON, to be
// recorded with the run. Without a file, or with one that cannot be understood,
// the start is a fresh one; a bad file is kept aside.
func (a *Autorate) Restore() (state string) {
	if a.file != nil {
		a.restore()
	}
	return string(a.state.encode(time.Now()))
}

func (a *Autorate) restore() {
	wan := slog.String("wan", a.cfg.WAN)
	b, err := a.file.Load()
	if errors.Is(err, fs.ErrNotExist) {
		a.log.Info("no saved state: starting at the ceilings", wan, slog.String("file", a.file.String()))
		return
	}
	if err == nil {
		a.state, err = a.law.decode(b)
		a.applied = a.state.Applied
	}
	if err == nil {
		a.say(context.Background(), slog.LevelDebug, slog.Attr{}, "%s: Loaded state from %s", a.cfg.WAN, a.file)
		return
	}
	a.log.Warn("saved state is bad: what is wrong in it starts afresh", wan, slog.String("file", a.file.String()), slog.Any("error", err))
	if a.dryRun {
		return
	}
	if err := a.file.KeepAside(); err != nil {
		a.log.Warn("bad state is not kept", wan, slog.Any("error", err))
	}
}

// Turn implements cycle.Turner: it measures, decides, writes the router if the
// rates changed, and saves the state if all went well.
func (a *Autorate) Turn(ctx context.Context, t *cycle.Timer) (cycle.Decision, error) {
	d, err := a.measureAll(ctx, t)
	if err != nil {
		a.complain(ctx, slog.LevelWarn, "skip", cycle.Values(slog.Any("error", err)), "%s: Ping failed, skipping cycle", a.cfg.WAN)
		a.state.fill(&d)
		return d, err
	}

	adjusting := time.Now()
	v := a.law.Step(&a.state, d.RTT.Value)
	a.state.fill(&d)
	v.fill(&d)
	a.reportVerdict(ctx, &d)
	adjusted := time.Since(adjusting)
	if v.Write {
		d.Write, err = a.write(ctx, t, v.Rates)
	} else {
		a.say(ctx, slog.LevelDebug, slog.Attr{}, "%s: Rates unchanged, skipping router update (flash wear protection)", a.cfg.WAN)
	}
	if err == nil {
		saving := time.Now()
		a.save(ctx, saving)
		adjusted += time.Since(saving)
	}
	// The law and the save are one part, though a write may come between.
	t.Add(cycle.Adjust, "", adjusting, adjusted, cycle.OK)
	return d, err
}

// measureAll measures the RTT and reads the queues, side by side. The error is the
// RTT's.
func (a *Autorate) measureAll(ctx context.Context, t *cycle.Timer) (d cycle.Decision, err error) {
	measured := make(chan struct{})
	ms := []cycle.Measurement{{Part: cycle.RTT, Do: func(ctx context.Context) (err error) {
		defer close(measured)
		rtt, err := a.measure(ctx, t)
		d.RTT = cycle.Maybe[float64]{Value: rtt, Known: err == nil}
		return err
	}}}
	if a.queues.idle() {
		ms = append(ms, cycle.Measurement{Part: cycle.CAKE, Do: func(ctx context.Context) error {
			return a.queues.read(ctx, t, measured, &d)
		}})
	}
	errs := cycle.Together(ctx, t, ms...)
	if len(errs) > 1 {
		a.queues.report(ctx, &d, errs[1])
	}
	return d, errs[0]
}

// write tells the router the rates and returns what became of it.
func (a *Autorate) write(ctx context.Context, t *cycle.Timer, rates Rates) (cycle.Write, error) {
	a.say(ctx, slog.LevelDebug, cycle.Values(slog.Int64("dl_bps", rates.Download), slog.Int64("ul_bps", rates.Upload)),
		"%s: Setting limits DOWN=%d UP=%d", a.cfg.WAN, rates.Download, rates.Upload)
	if a.dryRun {
		a.state.Applied = cycle.Known(rates)
		return cycle.Dry, nil
	}
	limits := a.limits
	limits[0].Rate, limits[1].Rate = rates.Download, rates.Upload
	held := false
	err := t.Measure(cycle.Update, func() error {
		err := cycle.Guard(func() error { return a.router.SetLimits(ctx, limits[:]...) })
		if held = isHeld(err); held {
			return nil // as it was meant
		}
		return err
	})
	switch {
	case held:
		return cycle.Held, nil
	case err != nil:
		if a.complain(ctx, slog.LevelError, "write", cycle.Values(slog.Any("error", err)), "%s: Failed to apply limits", a.cfg.WAN) {
			a.log.Warn("the router did not take the limits", "wan", a.cfg.WAN, "error", err) // that line does not tell why
		}
		return cycle.WriteFailed, err
	}
	a.say(ctx, slog.LevelDebug, slog.Attr{}, "%s: Applied new limits to router", a.cfg.WAN)
	a.state.Applied = cycle.Known(rates)
	return cycle.Written, nil
}

// isHeld tells whether a write was held back to spare the router's flash.
func isHeld(err error) bool {
	var h interface{ Held() bool }
	return errors.As(err, &h) && h.Held()
}

// save keeps the state of a good cycle, when its time has come.
func (a *Autorate) save(ctx context.Context, now time.Time) {
	a.good, a.unsaved = a.state, true
	if a.good.Applied == a.applied && now.Sub(a.saved) < saveInterval-saveInterval/10 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, cycle.SavePatience(a.cfg.Interval))
	defer cancel()
	if err := a.flush(ctx, now); err == nil && a.file != nil && !a.dryRun {
		a.say(ctx, slog.LevelDebug, slog.Attr{}, "%s: Saved state to %s", a.cfg.WAN, a.file)
	}
}

// flush saves the state if it is not saved. A save that fails harms no cycle:
// it is logged, once until one succeeds, and tried again; one that is only late is
// tried again too.
func (a *Autorate) flush(ctx context.Context, now time.Time) error {
	if a.file == nil || a.dryRun || !a.unsaved {
		return nil
	}
	a.saved = now
	err := a.file.Save(ctx, a.good.encode(now))
	switch {
	case err == nil:
		a.unsaved, a.saveFailed, a.applied = false, false, a.good.Applied
	case !a.saveFailed && !errors.Is(err, context.DeadlineExceeded):
		a.saveFailed = true
		a.log.Error("state is not saved; control goes on", slog.String("wan", a.cfg.WAN), slog.Any("error", err))
	}
	return err
}

// Close saves what is not saved yet, and ends what is still asked of the router. It is
// called once no Turn runs any more.
func (a *Autorate) Close() error {
	defer a.queues.close()
	ctx, cancel := context.WithTimeout(context.Background(), cycle.LastSavePatience)
	defer cancel()
	return a.flush(ctx, time.Now())
}

// fill puts the state after the cycle into its decision.
func (s *State) fill(d *cycle.Decision) {
	rates := s.rates()
	d.Baseline, d.Load = cycle.Known(s.Baseline), cycle.Known(s.Load)
	d.Download.Rate, d.Upload.Rate = cycle.Known(rates.Download), cycle.Known(rates.Upload)
}

// fill puts the verdict into the cycle's decision.
func (v *Verdict) fill(d *cycle.Decision) {
	d.Delta = cycle.Known(v.Delta)
	d.Download.Zone, d.Upload.Zone = v.Download, v.Upload
}

// reportVerdict writes the decision line.
func (a *Autorate) reportVerdict(ctx context.Context, d *cycle.Decision) {
	down, up := d.Download.Rate.Value, d.Upload.Rate.Value
	a.say(ctx, slog.LevelInfo, cycle.Values(
		slog.String("wan", a.cfg.WAN), slog.String("dl_zone", d.Download.Zone.String()), slog.String("ul_zone", d.Upload.Zone.String()),
		slog.Float64("rtt_ms", d.RTT.Value), slog.Float64("load_ewma_ms", d.Load.Value), slog.Float64("baseline_ms", d.Baseline.Value),
		slog.Float64("delta_ms", d.Delta.Value), slog.Int64("dl_bps", down), slog.Int64("ul_bps", up)),
		"%s: [%s/%s] RTT=%.1fms, load_ewma=%.1fms, baseline=%.1fms, delta=%.1fms | DL=%.0fM, UL=%.0fM",
		a.cfg.WAN, d.Download.Zone, d.Upload.Zone, d.RTT.Value, d.Load.Value, d.Baseline.Value, d.Delta.Value,
		float64(down)/bitsPerMbit, float64(up)/bitsPerMbit)
}

// say writes a line that existing tools parse: its text tells the values, which
// the JSON form has under their own keys.
func (a *Autorate) say(ctx context.Context, level slog.Level, values slog.Attr, format string, args ...any) {
	if a.log.Enabled(ctx, level) {
		a.log.LogAttrs(ctx, level, fmt.Sprintf(format, args...), values)
	}
}

// complainInterval is the least time between two lines about one fault that
// lasts: the Python program, whose cycle takes 2 s, writes one each cycle. Late
// and early cycles are allowed for.
const complainInterval = 1800 * time.Millisecond

// complain is say for a line that every cycle of a fault would write. It tells
// whether it did.
func (a *Autorate) complain(ctx context.Context, level slog.Level, fault string, values slog.Attr, format string, args ...any) bool {
	now := time.Now()
	if last, ok := a.complained[fault]; ok && now.Sub(last) < complainInterval {
		return false
	}
	a.complained[fault] = now
	a.say(ctx, level, values, format, args...)
	return true
}
