package autorate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"wanctl/cycle"
)

// Replay runs recorded cycles through the law, without clock, network or disk.
type Replay struct {
	// ShowRTT has AppendOut tell the RTT of every cycle, not only of those in
	// which the law was given the median of several.
	ShowRTT bool

	law   Law
	three bool // the median of three reflectors is taken

	state State
	file  []byte // the state file as a row put it there; nil: none, or good is newer
	good  cycle.Maybe[State]
	last  outcome
	begun bool // the averages are the run's: from its start, or by Follow
}

// outcome is what became of the last cycle.
type outcome struct {
	rtt     cycle.Maybe[float64]
	showRTT bool
	verdict cycle.Maybe[Verdict]
	ok      bool
}

// NewReplay returns a replay from a fresh start under a valid configuration.
func NewReplay(cfg Config) *Replay {
	law := NewLaw(&cfg)
	return &Replay{law: law, three: len(cfg.Reflectors()) == medianOf, state: law.Start()}
}

// Columns names the fields of AppendOut, in order.
func (*Replay) Columns() []string {
	return []string{"rtt", "load", "base", "delta", "dlz", "ulz", "dl", "ul", "wr", "ret", "dls", "uls"}
}

// row is a recorded cycle's input: rtt in ms, null where no echo was answered;
// or hosts, the replies of the first three; wr false or "exc" where the router
// refused a write; restart before the cycle.
type row struct {
	RTT     cycle.Maybe[float64] `json:"rtt"`
	Hosts   []json.RawMessage    `json:"hosts"`
	Write   json.RawMessage      `json:"wr"`
	Restart json.RawMessage      `json:"restart"`
}

// Row runs one cycle from its input as JSON. An error means bad input, of which
// nothing was run; a cycle that fails is none.
func (r *Replay) Row(in json.RawMessage) error {
	var w row
	if rtt, ok := plain(in); ok {
		w.RTT = cycle.Known(rtt)
	} else if err := json.Unmarshal(in, &w); err != nil {
		return fmt.Errorf("input: %w", err)
	}
	rtt, err := w.rtt(r.three)
	if err != nil {
		return err
	}
	write, err := w.write()
	if err != nil {
		return err
	}
	if err := r.restart(w.Restart); err != nil {
		return err
	}
	r.turn(rtt, write)
	r.last.showRTT = w.Hosts != nil
	return nil
}

// plain reads the usual input, {"rtt":25.1}, without taking the long way.
func plain(in []byte) (rtt float64, ok bool) {
	number, found := bytes.CutPrefix(in, []byte(`{"rtt":`))
	number, closed := bytes.CutSuffix(number, []byte("}"))
	if !found || !closed || len(number) == 0 || len(number) > 24 || !json.Valid(number) {
		return 0, false
	}
	rtt, err := strconv.ParseFloat(string(number), 64)
	return rtt, err == nil && rtt >= 0
}

// rtt returns the RTT for the law, in ms.
func (w *row) rtt(three bool) (rtt cycle.Maybe[float64], err error) {
	if w.Hosts == nil {
		return w.RTT, sane(w.RTT, "rtt")
	}
	hosts := w.Hosts
	if !three {
		hosts = hosts[:min(1, len(hosts))]
	}
	var rtts []float64
	for _, h := range hosts {
		if string(h) == `"exc"` {
			continue
		}
		var reply cycle.Maybe[float64]
		if err := json.Unmarshal(h, &reply); err != nil {
			return rtt, fmt.Errorf("hosts: %w", err)
		}
		if err := sane(reply, "hosts"); err != nil {
			return rtt, err
		}
		if reply.Known {
			rtts = append(rtts, reply.Value)
		}
	}
	rtt.Value, rtt.Known = median(rtts)
	return rtt, nil
}

// sane refuses an RTT that no echo can have.
func sane(rtt cycle.Maybe[float64], key string) error {
	if rtt.Known && (rtt.Value < 0 || math.IsInf(rtt.Value, 0)) {
		return fmt.Errorf("%s is %v ms (0 or more, or null)", key, rtt.Value)
	}
	return nil
}

// write returns what a router write in this cycle comes to.
func (w *row) write() (cycle.Write, error) {
	switch string(w.Write) {
	case "", "true", "null":
		return cycle.Written, nil
	case "false", `"exc"`:
		return cycle.WriteFailed, nil
	}
	return 0, fmt.Errorf(`wr is %s (true, false or "exc")`, w.Write)
}

// errRestart says what a restart may be.
var errRestart = errors.New(`restart is not "keep", "missing" or {"raw": text}`)

// restart makes a new law load the state file, as it is or as the row makes it.
func (r *Replay) restart(how json.RawMessage) error {
	switch string(how) {
	case "", "null":
		return nil
	case `"keep"`:
		if r.good.Known {
			r.file = r.good.Value.encode(time.Time{})
		}
	case `"missing"`:
		r.file = nil
	default:
		var file struct {
			Raw *string `json:"raw"`
		}
		if json.Unmarshal(how, &file) != nil || file.Raw == nil {
			return errRestart
		}
		r.file = []byte(*file.Raw)
	}
	r.good = cycle.Maybe[State]{}
	r.state = r.law.Start()
	if r.file != nil {
		r.state, _ = r.law.decode(r.file) // what is bad starts afresh
	}
	return nil
}

// turn runs one cycle; write is what a router write comes to if one is made.
func (r *Replay) turn(rtt cycle.Maybe[float64], write cycle.Write) cycle.Write {
	r.last = outcome{rtt: rtt}
	if !rtt.Known {
		return cycle.NotWritten
	}
	v := r.law.Step(&r.state, rtt.Value)
	r.last.verdict = cycle.Known(v)
	if !v.Write {
		write = cycle.NotWritten
	}
	switch write {
	case cycle.WriteFailed:
		return write
	case cycle.Written, cycle.Dry:
		r.state.Applied = cycle.Known(v.Rates)
	}
	r.last.ok = true
	r.good = cycle.Known(r.state)
	return write
}

// Begin starts a recorded run: state is the law's at its start as Restore
// returned it, "" a fresh start.
func (r *Replay) Begin(state string) error {
	r.file, r.good, r.state = nil, cycle.Maybe[State]{}, r.law.Start()
	if r.begun = state != ""; !r.begun {
		return nil
	}
	var err error
	if r.state, err = r.law.decode([]byte(state)); err != nil {
		return fmt.Errorf("state at the start of the run: %w", err)
	}
	return nil
}

// Follow takes over a recorded cycle as it was, to find the state in the middle
// of a run. The rates are known after one cycle, the streaks after a change of
// zone or five cycles. The averages begin with the recorded ones, which are
// rounded, and move by the law, which forgets the rounding.
func (r *Replay) Follow(d *cycle.Decision) {
	if !d.RTT.Known {
		return
	}
	s := &r.state
	if r.begun {
		r.law.Step(s, d.RTT.Value)
	} else if d.Baseline.Known && d.Load.Known {
		r.begun = true
		s.Baseline, s.Load = d.Baseline.Value, d.Load.Value
		s.Download.count(r.law.download.zone(s.Load - s.Baseline))
		s.Upload.count(r.law.upload.zone(s.Load - s.Baseline))
	}
	s.Download.Rate = float64(d.Download.Rate.Or(int64(s.Download.Rate)))
	s.Upload.Rate = float64(d.Upload.Rate.Or(int64(s.Upload.Rate)))
	if d.Write != cycle.WriteFailed && d.Write != cycle.Held {
		s.Applied = cycle.Known(s.rates())
	}
	r.last = outcome{}
}

// Cycle decides a recorded cycle again: from its RTT, and with its router write
// failing or held back if the recorded one was.
func (r *Replay) Cycle(d *cycle.Decision) cycle.Decision {
	write := d.Write
	if write == cycle.NotWritten {
		write = cycle.Written
	}
	again := cycle.Decision{RTT: d.RTT}
	again.Write = r.turn(d.RTT, write)
	r.last.showRTT = true
	r.state.fill(&again)
	if v := r.last.verdict; v.Known {
		v.Value.fill(&again)
	}
	return again
}

// AppendOut appends the last cycle as a JSON object.
func (r *Replay) AppendOut(b []byte) []byte {
	o, s := &r.last, &r.state
	b = append(b, '{')
	if r.ShowRTT || o.showRTT {
		b = appendMaybe(append(b, `"rtt":`...), o.rtt)
		b = append(b, ',')
	}
	b = appendFloat(append(b, `"load":`...), s.Load)
	b = appendFloat(append(b, `,"base":`...), s.Baseline)
	v := o.verdict
	b = appendMaybe(append(b, `,"delta":`...), cycle.Maybe[float64]{Value: v.Value.Delta, Known: v.Known})
	b = appendZone(append(b, `,"dlz":`...), v.Value.Download)
	b = appendZone(append(b, `,"ulz":`...), v.Value.Upload)
	rates := s.rates()
	b = strconv.AppendInt(append(b, `,"dl":`...), rates.Download, 10)
	b = strconv.AppendInt(append(b, `,"ul":`...), rates.Upload, 10)
	b = append(b, `,"wr":`...)
	if v.Value.Write {
		b = appendInts(b, v.Value.Rates.Download, v.Value.Rates.Upload)
	} else {
		b = append(b, "null"...)
	}
	b = strconv.AppendBool(append(b, `,"ret":`...), o.ok)
	b = appendInts(append(b, `,"dls":`...), s.Download.Green, s.Download.SoftRed, s.Download.Red)
	b = appendInts(append(b, `,"uls":`...), s.Upload.Green, s.Upload.Red)
	return append(b, '}')
}

func appendMaybe(b []byte, v cycle.Maybe[float64]) []byte {
	if !v.Known {
		return append(b, "null"...)
	}
	return appendFloat(b, v.Value)
}

// appendFloat appends the shortest text that reads back as v.
func appendFloat(b []byte, v float64) []byte {
	form := byte('f')
	if a := math.Abs(v); a != 0 && (a < 1e-6 || a >= 1e21) {
		form = 'e'
	}
	return strconv.AppendFloat(b, v, form, -1, 64)
}

func appendZone(b []byte, z cycle.Zone) []byte {
	if z == cycle.NoZone {
		return append(b, "null"...)
	}
	return append(append(append(b, '"'), z.String()...), '"')
}

func appendInts(b []byte, vs ...int64) []byte {
	b = append(b, '[')
	for i, v := range vs {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, v, 10)
	}
	return append(b, ']')
}
