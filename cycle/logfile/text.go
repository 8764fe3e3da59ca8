package logfile

import (
	"encoding/json"
	"math"
	"strings"
	"time"

	"wanctl/cycle"
)

// record is a line of the Python program's.
type record struct {
	at   time.Time
	name string // the WAN, or "steering"
	text string
}

// text takes in a line such as
//
//	2026-01-09 15:12:25,003 [wan1] [DEBUG] autorate_rtt_measurement: 1003.1ms
func (r *reader) text(line string) error {
	at, ok, err := r.clock.local(line)
	if !ok {
		return nil
	}
	rest := line[stampLen:]
	name, rest, ok1 := bracketed(rest)
	_, rest, ok2 := bracketed(rest)
	if !ok1 || !ok2 {
		return nil
	}
	r.known(line)
	if err != nil {
		return BadLineError{BadLine{r.log.name, r.log.line, err.Error()}}
	}
	return r.record(record{at, name, strings.TrimPrefix(rest, " ")})
}

// BadLineError is a line that makes it impossible to go on.
type BadLineError struct{ BadLine }

// Error implements error.
func (e BadLineError) Error() string { return e.String() }

// bracketed reads " [text]" at the beginning of s.
func bracketed(s string) (text, rest string, ok bool) {
	if !strings.HasPrefix(s, " [") {
		return "", s, false
	}
	return strings.Cut(s[2:], "]")
}

// line is what every JSON line has. The names of the Python program's loggers
// begin with the program.
type line struct {
	Timestamp string `json:"timestamp"`
	Logger    string `json:"logger"`
	Message   string `json:"message"`
	WAN       string `json:"wan_name"`
}

// parseJSON reads a line that is a JSON object, also with Python's bare NaN.
func parseJSON(s string) (l line, err error) {
	if err = json.Unmarshal([]byte(s), &l); err != nil {
		err = json.Unmarshal(cycle.FiniteJSON([]byte(s)), &l)
	}
	return l, err
}

// json takes in a JSON line.
func (r *reader) json(s string) error {
	l, err := parseJSON(s)
	if err != nil {
		r.bad("no JSON: %v", err)
		return nil
	}
	at, err := r.clock.iso(l.Timestamp)
	if r.clock.twice && err != nil {
		return BadLineError{BadLine{r.log.name, r.log.line, err.Error()}}
	}
	if err != nil || l.Message == "" {
		r.bad("JSON without a timestamp and a message")
		return nil
	}
	r.known(s)
	name, daemon := speaker(l.Logger)
	if l.WAN != "" {
		name = l.WAN
	}
	if name == "" {
		name = r.opts.WAN
	}
	if daemon != "" {
		r.hear(name, daemon)
	}
	rec := record{at, name, l.Message}
	if l.Message == "Cycle timing" {
		return r.summary(rec, s)
	}
	return r.record(rec)
}

// speaker tells the WAN and the daemon from a logger's name.
func speaker(logger string) (name string, d cycle.Daemon) {
	if name, ok := strings.CutPrefix(logger, "cake_continuous_"); ok {
		return name, cycle.Autorate
	}
	if name, ok := strings.CutPrefix(logger, "wan_steering_"); ok {
		return name, cycle.Steering
	}
	return logger, ""
}

// summary takes in the record that later versions of the Python program write in
// place of the total's line: the numbers are fields of their own, such as
// "cycle_total_ms" and "rtt_measurement_ms".
func (r *reader) summary(rec record, s string) error {
	var fields map[string]any
	if err := json.Unmarshal(cycle.FiniteJSON([]byte(s)), &fields); err != nil {
		r.bad("no JSON: %v", err)
		return nil
	}
	total, ok := fields["cycle_total_ms"].(float64)
	d, ok2 := millis(total)
	if !ok || !ok2 {
		r.bad("a cycle without a total")
		return nil
	}
	st := r.stream(r.daemon(rec.name), rec.name)
	if st == nil {
		return nil
	}
	for k, v := range fields {
		name, isTime := strings.CutSuffix(k, "_ms")
		ms, isNumber := v.(float64)
		if !isTime || !isNumber || name == "cycle_total" {
			continue
		}
		l := cycle.Label(string(st.daemon) + "_" + strings.TrimPrefix(name, string(st.daemon)+"_"))
		if d, ok := millis(ms); ok && l.Part() != cycle.Total && !st.timed(l) && st.timeable(l) {
			st.span(rec.at, cycle.Label(r.keep(string(l))), "", d, cycle.OK)
		}
	}
	return r.end(st, rec.at, d)
}

// millis turns milliseconds into a duration of whole microseconds.
func millis(ms float64) (time.Duration, bool) {
	if !(ms >= 0 && ms <= float64(maxDuration/time.Millisecond)) {
		return 0, false
	}
	return time.Duration(math.Round(ms*1000)) * time.Microsecond, true
}

// maxDuration is longer than any cycle that was not a mistake.
const maxDuration = 24 * time.Hour

// record takes in a line of the Python program's: a timing, or what belongs to one.
func (r *reader) record(rec record) error {
	label, number, ok := timing(rec.text)
	if !ok {
		r.remark(rec)
		return nil
	}
	daemon := label.Daemon()
	if daemon != cycle.Autorate && daemon != cycle.Steering {
		r.stats.Loose++ // a thread beside the cycles
		return nil
	}
	d, ok := parseMillis(number)
	if !ok {
		r.bad("%s: %q is no duration in ms", label, number)
		return nil
	}
	r.hear(rec.name, daemon)
	st := r.stream(daemon, rec.name)
	switch {
	case st == nil:
	case label.Part() == cycle.Total:
		return r.end(st, rec.at, d)
	default:
		st.span(rec.at, cycle.Label(r.keep(string(label))), "", d, cycle.OK)
	}
	return nil
}

// timing tells whether a text is "label: 12.3ms" and nothing else. A label has
// an underscore and lower case letters; other lines tell milliseconds too.
func timing(text string) (l cycle.Label, number string, ok bool) {
	name, rest, ok := strings.Cut(text, ": ")
	number, ok2 := strings.CutSuffix(rest, "ms")
	if !ok || !ok2 || number == "" || strings.ContainsRune(number, ' ') {
		return "", "", false
	}
	underscore := false
	for i := range len(name) {
		c := name[i]
		underscore = underscore || c == '_'
		if (c < 'a' || c > 'z') && c != '_' && (i == 0 || c < '0' || c > '9') {
			return "", "", false
		}
	}
	return cycle.Label(name), number, underscore
}

// parseMillis reads a number of milliseconds, without loss down to microseconds.
func parseMillis(s string) (time.Duration, bool) {
	whole, fraction, dot := strings.Cut(s, ".")
	ms, ok := digits(whole)
	if !ok || time.Duration(ms) > maxDuration/time.Millisecond || dot && fraction == "" {
		return 0, false
	}
	us := int64(0)
	if dot {
		n, ok := digits((fraction + "000")[:3])
		if _, rest := digits(fraction); !ok || !rest {
			return 0, false
		}
		us = n
		if len(fraction) > 3 && fraction[3] >= '5' {
			us++
		}
	}
	return time.Duration(ms)*time.Millisecond + time.Duration(us)*time.Microsecond, true
}
