package simulator

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestFaultsStrikeWhenTheyShould(t *testing.T) {
	t.Parallel()
	const set, printed = "/queue/tree/set", "/queue/tree/print"
	for _, tc := range []struct {
		name    string
		fault   Fault
		by      Transport
		command string
		want    string // of ten requests: x where it strikes
	}{
		{"always", Fault{}, REST, set, "xxxxxxxxxx"},
		{"twice", Fault{Count: 2}, REST, set, "xx........"},
		{"after three", Fault{After: 3}, REST, set, "...xxxxxxx"},
		{"every third", Fault{Every: 3}, REST, set, "..x..x..x."},
		{"after, every and count", Fault{After: 2, Every: 2, Count: 2}, REST, set, "...x.x...."},
		{"by chance", Fault{Probability: 0.5}, REST, set, "..x.xx..xx"},
		{"another transport", Fault{Transport: SSH}, REST, set, ".........."},
		{"a place", Fault{Command: "/queue"}, API, printed, "xxxxxxxxxx"},
		{"another command", Fault{Command: set}, API, printed, ".........."},
		{"logins are not commands", Fault{}, API, Login, ".........."},
		{"logins", Fault{Command: Login}, API, Login, "xxxxxxxxxx"},
		{"no login", Fault{Command: Login}, API, set, ".........."},
	} {
		s := New(Config{})
		tc.fault.Kind = Close
		s.Inject(tc.fault)
		got := ""
		for range 10 {
			if s.faults.strike(tc.by, tc.command).of(Close) != nil {
				got += "x"
			} else {
				got += "."
			}
		}
		if tc.name == "by chance" {
			if n := strings.Count(got, "x"); n == 0 || n == 10 {
				t.Errorf("%s: %s", tc.name, got)
			}
			continue
		}
		if got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestFaultsByChanceAreTheSameForASeed(t *testing.T) {
	t.Parallel()
	series := func(seed uint64) (got []bool) {
		s := New(Config{Seed: seed})
		s.Inject(Fault{Kind: Close, Probability: 0.3})
		for range 50 {
			got = append(got, s.faults.strike(API, "/x").of(Close) != nil)
		}
		return got
	}
	if !cmp.Equal(series(1), series(1)) {
		t.Error("one seed gives two series")
	}
	if cmp.Equal(series(1), series(2)) {
		t.Error("two seeds give one series")
	}
}

func TestFaultJitterStaysInItsBounds(t *testing.T) {
	t.Parallel()
	s := New(Config{})
	s.Inject(Fault{Kind: Delay, Delay: 10 * time.Millisecond, Jitter: 5 * time.Millisecond})
	seen := map[time.Duration]bool{}
	for range 100 {
		d := s.faults.strike(API, "/x").wait(Delay)
		if d < 10*time.Millisecond || d > 15*time.Millisecond {
			t.Fatalf("delay %v is not in 10ms to 15ms", d)
		}
		seen[d] = true
	}
	if len(seen) < 50 {
		t.Errorf("only %d different delays", len(seen))
	}
}

func TestParseFault(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text string
		want Fault
		err  string
	}{
		{"close", Fault{Kind: Close}, ""},
		{"delay:20ms,jitter=5ms,rest", Fault{Kind: Delay, Delay: 20 * time.Millisecond, Jitter: 5 * time.Millisecond, Transport: REST}, ""},
		{"lost-reply:/queue/tree/set,count=1,after=2,every=3", Fault{Kind: LostReply, Command: "/queue/tree/set", Count: 1, After: 2, Every: 3}, ""},
		{"refuse:/login,p=0.5", Fault{Kind: Refuse, Command: Login, Probability: 0.5}, ""},
		{"refuse:status=503,text=busy, later", Fault{Kind: Refuse, Status: 503, Text: "busy, later"}, ""},
		{"explode", Fault{}, `there is no fault "explode" (there are delay, late,`},
		{"delay", Fault{}, `fault "delay" wants to be told how long`},
		{"delay:fast", Fault{}, `"fast" is no transport, no /command, no duration`},
		{"html:api", Fault{}, `fault "html" belongs to rest, not to api`},
		{"cut:/login", Fault{}, `fault "cut" does not strike at /login`},
		{"cut:times=3", Fault{}, `there is no "times"`},
		{"cut:count=x", Fault{}, `count="x" is no number`},
		{"cut:p=2", Fault{}, `probability 2 is not in [0, 1]`},
		{"cut:count=-1", Fault{}, `a number is negative`},
	} {
		got, err := ParseFault(tc.text)
		switch {
		case tc.err != "":
			if err == nil || !strings.Contains(err.Error(), tc.err) {
				t.Errorf("%s: %v, want %s", tc.text, err, tc.err)
			}
		case err != nil:
			t.Errorf("%s: %v", tc.text, err)
		default:
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.text, diff)
			}
		}
	}
}

func FuzzParseFault(f *testing.F) {
	f.Add("delay:20ms,jitter=5ms,rest")
	f.Add("refuse:/login,p=0.5,count=1,text=a,b=c")
	f.Fuzz(func(t *testing.T, s string) {
		fault, err := ParseFault(s)
		if err == nil && fault.check() != nil {
			t.Errorf("%q is taken and could never strike", s)
		}
	})
}
