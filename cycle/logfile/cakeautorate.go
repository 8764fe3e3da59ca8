package logfile

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"wanctl/cycle"
)

// columns are the places of the fields in cake-autorate's DATA records, by the
// names in its DATA_HEADER; they have changed from version to version.
type columns struct {
	at    map[string]int
	count int
}

// cake takes in a line of cake-autorate's:
//
//	DATA_HEADER; LOG_DATETIME; LOG_TIMESTAMP; ...
//	DATA; 2023-03-01-12:00:00; 1677672000.123456; ...
//
// Each DATA record is the answer of one reflector and the decision that followed.
// Its other records (LOAD, SUMMARY, REFLECTOR, CPU) hold no RTT; the rates stand
// in DATA too.
func (r *reader) cake(line string) error {
	fields := strings.Split(line, "; ")
	switch fields[0] {
	case "DATA_HEADER":
		r.stats.Known = true
		r.data = columns{map[string]int{}, len(fields)}
		for i, f := range fields {
			r.data.at[strings.Clone(f)] = i
		}
		for _, need := range []string{"LOG_TIMESTAMP", "REFLECTOR", "DL_OWD_US", "UL_OWD_US"} {
			if _, ok := r.data.at[need]; !ok {
				r.bad("the DATA records have no %s", need)
				r.data = columns{}
				return nil
			}
		}
	case "DATA":
		r.known(line)
		if r.data.count == 0 {
			r.bad("a DATA record before its DATA_HEADER")
			return nil
		}
		if len(fields) != r.data.count {
			r.bad("a DATA record of %d fields, its header has %d", len(fields), r.data.count)
			return nil
		}
		return r.echo(&datum{fields: fields, columns: &r.data})
	}
	return nil
}

// datum is a DATA record.
type datum struct {
	fields []string
	*columns
	wrong string // the first field that cannot be read
}

// text returns a field; "" if this version has none.
func (d *datum) text(name string) string {
	if i, ok := d.at[name]; ok {
		return strings.TrimSpace(d.fields[i])
	}
	return ""
}

// number returns a field that is a whole number; 0 if this version has none.
func (d *datum) number(names ...string) int64 {
	for _, name := range names {
		s := d.text(name)
		if s == "" {
			continue
		}
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n > 1e15 || n < -1e15 {
			d.wrong = fmt.Sprintf("%s %q is no number", name, s)
		}
		return n
	}
	return 0
}

// moment returns a field that is a time, as epoch.
func (d *datum) moment(names ...string) time.Time {
	for _, name := range names {
		if t, ok := epoch(strings.Trim(d.text(name), "[]")); ok {
			return t
		}
	}
	return time.Time{}
}

// epoch reads seconds since 1970 with a fraction, or microseconds without.
func epoch(s string) (time.Time, bool) {
	whole, fraction, dot := strings.Cut(strings.TrimSpace(s), ".")
	n, ok := digits(whole)
	if !ok {
		return time.Time{}, false
	}
	if !dot {
		if n > 1e11 {
			return time.UnixMicro(n), true
		}
		return time.Unix(n, 0), n > 0
	}
	us, ok := digits((fraction + "000000")[:6])
	return time.Unix(n, us*1000), ok && n > 0 && n < 1e11
}

// held is the longest time that an answer may have waited to be dealt with:
// cake-autorate itself drops those that are older.
const held = time.Second

// echo makes a cycle of a DATA record: it begins when the echo was sent, and its
// total is the RTT and the time until the answer was dealt with.
func (r *reader) echo(d *datum) error {
	at := d.moment("LOG_TIMESTAMP")
	rtt := d.number("DL_OWD_US") + d.number("UL_OWD_US")
	baseline := d.number("DL_OWD_BASELINE") + d.number("UL_OWD_BASELINE")
	rise := d.number("DL_OWD_DELTA_EWMA_US", "DL_OWD_DELTA_US") + d.number("UL_OWD_DELTA_EWMA_US", "UL_OWD_DELTA_US")
	down, up := d.number("CAKE_DL_RATE_KBPS"), d.number("CAKE_UL_RATE_KBPS")
	switch reflector := d.text("REFLECTOR"); {
	case d.wrong != "":
		r.bad("%s", d.wrong)
	case at.IsZero():
		r.bad("LOG_TIMESTAMP %q is no time", d.text("LOG_TIMESTAMP"))
	case reflector == "" || strings.ContainsAny(reflector, " \t"):
		r.bad("REFLECTOR %q is no host", reflector)
	case cycle.FromMicros(rtt) < 0 || cycle.FromMicros(rtt) > maxDuration:
		r.bad("an RTT of %d us", rtt)
	default:
		s := r.stream(cycle.Autorate, r.instance())
		if s == nil {
			return nil
		}
		took := cycle.FromMicros(rtt)
		dealt, answered := d.moment("PROC_TIME_US"), d.moment("ICMP_TIMESTAMP", "RTT_TIMESTAMP")
		end := at
		if wait := dealt.Sub(answered); !dealt.IsZero() && !answered.IsZero() && wait >= 0 && wait <= held {
			end, took = dealt, took+wait
		}
		began := end.Add(-took)
		answer := began.Add(cycle.FromMicros(rtt))
		s.span(answer, s.daemon.Label(cycle.RTT), "", cycle.FromMicros(rtt), cycle.OK)
		s.span(answer, s.daemon.Label(cycle.Probe), r.keep(reflector), cycle.FromMicros(rtt), cycle.OK)
		ms := func(us int64) cycle.Maybe[float64] { return cycle.Known(float64(us) / 1000) }
		*s.decision() = cycle.Decision{
			RTT: ms(rtt), Baseline: ms(baseline), Load: ms(baseline + rise), Delta: ms(rise),
			Download: cycle.Direction{Zone: bloat(d.text("DL_LOAD_CONDITION")), Rate: kbps(down)},
			Upload:   cycle.Direction{Zone: bloat(d.text("UL_LOAD_CONDITION")), Rate: kbps(up)},
		}
		return r.end(s, end, took)
	}
	return nil
}

// bloat is the zone that a load condition such as "dl_high_bb" comes to.
func bloat(condition string) cycle.Zone {
	switch {
	case condition == "":
		return cycle.NoZone
	case strings.HasSuffix(condition, "_bb"):
		return cycle.Red
	}
	return cycle.Green
}

func kbps(n int64) cycle.Maybe[int64] {
	if n <= 0 {
		return cycle.Maybe[int64]{}
	}
	return cycle.Known(n * 1000)
}

// instance is the WAN of a cake-autorate log: its files are named
// cake-autorate.INSTANCE.log, and more when they were rotated or exported.
func (r *reader) instance() string {
	if r.opts.WAN != "" {
		return r.opts.WAN
	}
	name, ok := strings.CutPrefix(filepath.Base(r.log.name), "cake-autorate.")
	if !ok {
		return ""
	}
	name, _, _ = strings.Cut(name, ".")
	return r.keep(name)
}
