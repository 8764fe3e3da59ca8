package logfile

import (
	"math"
	"strconv"
	"strings"
	"time"

	"wanctl/cycle"
)

// remark takes in a line that is no timing but may tell something of the pending
// cycle: a probe, the decision, or what failed.
func (r *reader) remark(rec record) {
	daemon := r.daemon(rec.name)
	text := rec.text
	if who, rest, ok := strings.Cut(text, ": "); ok && strings.EqualFold(who, rec.name) {
		text = rest
	}
	for _, m := range remarks[daemon] {
		rest, ok := strings.CutPrefix(text, m.begins)
		if !ok {
			continue
		}
		if s := r.stream(daemon, rec.name); s != nil {
			m.tells(r, s, rec.at, rest)
		}
		return
	}
}

// told is a kind of line, known by how it begins, and what its rest tells.
type told struct {
	begins string
	tells  func(r *reader, s *stream, at time.Time, rest string)
}

// remarks are the kinds of lines by daemon. The first that fits counts.
var remarks = map[cycle.Daemon][]told{
	cycle.Autorate: append([]told{
		{"[", autorateDecision},
		{"Median-of-", func(_ *reader, s *stream, _ time.Time, rest string) {
			s.decision().RTT = number(rest, "RTT = ", "ms")
		}},
		{"Ping failed, skipping cycle", func(_ *reader, s *stream, _ time.Time, _ string) {
			s.failed, s.lost[cycle.RTT] = true, true
		}},
		{"Setting limits ", func(_ *reader, s *stream, _ time.Time, rest string) {
			s.decision().Download.Rate = rate(rest, "DOWN=", " ", 1)
			s.decision().Upload.Rate = rate(rest+" ", "UP=", " ", 1)
		}},
		{"Applied new limits to router", func(_ *reader, s *stream, _ time.Time, _ string) {
			s.decision().Write = cycle.Written
		}},
		{"Failed to apply limits", func(_ *reader, s *stream, _ time.Time, _ string) {
			s.decision().Write = cycle.WriteFailed
			s.failed, s.lost[cycle.Update] = true, true
		}},
		{"=== Continuous CAKE Controller", func(_ *reader, s *stream, _ time.Time, _ string) {
			s.last = time.Time{} // a new start: nobody was there to miss a slot
		}},
		{"Ping: hosts=[", reflectors},
	}, probes...),
	cycle.Steering: append([]told{
		{"[", steeringDecision},
		{"Assessment: ", func(_ *reader, s *stream, _ time.Time, rest string) {
			zone, _, _ := strings.Cut(rest, " ")
			s.assess(zone)
		}},
		{"Loaded baseline RTT from autorate state: ", func(_ *reader, s *stream, _ time.Time, rest string) {
			s.decision().Baseline = number(rest, "", "ms")
		}},
		{"Using last known RTT from state: ", func(_ *reader, s *stream, _ time.Time, rest string) {
			s.decision().RTT = number(rest, "", "ms")
			s.lost[cycle.RTT] = true
		}},
		{"Failed to read CAKE stats", func(_ *reader, s *stream, _ time.Time, _ string) {
			s.lost[cycle.CAKE] = true
		}},
		{"State transition: ", func(_ *reader, s *stream, _ time.Time, rest string) {
			state, _, _ := strings.Cut(rest, " ")
			s.state(state)
		}},
		{"Steering rule enabled and verified", ruleWritten},
		{"Steering rule disabled and verified", ruleWritten},
	}, probes...),
}

// probes are the lines that tell of one reflector.
var probes = []told{
	{"Ping to ", func(r *reader, s *stream, at time.Time, rest string) {
		if host, _, ok := strings.Cut(rest, " failed ("); ok {
			r.probe(s, at, host, 0, cycle.Failed)
		} else if host, _, ok := strings.Cut(rest, " timed out ("); ok {
			r.probe(s, at, host, 0, cycle.TimedOut)
		}
	}},
	{"Ping error to ", func(r *reader, s *stream, at time.Time, rest string) {
		if host, _, ok := strings.Cut(rest, ": "); ok {
			r.probe(s, at, host, 0, cycle.Failed)
		}
	}},
	{"No RTT samples from ", func(r *reader, s *stream, at time.Time, host string) {
		r.probe(s, at, host, 0, cycle.Failed)
	}},
	{"Ping ", func(r *reader, s *stream, at time.Time, rest string) {
		host, rest, _ := strings.Cut(rest, ": ")
		ms, _, ok := strings.Cut(rest, "ms (")
		if d, ok2 := parseMillis(ms); ok && ok2 {
			r.probe(s, at, host, d, cycle.OK)
		}
	}},
}

// probe adds one reflector's echo; a lost one has no duration.
func (r *reader) probe(s *stream, at time.Time, host string, rtt time.Duration, o cycle.Outcome) {
	if host == "" || strings.ContainsAny(host, " \t") {
		return
	}
	s.span(at, s.daemon.Label(cycle.Probe), r.keep(host), rtt, o)
	if s.daemon == cycle.Steering && o == cycle.OK {
		s.decision().RTT = cycle.Known(cycle.Millis(rtt))
	}
}

// reflectors reads ['1.1.1.1', '8.8.8.8'], of which "[" is cut off.
func reflectors(r *reader, s *stream, _ time.Time, rest string) {
	list, _, ok := strings.Cut(rest, "]")
	if !ok {
		return
	}
	s.hosts = nil
	for _, host := range strings.Split(list, ",") {
		if host = strings.Trim(host, " '\""); host != "" && len(s.hosts) < maxPending {
			s.hosts = append(s.hosts, r.keep(host))
		}
	}
}

// autorateDecision reads
//
//	[GREEN/RED] RTT=24.9ms, load_ewma=25.0ms, baseline=25.0ms, delta=-0.0ms | DL=500M, UL=50M
//
// of which "[" is cut off. The rates are rounded; "Setting limits" tells them in full.
func autorateDecision(_ *reader, s *stream, _ time.Time, rest string) {
	zones, values, ok := strings.Cut(rest, "] ")
	down, up, ok2 := strings.Cut(zones, "/")
	if !ok || !ok2 {
		return
	}
	d := s.decision()
	d.Download.Zone, _ = cycle.ParseZone(down)
	d.Upload.Zone, _ = cycle.ParseZone(up)
	if !d.RTT.Known { // the median's line has more decimals
		d.RTT = number(values, "RTT=", "ms")
	}
	d.Load = number(values, "load_ewma=", "ms")
	d.Baseline = number(values, "baseline=", "ms")
	d.Delta = number(values, "delta=", "ms")
	d.Download.Rate = rate(values, "DL=", "M", 1_000_000)
	d.Upload.Rate = rate(values, "UL=", "M", 1_000_000)
}

// steeringDecision reads the lines of both modes, of which "[" is cut off:
//
//	[WAN1_GOOD] rtt=0.0ms ewma=0.0ms drops=12345 q=9 | congestion=GREEN
//	[WAN1_GOOD] [RED] rtt=...
//	[WAN1_GOOD] RTT=25.0ms, baseline=24.0ms, delta=1.0ms | bad_count=0/8, good_count=0/15
//
// What the first calls rtt is the delta, and its assessment is that of the cycle
// before; the second line has the present one.
func steeringDecision(_ *reader, s *stream, _ time.Time, rest string) {
	state, values, ok := strings.Cut(rest, "] ")
	if !ok || !s.state(state) {
		return
	}
	d := s.decision()
	if zone, more, ok := strings.Cut(strings.TrimPrefix(values, "["), "] "); ok && values[0] == '[' {
		s.assess(zone)
		values = more
	}
	if strings.HasPrefix(values, "RTT=") {
		d.RTT = number(values, "RTT=", "ms")
		d.Baseline = number(values, "baseline=", "ms")
		d.Delta = number(values, "delta=", "ms")
		return
	}
	d.Delta = number(values, "rtt=", "ms")
	d.Load = number(values, "ewma=", "ms")
	d.Download.Drops = rate(values, "drops=", " ", 1)
	d.Download.Queued = rate(values+" ", " q=", " ", 1)
}

func ruleWritten(_ *reader, s *stream, _ time.Time, _ string) { s.decision().Write = cycle.Written }

// state takes in WAN1_GOOD or WAN1_DEGRADED, and tells whether it was one.
func (s *stream) state(text string) bool {
	switch {
	case strings.HasSuffix(text, "_GOOD"):
		s.decision().Degraded = cycle.Known(false)
	case strings.HasSuffix(text, "_DEGRADED"):
		s.decision().Degraded = cycle.Known(true)
	default:
		return false
	}
	return true
}

func (s *stream) assess(zone string) {
	if z, ok := cycle.ParseZone(zone); ok {
		s.decision().Download.Zone = z
	}
}

func (s *stream) decision() *cycle.Decision { return &s.cycle.Decision }

// between returns what stands between two texts.
func between(s, before, after string) (string, bool) {
	_, s, ok := strings.Cut(s, before)
	if !ok {
		return "", false
	}
	s, _, ok = strings.Cut(s, after)
	return s, ok
}

// number reads the number between two texts.
func number(s, before, after string) cycle.Maybe[float64] {
	text, ok := between(s, before, after)
	v, err := strconv.ParseFloat(text, 64)
	if !ok || err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return cycle.Maybe[float64]{}
	}
	return cycle.Known(v)
}

// rate reads the whole number between two texts, in multiples of unit.
func rate(s, before, after string, unit int64) cycle.Maybe[int64] {
	text, ok := between(s, before, after)
	n, ok2 := digits(text)
	if !ok || !ok2 || n > math.MaxInt64/unit {
		return cycle.Maybe[int64]{}
	}
	return cycle.Known(n * unit)
}
