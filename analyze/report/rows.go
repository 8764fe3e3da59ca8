package report

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"wanctl/analyze"
	"wanctl/cycle"
)

// Rows lays recorded cycles out row by row, as CSV or as JSON Lines. It appends
// to the caller's buffer and keeps nothing, so that any number of cycles passes
// through.
type Rows struct {
	Zone         *time.Location // of the times
	JSON         bool           // JSON Lines; else CSV
	Delimiter    rune           // of CSV; 0: a comma, or a semicolon with DecimalComma
	DecimalComma bool           // 12,5 rather than 12.5, in CSV
	Label        string         // of spans only those that it means: a part, a label or a target; "": all

	table *rowTable
	cells []cell
}

// rowTable is one of the tables there are to export.
type rowTable struct {
	columns []string
	rows    func(r *Rows, c *cycle.Cycle, emit func())
}

// Tables lists the tables that NewRows knows.
var Tables = []string{"spans", "cycles"}

// NewRows returns a Rows for a table: "spans" has a row per timing, "cycles" one
// per cycle. Their columns are named as in the views of the file.
func NewRows(table string) (*Rows, error) {
	switch table {
	case "spans":
		return &Rows{table: &spansTable}, nil
	case "cycles":
		return &Rows{table: &cyclesTable}, nil
	}
	return nil, fmt.Errorf("there is no table %q (there are %s)", table, strings.Join(Tables, " and "))
}

var spansTable = rowTable{
	columns: []string{"time", "utc_offset", "unix_us", "daemon", "wan", "cycle", "label", "target", "duration_ms", "outcome"},
	rows: func(r *Rows, c *cycle.Cycle, emit func()) {
		row := func(p cycle.Part, l cycle.Label, target string, d cell, o cycle.Outcome) {
			if of := (analyze.Span{Part: p, Label: l, Target: target}); r.Label != "" && !of.Is(r.Label) {
				return
			}
			r.begin(c)
			r.cells = append(r.cells, text(string(l)), text(target), d, text(o.String()))
			emit()
		}
		for i := range c.Spans {
			s := &c.Spans[i]
			if s.Part == cycle.Probe && s.Outcome != cycle.OK {
				continue // a lost echo has no timing
			}
			row(s.Part, s.Label, s.Target, ms(s.Duration), s.Outcome)
		}
		row(cycle.Total, c.Run.Daemon.Label(cycle.Total), "", ms(c.Total), c.Outcome)
	},
}

var cyclesTable = rowTable{
	columns: []string{
		"time", "utc_offset", "unix_us", "daemon", "wan", "cycle", "late_ms", "missed",
		"rtt_ms", "cake_ms", "rule_ms", "adjust_ms", "update_ms", "total_ms", "outcome",
		"measured_ms", "baseline_ms", "load_ms", "delta_ms",
		"down_zone", "down_rate", "down_drops", "down_queued",
		"up_zone", "up_rate", "up_drops", "up_queued",
		"queue", "degraded", "router", "recovered",
	},
	rows: func(r *Rows, c *cycle.Cycle, emit func()) {
		r.begin(c)
		r.cells = append(r.cells, ms(c.Late), integer(c.Missed))
		us := c.Micros()
		for _, p := range [...]cycle.Part{cycle.RTT, cycle.CAKE, cycle.Rule, cycle.Adjust, cycle.Update, cycle.Total} {
			if us[p] < 0 {
				r.cells = append(r.cells, cell{})
			} else {
				r.cells = append(r.cells, cell{kind: micros, i: us[p]})
			}
		}
		d := &c.Decision
		r.cells = append(r.cells, text(c.Outcome.String()), maybeFloat(d.RTT), maybeFloat(d.Baseline), maybeFloat(d.Load), maybeFloat(d.Delta))
		for _, dir := range [...]*cycle.Direction{&d.Download, &d.Upload} {
			r.cells = append(r.cells, text(dir.Zone.String()), maybeInt(dir.Rate), maybeInt(dir.Drops), maybeInt(dir.Queued))
		}
		r.cells = append(r.cells, maybeFloat(d.Queue), maybeBool(d.Degraded), text(d.Write.String()), cell{kind: boolean, i: bit(c.Recovered)})
		emit()
	},
}

// begin starts a row with what all rows begin with.
func (r *Rows) begin(c *cycle.Cycle) {
	t := c.Start.Truncate(time.Microsecond)
	if r.Zone == nil {
		t = t.UTC()
	} else {
		t = t.In(r.Zone)
	}
	r.cells = append(r.cells[:0], cell{kind: moment, t: t}, cell{kind: offset, t: t}, integer(t.UnixMicro()),
		text(string(c.Run.Daemon)), text(c.Run.WAN), integer(c.Seq))
}

// kind is what a cell holds.
type kind uint8

const (
	none kind = iota // nothing: an empty cell, or null
	words
	whole
	micros // microseconds, told as milliseconds with three decimals
	float
	boolean
	moment
	offset // of local time from UTC
)

// cell is one value of a row.
type cell struct {
	kind kind
	i    int64
	f    float64
	s    string
	t    time.Time
}

func text(s string) cell      { return cell{kind: words, s: s} }
func integer(n int64) cell    { return cell{kind: whole, i: n} }
func ms(d time.Duration) cell { return cell{kind: micros, i: d.Microseconds()} }
func number(f float64) cell   { return cell{kind: float, f: f} }
func boolCell(b bool) cell    { return cell{kind: boolean, i: bit(b)} }

func maybeInt(m cycle.Maybe[int64]) cell     { return maybe(m, integer) }
func maybeFloat(m cycle.Maybe[float64]) cell { return maybe(m, number) }
func maybeBool(m cycle.Maybe[bool]) cell     { return maybe(m, boolCell) }

func maybe[T any](m cycle.Maybe[T], of func(T) cell) cell {
	if !m.Known {
		return cell{}
	}
	return of(m.Value)
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Write lays out all cycles, under the header row; without any it writes nothing
// and returns ErrNothing.
func (r *Rows) Write(w io.Writer, cycles iter.Seq2[*cycle.Cycle, error]) error {
	var buf []byte
	some := false
	for c, err := range cycles {
		if err != nil {
			return err
		}
		if !some {
			some, buf = true, r.AppendHead(buf)
		}
		buf = r.Append(buf, c, func(b []byte) []byte { return b })
		if len(buf) >= 1<<16 {
			if _, err := w.Write(buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	if !some {
		return ErrNothing
	}
	_, err := w.Write(buf)
	return err
}

// AppendHead appends the header row; JSON Lines have none.
func (r *Rows) AppendHead(dst []byte) []byte {
	if r.JSON {
		return dst
	}
	for i, name := range r.table.columns {
		dst = r.separate(dst, i)
		dst = append(dst, name...)
	}
	return append(dst, "\r\n"...)
}

// Append appends a cycle's rows and calls row after each, with all that is
// appended; what row returns is appended to next.
func (r *Rows) Append(dst []byte, c *cycle.Cycle, row func([]byte) []byte) []byte {
	r.table.rows(r, c, func() {
		if r.JSON {
			dst = r.json(dst)
		} else {
			dst = r.csv(dst)
		}
		dst = row(dst)
	})
	return dst
}

func (r *Rows) separate(dst []byte, i int) []byte {
	if i == 0 {
		return dst
	}
	return utf8.AppendRune(dst, r.delimiter())
}

func (r *Rows) delimiter() rune {
	switch {
	case r.Delimiter != 0:
		return r.Delimiter
	case r.DecimalComma:
		return ';'
	}
	return ','
}

// csv appends the cells as one record of RFC 4180.
func (r *Rows) csv(dst []byte) []byte {
	for i := range r.cells {
		c := &r.cells[i]
		dst = r.separate(dst, i)
		if c.kind == words {
			dst = r.quote(dst, defuse(c.s))
			continue
		}
		start := len(dst)
		dst = c.plain(dst)
		if r.DecimalComma {
			for j := start; j < len(dst); j++ {
				if dst[j] == '.' {
					dst[j] = ','
				}
			}
			if r.delimiter() == ',' && slices.Contains(dst[start:], ',') {
				dst = append(slices.Insert(dst, start, '"'), '"')
			}
		}
	}
	return append(dst, "\r\n"...)
}

// defuse keeps a spreadsheet from taking text for a formula.
func defuse(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// quote appends text, in quotes where it takes them.
func (r *Rows) quote(dst []byte, s string) []byte {
	if !strings.ContainsRune(s, r.delimiter()) && !strings.ContainsAny(s, "\"\r\n") {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	dst = append(dst, strings.ReplaceAll(s, `"`, `""`)...)
	return append(dst, '"')
}

// json appends the cells as one JSON object on a line of its own.
func (r *Rows) json(dst []byte) []byte {
	dst = append(dst, '{')
	for i := range r.cells {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = append(dst, r.table.columns[i]...)
		dst = append(dst, `":`...)
		switch c := &r.cells[i]; c.kind {
		case none:
			dst = append(dst, "null"...)
		case words:
			dst = appendJSONText(dst, c.s)
		case moment, offset:
			dst = append(dst, '"')
			dst = c.plain(dst)
			dst = append(dst, '"')
		default:
			dst = c.plain(dst)
		}
	}
	return append(dst, "}\n"...)
}

// plain appends the value as a number or a time.
func (c *cell) plain(dst []byte) []byte {
	switch c.kind {
	case whole:
		return strconv.AppendInt(dst, c.i, 10)
	case micros:
		return appendMillis(dst, c.i)
	case float:
		return strconv.AppendFloat(dst, c.f, 'f', -1, 64)
	case boolean:
		return strconv.AppendBool(dst, c.i != 0)
	case moment:
		return c.t.AppendFormat(dst, "2006-01-02 15:04:05.000")
	case offset:
		return c.t.AppendFormat(dst, "-07:00")
	}
	return dst
}

// appendMillis appends microseconds as milliseconds, e.g. 1234 as 1.234.
func appendMillis(dst []byte, us int64) []byte {
	if us < 0 {
		dst, us = append(dst, '-'), -us
	}
	dst = strconv.AppendInt(dst, us/1000, 10)
	return append(dst, '.', byte('0'+us/100%10), byte('0'+us/10%10), byte('0'+us%10))
}

// appendJSONText appends text as a JSON string.
func appendJSONText(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, c := range strings.ToValidUTF8(s, "\ufffd") {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', byte(c))
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			dst = utf8.AppendRune(dst, c)
		}
	}
	return append(dst, '"')
}
