package autorate

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
)

// TestRatesStayWithinFloorAndCeiling: whatever is measured, from whatever state.
func TestRatesStayWithinFloorAndCeiling(t *testing.T) {
	t.Parallel()
	for name, cfg := range testConfigs(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(1, uint64(len(name))))
			law := NewLaw(&cfg)
			s := law.Start()
			for i := range 20_000 {
				if i%500 == 0 { // as a state file may have it
					s.Download.Rate = (random.Float64() - 0.2) * 2e9
					s.Upload.Rate = (random.Float64() - 0.2) * 2e9
					s.Baseline, s.Load = random.Float64()*maxBaseline, random.Float64()*maxLoad
				}
				rtt := 20 + math.Exp(random.Float64()*11-4)
				v := law.Step(&s, rtt)
				for _, l := range []struct {
					lane *lane
					zone cycle.Zone
					rate int64
				}{{&law.download, v.Download, v.Rates.Download}, {&law.upload, v.Upload, v.Rates.Upload}} {
					if r := float64(l.rate); r < math.Trunc(l.lane.floors[l.zone]) || r > l.lane.ceiling {
						t.Fatalf("cycle %d: %v at %v is not within [%v, %v]", i, l.zone, l.rate, l.lane.floors[l.zone], l.lane.ceiling)
					}
				}
				if math.IsNaN(s.Load) || math.IsInf(s.Load, 0) || s.Load < 0 || s.Baseline < 0 {
					t.Fatalf("cycle %d: averages %v, %v", i, s.Load, s.Baseline)
				}
			}
		})
	}
}

// TestAHigherRTTIsNeverAMilderZone compares two lines that differ in one RTT.
func TestAHigherRTTIsNeverAMilderZone(t *testing.T) {
	t.Parallel()
	cfg := testConfigs(t)["wan1"]
	law := NewLaw(&cfg)
	random := rand.New(rand.NewPCG(2, 2))
	s := law.Start()
	for range 10_000 {
		rtt := 15 + random.Float64()*200
		lower, higher := s, s
		a, b := law.Step(&lower, rtt), law.Step(&higher, rtt+random.Float64()*50)
		if a.Delta <= b.Delta && (a.Download > b.Download || a.Upload > b.Upload) {
			t.Fatalf("delta %v is %v/%v, %v is %v/%v", a.Delta, a.Download, a.Upload, b.Delta, b.Download, b.Upload)
		}
		s = lower
	}
}

func TestStateSurvivesTheFile(t *testing.T) {
	t.Parallel()
	cfg := testConfigs(t)["fractional"]
	law := NewLaw(&cfg)
	random := rand.New(rand.NewPCG(3, 3))
	s := law.Start()
	for i := range 2000 {
		read, err := law.decode(s.encode(time.Now()))
		if err != nil {
			t.Fatalf("cycle %d: %v", i, err)
		}
		if diff := cmp.Diff(s, read); diff != "" {
			t.Fatalf("cycle %d (-want +got):\n%s", i, diff)
		}
		v := law.Step(&s, 20+random.ExpFloat64()*30)
		if i%3 > 0 {
			s.Applied = cycle.Known(v.Rates)
		}
	}
}

// FuzzStateFile: whatever a state file holds, what comes of it is sane, and
// twenty cycles later the rates are within their bounds.
func FuzzStateFile(f *testing.F) {
	for _, v := range mended {
		f.Add([]byte(v))
	}
	cfg := testConfigs(f)["legacy"]
	law := NewLaw(&cfg)
	start := law.Start()
	f.Add(start.encode(time.Unix(0, 0)))
	for _, s := range []string{
		"", "null", "[1]", `{"download":[1]}`, `{"ewma":{"baseline_rtt":NaN,"load_rtt":-Infinity}}`, `{"download":{"current_rate":1e300}}`,
		`{"last_applied":{"dl_rate":1.5,"ul_rate":null}}`, `{"upload":{"green_streak":9e99}}`, `{"ewma":{"baseline_rtt":true}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := law.decode(b)
		if !json.Valid(cycle.FiniteJSON(b)) && err == nil {
			t.Fatal("bytes that are no JSON are taken for a state")
		}
		if s.Baseline <= 0 || s.Baseline > maxBaseline || s.Load < 0 || s.Load > maxLoad || math.Abs(s.Download.Rate) > maxRate || s.Download.Green < 0 {
			t.Fatalf("state %+v", s)
		}
		if again, err := law.decode(s.encode(time.Unix(0, 0))); s.Download.Rate > 0 && s.Upload.Rate > 0 && (err != nil || again != s) {
			t.Fatalf("%+v comes back as %+v: %v", s, again, err)
		}
		for range 20 {
			v := law.Step(&s, 18)
			if r := v.Rates; r.Download < 30e6 || r.Download > 220e6 || r.Upload < 4e6 || r.Upload > 22e6 {
				t.Fatalf("rates %+v", r)
			}
		}
	})
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		rtts []float64
		want float64
		ok   bool
	}{
		{nil, 0, false},
		{[]float64{25}, 25, true},
		{[]float64{30, 25}, 27.5, true},
		{[]float64{250, 24, 26}, 26, true},
	} {
		if got, ok := median(tc.rtts); got != tc.want || ok != tc.ok {
			t.Errorf("median(%v) = %v, %v; want %v, %v", tc.rtts, got, ok, tc.want, tc.ok)
		}
	}
}

func TestReflectors(t *testing.T) {
	t.Parallel()
	hosts := []string{"a", "b", "c", "d"}
	for _, tc := range []struct {
		hosts []string
		three bool
		want  int
	}{{hosts, true, 3}, {hosts[:3], true, 3}, {hosts[:2], true, 1}, {hosts, false, 1}, {nil, true, 0}} {
		c := Config{PingHosts: tc.hosts, MedianOfThree: tc.three}
		if got := c.Reflectors(); len(got) != tc.want {
			t.Errorf("%d hosts, median of three %v: %q is measured, want %d", len(tc.hosts), tc.three, got, tc.want)
		}
	}
}

// TestReplayInTheMiddleOfARun follows a recording, rounded as it is recorded, for
// some cycles and decides the rest as it was decided.
func TestReplayInTheMiddleOfARun(t *testing.T) {
	t.Parallel()
	cfg := testConfigs(t)["wan1"]
	whole, middle := NewReplay(cfg), NewReplay(cfg)
	random := rand.New(rand.NewPCG(4, 4))
	if err := middle.Begin(""); err != nil {
		t.Fatal(err)
	}
	for i := range 3000 {
		in := cycle.Decision{RTT: cycle.Known(25 + math.Round(random.ExpFloat64()*20*(1+math.Sin(float64(i)/40))*1000)/1000)}
		if i%37 == 5 {
			in.RTT = cycle.Maybe[float64]{}
		}
		if i%11 == 0 {
			in.Write = cycle.WriteFailed
		}
		want := whole.Cycle(&in)
		if i < 1000 {
			continue
		}
		recorded := want
		recorded.Baseline.Value = math.Round(want.Baseline.Value*1000) / 1000
		recorded.Load.Value = math.Round(want.Load.Value*1000) / 1000
		if i < 1060 {
			middle.Follow(&recorded)
			continue
		}
		got := middle.Cycle(&recorded)
		if got.Download != want.Download || got.Upload != want.Upload || got.Write != want.Write {
			t.Fatalf("cycle %d: %+v, was %+v", i, got, want)
		}
	}
}

func TestReplayRefusesBadInput(t *testing.T) {
	t.Parallel()
	r := NewReplay(testConfigs(t)["wan1"])
	for _, in := range []string{
		`{"rtt":-1}`, `{"rtt":"25"}`, `{"rtt":1e999}`, `{"rtt":"nan"}`, `{"hosts":[25,"slow",null]}`, `{"hosts":[-3]}`, `{"hosts":7}`,
		`{"rtt":25,"wr":"yes"}`, `{"rtt":25,"restart":"again"}`, `{"rtt":25,"restart":{"text":""}}`, `[25]`, `{"rtt":}`, `{"rtt":+5}`,
	} {
		before := r.state
		if err := r.Row(json.RawMessage(in)); err == nil || r.state != before {
			t.Errorf("%s is taken: %v", in, err)
		}
	}
}

func BenchmarkReplayRow(b *testing.B) {
	r := NewReplay(testConfigs(b)["wan1"])
	in := json.RawMessage(`{"rtt":25.317}`)
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Row(in); err != nil {
			b.Fatal(err)
		}
		out = r.AppendOut(out[:0])
	}
}

func BenchmarkStep(b *testing.B) {
	cfg := testConfigs(b)["wan1"]
	law := NewLaw(&cfg)
	s := law.Start()
	b.ReportAllocs()
	for b.Loop() {
		law.Step(&s, 25.317)
	}
}
