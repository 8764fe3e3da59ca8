package report

import (
	"cmp"
	"encoding/json"
	"io"
	"iter"
	"slices"
	"strconv"
	"time"

	"wanctl/cycle"
)

// Trace writes cycles as Chrome trace events in JSON, for ui.perfetto.dev and
// chrome://tracing: a process per loop, whose first track holds the cycles with
// their parts nested in them; what ran side by side has tracks beside it, since
// the events of one track may only nest. RTT, rates and lateness are counters.
// Times are microseconds since the first cycle, which otherData tells.
//
// Without any cycle nothing is written, and the error is ErrNothing.
//
// The format is that of Google's "Trace Event Format" document, phases M, X and C.
func Trace(w io.Writer, cycles iter.Seq2[*cycle.Cycle, error]) error {
	t := &tracer{w: w, pids: map[[2]string]int{}}
	for c, err := range cycles {
		if err != nil {
			return err
		}
		t.cycle(c)
		if t.err != nil {
			return t.err
		}
	}
	if !t.begun {
		return ErrNothing
	}
	_, err := io.WriteString(w, "\n]}\n")
	return err
}

// tracer writes one event after the other.
type tracer struct {
	w     io.Writer
	begun bool
	start time.Time // of the first cycle
	pids  map[[2]string]int
	lanes [][]traced // of the present cycle: what is on each track
	spans []traced
	err   error
}

// event is one trace event.
type event struct {
	Phase string         `json:"ph"`
	Name  string         `json:"name"`
	Time  int64          `json:"ts"`            // us since the first cycle
	Dur   *int64         `json:"dur,omitempty"` // us
	PID   int            `json:"pid"`
	TID   int            `json:"tid"`
	Args  map[string]any `json:"args,omitempty"`
}

// traced is a span of the present cycle, in microseconds from its start.
type traced struct {
	from, to int64
	span     *cycle.Span
}

func (t *tracer) emit(e event) {
	b, err := json.Marshal(e)
	if err == nil {
		sep := ",\n"
		if !t.begun {
			t.begun = true
			sep = `{"displayTimeUnit":"ms","otherData":{"since":` + strconv.Quote(t.start.UTC().Format(time.RFC3339Nano)) + `},"traceEvents":[` + "\n"
		}
		_, err = io.WriteString(t.w, sep+string(b))
	}
	if t.err == nil {
		t.err = err
	}
}

// pid returns the loop's number, and tells its name the first time.
func (t *tracer) pid(run *cycle.Run) int {
	key := [2]string{string(run.Daemon), run.WAN}
	pid := t.pids[key]
	if pid == 0 {
		pid = len(t.pids) + 1
		t.pids[key] = pid
		t.emit(event{Phase: "M", Name: "process_name", PID: pid, Args: map[string]any{"name": key[0] + " " + key[1]}})
		t.emit(event{Phase: "M", Name: "thread_name", PID: pid, TID: 1, Args: map[string]any{"name": "cycle"}})
	}
	return pid
}

func (t *tracer) cycle(c *cycle.Cycle) {
	if t.start.IsZero() {
		t.start = c.Start
	}
	pid, at, total := t.pid(c.Run), c.Start.Sub(t.start).Microseconds(), c.Total.Microseconds()
	args := map[string]any{"cycle": c.Seq, "time": c.Start.UTC().Format("2006-01-02T15:04:05.000000Z"), "outcome": c.Outcome.String()}
	if c.Missed > 0 {
		args["missed"] = c.Missed
	}
	t.emit(event{Phase: "X", Name: string(c.Run.Daemon.Label(cycle.Total)), Time: at, Dur: &total, PID: pid, TID: 1, Args: args})
	t.nest(c, total)
	for i, lane := range t.lanes {
		for _, s := range lane {
			dur := s.to - s.from
			args := map[string]any{"outcome": s.span.Outcome.String()}
			name := string(s.span.Label)
			if s.span.Target != "" {
				args["target"], name = s.span.Target, name+" "+s.span.Target
			}
			t.emit(event{Phase: "X", Name: name, Time: at + s.from, Dur: &dur, PID: pid, TID: i + 1, Args: args})
		}
	}
	t.counters(c, pid, at)
}

// nest puts the cycle's spans on tracks so that on each they nest.
func (t *tracer) nest(c *cycle.Cycle, total int64) {
	t.spans = t.spans[:0]
	for i := range c.Spans {
		s := &c.Spans[i]
		from := min(max(s.Offset.Microseconds(), 0), total)
		t.spans = append(t.spans, traced{from, min(from+max(s.Duration.Microseconds(), 0), total), s})
	}
	slices.SortStableFunc(t.spans, func(a, b traced) int { // the outer before the inner
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to), cmp.Compare(order[a.span.Part], order[b.span.Part]))
	})
	for i := range t.lanes {
		t.lanes[i] = t.lanes[i][:0]
	}
	for _, s := range t.spans {
		i := 0
		for i < len(t.lanes) && !fits(t.lanes[i], s) {
			i++
		}
		if i == len(t.lanes) {
			t.lanes = append(t.lanes, nil)
		}
		t.lanes[i] = append(t.lanes[i], s)
	}
}

// order puts a part before what happens inside it.
var order = map[cycle.Part]int{cycle.RTT: 1, cycle.CAKE: 2, cycle.Rule: 3, cycle.Adjust: 4, cycle.Update: 5, cycle.Probe: 6, cycle.Other: 7}

// fits tells whether a span lies inside or after each of those on a track. Two
// parts that ran side by side do not nest, whatever their times.
func fits(lane []traced, s traced) bool {
	for _, o := range lane {
		inside := s.to <= o.to && s.from >= o.from && o.span.Part != s.span.Part && (s.span.Part == cycle.Probe && o.span.Part == cycle.RTT || s.span.Part == cycle.Other)
		if !inside && s.from < o.to {
			return false
		}
	}
	return true
}

// counters tells what the cycle measured and decided.
func (t *tracer) counters(c *cycle.Cycle, pid int, at int64) {
	d := &c.Decision
	for _, v := range []struct {
		name  string
		value cycle.Maybe[float64]
	}{
		{"RTT ms", d.RTT},
		{"baseline ms", d.Baseline},
		{"load ms", d.Load},
		{"download Mbit/s", mbit(d.Download.Rate)},
		{"upload Mbit/s", mbit(d.Upload.Rate)},
		{"late ms", cycle.Known(cycle.Millis(c.Late))},
	} {
		if v.value.Known {
			t.emit(event{Phase: "C", Name: v.name, Time: at, PID: pid, Args: map[string]any{"value": v.value.Value}})
		}
	}
}

func mbit(rate cycle.Maybe[int64]) cycle.Maybe[float64] {
	return cycle.Maybe[float64]{Value: float64(rate.Value) / 1e6, Known: rate.Known}
}
