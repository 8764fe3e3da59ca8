package notify

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"wanctl/cycle"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// systemd notes when it was sent what. It is a Notifier's other end.
type systemd struct {
	begun time.Time
	deaf  time.Duration // from the beginning: nothing can be sent
	mu    sync.Mutex
	got   []message
}

type message struct {
	at    time.Duration
	lines []string
}

func (s *systemd) dial() (io.WriteCloser, error) { return s, nil }
func (s *systemd) Close() error                  { return nil }

func (s *systemd) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.begun) < s.deaf {
		return 0, io.ErrShortWrite
	}
	s.got = append(s.got, message{time.Since(s.begun), strings.Split(string(p), "\n")})
	return len(p), nil
}

// times returns when a line that begins so was sent.
func (s *systemd) times(begin string) (at []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.got {
		if slices.ContainsFunc(m.lines, func(l string) bool { return strings.HasPrefix(l, begin) }) {
			at = append(at, m.at)
		}
	}
	return at
}

// turner makes the cycle of a number; it may sleep.
type turner func(seq int64) error

// run runs a Notifier with real loops, by their intervals, until the time is over.

func run(t *testing.T, period, length time.Duration, loops map[time.Duration]turner) (*systemd, *Notifier) {
	t.Helper()
	return runWith(t, &systemd{begun: time.Now()}, period, length, loops)
}

func runWith(t *testing.T, s *systemd, period, length time.Duration, loops map[time.Duration]turner) (*systemd, *Notifier) {
	t.Helper()
	n := &Notifier{
		dial: s.dial, period: period, drops: func() int64 { return 7 },
		log: slog.New(slog.DiscardHandler), wake: make(chan struct{}, 1),
	}
	ctx, cancel := context.WithTimeout(t.Context(), length)
	defer cancel()
	var work sync.WaitGroup
	for interval, turn := range loops {
		info := &cycle.Run{Daemon: cycle.Autorate, WAN: interval.String(), Budget: interval}
		l := &cycle.Loop{Info: info, Daemon: counted{turn, new(int64)}, Recorder: n.Loop(info, interval)}
		work.Go(func() { _ = l.Run(ctx) })
	}
	work.Go(func() {
		if err := n.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	work.Wait()
	return s, n
}

type counted struct {
	turn turner
	seq  *int64
}

func (c counted) Turn(context.Context, *cycle.Timer) (cycle.Decision, error) {
	*c.seq++
	return cycle.Decision{}, c.turn(*c.seq)
}

func good(int64) error { return nil }

// longest returns the longest stretch between two moments, from the first on.
func longest(at []time.Duration) (gap time.Duration) {
	for i := 1; i < len(at); i++ {
		gap = max(gap, at[i]-at[i-1])
	}
	return gap
}

func TestGoodCyclesFeedTheWatchdog(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		interval, period, length time.Duration
	}{
		"50 ms":                        {50 * time.Millisecond, 30 * time.Second, 10 * time.Minute},
		"2 s":                          {2 * time.Second, 30 * time.Second, 10 * time.Minute},
		"60 s, which needs a stretch":  {time.Minute, 30 * time.Second, 2 * time.Hour},
		"period as short as the cycle": {2 * time.Second, 2 * time.Second, 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, n := run(t, tc.period, tc.length, map[time.Duration]turner{tc.interval: good})
				fed := s.times("WATCHDOG=1")
				if len(fed) == 0 || fed[0] > time.Millisecond || longest(append(fed, tc.length)) >= n.period {
					t.Fatalf("fed at %v, every %v is needed", fed, n.period)
				}
				if most := int(tc.length/(n.period/feedsPerPeriod)) + 1; len(fed) > most {
					t.Errorf("fed %d times, %d are plenty", len(fed), most)
				}
				if got := s.times("READY=1"); len(got) != 1 || got[0] > time.Millisecond {
					t.Errorf("ready at %v", got)
				}
				if stretched := len(s.times("WATCHDOG_USEC=")) > 0; stretched != (tc.period < 3*tc.interval) || n.period < 3*tc.interval {
					t.Errorf("stretched to %v: %v", n.period, stretched)
				}
				if at := s.times("STOPPING=1"); len(at) != 1 || at[0] != tc.length || len(s.times("EXTEND_TIMEOUT_USEC=")) != 1 {
					t.Errorf("stopping at %v", at)
				}
			})
		})
	}
}

func TestThreeFailedCyclesStopTheFeedingAndAGoodOneStartsItAgain(t *testing.T) {
	t.Parallel()
	const interval, period = time.Second, 6 * time.Second
	between := func(from, to int64) turner {
		return func(seq int64) error {
			if seq >= from && seq < to {
				return errors.New("no answer")
			}
			return nil
		}
	}
	for name, tc := range map[string]struct {
		turn         turner
		stops, again time.Duration // 0: never
	}{
		"two in a row":           {between(20, 22), 0, 0},
		"three in a row":         {between(20, 30), 22 * time.Second, 29 * time.Second},
		"three, but not in line": {func(seq int64) error { return map[bool]error{true: io.EOF}[seq%3 != 0] }, 0, 0},
		"a panic counts too": {func(seq int64) error {
			if seq >= 20 && seq < 30 {
				panic("oh")
			}
			return nil
		}, 22 * time.Second, 29 * time.Second},
		"from the start": {between(1, 10), time.Nanosecond, 9 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, n := run(t, period, time.Minute, map[time.Duration]turner{interval: tc.turn})
				fed := s.times("WATCHDOG=1")
				if n.period != period {
					t.Fatalf("period %v", n.period)
				}
				in := slices.ContainsFunc(fed, func(at time.Duration) bool { return at > tc.stops && at < tc.again })
				if tc.stops > 0 && (in || !slices.Contains(fed, tc.again)) {
					t.Errorf("fed at %v, though nothing good was between %v and %v", fed, tc.stops, tc.again)
				}
				if tc.stops == 0 && longest(fed) >= period/feedsPerPeriod+interval {
					t.Errorf("fed at %v", fed)
				}
				if got := s.times("READY=1"); len(got) != 1 {
					t.Errorf("ready at %v", got)
				}
			})
		})
	}
}

func TestEveryLoopHasToBeGood(t *testing.T) {
	t.Parallel()
	const ill = 30 * time.Second
	for name, turn := range map[string]turner{
		"one fails": func(int64) error {
			return map[bool]error{true: io.EOF}[time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) >= ill]
		},
		"one hangs": func(seq int64) error {
			if seq == int64(ill/time.Second) {
				time.Sleep(time.Hour)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s, n := run(t, 10*time.Second, 3*time.Minute, map[time.Duration]turner{
					50 * time.Millisecond: good, time.Second: turn, 2 * time.Second: good,
				})
				fed := s.times("WATCHDOG=1")
				last := fed[len(fed)-1]
				if last < ill-n.period || last > ill+n.period {
					t.Errorf("last fed at %v; a loop was ill from %v on", last, ill)
				}
				const told = " failed in a row (the watchdog is not fed)"
				if name == "one fails" && !slices.ContainsFunc(s.got, func(m message) bool { return strings.Contains(strings.Join(m.lines, "\n"), told) }) {
					t.Errorf("no status line says %q", told)
				}
			})
		})
	}
}

func TestReadyWhenAllLoopsRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := run(t, 0, time.Minute, map[time.Duration]turner{
			time.Second:     good,
			2 * time.Second: func(int64) error { time.Sleep(1500 * time.Millisecond); return io.EOF },
		})
		if at := s.times("READY=1"); len(at) != 1 || at[0] != 1500*time.Millisecond {
			t.Errorf("ready at %v", at)
		}
		if at := s.times("WATCHDOG"); len(at) > 0 {
			t.Errorf("a watchdog that is not there is fed at %v", at)
		}
	})
}

// TestWhatCouldNotBeSentIsSentAgain begins with a systemd that takes nothing.
func TestWhatCouldNotBeSentIsSentAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const deaf = 3500 * time.Millisecond
		s, n := runWith(t, &systemd{begun: time.Now(), deaf: deaf}, time.Second, time.Minute, map[time.Duration]turner{
			50 * time.Millisecond: good, 2 * time.Second: good,
		})
		for _, line := range []string{"READY=1", "WATCHDOG_USEC=6000000", "WATCHDOG=1", "STATUS="} {
			if at := s.times(line); len(at) == 0 || at[0] < deaf || at[0] > deaf+retryAfter {
				t.Errorf("%s was sent at %v", line, at)
			}
		}
		if !n.failed || len(s.times("READY=1")) != 1 {
			t.Error("it is not told that nothing could be sent, or sent twice what was")
		}
	})
}

func TestStatusLineIsThrottled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := run(t, 0, time.Minute, map[time.Duration]turner{50 * time.Millisecond: good})
		at := s.times("STATUS=50ms")
		if n := len(at); n < 12 || n > 13 { // at the very end it may come to another one
			t.Errorf("%d lines at %v", n, at)
		}
	})
}

func TestStatusLine(t *testing.T) {
	t.Parallel()
	n := &Notifier{drops: func() int64 { return 3 }, period: time.Minute, wake: make(chan struct{}, 1)}
	record := func(d cycle.Daemon, wan string, decision cycle.Decision, o cycle.Outcome) {
		run := &cycle.Run{Daemon: d, WAN: wan, Budget: time.Second}
		n.Loop(run, 0).Record(&cycle.Cycle{Run: run, Seq: 1, Decision: decision, Total: 34120 * time.Microsecond, Outcome: o})
	}
	record(cycle.Autorate, "wan1", cycle.Decision{
		Download: cycle.Direction{Zone: cycle.SoftRed, Rate: cycle.Known[int64](475_000_000)},
		Upload:   cycle.Direction{Zone: cycle.Green, Rate: cycle.Known[int64](4_099_999)},
	}, cycle.OK)
	record(cycle.Autorate, "wan2", cycle.Decision{}, cycle.TimedOut)
	record(cycle.Steering, "steering", cycle.Decision{Download: cycle.Direction{Zone: cycle.Red}, Degraded: cycle.Known(true)}, cycle.OK)
	const want = "wan1: SOFT_RED/GREEN, 475/4.1 Mbit/s, 34.1 ms; wan2: no zone, 34.1 ms, 1 failed in a row; steering: RED, on, 34.1 ms; dropped 3"
	if got := n.line(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// service makes the environment of a service; the Notifier's other end is a real
// socket.
func service(t *testing.T, watchdog string) (*net.UnixConn, *Notifier, *bytes.Buffer) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", watchdog)
	t.Setenv("WATCHDOG_PID", "")
	log := new(bytes.Buffer)
	return c, New(func() int64 { return 0 }, slog.New(slog.NewTextHandler(log, nil))), log
}

func TestRealSocket(t *testing.T) {
	c, n, log := service(t, "30000000")
	run := &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Budget: 50 * time.Millisecond}
	l := n.Loop(run, 2*time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- n.Run(ctx) }()
	read := func() string {
		b := make([]byte, 1000)
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		size, err := c.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:size])
	}
	l.Record(&cycle.Cycle{Run: run, Seq: 1, Total: 12 * time.Millisecond})
	if got, want := read(), "READY=1\nWATCHDOG=1\nSTATUS=wan1: no zone, 12.0 ms; dropped 0"; got != want {
		t.Errorf("first %q, want %q", got, want)
	}
	cancel()
	if got, want := read(), "STOPPING=1\nEXTEND_TIMEOUT_USEC=17000000\nSTATUS=stopping"; got != want {
		t.Errorf("last %q, want %q", got, want)
	}
	if err := <-ended; err != nil || log.Len() > 0 {
		t.Errorf("%v\n%s", err, log)
	}
}

// TestSystemdThatDoesNotRead fills its socket: sending ends by its deadline, and
// no loop waits for it.
func TestSystemdThatDoesNotRead(t *testing.T) {
	_, n, log := service(t, "")
	for n.send("STATUS=full") == nil {
	}
	run := &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Budget: time.Second}
	l := n.Loop(run, 0)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- n.Run(ctx) }()
	begun := time.Now()
	for seq := range int64(1000) {
		l.Record(&cycle.Cycle{Run: run, Seq: seq + 1})
	}
	if took := time.Since(begun); took > sendTimeout/2 {
		t.Errorf("a thousand cycles waited %v", took)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 4*sendTimeout {
		t.Errorf("the end took %v", took)
	}
	if got := strings.Count(log.String(), "systemd cannot be told"); got != 1 {
		t.Errorf("told %d times\n%s", got, log)
	}
}

func TestEnvironment(t *testing.T) {
	_, n, log := service(t, "soon")
	if n == nil || n.period != 0 || !strings.Contains(log.String(), "watchdog is not fed") {
		t.Errorf("a bad period: %+v\n%s", n, log)
	}
	t.Setenv("WATCHDOG_USEC", "2000000")
	t.Setenv("WATCHDOG_PID", "1")
	if n := New(nil, slog.New(slog.DiscardHandler)); n.period != 0 {
		t.Errorf("another process's watchdog is fed every %v", n.period)
	}
	t.Setenv("NOTIFY_SOCKET", "")
	n = New(nil, nil)
	if n != nil {
		t.Fatal("there is a notifier though nobody listens")
	}
	run := &cycle.Run{Budget: time.Second}
	n.Loop(run, 0).Record(&cycle.Cycle{Run: run})
	if err := n.Run(t.Context()); err != nil {
		t.Error(err)
	}
}

func BenchmarkRecord(b *testing.B) {
	n := &Notifier{wake: make(chan struct{}, 1)}
	run := &cycle.Run{Daemon: cycle.Autorate, Budget: time.Second}
	l, c := n.Loop(run, 0), &cycle.Cycle{Run: run, Seq: 1}
	for b.Loop() {
		l.Record(c)
	}
}
