package autorate

import (
	"math"

	"wanctl/cycle"
)

// bitsPerMbit turns the configuration's Mbit/s into bit/s.
const bitsPerMbit = 1e6

// How long a zone must last, in cycles, before it counts.
const (
	softRedStreak = 3 // before, download acts as in YELLOW
	greenStreak   = 5 // before, the rate is held
)

// Law is the control law of one WAN: the state before a cycle and the RTT
// measured in it give the state after. It is pure, and equals the Python
// program's to the last bit: each product is rounded by itself, for which the
// conversions to float64 keep the compiler from fusing it with a sum.
type Law struct {
	initial        float64 // ms, of both averages without saved state
	alphaLoad      float64
	alphaBaseline  float64
	baselineUpdate float64 // ms
	download       lane
	upload         lane
}

// lane is the law of one direction. Levels are ms of bloat, rates bit/s.
type lane struct {
	target, soft, red float64
	floors            [cycle.Red + 1]float64 // by zone
	ceiling           float64
	step              float64
	factor            float64
}

// NewLaw returns the law that a valid configuration stands for.
func NewLaw(c *Config) Law {
	t := &c.Thresholds
	return Law{
		initial: c.BaselineInitial, alphaLoad: t.AlphaLoad, alphaBaseline: t.AlphaBaseline, baselineUpdate: t.BaselineUpdate,
		// Download has four zones whatever form its floors have. Upload has
		// three, RED beginning where download's SOFT_RED does, and knows no
		// floor but the red one.
		download: newLane(&c.Download, t.Target, t.Warn, t.HardRed, c.Download.floors()),
		upload:   newLane(&c.Upload, t.Target, t.Warn, t.Warn, everywhere(c.Upload.floors()[cycle.Red])),
	}
}

func newLane(d *Direction, target, soft, red float64, floors [cycle.Red + 1]float64) lane {
	return lane{
		target: target, soft: soft, red: red, floors: floors,
		ceiling: d.Ceiling * bitsPerMbit, step: d.StepUp * bitsPerMbit, factor: d.FactorDown,
	}
}

// floors returns the direction's floors in bit/s, by zone.
func (d *Direction) floors() [cycle.Red + 1]float64 {
	floors := d.Floors()
	for z := range floors {
		floors[z] *= bitsPerMbit
	}
	return floors
}

func everywhere(floor float64) (floors [cycle.Red + 1]float64) {
	for z := range floors {
		floors[z] = floor
	}
	return floors
}

// State is what the law carries from cycle to cycle.
type State struct {
	Load, Baseline   float64 // ms
	Download, Upload Lane
	Applied          cycle.Maybe[Rates] // what the router was last told with success
}

// Lane is the state of one direction.
type Lane struct {
	Rate                float64 // bit/s; a whole number but for a ceiling or a state file that is none
	Green, SoftRed, Red int64   // cycles in a row; upload has no SOFT_RED
}

// Rates is a pair of limits as the router is told them, in bit/s.
type Rates struct{ Download, Upload int64 }

// Verdict is what the law makes of one cycle.
type Verdict struct {
	Delta            float64 // ms: load minus baseline, after both moved
	Download, Upload cycle.Zone
	Rates            Rates
	Write            bool // the router is to be told the rates
}

// Start returns the state without a state file: at the ceiling.
func (l *Law) Start() State {
	return State{
		Load: l.initial, Baseline: l.initial,
		Download: Lane{Rate: l.download.ceiling}, Upload: Lane{Rate: l.upload.ceiling},
	}
}

// Step takes one measured RTT (ms, finite, not negative) into the state and
// returns what is to be done. Applied is left to the caller, who knows whether
// the router took the rates.
func (l *Law) Step(s *State, rtt float64) Verdict {
	s.Load = smooth(s.Load, rtt, l.alphaLoad)
	// The new load against the old baseline. Below it counts too: the baseline
	// always follows downwards.
	if s.Load-s.Baseline < l.baselineUpdate {
		s.Baseline = smooth(s.Baseline, rtt, l.alphaBaseline)
	}
	v := Verdict{Delta: s.Load - s.Baseline}
	v.Download = l.download.turn(&s.Download, v.Delta)
	v.Upload = l.upload.turn(&s.Upload, v.Delta)
	v.Rates = s.rates()
	v.Write = !s.Applied.Known || s.Applied.Value != v.Rates
	return v
}

// rates returns the present rates as the router is told them.
func (s *State) rates() Rates { return Rates{int64(s.Download.Rate), int64(s.Upload.Rate)} }

// smooth is one step of an exponentially weighted average.
func smooth(old, measured, alpha float64) float64 {
	return float64((1-alpha)*old) + float64(alpha*measured)
}

// turn moves one direction by one cycle and returns the zone it acts by.
func (l *lane) turn(s *Lane, delta float64) cycle.Zone {
	zone := l.zone(delta)
	s.count(zone)
	if zone == cycle.SoftRed && s.SoftRed < softRedStreak {
		zone = cycle.Yellow
	}
	switch {
	case zone == cycle.Red:
		s.Rate = math.Trunc(float64(s.Rate * l.factor))
	case zone == cycle.Green && s.Green >= greenStreak:
		s.Rate += l.step
	}
	s.Rate = math.Trunc(min(max(s.Rate, l.floors[zone]), l.ceiling))
	return zone
}

// zone returns the zone of a delta. A delta at a level is in the milder one.
func (l *lane) zone(delta float64) cycle.Zone {
	switch {
	case delta > l.red:
		return cycle.Red
	case delta > l.soft:
		return cycle.SoftRed
	case delta > l.target:
		return cycle.Yellow
	}
	return cycle.Green
}

// count lengthens the streak of the zone seen and ends the others.
func (s *Lane) count(seen cycle.Zone) {
	green, soft, red := s.Green, s.SoftRed, s.Red
	s.Green, s.SoftRed, s.Red = 0, 0, 0
	switch seen {
	case cycle.Green:
		s.Green = green + 1
	case cycle.SoftRed:
		s.SoftRed = soft + 1
	case cycle.Red:
		s.Red = red + 1
	}
}
