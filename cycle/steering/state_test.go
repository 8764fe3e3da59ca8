package steering

import (
	"encoding/json"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
	"wanctl/cycle/golden"
)

func TestStateFields(t *testing.T) {
	t.Parallel()
	fresh := State{Assessment: cycle.Green}
	for name, tt := range map[string]struct {
		text string
		bad  []string
		want func(*State)
	}{
		"an empty object":       {`{}`, nil, func(*State) {}},
		"a good name":           {`{"current_state":"WAN1_GOOD"}`, nil, func(*State) {}},
		"an old good name":      {`{"current_state":"SPECTRUM_GOOD"}`, nil, func(*State) {}},
		"any other name":        {`{"current_state":"ATT_GOOD"}`, nil, func(s *State) { s.Degraded = true }},
		"counters":              {`{"red_count":99,"good_count":3,"bad_count":2}`, nil, func(s *State) { s.RedCount, s.GoodCount, s.BadCount = 99, 3, 2 }},
		"a negative counter":    {`{"red_count":-1,"good_count":3}`, []string{"red_count"}, func(s *State) { s.GoodCount = 3 }},
		"a huge counter":        {`{"good_count":1e300}`, []string{"good_count"}, func(*State) {}},
		"a counter beyond need": {`{"good_count":99999999999}`, []string{"good_count"}, func(*State) {}},
		"a fraction":            {`{"bad_count":1.5}`, []string{"bad_count"}, func(*State) {}},
		"true for a number":     {`{"bad_count":true}`, []string{"bad_count"}, func(*State) {}},
		"text for a number":     {`{"rtt_delta_ewma":"3"}`, []string{"rtt_delta_ewma"}, func(*State) {}},
		"NaN and Infinity":      {`{"rtt_delta_ewma":NaN,"queue_ewma":-Infinity}`, []string{"rtt_delta_ewma", "queue_ewma"}, func(*State) {}},
		"a negative average":    {`{"queue_ewma":-0.5}`, []string{"queue_ewma"}, func(*State) {}},
		"a huge average":        {`{"rtt_delta_ewma":1e308,"queue_ewma":4}`, []string{"rtt_delta_ewma"}, func(s *State) { s.Depth = 4 }},
		"no baseline yet":       {`{"baseline_rtt":null}`, nil, func(*State) {}},
		"a baseline":            {`{"baseline_rtt":24.5}`, nil, func(s *State) { s.Baseline = cycle.Known(24.5) }},
		"a baseline too high":   {`{"baseline_rtt":500}`, []string{"baseline_rtt"}, func(*State) {}},
		"a history":             {`{"history_rtt":[1,2.5]}`, nil, func(s *State) { s.RTTs = []float64{1, 2.5} }},
		"a history too long":    {`{"history_delta":[1,2,3,4]}`, nil, func(s *State) { s.Deltas = []float64{2, 3, 4} }},
		"text in a history":     {`{"history_rtt":[1,"2"]}`, []string{"history_rtt"}, func(*State) {}},
		"NaN in a history":      {`{"history_rtt":[1,NaN]}`, []string{"history_rtt"}, func(*State) {}},
		"an object for a list":  {`{"cake_drops_history":{"a":1}}`, []string{"cake_drops_history"}, func(*State) {}},
		"negative drops":        {`{"cake_drops_history":[-3]}`, nil, func(s *State) { s.Drops = []int64{-3} }},
		"null transitions":      {`{"transitions":null}`, []string{"transitions"}, func(*State) {}},
		"a number among them":   {`{"transitions":[5]}`, []string{"transitions"}, func(*State) {}},
		"an unknown zone":       {`{"congestion_state":"PURPLE"}`, []string{"congestion_state"}, func(*State) {}},
		"a zone":                {`{"congestion_state":"YELLOW"}`, nil, func(s *State) { s.Assessment = cycle.Yellow }},
		"an unknown key":        {`{"zzz":1}`, nil, func(*State) {}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := DefaultConfig()
			cfg.PrimaryWAN, cfg.HistorySize = "wan1", 3
			l := NewLaw(&cfg)
			l.RedCount, l.Degraded = 7, true // of before: must not survive
			bad, err := l.Load([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(bad)
			slices.Sort(tt.bad)
			if diff := cmp.Diff(tt.bad, bad); diff != "" {
				t.Errorf("bad fields (-want +got):\n%s", diff)
			}
			want := fresh
			tt.want(&want)
			if diff := cmp.Diff(want, l.State); diff != "" {
				t.Errorf("state (-want +got):\n%s", diff)
			}
		})
	}
}

// full is a law whose state has everything.
func full() *Law {
	cfg := DefaultConfig()
	cfg.PrimaryWAN = "wan1"
	l := NewLaw(&cfg)
	for i := range 9 {
		v := l.Decide(Reading{
			Baseline: cycle.Known(20 + 1.0/3), RTT: cycle.Known(99.9 + float64(i)), Queue: cycle.Known(Queue{Drops: 7, Queued: int64(80 + i)}),
		})
		if v.Switch != Leave {
			l.Switched(time.Date(2026, 1, 9, 15, 4, 5, 60_000, time.Local))
		}
	}
	return l
}

func TestStateRoundTrip(t *testing.T) {
	t.Parallel()
	l := full()
	text, err := l.encode()
	if err != nil {
		t.Fatal(err)
	}
	again := full()
	again.State = State{}
	if bad, err := again.Load(text); err != nil || bad != nil {
		t.Fatalf("Load: %v, %v", bad, err)
	}
	if diff := cmp.Diff(l.State, again.State); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
}

// TestStateLayout holds what the Python program reads by name and by type.
func TestStateLayout(t *testing.T) {
	t.Parallel()
	text, err := full().encode()
	if err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, "testdata/state.json", string(text))

	cfg := DefaultConfig()
	text, err = NewLaw(&cfg).encode()
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	for _, k := range []string{"history_rtt", "history_delta", "transitions", "cake_drops_history", "queue_depth_history"} {
		if list, ok := v[k].([]any); !ok || len(list) > 0 {
			t.Errorf("a fresh %s is %v, not an empty list", k, v[k])
		}
	}
}

func FuzzStateLoad(f *testing.F) {
	text, err := full().encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"rtt_delta_ewma":NaN,"transitions":null,"history_rtt":[1e9]}`))
	f.Add([]byte(`[]`))
	cfg := DefaultConfig()
	f.Fuzz(func(t *testing.T, text []byte) {
		l := NewLaw(&cfg)
		if _, err := l.Load(text); err != nil {
			if diff := cmp.Diff(NewLaw(&cfg).State, l.State); diff != "" {
				t.Fatalf("not a fresh start (-want +got):\n%s", diff)
			}
		}
		for range 3 {
			v := l.Decide(Reading{RTT: cycle.Known(30.0), Baseline: cycle.Known(20.0), Queue: cycle.Known(Queue{1, 60})})
			if !v.OK || math.IsNaN(l.Bloat) || math.IsInf(l.Bloat, 0) || l.Bloat < 0 || l.RedCount < 0 || l.GoodCount < 0 {
				t.Fatalf("a poisoned law: %+v", l.State)
			}
		}
		saved, err := l.encode()
		if err != nil {
			t.Fatal(err)
		}
		if bad, err := NewLaw(&cfg).Load(saved); err != nil || bad != nil {
			t.Fatalf("what was saved does not load: %v, %v", bad, err)
		}
	})
}
