package routeros

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
)

var errDown = errors.New("connection refused")

const cycleTime = 500 * time.Millisecond

// dials counts how often a client tries to connect, cycle after cycle.
func dials(t *testing.T, c *Client, tried *[]time.Time, run time.Duration) (waits []time.Duration) {
	t.Helper()
	for began := time.Now(); time.Since(began) < run; time.Sleep(cycleTime) {
		if _, err := c.Queues(t.Context(), "q"); err == nil {
			t.Fatal("no error")
		}
	}
	for i := range (*tried)[1:] {
		waits = append(waits, (*tried)[i+1].Sub((*tried)[i]))
	}
	return waits
}

func TestReconnectingBacksOff(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err   error
		waits []time.Duration // at least; and at most a quarter and a cycle more
		most  time.Duration
	}{
		"unreachable":   {errDown, []time.Duration{1, 2, 4, 8, 16, 24, 24, 24}, 30 * time.Second},
		"login refused": {&loginError{errDown}, []time.Duration{60, 120, 240, 300, 300}, 375 * time.Second},
		"impostor":      {&certificateError{errDown}, []time.Duration{60, 120, 240, 300}, 375 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var tried []time.Time
				c := clientWith(func(context.Context) (session, error) {
					tried = append(tried, time.Now())
					return nil, tc.err
				})
				defer c.close()
				got := dials(t, c, &tried, 40*time.Minute)
				for i, least := range tc.waits {
					least *= time.Second
					if got[i] < least || got[i] > least*5/4+cycleTime || got[i] > tc.most+cycleTime {
						t.Errorf("wait %d is %v, want %v or up to a quarter more", i, got[i], least)
					}
				}
				for i, d := range got {
					if d > tc.most+cycleTime {
						t.Errorf("wait %d is %v, more than %v", i, d, tc.most)
					}
				}
			})
		})
	}
}

// A router that lets in and then does not answer is not logged into over and over.
func TestSessionsThatNeverWorkBackOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tried []time.Time
		c := clientWith(func(context.Context) (session, error) {
			tried = append(tried, time.Now())
			return &scripted{onFetch: func(q query) ([]row, error) {
				if q.menu == systemResource {
					return upFor(time.Hour), nil
				}
				return nil, errDown
			}}, nil
		})
		defer c.close()
		dials(t, c, &tried, time.Minute)
		if n := len(tried); n > 8 {
			t.Errorf("%d logins in a minute", n)
		}
	})
}

// A router that drops every session after a while is logged into once a second
// at most.
func TestSessionsThatAreDroppedAreNotReplacedAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		logins, good := 0, 0
		c := clientWith(func(context.Context) (session, error) {
			logins++
			left := 4
			s := queueing()
			answer := s.onFetch
			s.onFetch = func(q query) ([]row, error) {
				if left--; left < 0 {
					return nil, errDown
				}
				return answer(q)
			}
			return s, nil
		})
		defer c.close()
		for range 60 * 20 {
			if _, err := c.Queues(t.Context(), "q"); err == nil {
				good++
			}
			time.Sleep(50 * time.Millisecond)
		}
		if logins > 65 || good < 100 {
			t.Errorf("%d logins and %d good readings in a minute", logins, good)
		}
	})
}

func TestFallingBackAndComingBack(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tried []time.Duration
		began := time.Now()
		up := func() bool { return time.Since(began) > 200*time.Second }
		var first, second *scripted
		c := clientWith(func(context.Context) (session, error) {
			tried = append(tried, time.Since(began).Truncate(time.Second))
			if !up() {
				return nil, errDown
			}
			first = queueing()
			return first, nil
		}, func(context.Context) (session, error) {
			second = queueing()
			return second, nil
		})
		var back time.Duration
		for ; time.Since(began) < 10*time.Minute; time.Sleep(500 * time.Millisecond) {
			if _, err := c.Queues(t.Context(), "q"); err != nil {
				t.Fatalf("after %v: %v", time.Since(began), err)
			}
			if s := c.Status(); back == 0 && s.Transport == "link0" {
				back = time.Since(began).Truncate(time.Second)
			}
		}
		// Once in a cycle, then beside the cycles after 30 s, 60 s, 120 s, ...
		want := []time.Duration{0, 30 * time.Second, 90 * time.Second, 210 * time.Second}
		if diff := cmp.Diff(want, tried); diff != "" {
			t.Errorf("tried the preferred transport (-want +got)\n%s", diff)
		}
		if back != 210*time.Second {
			t.Errorf("back after %v", back)
		}
		if !second.isClosed() || first.isClosed() {
			t.Error("the fallback's session is still open, or the preferred one's is not")
		}
		if s := c.Status(); s.Fallbacks != 1 {
			t.Errorf("status %+v", s)
		}
		c.close()
		if !first.isClosed() {
			t.Error("a session is open after the client was closed")
		}
	})
}

// A transport whose user may log in and read nothing is as good as down.
func TestARouterThatDoesNotGreetIsFallenBackFrom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mute := &scripted{onFetch: func(query) ([]row, error) { return nil, answerf("not enough permissions (9)") }}
		c := clientWith(
			func(context.Context) (session, error) { return mute, nil },
			func(context.Context) (session, error) { return queueing(), nil },
		)
		defer c.close()
		if _, err := c.Queues(t.Context(), "q"); err != nil || c.Status().Transport != "link1" || !mute.isClosed() {
			t.Errorf("%v, %+v", err, c.Status())
		}
	})
}

// queueing is a session that knows one queue, q.
func queueing() *scripted {
	s := greeting()
	s.onFetch = func(q query) ([]row, error) {
		if q.menu == systemResource {
			return upFor(time.Hour), nil
		}
		return []row{{".id": "*1", "name": "q", "max-limit": "5", "bytes": "1", "packets": "1", "dropped": "0", "queued-bytes": "0", "queued-packets": "0"}}, nil
	}
	return s
}

func TestAWriteIsNeverSentTwiceUnseen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sent := [2]int{}
		failing := func(i int) func(context.Context) (session, error) {
			return func(context.Context) (session, error) {
				s := queueing()
				s.onApply = func([]change) error { sent[i]++; return errDown }
				return s, nil
			}
		}
		c := clientWith(failing(0), failing(1))
		defer c.close()
		err := c.SetLimits(t.Context(), cycle.Limit{Queue: "q", Rate: 6})
		if err == nil || sent != [2]int{1, 1} {
			t.Errorf("error %v, sent %v", err, sent)
		}
	})
}

func TestRebootIsTold(t *testing.T) {
	t.Parallel()
	at := time.Unix(1e9, 0)
	for name, tc := range map[string]struct {
		then, now uptime
		want      bool
	}{
		"first meeting":        {uptime{}, uptime{time.Second, at}, false},
		"going on":             {uptime{time.Hour, at}, uptime{2 * time.Hour, at.Add(time.Hour)}, false},
		"a slow clock":         {uptime{time.Hour, at}, uptime{1000*time.Hour - 30*time.Minute, at.Add(999 * time.Hour)}, false},
		"whole seconds":        {uptime{time.Hour, at}, uptime{time.Hour, at.Add(900 * time.Millisecond)}, false},
		"began anew":           {uptime{time.Hour, at}, uptime{10 * time.Second, at.Add(time.Minute)}, true},
		"began anew, long ago": {uptime{10 * time.Second, at}, uptime{time.Hour, at.Add(3 * time.Hour)}, true},
	} {
		if got := tc.then.rebooted(tc.now); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestUptimesAreRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"1w2d3h4m5s": 9*24*time.Hour + 3*time.Hour + 4*time.Minute + 5*time.Second, "5s": 5 * time.Second, "3h5s": 3*time.Hour + 5*time.Second,
		"1w2d03:04:05": 9*24*time.Hour + 3*time.Hour + 4*time.Minute + 5*time.Second, "00:00:07": 7 * time.Second, "0s": 0,
	} {
		if got, ok := parseUptime(text); !ok || got != want {
			t.Errorf("%s: %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "soon", "5", "1h2", "-5s", "99999999w", "1:2:3"} {
		if got, ok := parseUptime(text); ok {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestFlashIsSpared(t *testing.T) {
	t.Parallel()
	type step struct {
		at   time.Duration
		held time.Duration // 0: written
	}
	for name, tc := range map[string]struct {
		flash *flash
		steps []step
	}{
		"no bounds": {&flash{}, []step{{0, 0}, {0, 0}, {1, 0}}},
		"interval": {&flash{interval: 3 * time.Second}, []step{
			{0, 0}, {time.Second, 2 * time.Second}, {3 * time.Second, 0}, {5999 * time.Millisecond, time.Millisecond}, {6 * time.Second, 0},
		}},
		"most in 10 s": {&flash{most: 2}, []step{
			{0, 0},
			{4 * time.Second, 0},
			{5 * time.Second, 5 * time.Second},
			{10 * time.Second, 0},
			{13 * time.Second, time.Second},
			{14 * time.Second, 0},
			{19 * time.Second, time.Second},
		}},
		"both, the interval longer than the window": {&flash{interval: 20 * time.Second, most: 1}, []step{
			{0, 0}, {15 * time.Second, 5 * time.Second}, {20 * time.Second, 0},
		}},
	} {
		f := tc.flash
		f.log = quiet
		began := time.Unix(1e9, 0)
		for _, s := range tc.steps {
			var held *HeldError
			err := f.permit(began.Add(s.at))
			if s.held == 0 && err != nil || s.held > 0 && (!errors.As(err, &held) || held.For != s.held || !held.Held()) {
				t.Errorf("%s: at %v: %v, want held for %v", name, s.at, err, s.held)
			}
			if err == nil {
				f.wrote(began.Add(s.at))
			}
		}
		if len(f.recent) > 3 {
			t.Errorf("%s: %d writes remembered", name, len(f.recent))
		}
	}
}

func TestHeldLimitsAreNotSent(t *testing.T) {
	t.Parallel()
	s := queueing()
	sent := 0
	s.onApply = func([]change) error { sent++; return nil }
	c := clientOf(s)
	defer c.close()
	c.flash.interval = time.Hour
	for i, want := range []bool{false, true, true} {
		err := c.SetLimits(t.Context(), cycle.Limit{Queue: "q", Rate: int64(i)})
		var held interface{ Held() bool }
		if errors.As(err, &held) != want {
			t.Errorf("write %d: %v", i, err)
		}
	}
	if sent != 1 || c.Status().Writes != 1 {
		t.Errorf("sent %d, status %+v", sent, c.Status())
	}
}

func TestErrorsQuoteLittleAndNoPassword(t *testing.T) {
	t.Parallel()
	q := quoter{"hunter2"}
	if got, want := q.quote("user\r\n\x00 hunter2 is   wrong\t\x1b[31m"), "user (secret) is wrong [31m"; got != want {
		t.Errorf("%q", got)
	}
	for _, tc := range []struct {
		password   cycle.Secret
		text, want string
	}{
		{"pass", "invalid user name or password (6)", "invalid user name or password (6)"},
		{"password", "invalid user name or password (6)", "invalid user name or password (6)"},
		{"password", "failure: password", "failure: (secret)"},
		{"failure", "failure: failure", "failure: (secret)"},
		{"pass", "failure: passphrase", "failure: (secret)"},
		{"item", "no such item (4)", "no such item (4)"},
		{"no such item", "no such item", "no such item"},
		{"range", "value of limit-at out of range (0..1)", "value of limit-at out of range (0..1)"},
		{"such item x", "no such item x", "no (secret)"},
		{"abc", "failure: abc", "failure: abc"}, // too short, which is warned of
		{`a "b" c/d`, `{"detail":"a \"b\" c/d"}`, `{"detail":"(secret)"}`},
		{"", "failure: x", "failure: x"},
	} {
		if got := (quoter{tc.password}).quote(tc.text); got != tc.want {
			t.Errorf("%q in %q: %q, want %q", tc.password.Reveal(), tc.text, got, tc.want)
		}
	}
	long := q.quote(fmt.Sprintf("%01000d", 0))
	if len(long) > maxQuote+3 {
		t.Errorf("%d characters", len(long))
	}
}

// TestErrorsOfLibrariesAreGuarded has a session whose errors repeat the password.
func TestErrorsOfLibrariesAreGuarded(t *testing.T) {
	t.Parallel()
	for password, want := range map[cycle.Secret]string{
		"hunter-2-planted": `malformed HTTP response "(secret)"`,
		"malformed":        `malformed HTTP response "malformed"`, // as one of our own words
	} {
		cause := fmt.Errorf("malformed HTTP response %q: %w", password.Reveal(), io.ErrUnexpectedEOF)
		err := (quoter{password}).guard(cause)
		if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := (quoter{"hunter-2-planted"}).guard(nil); err != nil {
		t.Error(err)
	}
}
