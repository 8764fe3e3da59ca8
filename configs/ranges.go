package configs

import (
	"fmt"
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"wanctl/cycle"
)

// interval is a range of numbers.
type interval struct {
	low, high         float64
	lowOpen, highOpen bool
}

var intervals = regexp.MustCompile(`^([\[(])\s*([^,\s]+)\s*,\s*([^,\s]+)\s*([\])])$`)

// parseInterval reads "[1, 500]", "(0, 1]" or "[0, inf)".
func parseInterval(s string) (r interval, ok bool) {
	m := intervals.FindStringSubmatch(s)
	if m == nil {
		return r, false
	}
	low, errLow := strconv.ParseFloat(m[2], 64)
	high, errHigh := strconv.ParseFloat(m[3], 64)
	return interval{low, high, m[1] == "(", m[4] == ")"}, errLow == nil && errHigh == nil && low < high
}

// holds tells whether v is in the range; NaN is in none.
func (r interval) holds(v float64) bool {
	return (v > r.low || v == r.low && !r.lowOpen) && (v < r.high || v == r.high && !r.highOpen)
}

// words says the range in words, e.g. "above 0, at most 60 s".
func (r interval) words(unit string) string {
	low, high := quantity(r.low, unit), quantity(r.high, unit)
	if l, u, ok := strings.Cut(low, " "); ok && strings.HasSuffix(high, " "+u) || ok && r.low == 0 {
		low = l // the unit is said once
	}
	switch {
	case math.IsInf(r.high, 1) && r.lowOpen:
		return "above " + quantity(r.low, unit)
	case math.IsInf(r.high, 1):
		return quantity(r.low, unit) + " or more"
	case !r.lowOpen && !r.highOpen:
		return low + " to " + high
	}
	from, to := "from", "at most"
	if r.lowOpen {
		from = "above"
	}
	if r.highOpen {
		to = "below"
	}
	return fmt.Sprintf("%s %s, %s %s", from, low, to, high)
}

// steps are the units that large numbers are told in, largest first.
var steps = map[string][]struct {
	name string
	size float64
}{
	"s":     {{"y", 365 * 86400}, {"d", 86400}, {"h", 3600}, {"min", 60}},
	"bytes": {{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}},
}

// quantity writes a number with its unit, in the largest unit that leaves it whole.
func quantity(v float64, unit string) string {
	for _, step := range steps[unit] {
		if v >= step.size && math.Mod(v, step.size) == 0 {
			v, unit = v/step.size, step.name
			break
		}
	}
	return strings.TrimSuffix(plainNumber(v)+" "+unit, " ")
}

func plainNumber(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// named are the ranges of text, in words and as the check that returns what is
// wrong, "" for nothing.
var named = map[string]struct {
	words string
	check func(string) string
}{
	cycle.Name:       {"1 to 64 letters, digits or any of . _ -", ofCharacters(64, "._-")},
	cycle.Comment:    {"1 to 128 letters, digits, blanks or any of . _ : -", ofCharacters(128, " ._:-")},
	cycle.RouterName: {`1 to 128 printable characters, none of " ' ` + "`" + ` $ [ ] { } ; \`, routerName},
	cycle.Host:       {"an IP address or a host name: letters, digits, dots, hyphens", host},
	cycle.Path:       {"a path without control characters", path},
}

// ofCharacters checks for ASCII letters, digits and the others given.
func ofCharacters(most int, others string) func(string) string {
	return func(s string) string {
		if bad := strings.IndexFunc(s, func(r rune) bool { return !isLetterOrDigit(r) && !strings.ContainsRune(others, r) }); bad >= 0 {
			return holding(s, bad)
		}
		return length(s, most)
	}
}

func isLetterOrDigit(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

func length(s string, most int) string {
	switch {
	case s == "":
		return "is empty"
	case len(s) > most:
		return fmt.Sprintf("is %d characters long", len(s))
	}
	return ""
}

// holding names the character of s, at i, that does not belong there.
func holding(s string, i int) string {
	r, _ := utf8.DecodeRuneInString(s[i:])
	if r == '\n' && i == len(s)-1 {
		return "ends in a line break"
	}
	return "holds " + strconv.QuoteRuneToASCII(r)
}

func routerName(s string) string {
	if bad := strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || strings.ContainsRune("\"'`$[]{};\\", r) }); bad >= 0 {
		return holding(s, bad)
	}
	return length(s, 128)
}

func path(s string) string {
	if bad := strings.IndexFunc(s, unicode.IsControl); bad >= 0 {
		return holding(s, bad)
	}
	return length(s, 4095)
}

// host checks an IP address without a zone, or a host name of labels of up to 63
// letters, digits and inner hyphens.
func host(s string) string {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		return ""
	}
	if bad := strings.IndexFunc(s, func(r rune) bool { return !isLetterOrDigit(r) && r != '.' && r != '-' }); bad >= 0 {
		return holding(s, bad)
	}
	for label := range strings.SplitSeq(s, ".") {
		switch {
		case label == "" && s != "":
			return "has an empty part between its dots"
		case len(label) > 63:
			return "has a part of more than 63 characters between its dots"
		case strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-"):
			return "has a part that begins or ends with a hyphen"
		}
	}
	return length(s, 256)
}

// numericHost tells whether a host name looks like an address but is none. The
// Python program takes such names, so they are warned of and no more.
func numericHost(s string) bool {
	_, err := netip.ParseAddr(s)
	return err != nil && strings.Trim(s, "0123456789.") == ""
}

// alternatives returns the words that a range such as "api|rest|ssh" allows.
func alternatives(s string) []string {
	if !strings.Contains(s, "|") {
		return nil
	}
	return strings.Split(s, "|")
}

// allowed says in words what a setting's value can be.
func allowed(s cycle.Setting) string {
	if words := alternatives(s.Range); words != nil {
		return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
	}
	if r, ok := parseInterval(s.Range); ok {
		return r.words(s.Unit)
	}
	if n, ok := named[s.Range]; ok {
		if isList(s.Into) {
			return "a list, of which each is " + n.words
		}
		return n.words
	}
	return typeWords(s)
}

// inText checks text against a setting's range.
func inText(s cycle.Setting, v string) string {
	if words := alternatives(s.Range); words != nil && !slices.Contains(words, v) {
		return "is not one of the choices"
	}
	if n, ok := named[s.Range]; ok {
		return n.check(v)
	}
	return ""
}
