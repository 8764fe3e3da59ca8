package logfile

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"wanctl/cycle"
)

// key names a stream of cycles.
type key struct {
	daemon cycle.Daemon
	wan    string
}

// stream puts the cycles of one daemon and WAN together.
type stream struct {
	key
	run    *cycle.Run // of the present file; nil until its first cycle ends
	cycle  cycle.Cycle
	ref    time.Time            // what the pending spans' offsets count from; zero if none is pending
	failed bool                 // the cycle failed
	lost   [cycle.NumParts]bool // parts of it that failed
	hosts  []string             // reflectors that the log lists

	last     time.Time // start of the cycle before, for missed slots; zero after a restart
	newest   time.Time // start of the newest cycle of all files before the present one
	newestIn string    // the file it is in
	latest   time.Time // start of the newest cycle of the present file
}

// The bounds of what is pending: real logs hold one or two streams, and a dozen
// spans a cycle.
const (
	maxStreams = 256
	maxPending = 256
)

// stream returns the stream of a daemon and WAN; nil if there are too many.
func (r *reader) stream(d cycle.Daemon, wan string) *stream {
	if wan == "" {
		wan = r.opts.WAN
	}
	k := key{d, wan}
	if s := r.streams[k]; s != nil {
		return s
	}
	if wan == "" {
		r.bad("the line names no WAN: name it with --wan")
		return nil
	}
	if len(r.streams) >= maxStreams {
		r.bad("more than %d WANs", maxStreams)
		return nil
	}
	k.wan = r.keep(wan)
	s := &stream{key: k}
	r.streams[k] = s
	return s
}

// hear notes which daemon speaks under a name.
func (r *reader) hear(name string, d cycle.Daemon) {
	if r.speaks[name] != d && len(r.speaks) < maxStreams {
		r.speaks[r.keep(name)] = d
	}
}

// daemon tells whose lines those under a name are.
func (r *reader) daemon(name string) cycle.Daemon {
	if d := r.speaks[name]; d != "" {
		return d
	}
	if strings.Contains(strings.ToLower(name), "steering") {
		return cycle.Steering
	}
	return cycle.Autorate
}

// leave ends a file: its runs are complete.
func (s *stream) leave() {
	s.run = nil
	if s.latest.After(s.newest) {
		s.newest = s.latest
	}
	s.latest = time.Time{}
}

// span adds a span that ended at end.
func (s *stream) span(end time.Time, l cycle.Label, target string, d time.Duration, o cycle.Outcome) {
	if s.ref.IsZero() {
		s.ref = end
	}
	if len(s.cycle.Spans) >= maxPending {
		s.cycle.Lost++
		return
	}
	s.cycle.Spans = append(s.cycle.Spans, cycle.Span{
		Label: l, Part: l.Part(), Target: target, Offset: end.Sub(s.ref) - d, Duration: d, Outcome: o,
	})
}

// timed tells whether the pending cycle has a span of that label.
func (s *stream) timed(l cycle.Label) bool {
	return slices.ContainsFunc(s.cycle.Spans, func(sp cycle.Span) bool { return sp.Label == l })
}

// timeable keeps fields out that tell milliseconds but no part of the cycle.
func (s *stream) timeable(l cycle.Label) bool {
	name := strings.TrimPrefix(string(l), string(s.daemon)+"_")
	return !slices.Contains([]string{"overrun", "cycle_interval", "interval", "budget", "late"}, name)
}

// early is how much earlier than the cycle a span of it may seem to end: clocks
// and roundings differ, and lines of side by side pings come out of order.
const early = time.Second

// end ends the pending cycle at a moment, after a total, and hands it over.
func (r *reader) end(s *stream, at time.Time, total time.Duration) error {
	c := &s.cycle
	c.Start, c.Total = at.Add(-total), total
	if err := r.overlap(s); err != nil {
		return err
	}
	s.place(r.stats)
	if s.run == nil {
		s.run = r.run(s)
		c.Seq = 0
	}
	c.Run = s.run
	c.Seq++
	if s.failed {
		c.Outcome = cycle.Failed
	}
	c.Missed = r.missed(s)
	s.last = c.Start
	if c.Start.After(s.latest) {
		s.latest, s.newestIn = c.Start, r.log.name
	}
	r.stats.Cycles++
	r.stats.Timings += int64(len(c.Spans)) + 1
	more := r.yield(c, nil)
	*c = cycle.Cycle{Seq: c.Seq, Spans: c.Spans[:0]}
	s.ref, s.failed, s.lost = time.Time{}, false, [cycle.NumParts]bool{}
	if !more {
		return errEnough
	}
	return nil
}

// place makes the spans' offsets count from the cycle's start, and drops those
// of a cycle before that never ended.
func (s *stream) place(stats *Stats) {
	c := &s.cycle
	shift := s.ref.Sub(c.Start)
	kept := c.Spans[:0]
	for _, sp := range c.Spans {
		sp.Offset += shift
		if sp.Offset+sp.Duration < -early {
			stats.Loose++
			continue
		}
		sp.Offset = min(max(sp.Offset, 0), c.Total)
		if s.lost[sp.Part] && sp.Part != cycle.Other {
			sp.Outcome = cycle.Failed
		}
		kept = append(kept, sp)
	}
	c.Spans = kept
	if stats.Loose += int64(c.Lost); c.Lost > 0 {
		c.Lost = 0
	}
}

// overlap refuses a file that tells again what a file before it told: a copy, or
// the same lines from the journal.
func (r *reader) overlap(s *stream) error {
	if s.run == nil && !s.newest.IsZero() && !s.cycle.Start.After(s.newest) {
		return fmt.Errorf("%s: the %s cycles of %s begin at %s, within the time that %s covers: give only one of the two, or import them one by one",
			r.log.name, s.daemon, s.wan, s.cycle.Start.In(r.opts.Zone).Format("2006-01-02 15:04:05.000"), s.newestIn)
	}
	return nil
}

// missed counts the slots between the cycle before and this one.
func (r *reader) missed(s *stream) int64 {
	if r.opts.Interval <= 0 || s.last.IsZero() {
		return 0
	}
	gap := s.cycle.Start.Sub(s.last)
	return max(0, int64((gap+r.opts.Interval/2)/r.opts.Interval)-1)
}

// run makes the run of the present file's cycles of a stream, the first of which
// is pending.
func (r *reader) run(s *stream) *cycle.Run {
	h := fnv.New64a()
	_, _ = h.Write([]byte(r.first))
	run := &cycle.Run{
		Daemon: s.daemon, WAN: s.wan, Started: s.cycle.Start, Budget: r.opts.Interval,
		Reflectors: slices.Clone(s.hosts), Sequential: true, Source: fmt.Sprintf("log %016x", h.Sum64()),
	}
	for _, sp := range s.cycle.Spans {
		if sp.Part == cycle.Probe && !slices.Contains(run.Reflectors, sp.Target) {
			run.Reflectors = append(run.Reflectors, sp.Target)
		}
	}
	return run
}
