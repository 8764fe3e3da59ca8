package steering

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"time"

	"wanctl/cycle"
)

// Prober sends ICMP echoes: result i is the answer to an echo sent to reflector
// i, and a reflector named twice is sent two. Probe may be called from several
// goroutines at once.
type Prober interface {
	Probe(ctx context.Context, reflectors []string, timeout time.Duration) []cycle.Echo
}

// Router is what steering needs of the router. Rule and SetRule demand that
// exactly one rule has the comment; SetRule returns nil only when the router has
// confirmed the switch. An error whose Held() is true says that the write was
// held back to spare the router's flash.
type Router interface {
	Queues(ctx context.Context, names ...string) ([]cycle.Queue, error)
	Rule(ctx context.Context, comment string) (on bool, err error)
	SetRule(ctx context.Context, comment string, on bool) error
}

// StateFile keeps the law's state between runs.
type StateFile interface {
	Load() ([]byte, error) // fs.ErrNotExist where there is none
	// Save waits for a slow disk until the context ends, and says DeadlineExceeded then.
	Save(ctx context.Context, state []byte) error
	SaveSynced(ctx context.Context, state []byte) error // until it is on the disk
	// KeepAside puts what Load found to where no save reaches; where it fails, no save
	// replaces the file before that was done after all.
	KeepAside() error
}

// saveEvery is how often the state is saved while nothing but averages and
// histories moves. Counts, assessments and the rule's state are saved at once.
//
// Note: the Python program, started anew for every cycle, had to save every time.
// In a daemon that lives this would be two files written every two seconds for
// ever, on what is often flash.
const saveEvery = time.Minute

// Steering is the steering daemon: it watches the primary WAN and switches the
// rule that sends traffic to the other one.
type Steering struct {
	cfg      Config
	law      *Law
	prober   Prober
	router   Router
	file     StateFile
	dry      bool
	log      *slog.Logger
	baseline baselineFile
	echoes   []string // the reflector, once for each echo of a try

	ruleSeen    bool // the rule has been read at least once
	ruleTrouble bool // and cannot be read now
	saved       mark // what was saved last, and when
	savedAt     time.Time
	unsaved     bool
	switched    bool // the rule was, and what is unsaved knows of it
	saveFailed  bool // and the log says so
}

var _ cycle.Turner = (*Steering)(nil)

// New returns a Steering as it is on a fresh start; it touches nothing. The file
// may be nil: then no state is kept. With dry set, nothing is written: neither
// to the router nor to the state file.
func New(cfg Config, prober Prober, router Router, file StateFile, dry bool, log *slog.Logger) *Steering {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Steering{cfg: cfg, law: NewLaw(&cfg), prober: prober, router: router, file: file, dry: dry, log: log}
	s.baseline = baselineFile{path: cfg.BaselineFile, t: &s.cfg.Thresholds, log: log}
	for range max(cfg.PingCount, 1) {
		s.echoes = append(s.echoes, cfg.PingHost)
	}
	return s
}

// Reflectors returns the reflectors that a cycle measures.
func (c *Config) Reflectors() []string { return []string{c.PingHost} }

// Restore goes on from the saved state and returns the law's state as JSON, for
// the record of the run. A state file that is missing, unreadable or senseless
// is told of and kept aside; what is left of it counts, the rest starts afresh.
func (s *Steering) Restore() (state string) {
	s.load()
	s.saved = s.mark()
	b, err := s.law.MarshalJSON()
	if err != nil {
		s.log.Warn("the state at the start is not recorded", "error", err)
	}
	return string(b)
}

func (s *Steering) load() {
	if s.file == nil {
		return
	}
	text, err := s.file.Load()
	if errors.Is(err, fs.ErrNotExist) {
		s.log.Info("no saved state, starting afresh", "file", s.cfg.StateFile)
		return
	}
	var bad []string
	if err == nil {
		bad, err = s.law.Load(text)
	}
	switch {
	case err != nil:
		s.log.Warn("saved state is not usable, starting afresh", "file", s.cfg.StateFile, "error", err)
	case len(bad) > 0:
		s.log.Warn("saved state holds values that make no sense; they start afresh", "file", s.cfg.StateFile, "fields", bad)
	default:
		s.log.Debug("state loaded", "file", s.cfg.StateFile, "state", s.law.Name())
		return
	}
	s.keepAside()
}

func (s *Steering) keepAside() {
	if s.dry {
		return
	}
	if err := s.file.KeepAside(); err != nil {
		s.log.Warn("the unusable state file could not be kept aside", "error", err)
	}
}

// measured is what the measurements of a cycle brought.
type measured struct {
	rtt      cycle.Maybe[float64]
	queue    cycle.Maybe[cycle.Queue]
	rule     cycle.Maybe[bool]
	rttErr   error
	queueErr error
	ruleErr  error
}

// Turn implements cycle.Turner. The cycle fails where the law could not decide
// and where the rule could not be read. A failed reading of the queue, a failed
// switch and a failed save do not fail it: the law has its ways with the first
// two, and the last is tried again.
func (s *Steering) Turn(ctx context.Context, t *cycle.Timer) (cycle.Decision, error) {
	baseline, err := s.readBaseline()
	if err != nil && !s.law.Baseline.Known {
		s.log.Error("cycle given up: there is no baseline RTT, and none from before", "error", err)
		return s.law.decision(Verdict{}), err
	}
	m := s.measure(ctx, t)

	adjusting := time.Now()
	s.reconcile(m)
	v := s.law.Decide(Reading{Baseline: baseline, Queue: depth(m.queue), RTT: m.rtt})
	s.tell(m, v)
	adjusted := time.Since(adjusting)

	write := cycle.NotWritten
	if v.Switch != Leave {
		write = s.update(ctx, t, v)
	}
	err = m.ruleErr
	if v.OK {
		saving := time.Now()
		s.unsaved = true
		s.switched = s.switched || write == cycle.Written
		s.save(ctx)
		adjusted += time.Since(saving)
	} else {
		s.log.Error("cycle given up: there is no RTT, and none from before", "error", m.rttErr)
		err = errors.Join(fmt.Errorf("no RTT, and none from before: %w", m.rttErr), err)
	}
	// The law and the save are one part, though a switch may come between.
	t.Add(cycle.Adjust, "", adjusting, adjusted, cycle.OK)
	return s.decision(m, v, write), err
}

// measure reads RTT, queue and rule side by side. It leaves a quarter of the
// cycle's time to what follows.
func (s *Steering) measure(ctx context.Context, t *cycle.Timer) (m measured) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/4*3)
		defer cancel()
	}
	ms := []cycle.Measurement{
		{Part: cycle.RTT, Do: func(ctx context.Context) error {
			rtt, err := s.ping(ctx, t)
			m.rtt = cycle.Maybe[float64]{Value: rtt, Known: err == nil}
			return err
		}},
		{Part: cycle.Rule, Do: func(ctx context.Context) error {
			on, err := s.router.Rule(ctx, s.cfg.RuleComment)
			m.rule = cycle.Maybe[bool]{Value: on, Known: err == nil}
			return err
		}},
	}
	if s.cfg.CAKEAware {
		ms = append(ms, cycle.Measurement{Part: cycle.CAKE, Do: func(ctx context.Context) error {
			qs, err := s.router.Queues(ctx, s.cfg.DownloadQueue)
			if err == nil && len(qs) != 1 {
				err = fmt.Errorf("queue %q: %d readings instead of one", s.cfg.DownloadQueue, len(qs))
			}
			if err == nil {
				m.queue = cycle.Known(qs[0])
			}
			return err
		}})
	}
	errs := cycle.Together(ctx, t, ms...)
	m.rttErr, m.ruleErr = errs[0], errs[1]
	if len(errs) > 2 {
		m.queueErr = errs[2]
	}
	return m
}

// depth is what the law sees of a queue. Drops that are not known (the first
// reading, a counter that went back) are none: never a total taken for new ones.
func depth(q cycle.Maybe[cycle.Queue]) cycle.Maybe[Queue] {
	if !q.Known {
		return cycle.Maybe[Queue]{}
	}
	clamp := func(v uint64) int64 { return int64(min(v, math.MaxInt64)) }
	return cycle.Known(Queue{Drops: clamp(q.Value.Counted.Value.Dropped), Queued: clamp(q.Value.QueuedPackets)})
}

// update switches the rule as the verdict wants it.
func (s *Steering) update(ctx context.Context, t *cycle.Timer, v Verdict) cycle.Write {
	on := v.Switch == Enable
	s.tellSwitch(v)
	if s.dry {
		s.law.Switched(time.Now())
		s.log.Info("dry run: the rule stays as it is on the router", "wanted_on", on)
		return cycle.Dry
	}
	held := false
	err := t.Measure(cycle.Update, func() error {
		err := cycle.Guard(func() error { return s.router.SetRule(ctx, s.cfg.RuleComment, on) })
		if held = isHeld(err); held {
			return nil // as it was meant
		}
		return err
	})
	if held {
		s.log.Warn("switching the rule is held back to spare the router's flash", "wanted_on", on)
		return cycle.Held
	}
	if err != nil {
		s.log.Error("the rule was not switched; it is tried again", "wanted_on", on, "error", err)
		return cycle.WriteFailed
	}
	s.law.Switched(time.Now())
	s.log.Info("rule switched and confirmed", "on", on, "comment", s.cfg.RuleComment)
	s.tellTransition()
	return cycle.Written
}

// isHeld tells whether a write was held back to spare the router's flash.
func isHeld(err error) bool {
	var h interface{ Held() bool }
	return errors.As(err, &h) && h.Held()
}

// decision puts down what the cycle measured and decided.
func (s *Steering) decision(m measured, v Verdict, w cycle.Write) cycle.Decision {
	d := s.law.decision(v)
	d.RTT, d.Write = m.rtt, w
	if q := m.queue; q.Known {
		seen := depth(q).Value
		d.Download.Queued = cycle.Known(seen.Queued)
		d.Download.Drops = cycle.Maybe[int64]{Value: seen.Drops, Known: q.Value.Counted.Known}
		d.Download.Rate = cycle.Maybe[int64]{Value: q.Value.Limit, Known: q.Value.Limit > 0}
	}
	return d
}

// Reset switches the rule off and saves a fresh state, in this order: a rule
// that cannot be switched off keeps the state that knows of it.
func (s *Steering) Reset(ctx context.Context) error {
	if s.dry {
		s.log.Info("dry run: neither the rule nor the state is touched")
		return nil
	}
	if err := s.router.SetRule(ctx, s.cfg.RuleComment, false); err != nil {
		return fmt.Errorf("switch off rule %q: %w", s.cfg.RuleComment, err)
	}
	s.law = NewLaw(&s.cfg)
	s.unsaved, s.switched = true, true
	ctx, cancel := context.WithTimeout(ctx, cycle.LastSavePatience)
	defer cancel()
	return s.flush(ctx)
}

// Close saves what is not saved yet. It is called once no Turn runs any more.
func (s *Steering) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), cycle.LastSavePatience)
	defer cancel()
	return s.flush(ctx)
}

// mark is what is saved as soon as it changes.
type mark struct {
	degraded, baseline bool
	red, good, bad     int64
	assessment         cycle.Zone
	failing            bool
}

func (s *Steering) mark() mark {
	l := s.law
	return mark{l.Degraded, l.Baseline.Known, l.RedCount, l.GoodCount, l.BadCount, l.Assessment, l.CAKEFailures > 0}
}

// save keeps the state of a good cycle when it is time.
func (s *Steering) save(ctx context.Context) {
	if s.mark() != s.saved || time.Since(s.savedAt) >= saveEvery {
		ctx, cancel := context.WithTimeout(ctx, cycle.SavePatience(s.cfg.Interval))
		defer cancel()
		_ = s.flush(ctx) // logged there, and tried again next cycle
	}
}

// flush saves the state if it is not saved. One that knows of a switched rule has to
// survive a power cut, also where a slow disk makes it the next cycle's.
func (s *Steering) flush(ctx context.Context) error {
	if s.dry || s.file == nil || !s.unsaved {
		return nil
	}
	write := s.file.Save
	if s.switched {
		write = s.file.SaveSynced
	}
	text, err := s.law.encode()
	if err == nil {
		err = write(ctx, text)
	}
	if err == nil {
		s.saved, s.savedAt, s.unsaved, s.switched, s.saveFailed = s.mark(), time.Now(), false, false, false
		s.log.Debug("state saved", "file", s.cfg.StateFile)
		return nil
	}
	if !s.saveFailed && !errors.Is(err, context.DeadlineExceeded) { // a late one is under way
		s.saveFailed = true
		s.log.Error("state is not saved; steering goes on", "file", s.cfg.StateFile, "error", err)
	}
	return fmt.Errorf("save steering state: %w", err)
}
