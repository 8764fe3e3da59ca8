package simulator

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// form is what a property's text may be.
type form uint8

const (
	text    form = iota
	flag         // true|false; written as yes|no too
	rate         // bit/s; written with K, M or G too
	number       // within the property's range
	choice       // one of the property's choices
	queue        // the name of a queue type
	parent       // global, an interface or a queue
	seconds      // a duration such as 0s, 100ms, 1m30s
	counter      // counted by the traffic, never written
)

// ParseRate reads a rate in bit/s as RouterOS takes it: digits, or a decimal
// number with K, M or G, which stand for powers of 1000. "unlimited" is 0.
func ParseRate(s string) (bps int64, ok bool) {
	if s == "unlimited" {
		return 0, true
	}
	scale := 1.0
	digits := s
	if n := len(s); n > 0 {
		switch s[n-1] {
		case 'k', 'K':
			scale, digits = 1e3, s[:n-1]
		case 'm', 'M':
			scale, digits = 1e6, s[:n-1]
		case 'g', 'G':
			scale, digits = 1e9, s[:n-1]
		}
	}
	if digits == "" || strings.Trim(digits, "0123456789.") != "" {
		return 0, false
	}
	if scale == 1 {
		v, err := strconv.ParseInt(digits, 10, 64)
		return v, err == nil
	}
	v, err := strconv.ParseFloat(digits, 64)
	if err != nil || v*scale > math.MaxInt64/2 {
		return 0, false
	}
	return int64(math.Round(v * scale)), true
}

// shortRate writes a rate as the console prints it: the largest suffix that
// loses nothing.
func shortRate(bps int64) string {
	for _, u := range []struct {
		scale  int64
		suffix string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if bps > 0 && bps%u.scale == 0 {
			return strconv.FormatInt(bps/u.scale, 10) + u.suffix
		}
	}
	return strconv.FormatInt(bps, 10)
}

// parseFlag reads a boolean as RouterOS takes it.
func parseFlag(s string) (on, ok bool) {
	switch s {
	case "yes", "true":
		return true, true
	case "no", "false":
		return false, true
	}
	return false, false
}

// uptime writes a duration as RouterOS does, e.g. "1w2d3h4m5s".
func uptime(d time.Duration) string {
	s := int64(d / time.Second)
	if s <= 0 {
		return "0s"
	}
	var b strings.Builder
	for _, u := range []struct {
		seconds int64
		suffix  byte
	}{{7 * 86400, 'w'}, {86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}} {
		if n := s / u.seconds; n > 0 {
			b.WriteString(strconv.FormatInt(n, 10))
			b.WriteByte(u.suffix)
			s %= u.seconds
		}
	}
	return b.String()
}

// accept checks a text for a property and returns what the router keeps of it.
// The error is the router's own.
func (r *router) accept(p *property, s string) (string, error) {
	bad := &Trap{Category: badValue, Message: "invalid value for argument " + p.name}
	switch p.form {
	case flag:
		on, ok := parseFlag(s)
		if !ok {
			return "", bad
		}
		return strconv.FormatBool(on), nil
	case rate:
		bps, ok := ParseRate(s)
		if !ok {
			return "", bad
		}
		if bps < 0 || !r.version.atLeast(7, 0, 0) && bps > math.MaxUint32 {
			return "", &Trap{Category: badValue, Message: fmt.Sprintf("value of %s out of range (0..%d)", p.name, uint32(math.MaxUint32))}
		}
		return strconv.FormatInt(bps, 10), nil
	case number:
		v, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return "", bad
		}
		if v < p.min || v > p.max {
			return "", &Trap{Category: badValue, Message: fmt.Sprintf("value of %s out of range (%d..%d)", p.name, p.min, p.max)}
		}
		return strconv.FormatInt(v, 10), nil
	case choice, queue, parent:
		if !r.known(p, s) {
			return "", &Trap{Category: badValue, Message: "input does not match any value of " + p.name}
		}
	case seconds:
		if _, err := time.ParseDuration(s); err != nil {
			return "", bad
		}
	case counter:
		return "", &Trap{Category: badValue, Message: "unknown parameter " + p.name}
	}
	return s, nil
}

// known tells whether a reference names something that is there.
func (r *router) known(p *property, s string) bool {
	switch p.form {
	case queue:
		return r.menus["/queue/type"].byName(s) != nil
	case parent:
		if s == "global" || r.menus["/queue/tree"].byName(s) != nil {
			return true
		}
		for _, i := range r.interfaces {
			if i == s {
				return true
			}
		}
		return false
	}
	for _, c := range p.choices {
		if c == s {
			return true
		}
	}
	return false
}
