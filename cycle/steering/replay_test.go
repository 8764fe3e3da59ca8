package steering

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
)

// weather makes the `in` objects of a WAN that is idle and congested by turns,
// with every kind of field in them.
func weather() func() []byte {
	r := rand.New(rand.NewPCG(2026, 1))
	b, n := new(bytes.Buffer), -1
	return func() []byte {
		b.Reset()
		n++
		bloat, queued := 4.0, 12
		if n/97%3 == 2 {
			bloat, queued = 60, 400
		}
		rtt := 22 + float64(int(r.ExpFloat64()*bloat*1000))/1000
		switch r.IntN(40) {
		case 0:
			b.WriteString(`{"rtt":null`)
		case 1:
			fmt.Fprintf(b, `{"rtt":[null,%v]`, rtt)
		default:
			fmt.Fprintf(b, `{"rtt":%v`, rtt)
		}
		if r.IntN(30) > 0 {
			fmt.Fprintf(b, `,"cake":[%d,%d]`, r.IntN(queued), r.IntN(queued))
		}
		if n == 0 || r.IntN(4) == 0 {
			fmt.Fprintf(b, `,"base":%v`, 20+float64(r.IntN(4000))/1000)
		}
		if r.IntN(50) == 0 {
			b.WriteString(`,"enable":false,"disable":false`)
		}
		if r.IntN(2000) == 0 {
			b.WriteString(`,"restart":"keep"`)
		}
		b.WriteByte('}')
		return b.Bytes()
	}
}

// TestReplayIsDeterministic replays a week of 2 s cycles twice.
func TestReplayIsDeterministic(t *testing.T) {
	t.Parallel()
	week := 7 * 24 * 3600 / 2
	if testing.Short() || raceDetector {
		week /= 7
	}
	next := weather()
	first, second := NewReplay(testConfig(t)), NewReplay(testConfig(t))
	var a, b []byte
	switches := 0
	for i := range week {
		row := next()
		if err := errors.Join(first.Row(row), second.Row(row)); err != nil {
			t.Fatalf("row %d %s: %v", i, row, err)
		}
		a, b = first.AppendOut(a[:0]), second.AppendOut(b[:0])
		if !bytes.Equal(a, b) {
			t.Fatalf("row %d %s came out as\n%s\nand as\n%s", i, row, a, b)
		}
		if first.last.Switch != Leave {
			switches++
		}
	}
	if switches < week/1000 {
		t.Errorf("only %d switches in %d cycles, too few to tell anything", switches, week)
	}
}

func TestReplayRowsThatAreWrong(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`{"rtt":"x"}`:               "rtt",
		`{"rtt":[1,"x"]}`:           "rtt",
		`{"rtt":{}}`:                "rtt",
		`{"cake":[1]}`:              "cake",
		`{"cake":[1,null]}`:         "cake",
		`{"cake":[1,2,3]}`:          "cake",
		`{"cake":"x"}`:              "cake",
		`{"base":"gone"}`:           "base",
		`{"base":{"text":1}}`:       "base",
		`{"restart":"sometimes"}`:   "restart",
		`{"restart":{"raw":5}}`:     "restart",
		`{"enable":"yes"}`:          "enable",
		`[]`:                        "array",
		`{"rtt":20,"base":24,"ca"`:  "unexpected end",
		`{"rtt":1e999}`:             "rtt",
		`{"cake":[1.5,2],"rtt":20}`: "cake",
	} {
		r := NewReplay(testConfig(t))
		if err := r.Row([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Row(%s) = %v, want an error that names %q", in, err, want)
		}
		if diff := cmp.Diff(NewLaw(&Config{}).State, r.law.State); diff != "" {
			t.Errorf("Row(%s) moved the law (-want +got):\n%s", in, diff)
		}
	}
}

func TestReplayOut(t *testing.T) {
	t.Parallel()
	r := NewReplay(testConfig(t))
	for _, in := range []string{`{"rtt":80,"cake":[3,60],"base":24}`, `{"rtt":90,"cake":[3,60]}`} {
		if err := r.Row([]byte(in)); err != nil {
			t.Fatal(err)
		}
	}
	const want = `{"rtt":90,"delta":66,"rewma":59,"qewma":60,"cong":"RED","st":"WAN1_DEGRADED","red":0,"good":0,"bad":0,"cf":0,"base":24,"tr":1,"hist":[2,2],"calls":["enable"],"pings":1,"ret":true}`
	// 0.7 * 56 + 0.3 * 66 is a little more than 59 in double precision.
	got := strings.Replace(string(r.AppendOut(nil)), "58.99999999999999", "59", 1)
	if got != want {
		t.Errorf("out:\n got %s\nwant %s", got, want)
	}
	var v map[string]any
	if err := json.Unmarshal(r.AppendOut(nil), &v); err != nil {
		t.Fatal(err)
	}
	if len(v) != len(r.Columns()) {
		t.Errorf("%d fields, %d columns", len(v), len(r.Columns()))
	}
	for _, c := range r.Columns() {
		if _, ok := v[c]; !ok {
			t.Errorf("no field %q", c)
		}
	}
}

// record runs the daemon through changing weather and returns what was recorded:
// the state at the start and every decision.
func record(t *testing.T, change ...func(*Config, *world)) (b *bench, state string, ds []cycle.Decision) {
	t.Helper()
	b = start(t, change...)
	state = b.Restore()
	r := rand.New(rand.NewPCG(3, 1))
	for i := range 600 {
		b.attempt = 0
		b.sees(20+r.ExpFloat64()*3, int64(r.IntN(3))-1, r.Uint64N(8))
		if i/40%2 == 1 {
			b.sees(40+r.ExpFloat64()*60, int64(r.IntN(30))-1, 40+r.Uint64N(300))
		}
		b.deny, b.lost = nil, r.IntN(7) == 0
		switch r.IntN(12) {
		case 0:
			b.tries = nil
		case 1:
			b.queue = cycle.Maybe[cycle.Queue]{}
		case 2, 3:
			b.deny = errFake
		}
		if r.IntN(60) == 0 {
			b.rule = cycle.Known(!b.rule.Value)
		}
		d, _, _ := turn(b.Steering)
		ds = append(ds, d)
	}
	return b, state, ds
}

// TestReplayOfRecordedCycles decides recorded cycles again: the same settings
// decide the same, refused switches, outside hands and all.
func TestReplayOfRecordedCycles(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Config, *world){
		"three-state": func(*Config, *world) {},
		"RTT alone":   func(c *Config, _ *world) { c.CAKEAware = false },
		"from a saved state": func(_ *Config, w *world) {
			w.stored, w.rule = []byte(`{"current_state":"WAN1_DEGRADED","good_count":1,"history_rtt":[40.5]}`), cycle.Known(true)
		},
		"a rule found otherwise": func(_ *Config, w *world) { w.rule = cycle.Known(true) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b, state, ds := record(t, change)
				written := 0
				r := NewReplay(b.cfg)
				if err := r.Begin(state); err != nil {
					t.Fatal(err)
				}
				for i := range ds {
					got := r.Cycle(&ds[i])
					if diff := cmp.Diff(ds[i], got); diff != "" {
						t.Fatalf("cycle %d (-recorded +again):\n%s", i+1, diff)
					}
					if got.Write == cycle.Written {
						written++
					}
				}
				if written < 4 {
					t.Errorf("only %d switches, too few to tell anything", written)
				}
				follow(t, b.cfg, ds)
			})
		})
	}
}

// follow begins in the middle: after a lead-in the law stands where it stood.
func follow(t *testing.T, cfg Config, ds []cycle.Decision) {
	t.Helper()
	for _, at := range []int{100, 250, 333} {
		r := NewReplay(cfg)
		if err := r.Begin(""); err != nil {
			t.Fatal(err)
		}
		for i := at - 60; i < at; i++ {
			r.Follow(&ds[i])
		}
		for i := at; i < len(ds); i++ {
			if diff := cmp.Diff(ds[i], r.Cycle(&ds[i])); diff != "" {
				t.Fatalf("led in from cycle %d, cycle %d (-recorded +again):\n%s", at-59, i+1, diff)
			}
		}
	}
}

// TestReplayRestarts shows that a restart goes back to the last cycle that was
// saved, and a missing file to the beginning.
func TestReplayRestarts(t *testing.T) {
	t.Parallel()
	r := NewReplay(testConfig(t))
	for i, tt := range []struct {
		in       string
		failures int64
		rtts     int
	}{
		{`{"rtt":null,"base":24}`, 1, 0},
		{`{"rtt":null}`, 2, 0},
		{`{"rtt":30,"restart":"keep"}`, 1, 1}, // the failures were never saved
		{`{"rtt":30}`, 2, 2},
		{`{"rtt":30,"restart":"keep"}`, 3, 3},
		{`{"rtt":30,"restart":"missing"}`, 1, 1},
		{`{"rtt":30,"restart":{"raw":"{\"cake_read_failures\":7}"}}`, 8, 1},
		{`{"rtt":30,"restart":{"raw":"{"}}`, 1, 1},
	} {
		if err := r.Row([]byte(tt.in)); err != nil {
			t.Fatal(err)
		}
		if r.law.CAKEFailures != tt.failures || len(r.law.RTTs) != tt.rtts {
			t.Errorf("row %d %s: %d failures, %d RTTs; want %d, %d", i, tt.in, r.law.CAKEFailures, len(r.law.RTTs), tt.failures, tt.rtts)
		}
	}
}

func TestReplayUnderAnotherConfiguration(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, state, ds := record(t)
		cfg := b.cfg
		cfg.Thresholds.RedSamples = 20
		count := func(cfg Config) (written int) {
			r := NewReplay(cfg)
			if err := r.Begin(state); err != nil {
				t.Fatal(err)
			}
			for i := range ds {
				if r.Cycle(&ds[i]).Write == cycle.Written {
					written++
				}
			}
			return written
		}
		if same, other := count(b.cfg), count(cfg); other >= same || other == 0 {
			t.Errorf("%d switches with twenty RED cycles needed, %d with two", other, same)
		}
	})
}

func TestReplayBeginRefusesWhatIsNoState(t *testing.T) {
	t.Parallel()
	r := NewReplay(testConfig(t))
	if err := r.Begin(`[]`); err == nil {
		t.Error("a list passed for a state")
	}
	if d := r.Cycle(&cycle.Decision{}); !cmp.Equal(cycle.Decision{}, d) {
		t.Errorf("a cycle that never came to deciding was decided: %+v", d)
	}
}

func FuzzRow(f *testing.F) {
	next := weather()
	for range 50 {
		f.Add(bytes.Clone(next()))
	}
	f.Add([]byte(`{"rtt":24,"base":{"raw":"{\"ewma\":{\"baseline_rtt\":NaN}}"},"restart":{"raw":"{"}}`))
	cfg := DefaultConfig()
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReplay(cfg)
		if r.Row(in) == nil && !json.Valid(r.AppendOut(nil)) {
			t.Errorf("%s: out is no JSON: %s", in, r.AppendOut(nil))
		}
	})
}

func BenchmarkReplay(b *testing.B) {
	next, in := weather(), make([][]byte, 10_000)
	for i := range in {
		in[i] = bytes.Clone(next())
	}
	r := NewReplay(DefaultConfig())
	var out []byte
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := r.Row(in[i%len(in)]); err != nil {
			b.Fatal(err)
		}
		out = r.AppendOut(out[:0])
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkTurn is what a cycle costs apart from waiting.
func BenchmarkTurn(b *testing.B) {
	cfg, w := DefaultConfig(), &world{rule: cycle.Known(false)}
	cfg.BaselineFile = b.TempDir() + "/wan1_state.json"
	w.sees(0.001, 0, 2)
	w.delay = 0
	s := New(cfg, w, w, w, false, slog.New(slog.DiscardHandler))
	s.law.Baseline = cycle.Known(20.0)
	t := cycle.NewTimer(cycle.Steering, nil)
	b.ReportAllocs()
	for b.Loop() {
		w.attempt = 0
		t.Begin(time.Now())
		if _, err := s.Turn(b.Context(), t); err != nil {
			b.Fatal(err)
		}
	}
}
