package steering

import (
	"encoding/json"
	"strconv"
	"time"

	"wanctl/cycle"
)

// Replay runs recorded cycles through the law. The same cycles give the same
// decisions, bit for bit.
type Replay struct {
	law   *Law
	base  cycle.Maybe[float64] // what autorate's state file holds, ms
	saved []byte               // the state last saved, where the law has gone on without saving; else nil
	rule  bool                 // whether the recorded rule was on
	last  outcome
}

// outcome is what became of the last cycle.
type outcome struct {
	Verdict
	pings int64 // tries it took; 0 where no baseline let it begin
}

// NewReplay returns a Replay that begins afresh.
func NewReplay(cfg Config) *Replay { return &Replay{law: NewLaw(&cfg)} }

// Begin starts a run from the law's state as it was recorded; "" is a fresh start.
func (r *Replay) Begin(state string) error {
	r.base, r.saved, r.last = cycle.Maybe[float64]{}, nil, outcome{}
	_, err := r.law.Load([]byte(state))
	if r.rule = r.law.Degraded; state == "" {
		return nil
	}
	return err
}

// Row runs one cycle given as the `in` object of a row. An error says that this
// is no such object; a cycle that fails is no error.
func (r *Replay) Row(in json.RawMessage) error {
	i, err := parseInput(in)
	if err == nil {
		r.next(i)
	}
	return err
}

// next runs one cycle.
func (r *Replay) next(in input) {
	if in.restart != nil {
		r.restart(*in.restart)
	}
	if in.base != nil {
		r.base = *in.base
	}
	if r.saved == nil && !r.law.decides(r.base, in.rtt) {
		r.saved, _ = r.law.encode() // this cycle will not save; its state is that of the one before
	}
	v := r.law.Decide(Reading{Baseline: r.base, Queue: in.queue, RTT: in.rtt})
	r.last = outcome{Verdict: v}
	if r.law.Baseline.Known {
		r.last.pings = in.pings
	}
	if v.OK {
		r.saved = nil
	}
	if v.Switch == Enable && in.enable || v.Switch == Disable && in.disable {
		r.law.Switched(time.Time{})
	}
}

// Follow takes a recorded cycle as it was: averages and assessment as recorded,
// counted by the law.
func (r *Replay) Follow(d *cycle.Decision) {
	if !d.Degraded.Known {
		return // it panicked, or never came to deciding
	}
	r.found(d)
	v := r.law.take(recorded(d))
	if !v.OK {
		return
	}
	if r.law.cake {
		r.law.Bloat, r.law.Depth = d.Load.Or(r.law.Bloat), d.Queue.Or(r.law.Depth)
		if d.Download.Zone != cycle.NoZone {
			r.law.Assessment = d.Download.Zone
		}
	}
	r.law.count(&v)
	if d.Degraded.Value != r.law.Degraded {
		r.law.Switched(time.Time{})
	}
}

// Cycle decides again from what a recorded cycle measured. A switch that was not
// tried then is taken to succeed.
func (r *Replay) Cycle(d *cycle.Decision) cycle.Decision {
	if !d.Degraded.Known {
		return cycle.Decision{}
	}
	r.found(d)
	v := r.law.Decide(recorded(d))
	write := cycle.NotWritten
	if v.Switch != Leave {
		if write = d.Write; write == cycle.NotWritten {
			write = cycle.Written
		}
		if switched(write) {
			r.law.Switched(time.Time{})
		}
	}
	r.last = outcome{Verdict: v}
	again := r.law.decision(v)
	again.RTT, again.Write = d.RTT, write
	again.Download.Rate, again.Download.Drops, again.Download.Queued = d.Download.Rate, d.Download.Drops, d.Download.Queued
	return again
}

// found tells the law of a rule that was switched from outside: one that changed
// in the recording though the cycle did not switch it.
func (r *Replay) found(d *cycle.Decision) {
	changed := d.Degraded.Value != r.rule
	if r.rule = d.Degraded.Value; changed && !switched(d.Write) {
		r.law.Adopt(r.rule, time.Time{})
	}
}

func switched(w cycle.Write) bool { return w == cycle.Written || w == cycle.Dry }

// recorded is the reading that a recorded decision rests on.
func recorded(d *cycle.Decision) Reading {
	r := Reading{Baseline: d.Baseline, RTT: d.RTT}
	if q := d.Download; q.Queued.Known {
		r.Queue = cycle.Known(Queue{Drops: q.Drops.Or(0), Queued: q.Queued.Value})
	}
	return r
}

// restart puts a new process in the place of the old one.
func (r *Replay) restart(s restart) {
	text := s.text
	if s.keep {
		if text = r.saved; text == nil {
			text, _ = r.law.encode()
		}
	}
	r.saved = nil
	// A text that is no state leaves the law as it is on a fresh start, which is
	// what the daemon makes of it too.
	_, _ = r.law.Load(text)
}

// columns are the fields of `out`, in order.
var columns = []string{
	"rtt", "delta", "rewma", "qewma", "cong", "st", "red", "good", "bad", "cf", "base", "tr", "hist", "calls", "pings", "ret",
}

// Columns returns the names of the output's fields, in order.
func (r *Replay) Columns() []string { return columns }

// AppendOut appends the last cycle as the JSON object `out`.
func (r *Replay) AppendOut(dst []byte) []byte {
	l, o := r.law, &r.last
	dst = number(append(dst, `{"rtt":`...), o.RTT)
	dst = number(append(dst, `,"delta":`...), o.Delta)
	dst = number(append(dst, `,"rewma":`...), cycle.Known(l.Bloat))
	dst = number(append(dst, `,"qewma":`...), cycle.Known(l.Depth))
	dst = append(append(append(dst, `,"cong":"`...), l.Assessment.String()...), `","st":`...)
	dst = strconv.AppendQuote(dst, l.Name())
	dst = whole(append(dst, `,"red":`...), l.RedCount)
	dst = whole(append(dst, `,"good":`...), l.GoodCount)
	dst = whole(append(dst, `,"bad":`...), l.BadCount)
	dst = whole(append(dst, `,"cf":`...), l.CAKEFailures)
	dst = number(append(dst, `,"base":`...), l.Baseline)
	dst = whole(append(dst, `,"tr":`...), int64(len(l.Transitions)))
	dst = whole(append(dst, `,"hist":[`...), int64(len(l.RTTs)))
	dst = whole(append(dst, ','), int64(len(l.Drops)))
	dst = append(append(dst, `],"calls":`...), calls[o.Switch]...)
	dst = whole(append(dst, `,"pings":`...), o.pings)
	dst = strconv.AppendBool(append(dst, `,"ret":`...), o.OK)
	return append(dst, '}')
}

func whole(dst []byte, v int64) []byte { return strconv.AppendInt(dst, v, 10) }

var calls = [...]string{Leave: "[]", Enable: `["enable"]`, Disable: `["disable"]`}

// number appends a float in the shortest form that reads back the same.
func number(dst []byte, v cycle.Maybe[float64]) []byte {
	if !v.Known {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, v.Value, 'g', -1, 64)
}
