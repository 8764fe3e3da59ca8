package configs

import (
	"math"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"wanctl/cycle"
)

// TestPlainScalars reads unquoted scalars as the Python program's YAML 1.1 reader does.
func TestPlainScalars(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]scalar{
		"": {kind: null}, "~": {kind: null}, "null": {kind: null}, "nUll": {},
		"yes": {kind: boolean, yes: true}, "On": {kind: boolean, yes: true}, "TRUE": {kind: boolean, yes: true},
		"off": {kind: boolean}, "No": {kind: boolean}, "y": {}, "n": {}, "yEs": {},
		"500": {kind: integer, number: 500}, "-5": {kind: integer, number: -5}, "+5": {kind: integer, number: 5}, "5_00": {kind: integer, number: 500},
		"0": {kind: integer}, "-0": {kind: integer}, "0764": {kind: integer, number: 500, odd: true}, "0o764": {}, "08": {}, "0x1F4": {kind: integer, number: 500},
		"0x": {}, "0b111110100": {kind: integer, number: 500}, "8:20": {kind: integer, number: 500, odd: true}, "8:60": {}, "-1:30": {kind: integer, number: -90, odd: true},
		"18446744073709551615": {kind: integer, number: 18446744073709551615}, "_1": {}, "5e2": {}, "5.0e2": {}, "5.0e+2": {kind: decimal, number: 500},
		".5": {kind: decimal, number: 0.5}, "-.5": {}, "+0.85": {kind: decimal, number: 0.85}, "1.": {kind: decimal, number: 1}, "0.85f": {}, ".": {}, "1.5.2": {},
		"1:30.5": {kind: decimal, number: 90.5, odd: true}, "-1:30.5": {kind: decimal, number: -90.5, odd: true}, ".inf": {kind: decimal, number: math.Inf(1)},
		"-.INF": {kind: decimal, number: math.Inf(-1)}, "+.Inf": {kind: decimal, number: math.Inf(1)}, "--.inf": {}, "inf": {}, "1.0e+999": {kind: decimal, number: math.Inf(1)},
		"2026-01-09": {kind: moment}, "2026-1-9 10:00:00": {kind: moment}, "2026-01-09x": {}, "1.1.1.1": {}, "nan": {}, "wan1": {},
	} {
		got := plain(s)
		if got.kind != want.kind || got.number != want.number || got.yes != want.yes || got.odd != want.odd || got.text != s {
			t.Errorf("%q reads as %+v, want %+v", s, got, want)
		}
	}
	if got := plain(".NaN"); got.kind != decimal || !math.IsNaN(got.number) {
		t.Errorf(".NaN reads as %+v", got)
	}
}

func TestTaggedScalars(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]kind{
		`!!str 5`: text, `!!int "5"`: integer, `!!float 5`: integer, `!!bool yes`: boolean, `!!null ""`: null, `"5"`: text, `'yes'`: text,
	} {
		var document yaml.Node
		if err := yaml.Unmarshal([]byte(in), &document); err != nil {
			t.Fatal(err)
		}
		n := document.Content[0]
		if got, err := scalarOf(n, n.Value); err != nil || got.kind != want {
			t.Errorf("%s reads as %s, %v, want %s", in, kindNames[got.kind], err, kindNames[want])
		}
	}
	for _, in := range []string{`!!int five`, `!!bool 1`, `!!timestamp now`, `!foo 1`} {
		var document yaml.Node
		if err := yaml.Unmarshal([]byte(in), &document); err != nil {
			t.Fatal(err)
		}
		n := document.Content[0]
		if got, err := scalarOf(n, n.Value); err == nil {
			t.Errorf("%s reads as %+v", in, got)
		}
	}
}

func TestIntervals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		in, unit, words string
		in1, out1       float64
	}{
		{"[1, 500]", "ms", "1 to 500 ms", 500, 500.001},
		{"(0, 1]", "", "above 0, at most 1", 1, 0},
		{"[0, 1)", "", "from 0, below 1", 0, 1},
		{"[1, inf)", "packets", "1 packets or more", 1, 0},
		{"(0, inf)", "ms", "above 0 ms", 1e300, 0},
		{"[60, 3153600000]", "s", "1 min to 100 y", 3153600000, 59},
		{"[0.02, 60]", "s", "0.02 s to 1 min", 0.02, 0.0199},
		{"[4194304, 1099511627776]", "bytes", "4 MiB to 1 TiB", 4194304, 4194303},
	} {
		r, ok := parseInterval(tt.in)
		if !ok || !r.holds(tt.in1) || r.holds(tt.out1) || r.holds(math.NaN()) || r.holds(math.Inf(1)) {
			t.Errorf("%s: %+v %v holds %v: %v, %v: %v", tt.in, r, ok, tt.in1, r.holds(tt.in1), tt.out1, r.holds(tt.out1))
		}
		if got := r.words(tt.unit); got != tt.words {
			t.Errorf("%s %s in words is %q, want %q", tt.in, tt.unit, got, tt.words)
		}
	}
	for _, bad := range []string{"", "1, 2", "[2, 1]", "[a, b]", "[1 2]"} {
		if _, ok := parseInterval(bad); ok {
			t.Errorf("%q is an interval", bad)
		}
	}
}

func TestNamedRanges(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, value, want string
	}{
		{cycle.RouterName, "WAN Download (1) é", ""},
		{cycle.RouterName, "a\n", "ends in a line break"},
		{cycle.RouterName, "a$b", "holds '$'"},
		{cycle.RouterName, "", "is empty"},
		{cycle.Host, "2606:4700:4700::1111", ""},
		{cycle.Host, "fe80::1%eth0", "holds ':'"},
		{cycle.Host, "", "is empty"},
		{cycle.Host, "a..b", "has an empty part between its dots"},
		{cycle.Path, "/a b/é", ""},
		{cycle.Path, "/a\x7f", `holds '\x7f'`},
		{cycle.Path, "", "is empty"},
		{cycle.Comment, "a/b", "holds '/'"},
		{cycle.Name, "..", ""},
	} {
		if got := named[tt.name].check(tt.value); got != tt.want {
			t.Errorf("%s %q: %q, want %q", tt.name, tt.value, got, tt.want)
		}
	}
}

// TestRouterNamesNeverLeaveTheirQuotes keeps every character that means something
// in a router's command out of what ends up in one.
func TestRouterNamesNeverLeaveTheirQuotes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{cycle.RouterName, cycle.Comment, cycle.Name, cycle.Host} {
		for c := rune(0); c < 128; c++ {
			if c >= ' ' && c != 0x7f && !strings.ContainsRune("\"'$[]{};\\", c) {
				continue
			}
			for _, s := range []string{"a" + string(c), string(c) + "a", "a" + string(c) + "a"} {
				if named[name].check(s) == "" {
					t.Errorf("%s takes %q", name, s)
				}
			}
		}
	}
}
