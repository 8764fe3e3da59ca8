package configs

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"wanctl/cycle"
)

// wrong is what is wrong with a value.
type wrong struct {
	what    string // "" where it has been reported
	allowed string
	unset   bool
	line    int // of a list's item; 0 for the key's own
}

// value is one value of the file on its way into a setting.
type value struct {
	scalar
	setting cycle.Setting
	node    *yaml.Node
	line    int     // of a list's item; an alias has another than what it stands for
	shown   string  // how findings speak of it: never by a secret's or a variable's text
	items   []value // of a list: those that could be read
	bad     []wrong // of a list: what is wrong with the others
	note    string
}

// maxBadItems bounds how much is told of one list.
const maxBadItems = 20

// badItem notes what is wrong with an item of a list.
func (v *value) badItem(bad wrong, line int) {
	bad.line = line
	if len(v.bad) < maxBadItems && !slices.Contains(v.bad, bad) {
		v.bad = append(v.bad, bad)
	}
}

// assign reads a node into the setting's variable. note is a remark on a value
// that is fine; a list may have several things wrong with it.
func (r *reading) assign(s cycle.Setting, n *yaml.Node) (note string, bad []wrong) {
	if n == nil {
		return "", []wrong{{what: "is no value", allowed: allowed(s)}}
	}
	v, unread := r.value(s, n)
	if unread != nil {
		return "", []wrong{*unread}
	}
	if what := v.into(s.Into); what != "" {
		return "", append(v.bad, refused(s, what))
	}
	return v.note, v.bad
}

// refused says what is wrong with a value, and what would be right unless that has
// been said with it.
func refused(s cycle.Setting, what string) wrong {
	bad := wrong{what: what, allowed: allowed(s)}
	if strings.HasSuffix(what, "not "+bad.allowed) {
		bad.allowed = ""
	}
	return bad
}

// value expands and reads a node; a list's items likewise.
func (r *reading) value(s cycle.Setting, n *yaml.Node) (v *value, bad *wrong) {
	if n.Kind != yaml.SequenceNode {
		return r.single(s, n)
	}
	if !isList(s.Into) {
		return nil, &wrong{what: "is a list", allowed: allowed(s)}
	}
	v = &value{setting: s, node: n}
	for _, item := range n.Content {
		if one, bad := r.single(s, resolveAlias(item)); bad != nil {
			v.badItem(*bad, item.Line)
		} else {
			one.line = item.Line
			v.items = append(v.items, *one)
		}
	}
	return v, nil
}

// single is value for what is no list.
func (r *reading) single(s cycle.Setting, n *yaml.Node) (v *value, bad *wrong) {
	v = &value{setting: s, node: n}
	expanded, names, unset := expand(n.Value, r.getenv)
	if len(unset) > 0 {
		keepReference(s.Into, n.Value)
		return nil, &wrong{
			what:    fmt.Sprintf("${%s} is not set in the environment", strings.Join(unset, "}, ${")),
			allowed: "set it, or write the value here", unset: true,
		}
	}
	var err error
	if v.scalar, err = scalarOf(n, expanded); errors.Is(err, errForeign) {
		return nil, &wrong{}
	} else if err != nil {
		return nil, &wrong{what: "is " + describe(n), allowed: allowed(s)}
	}
	switch _, secret := s.Into.(*cycle.Secret); {
	case secret:
		v.shown = "the value"
	case len(names) > 0:
		v.shown = "the value of " + printable(n.Value)
	case v.kind == text:
		v.shown = quoted(v.text)
	default:
		v.shown = printable(v.text)
	}
	return v, nil
}

// keepReference leaves the file's own words where a variable is not set: a check
// goes on with them, a daemon does not start.
func keepReference(target any, reference string) {
	switch t := target.(type) {
	case *string:
		*t = reference
	case *cycle.Secret:
		*t = cycle.Secret(reference)
	}
}

// into stores the value and returns what is wrong with it, "" for nothing.
func (v *value) into(target any) (bad string) {
	switch t := target.(type) {
	case *bool:
		if v.kind != boolean || v.items != nil {
			return v.isNot("true or false")
		}
		*t = v.yes
	case *int:
		n, bad := v.wholeNumber()
		if bad != "" {
			return bad
		}
		*t = int(n)
	case *int64:
		*t, bad = v.wholeNumber()
	case *float64:
		*t, bad = v.realNumber()
	case *string:
		*t, bad = v.plainText()
	case *cycle.Secret:
		var s string
		s, bad = v.plainText()
		*t = cycle.Secret(s)
	case *[]string:
		var list []string
		if list, bad = v.list(); bad == "" && v.bad == nil {
			*t = list
		}
	case *time.Duration:
		*t, bad = v.duration()
	case *cycle.Maybe[bool]:
		return known(v, t)
	case *cycle.Maybe[int]:
		return known(v, t)
	case *cycle.Maybe[int64]:
		return known(v, t)
	case *cycle.Maybe[float64]:
		return known(v, t)
	case *cycle.Maybe[string]:
		return known(v, t)
	case *cycle.Maybe[[]string]:
		return known(v, t)
	case *cycle.Maybe[time.Duration]:
		return known(v, t)
	case *cycle.Maybe[cycle.Secret]:
		return known(v, t)
	default:
		return fmt.Sprintf("cannot be read into %T", target)
	}
	return bad
}

func known[T any](v *value, m *cycle.Maybe[T]) string {
	m.Known = true
	return v.into(&m.Value)
}

// isNot says what the value is instead.
func (v *value) isNot(wanted string) string {
	switch {
	case v.node.Kind != yaml.ScalarNode:
		return fmt.Sprintf("is %s, not %s", describe(v.node), wanted)
	case v.kind == null:
		return "is empty"
	case v.kind == text && v.node.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 && plain(v.text).kind != text:
		return fmt.Sprintf("%s is text, not %s: take the quotes away", v.shown, wanted)
	case v.kind == text && looksNumeric(v.text):
		return fmt.Sprintf("%s is text to a YAML 1.1 reader, not %s: write it in plain digits", v.shown, wanted)
	}
	return fmt.Sprintf("%s is %s, not %s", v.shown, kindNames[v.kind], wanted)
}

// looksNumeric tells whether a person would take the text for a number.
func looksNumeric(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	if err != nil {
		_, err = strconv.ParseInt(s, 0, 64)
	}
	return err == nil || errors.Is(err, strconv.ErrRange)
}

func (v *value) realNumber() (float64, string) {
	if v.kind != integer && v.kind != decimal {
		return 0, v.isNot("a number")
	}
	return v.number, v.inRange(v.number)
}

// inRange checks a number, given in the setting's unit.
func (v *value) inRange(n float64) string {
	r, bounded := parseInterval(v.setting.Range)
	if math.IsNaN(n) || math.IsInf(n, 0) {
		return v.shown + " is no finite number"
	}
	if bounded && !r.holds(n) {
		return v.shown + " is out of range"
	}
	if v.odd {
		v.note = fmt.Sprintf("%s reads as %s; write it so", v.shown, plainNumber(v.number))
	}
	return ""
}

func (v *value) wholeNumber() (int64, string) {
	if v.kind == text && v.setting.Unit == "bytes" {
		return v.size()
	}
	if v.kind != integer {
		return 0, v.isNot("a whole number")
	}
	if !v.fits {
		return 0, v.shown + " is out of range"
	}
	return v.exact, v.inRange(v.number)
}

var sizes = regexp.MustCompile(`^([0-9]{1,15}(?:\.[0-9]{1,6})?) ?(B|kB|KB|KiB|MB|MiB|GB|GiB|TB|TiB)$`)

var sizeUnits = map[string]float64{
	"B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
}

// size reads text such as "256 MiB" as bytes.
func (v *value) size() (int64, string) {
	m := sizes.FindStringSubmatch(v.text)
	if m == nil {
		return 0, v.shown + " is no size"
	}
	n, _ := strconv.ParseFloat(m[1], 64)
	if n *= sizeUnits[m[2]]; n >= math.MaxInt64 {
		return 0, v.shown + " is out of range"
	}
	return int64(n), v.inRange(math.Floor(n))
}

func (v *value) plainText() (string, string) {
	if v.kind != text || v.node.Kind != yaml.ScalarNode {
		if v.kind != null && v.node.Kind == yaml.ScalarNode {
			return "", v.isNot("text") + ": put it in quotes"
		}
		return "", v.isNot("text")
	}
	if bad := inText(v.setting, v.text); bad != "" {
		return "", v.shown + " " + bad
	}
	if v.setting.Range == cycle.Host && numericHost(v.text) {
		v.note = v.shown + " looks like an IP address and is none"
	}
	return v.text, ""
}

// list reads the items as text, and notes what is wrong with each.
func (v *value) list() ([]string, string) {
	if v.node.Kind != yaml.SequenceNode {
		return nil, v.isNot("a list")
	}
	if len(v.node.Content) == 0 {
		return nil, "is an empty list"
	}
	list := make([]string, len(v.items))
	for i := range v.items {
		item := &v.items[i]
		one, bad := item.plainText()
		if bad != "" {
			v.badItem(refused(v.setting, bad), item.line)
		}
		list[i], v.note = one, max(v.note, item.note)
	}
	return list, ""
}

// timeUnits are the units of durations; a year has 365 days.
var timeUnits = map[string]time.Duration{
	"us": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "m": time.Minute, "min": time.Minute, "h": time.Hour,
	"d": 24 * time.Hour, "w": 7 * 24 * time.Hour, "y": 365 * 24 * time.Hour,
}

var durations = regexp.MustCompile(`^([0-9]{1,12}(?:\.[0-9]{1,9})?) ?(us|ms|s|m|min|h|d|w|y)$`)

// duration reads a number in the setting's unit, or text such as "90s" or "7d".
func (v *value) duration() (time.Duration, string) {
	unit, n := unitOf(v.setting), v.number
	if v.kind == text && v.node.Kind == yaml.ScalarNode {
		m := durations.FindStringSubmatch(v.text)
		if m == nil {
			return 0, v.isNot("a length of time")
		}
		n, _ = strconv.ParseFloat(m[1], 64)
		n *= float64(timeUnits[m[2]]) / float64(unit)
	} else if v.kind != integer && (v.kind != decimal || v.setting.Whole) {
		return 0, v.isNot(typeWords(v.setting))
	}
	if bad := v.inRange(n); bad != "" {
		return 0, bad
	}
	if n *= float64(unit); math.Abs(n) >= math.MaxInt64 {
		return 0, v.shown + " is out of range"
	}
	return time.Duration(math.Round(n)), ""
}

// unitOf returns the unit a length of time is given in.
func unitOf(s cycle.Setting) time.Duration {
	if unit := timeUnits[s.Unit]; unit > 0 {
		return unit
	}
	return time.Second
}

func isList(target any) bool {
	switch target.(type) {
	case *[]string, *cycle.Maybe[[]string]:
		return true
	}
	return false
}

// typeWords says in words of what type a setting is.
func typeWords(s cycle.Setting) string {
	switch s.Into.(type) {
	case nil:
		return "a section"
	case *bool, *cycle.Maybe[bool]:
		return "true or false"
	case *int, *int64, *cycle.Maybe[int], *cycle.Maybe[int64]:
		return "a whole number"
	case *float64, *cycle.Maybe[float64]:
		return "a number"
	case *[]string, *cycle.Maybe[[]string]:
		return "a list"
	case *time.Duration, *cycle.Maybe[time.Duration]:
		if s.Whole {
			return "a whole number"
		}
		return "a length of time"
	}
	return "text"
}
