package cycle

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestLabelsAreThoseOfTheContract: reports, files and existing tools know them.
func TestLabelsAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	for label, want := range map[Label]struct {
		Daemon
		Part
		word string
	}{
		"autorate_rtt_measurement": {Autorate, RTT, "rtt"},
		"autorate_cake_stats_read": {Autorate, CAKE, "cake"},
		"autorate_adjust_state":    {Autorate, Adjust, "adjust"},
		"autorate_router_update":   {Autorate, Update, "update"},
		"autorate_cycle_total":     {Autorate, Total, "total"},
		"autorate_probe":           {Autorate, Probe, "probe"},
		"autorate_lateness":        {Autorate, Late, "late"},
		"autorate_other":           {Autorate, Other, "other"},
		"steering_rtt_measurement": {Steering, RTT, "rtt"},
		"steering_cake_stats_read": {Steering, CAKE, "cake"},
		"steering_rule_check":      {Steering, Rule, "rule"},
		"steering_adjust_state":    {Steering, Adjust, "adjust"},
		"steering_router_update":   {Steering, Update, "update"},
		"steering_cycle_total":     {Steering, Total, "total"},
		"steering_probe":           {Steering, Probe, "probe"},
	} {
		if got := want.Daemon.Label(want.Part); got != label {
			t.Errorf("%s %s is %s, want %s", want.Daemon, want.Part, got, label)
		}
		if label.Part() != want.Part || label.Daemon() != want.Daemon || want.Part.String() != want.word {
			t.Errorf("%s is of %s, part %v %q", label, label.Daemon(), label.Part(), label.Part())
		}
	}
}

func TestForeignLabels(t *testing.T) {
	t.Parallel()
	for label, daemon := range map[Label]Daemon{"": "", "total": "total", "probe_dns": "probe", "autorate_rtt": "autorate", "_x": ""} {
		if label.Part() != Other || label.Daemon() != daemon {
			t.Errorf("%q is of %q, part %v", label, label.Daemon(), label.Part())
		}
	}
	if got := Daemon("dns").Label(RTT); got != "dns_rtt_measurement" {
		t.Error(got)
	}
	if Part(200).String() != "other" {
		t.Error(Part(200))
	}
}

// TestLinesAreThoseOfTheContract: existing tools parse them.
func TestLinesAreThoseOfTheContract(t *testing.T) {
	t.Parallel()
	us := func(p Part, v int) Span { return Span{Part: p, Duration: time.Duration(v) * time.Microsecond} }
	for _, tc := range []struct {
		c                  Cycle
		want, jsonContains string
	}{
		{
			Cycle{Run: &Run{Daemon: Autorate}, Total: 46 * ms, Spans: []Span{us(CAKE, 45_200), us(RTT, 12_345), us(Adjust, 99), us(Update, 700)}},
			"Autorate cycle: RTT=12.3ms, CAKE=45.2ms, Adjust=0.1ms, Total=46.0ms",
			`"rtt_ms":12.345,"cake_stats_ms":45.2,"adjust_ms":0.099,"router_update_ms":0.7,"cycle_total_ms":46,`,
		},
		{
			Cycle{Run: &Run{Daemon: Steering}, Total: 62_600 * time.Microsecond, Spans: []Span{us(RTT, 12_300), us(CAKE, 45_200), us(Rule, 5100), us(Adjust, 10)}},
			"Steering cycle: RTT=12.3ms, CAKE=45.2ms, Rule=5.1ms, Total=62.6ms",
			`"rule_check_ms":5.1,"adjust_ms":0.01,"cycle_total_ms":62.6,`,
		},
		{
			Cycle{Run: &Run{Daemon: Autorate}, Seq: 7, Late: 3 * ms, Missed: 2, Total: 2 * time.Second, Outcome: TimedOut, Spans: []Span{us(RTT, 2_000_000)}},
			"Autorate cycle: RTT=2000.0ms, Total=2000.0ms",
			`"cycle":7,"late_ms":3,"outcome":"timeout","missed":2`,
		},
		{Cycle{Run: &Run{}}, " cycle: Total=0.0ms", `"outcome":"ok"`},
	} {
		if got := tc.c.Line(); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
		var b strings.Builder
		slog.New(slog.NewJSONHandler(&b, nil)).Info(tc.want, tc.c.values())
		if !strings.Contains(b.String(), tc.jsonContains) {
			t.Errorf("%s lacks %s", &b, tc.jsonContains)
		}
	}
}

func TestPartOfACycle(t *testing.T) {
	t.Parallel()
	c := &Cycle{Total: 5, Late: 3, Spans: []Span{{Part: CAKE, Duration: 2}}}
	for p, want := range map[Part]Maybe[time.Duration]{
		Total: Known[time.Duration](5), Late: Known[time.Duration](3), CAKE: Known[time.Duration](2), Rule: {},
	} {
		if d, ok := c.Part(p); d != want.Value || ok != want.Known {
			t.Errorf("%v: %v, %v", p, d, ok)
		}
	}
}

// TestOverrunIsJudgedInWholeMicroseconds, as it is recorded: rows and minutes must
// count the same.
func TestOverrunIsJudgedInWholeMicroseconds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		run   *Run
		total time.Duration
		want  bool
	}{
		{&Run{Budget: 50 * ms}, 50 * ms, false},
		{&Run{Budget: 50 * ms}, 50*ms + 999, false},
		{&Run{Budget: 50 * ms}, 50*ms + time.Microsecond, true},
		{&Run{}, time.Hour, false},
		{nil, time.Hour, false},
	} {
		if got := (&Cycle{Run: tc.run, Total: tc.total}).Overrun(); got != tc.want {
			t.Errorf("%+v in %v: %v", tc.run, tc.total, got)
		}
	}
}

func TestMaybeIsNullWhereUnknown(t *testing.T) {
	t.Parallel()
	type pair struct {
		A Maybe[float64]
		B Maybe[int64]
		C Maybe[bool]
	}
	for text, want := range map[string]pair{
		`{"A":12.5,"B":null,"C":true}`: {A: Known(12.5), C: Known(true)},
		`{"A":0,"B":0,"C":false}`:      {Known(0.0), Known(int64(0)), Known(false)},
		`{"A":null,"B":-7,"C":null}`:   {B: Known(int64(-7))},
	} {
		got := pair{A: Known(99.0), B: Known(int64(99))}
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("%s is read as %+v, %v", text, got, err)
		}
		if b, err := json.Marshal(want); err != nil || string(b) != text {
			t.Errorf("%+v is written as %s, %v", want, b, err)
		}
	}
	if err := json.Unmarshal([]byte(`"x"`), new(Maybe[float64])); err == nil {
		t.Error("text is read as a number")
	}
	if Known(1).Or(2) != 1 || (Maybe[int]{}).Or(2) != 2 {
		t.Error("Or")
	}
	if _, err := json.Marshal(Known(math.NaN())); err == nil {
		t.Error("NaN is written as JSON")
	}
}

func TestNamesOfValues(t *testing.T) {
	t.Parallel()
	for z, want := range map[Zone]string{NoZone: "", Green: "GREEN", Yellow: "YELLOW", SoftRed: "SOFT_RED", Red: "RED", 99: ""} {
		if z.String() != want {
			t.Errorf("zone %d is %q", z, z)
		}
		if got, ok := ParseZone(want); ok != (want != "") || ok && got != z {
			t.Errorf("%q is read as %v, %v", want, got, ok)
		}
	}
	for w, want := range map[Write]string{NotWritten: "", Written: "written", WriteFailed: "failed", Dry: "dry", Held: "held", 99: ""} {
		if w.String() != want {
			t.Errorf("write %d is %q", w, w)
		}
	}
	for o, want := range map[Outcome]string{OK: "ok", Failed: "failed", TimedOut: "timeout", Panicked: "panic", 99: "failed"} {
		if o.String() != want {
			t.Errorf("outcome %d is %q", o, o)
		}
	}
	if got := (Echo{RTT: 12_345_678}).Millis(); got != 12.345 {
		t.Errorf("an echo's RTT in whole microseconds: %v", got)
	}
}

func TestSecretNeverPrints(t *testing.T) {
	t.Parallel()
	const text = "correct-horse"
	s := Secret(text)
	holder := struct {
		S  Secret
		P  *Secret
		In []any
	}{s, &s, []any{s}}
	b, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "holder", holder)
	for _, shown := range []string{
		string(b), log.String(), fmt.Sprint(s), fmt.Sprintf("%s %q %v %+v %#v %x %d", s, s, holder, holder, holder, s, s), fmt.Errorf("login: %v", s).Error(),
	} {
		if strings.Contains(shown, text) || strings.Contains(shown, fmt.Sprintf("%x", text)) {
			t.Errorf("it is in %s", shown)
		}
	}
	if s.Reveal() != text {
		t.Error("who must know it does not learn it")
	}
}

func FuzzDurations(f *testing.F) {
	f.Add([]byte(AppendDurations(nil, []int64{0, 0, 1, 127, 128, 1 << 40})))
	f.Add([]byte{0x80})
	f.Add(binary.AppendUvarint([]byte{2}, math.MaxUint64)) // it would go back by one
	f.Fuzz(func(t *testing.T, b []byte) {
		us, err := Durations(b).Append(nil)
		if err != nil {
			return
		}
		again, err := AppendDurations(nil, us).Append(nil)
		if diff := cmp.Diff(us, again); diff != "" || err != nil {
			t.Errorf("%x: %v\n%s", b, err, diff)
		}
		for i, v := range us {
			if v < 0 || i > 0 && v < us[i-1] {
				t.Fatalf("%x is read as %v", b, us)
			}
		}
	})
}
