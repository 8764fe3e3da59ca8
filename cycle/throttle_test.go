package cycle

import (
	"fmt"
	"log/slog"
	"testing"
	"time"
)

func TestThrottleHoldsBackWhatAFastLoopRepeats(t *testing.T) {
	t.Parallel()
	at := func(s float64) time.Time { return time.Unix(1000, 0).Add(time.Duration(s * float64(time.Second))) }
	type say struct {
		at     float64
		name   string
		ok     bool
		unsaid int64
	}
	for _, tc := range []struct {
		name     string
		interval time.Duration
		says     []say
	}{
		{"at once, then every 2 s", 50 * ms, []say{
			{0, "a", true, 0},
			{0.05, "a", false, 0},
			{1.95, "a", false, 0},
			{2, "a", true, 2},
			{3, "a", false, 0},
			{4, "a", true, 1},
		}},
		{"names apart", 50 * ms, []say{{0, "a", true, 0}, {0.1, "b", true, 0}, {0.2, "a", false, 0}, {2.1, "b", true, 0}}},
		{"afresh after 2 s without", 50 * ms, []say{{0, "a", true, 0}, {9, "a", true, 0}, {9.1, "a", false, 0}, {30, "a", true, 1}, {60, "a", true, 0}}},
		{"a loop of 2 s says all", 2 * time.Second, []say{{0, "a", true, 0}, {0.1, "a", true, 0}, {2, "a", true, 0}}},
	} {
		throttle := NewThrottle(tc.interval)
		for _, s := range tc.says {
			unsaid, ok := throttle.Say(s.name, at(s.at))
			want := slog.Attr{}
			if s.unsaid > 0 {
				want = Values("unsaid", s.unsaid)
			}
			if ok != s.ok || !unsaid.Equal(want) {
				t.Errorf("%s: %q at %v s: %v %v, want %v %v", tc.name, s.name, s.at, ok, unsaid, s.ok, want)
			}
		}
	}
}

func TestThrottleOfManyNamesIsBounded(t *testing.T) {
	t.Parallel()
	throttle := NewThrottle(ms)
	said := 0
	for i := range 1000 {
		if _, ok := throttle.Say(fmt.Sprint(i), time.Unix(1000, 0)); ok {
			said++
		}
	}
	if said != maxThrottled+1 || len(throttle.lines) != maxThrottled+1 {
		t.Errorf("%d lines said, %d names kept", said, len(throttle.lines))
	}
}
