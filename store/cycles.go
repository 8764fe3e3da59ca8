package store

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"wanctl/cycle"
)

const selectCycles = `SELECT start_us, run_id, seq, late_us, missed, outcome, rtt_us, cake_us, rule_us, adjust_us, update_us, total_us, probes,
	measured_us, baseline_us, load_us, down_zone, down_rate, down_drops, down_queued, up_zone, up_rate, up_drops, up_queued,
	degraded, written, note FROM cycle WHERE start_us >= ? AND start_us < ? ORDER BY start_us`

const selectSpans = `SELECT cycle_us, label.name, target.name, offset_us, dur_us, outcome FROM span
	JOIN label ON label.id = label_id JOIN target ON target.id = target_id
	WHERE cycle_us >= ? AND cycle_us < ? ORDER BY cycle_us, n`

// Cycles returns the cycles that started in the window, in the order of their
// starts. The value is used again for the next one. A part's spans come back as
// one, with their durations added up; where the parts began is not on record:
// their offsets follow from the order in which parts run.
func (r *Reader) Cycles(ctx context.Context, w cycle.Window) iter.Seq2[*cycle.Cycle, error] {
	return func(yield func(*cycle.Cycle, error) bool) {
		stopped := false
		err := r.use(ctx, func(c *conn) error {
			if err := c.exec("BEGIN"); err != nil {
				return err
			}
			defer c.rollback()
			scan := cycleScan{reader: r, conn: c}
			return scan.all(w, func(c *cycle.Cycle) bool {
				stopped = !yield(c, nil)
				return !stopped
			})
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

// cycleScan reads rows of cycles, and beside them the spans without a column.
type cycleScan struct {
	reader *Reader
	conn   *conn
	rows   *stmt
	spans  *stmt
	more   bool // spans stands on a row
	cycle  cycle.Cycle
	echoes []int64
	runID  int64
}

// all calls each for every cycle in the window, until it returns false. It is
// called in a transaction, so that both statements see the same file.
func (s *cycleScan) all(w cycle.Window, each func(*cycle.Cycle) bool) (err error) {
	if s.rows, err = s.conn.prepare(selectCycles); err != nil {
		return err
	}
	defer s.conn.forget(s.rows)
	if s.spans, err = s.conn.prepare(selectSpans); err != nil {
		return err
	}
	defer s.conn.forget(s.spans)
	for _, st := range []*stmt{s.rows, s.spans} {
		st.int(1, w.Since.UnixMicro())
		st.int(2, w.Until.UnixMicro())
	}
	if s.more, err = s.spans.step(); err != nil {
		return err
	}
	for {
		if ok, err := s.rows.step(); err != nil || !ok {
			return err
		}
		if err := s.read(); err != nil {
			return err
		}
		if !each(&s.cycle) {
			return nil
		}
	}
}

// read makes the row the cycle.
func (s *cycleScan) read() (err error) {
	c, row := &s.cycle, s.rows
	start, id := row.colInt(0), row.colInt(1)
	if c.Run == nil || id != s.runID {
		if c.Run, err = s.reader.run(s.conn, id); err != nil {
			return err
		}
		s.runID = id
	}
	*c = cycle.Cycle{
		Run: c.Run, Seq: row.colInt(2), Start: time.UnixMicro(start).UTC(), Late: cycle.FromMicros(row.colInt(3)), Missed: row.colInt(4),
		Total: cycle.FromMicros(row.colInt(11)), Outcome: cycle.Outcome(row.colInt(5)), Spans: c.Spans[:0], Decision: readDecision(row),
	}
	var n note
	if text := row.colBytes(26); text != nil {
		if err := json.Unmarshal(text, &n); err != nil {
			return err
		}
		c.Lost, c.Recovered = n.Lost, n.Recovered
	}
	n.restore(c)
	s.readParts(&n)
	s.readProbes()
	return s.readOthers(start)
}

func readDecision(row *stmt) (d cycle.Decision) {
	ms := func(i int) (m cycle.Maybe[float64]) {
		if !row.colNull(i) {
			m = cycle.Known(millis(row.colInt(i)))
		}
		return m
	}
	d.RTT, d.Baseline, d.Load = ms(13), ms(14), ms(15)
	d.Download, d.Upload = readDirection(row, 16), readDirection(row, 20)
	if !row.colNull(24) {
		d.Degraded = cycle.Known(row.colInt(24) != 0)
	}
	d.Write = cycle.Write(row.colInt(25))
	return d
}

func readDirection(row *stmt, i int) (d cycle.Direction) {
	d.Zone = cycle.Zone(row.colInt(i))
	for j, into := range [...]*cycle.Maybe[int64]{&d.Rate, &d.Drops, &d.Queued} {
		if !row.colNull(i + 1 + j) {
			*into = cycle.Known(row.colInt(i + 1 + j))
		}
	}
	return d
}

// restore gives the decision what the note has of it, and what follows from it.
func (n *note) restore(c *cycle.Cycle) {
	d := &c.Decision
	if n.Measured != nil {
		d.RTT = cycle.Known(*n.Measured)
	}
	if n.Baseline != nil {
		d.Baseline = cycle.Known(*n.Baseline)
	}
	if n.Queue != nil {
		d.Queue = cycle.Known(*n.Queue)
	}
	switch {
	case n.Delta != nil:
		d.Delta = cycle.Known(*n.Delta)
	case !n.NoDelta:
		d.Delta = delta(c.Run.Daemon, d)
	}
}

// readParts makes spans of the columns. What is measured side by side began with
// the cycle, the rest when what came before it had ended.
func (s *cycleScan) readParts(n *note) {
	c, row := &s.cycle, s.rows
	begun, ended := time.Duration(0), time.Duration(0)
	for i, p := range columnParts {
		if row.colNull(6 + i) {
			continue
		}
		if p > cycle.Rule || c.Run.Sequential {
			begun = ended
		}
		d := cycle.FromMicros(row.colInt(6 + i))
		c.Spans = append(c.Spans, cycle.Span{
			Label: c.Run.Daemon.Label(p), Part: p, Offset: begun, Duration: d, Outcome: parseOutcome(*n.outcome(p)),
		})
		ended = max(ended, begun+d)
	}
}

func (s *cycleScan) readProbes() {
	c := &s.cycle
	s.echoes = parseProbes(s.echoes[:0], s.rows.colBytes(12))
	for i, us := range s.echoes {
		if i >= len(c.Run.Reflectors) {
			return
		}
		sp := cycle.Span{Label: c.Run.Daemon.Label(cycle.Probe), Part: cycle.Probe, Target: c.Run.Reflectors[i]}
		if us < 0 {
			sp.Outcome = cycle.TimedOut
		} else {
			sp.Duration = cycle.FromMicros(us)
		}
		c.Spans = append(c.Spans, sp)
	}
}

// readOthers appends the spans without a column that belong to the cycle.
func (s *cycleScan) readOthers(start int64) (err error) {
	for s.more && s.spans.colInt(0) <= start {
		if sp := s.spans; sp.colInt(0) == start {
			l := cycle.Label(s.reader.name(sp.colBytes(1)))
			s.cycle.Spans = append(s.cycle.Spans, cycle.Span{
				Label: l, Part: l.Part(), Target: s.reader.name(sp.colBytes(2)),
				Offset: cycle.FromMicros(sp.colInt(3)), Duration: cycle.FromMicros(sp.colInt(4)), Outcome: cycle.Outcome(sp.colInt(5)),
			})
		}
		if s.more, err = s.spans.step(); err != nil {
			return err
		}
	}
	return nil
}

func parseOutcome(word string) cycle.Outcome {
	if word == "" {
		return cycle.OK
	}
	for o := cycle.Failed; o <= cycle.Panicked; o++ {
		if o.String() == word {
			return o
		}
	}
	return cycle.Failed
}
