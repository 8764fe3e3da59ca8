package routeros_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"wanctl/cycle"
	"wanctl/cycle/routeros"
	"wanctl/cycle/routeros/simulator"
)

// How an operation that meets a fault may end.
type end string

const (
	fine    end = "fine"    // as if nothing had happened
	fails   end = "fails"   // with an error, at once
	expires end = "expires" // with a deadline that passed
)

// fault is something that goes wrong once, what becomes of the operation that
// meets it, and how many logins there are in the end; 0 is any number. The
// operation after it is always fine.
type fault struct {
	simulator.Fault
	end    end
	logins int64
}

var (
	apiOnly  = []simulator.Transport{simulator.API}
	restOnly = []simulator.Transport{simulator.REST}
	sshOnly  = []simulator.Transport{simulator.SSH}
)

// once is a fault that strikes the next operation.
func once(kind simulator.Kind, end end, logins int64) fault {
	return fault{simulator.Fault{Kind: kind, Count: 1}, end, logins}
}

func slow(kind simulator.Kind, d time.Duration, end end, logins int64) fault {
	return fault{simulator.Fault{Kind: kind, Count: 1, Delay: d}, end, logins}
}

// quick is the deadline of an operation that meets a fault.
const quick = 700 * time.Millisecond

// readFaults strike a reading of the queues on a session that was in use.
var readFaults = []struct {
	fault
	only []simulator.Transport
}{
	{slow(simulator.Delay, 50*time.Millisecond, fine, 1), nil},
	{slow(simulator.Late, 50*time.Millisecond, fine, 1), nil},
	{slow(simulator.Drip, 100*time.Microsecond, fine, 0), nil},
	{slow(simulator.Delay, time.Minute, expires, 2), nil},
	{once(simulator.Hang, expires, 2), nil},
	{once(simulator.Mute, expires, 2), nil},
	{once(simulator.HalfOpen, expires, 2), nil},
	{once(simulator.Close, fine, 2), nil},
	{once(simulator.LostReply, fine, 2), nil},
	{once(simulator.Reset, fine, 2), nil},
	{once(simulator.Cut, fine, 2), nil},
	{once(simulator.CutReset, fine, 2), nil},
	{once(simulator.OneShot, fine, 2), nil},
	{once(simulator.Garbage, fine, 2), []simulator.Transport{simulator.API, simulator.REST}},
	{once(simulator.Refuse, fails, 1), nil},
	{once(simulator.Partial, fails, 1), nil},
	{once(simulator.Empty, fails, 1), nil},
	{slow(simulator.Reboot, 300*time.Millisecond, fails, 2), nil},
	{once(simulator.Truncate, fails, 1), restOnly},
	{fault{simulator.Fault{Kind: simulator.HTML, Count: 1, Status: 200}, fails, 1}, restOnly},
	{fault{simulator.Fault{Kind: simulator.HTML, Count: 1, Status: 502}, fine, 2}, restOnly},
	{once(simulator.Wrong, fails, 1), restOnly},
	{once(simulator.Control, fine, 1), restOnly},
	{once(simulator.Numbers, fine, 1), restOnly},
	{once(simulator.Fatal, fine, 2), apiOnly},
	{once(simulator.NoExit, fine, 1), sshOnly},
	{once(simulator.ExitCode, fine, 1), sshOnly},
	{once(simulator.Channel, fine, 1), sshOnly},
	{once(simulator.Prompt, expires, 2), sshOnly},
}

// writeFaults strike the setting of both limits. Once all is well again the
// router has them, and wrote each to its flash once.
var writeFaults = []struct {
	fault
	only []simulator.Transport
}{
	{slow(simulator.Delay, 50*time.Millisecond, fine, 1), nil},
	{once(simulator.Hang, expires, 2), nil},
	{once(simulator.Mute, expires, 2), nil},
	{once(simulator.HalfOpen, expires, 2), nil},
	{once(simulator.Close, fine, 2), nil},
	{once(simulator.LostReply, fine, 2), nil},
	{once(simulator.Reset, fine, 2), nil},
	{once(simulator.Cut, fine, 2), nil},
	{once(simulator.CutReset, fine, 2), nil},
	{once(simulator.OneShot, fine, 2), nil},
	{once(simulator.Garbage, fine, 2), []simulator.Transport{simulator.API, simulator.REST}},
	{once(simulator.Refuse, fine, 1), nil},
	{once(simulator.Applied, fine, 1), nil},
	{slow(simulator.Reboot, 300*time.Millisecond, fails, 2), nil},
	{slow(simulator.RebootRun, 300*time.Millisecond, fails, 2), nil},
	{once(simulator.Fatal, fine, 2), apiOnly},
	{once(simulator.Truncate, fine, 1), restOnly},
	{fault{simulator.Fault{Kind: simulator.HTML, Count: 1, Status: 200}, fine, 1}, restOnly},
	{once(simulator.Wrong, fine, 1), restOnly},
	{once(simulator.Control, fine, 1), restOnly},
	{once(simulator.Channel, fine, 1), sshOnly},
	{once(simulator.NoExit, fine, 1), sshOnly},
}

func TestReadingMeetsAFault(t *testing.T) {
	t.Parallel()
	for _, transport := range transports {
		for _, f := range readFaults {
			if f.only != nil && !slices.Contains(f.only, transport) {
				continue
			}
			t.Run(fmt.Sprintf("%s/%s %v %d", transport, f.Kind, f.Delay, f.Status), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, transport)
				must(w.queues(t.Context()))(t)
				f.Command = "/queue/tree/print"
				f.strikes(t, w, func(ctx context.Context) error {
					qs, err := w.queues(ctx)
					if err == nil && (qs[0].Limit != 500_000_000 || qs[1].Limit != 50_000_000) {
						t.Errorf("read %+v", qs)
					}
					return err
				})
			})
		}
	}
}

func TestSettingLimitsMeetsAFault(t *testing.T) {
	t.Parallel()
	for _, transport := range transports {
		for _, f := range writeFaults {
			if f.only != nil && !slices.Contains(f.only, transport) {
				continue
			}
			t.Run(fmt.Sprintf("%s/%s %v %d", transport, f.Kind, f.Delay, f.Status), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, transport)
				must(w.queues(t.Context()))(t)
				f.Command = "/queue/tree/set"
				f.strikes(t, w, func(ctx context.Context) error { return w.set(ctx, 123_456_789, 12_345_678) })
				wantLimit(t, w, download, 123_456_789)
				wantLimit(t, w, upload, 12_345_678)
				wantWrites(t, w, 2)
			})
		}
	}
}

func TestSwitchingTheRuleMeetsAFault(t *testing.T) {
	t.Parallel()
	for _, transport := range transports {
		for _, f := range []fault{
			once(simulator.Close, fails, 2),
			once(simulator.LostReply, fine, 2),
			once(simulator.Cut, fine, 2),
			once(simulator.Hang, expires, 2),
			once(simulator.Mute, expires, 2),
			once(simulator.Ignore, fails, 1),
			once(simulator.Applied, fine, 1),
			once(simulator.Refuse, fails, 1),
			slow(simulator.RebootRun, 300*time.Millisecond, fails, 2),
		} {
			t.Run(fmt.Sprintf("%s/%s", transport, f.Kind), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, transport)
				must(w.Client.Rule(t.Context(), comment))(t)
				f.Command = "/ip/firewall/mangle/set"
				f.strikes(t, w, func(ctx context.Context) error {
					err := w.note(w.SetRule(ctx, comment, true))
					if on, _ := w.Simulator.Rule(comment); err == nil && !on {
						t.Error("confirmed, and it is off")
					}
					return err
				})
				wantWrites(t, w, 1)
			})
		}
	}
}

// strikes injects the fault, checks how the operation ends that meets it, and
// that the operation is fine when it is tried again.
func (f fault) strikes(t *testing.T, w *world, op func(context.Context) error) {
	t.Helper()
	w.Inject(f.Fault)
	began := time.Now()
	patience := 20 * time.Second // the machine may be busy
	if f.end == expires {
		patience = quick
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err := op(ctx)
	met := time.Since(began)
	switch {
	case f.end == fine && err != nil, f.end != fine && err == nil, f.end == expires != errors.Is(err, context.DeadlineExceeded):
		t.Errorf("it ended with %v; want that it is %s", err, f.end)
	}
	if err != nil {
		recovered := eventually(t, w, op)
		t.Logf("fault table: %s: %s %s: %s after %v (%v); fine %v later", w.transport, f.Command, f.Kind, f.end, met.Round(time.Millisecond), err, recovered.Round(time.Millisecond))
	} else {
		t.Logf("fault table: %s: %s %s: %s after %v", w.transport, f.Command, f.Kind, f.end, met.Round(time.Millisecond))
	}
	if _, err := w.queues(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	if f.logins != 0 && w.traffic().Logins != f.logins {
		t.Errorf("%d logins, want %d", w.traffic().Logins, f.logins)
	}
}

// A router that says it wrote and did not is found out by the next reading.
func TestIgnoredLimitsAreSetAgain(t *testing.T) {
	t.Parallel()
	for _, transport := range transports {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, transport)
			must(w.queues(t.Context()))(t)
			w.Inject(simulator.Fault{Kind: simulator.Ignore, Command: "/queue/tree/set", Count: 1})
			ok(t, w.set(t.Context(), 777, 888))
			must(w.queues(t.Context()))(t)
			wantLimit(t, w, download, 777)
			wantLimit(t, w, upload, 888)
		})
	}
}

// Whoever waits for a login has it among the spans of its cycle, each login once.
func TestALoginIsTimedByWhoeverWaitsForIt(t *testing.T) {
	t.Parallel()
	for _, transport := range []simulator.Transport{simulator.API, simulator.SSH} {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, transport)
			w.Inject(simulator.Fault{Kind: simulator.Delay, Command: simulator.Connect, Count: 1, Delay: time.Second})
			timers := []*cycle.Timer{cycle.NewTimer(cycle.Autorate, nil), cycle.NewTimer(cycle.Autorate, nil)}
			var work sync.WaitGroup
			for _, timer := range []*cycle.Timer{timers[0], timers[0], timers[1]} {
				work.Go(func() {
					if _, err := w.queues(cycle.WithTimer(t.Context(), timer)); err != nil {
						t.Error(err)
					}
				})
				time.Sleep(50 * time.Millisecond) // the first is the one that connects
			}
			work.Wait()
			for i, timer := range timers {
				spans, _ := timer.Spans()
				if len(spans) != 1 || spans[0].Target != "login "+string(transport) || spans[0].Duration < 500*time.Millisecond {
					t.Errorf("cycle %d: %+v", i, spans)
				}
			}
		})
	}
}

// A slow reading that was asked for before limits were set does not show them, and is no
// reason to set them again.
func TestALateReadingIsNoLoss(t *testing.T) {
	t.Parallel()
	for _, transport := range transports {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, transport)
			ok(t, w.set(t.Context(), 111, 222))
			w.Inject(simulator.Fault{Kind: simulator.Delay, Command: "/queue/tree/print", Count: 1, Delay: time.Second})
			reading := make(chan error, 1)
			go func() {
				_, err := w.queues(t.Context())
				reading <- err
			}()
			time.Sleep(300 * time.Millisecond)
			ok(t, w.set(t.Context(), 333, 444))
			ok(t, <-reading)
			wantLimit(t, w, download, 333)
			wantLimit(t, w, upload, 444)
			wantWrites(t, w, 4)
		})
	}
}

func TestAPeerThatIsNotTheRouterIsNotSentThePassword(t *testing.T) {
	t.Parallel()
	for _, transport := range transports {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, transport)
			must(w.queues(t.Context()))(t)
			logins := w.traffic().Logins
			change, want := w.ChangeCertificate, "tls_fingerprint"
			if transport == simulator.SSH {
				change, want = w.ChangeHostKey, "host key"
			}
			ok(t, change())
			w.Reboot(0)
			for range 5 {
				_, err := w.queues(t.Context())
				wantError(t, err, want)
			}
			wantLogins(t, w, logins)
		})
	}
}

func TestAFaultOnTheWayToTheLogin(t *testing.T) {
	t.Parallel()
	for _, transport := range transports {
		for _, f := range []simulator.Fault{
			{Kind: simulator.Hang, Command: simulator.Connect},
			{Kind: simulator.Close, Command: simulator.Connect},
			{Kind: simulator.Reset, Command: simulator.Connect},
			{Kind: simulator.Full, Command: simulator.Connect},
			{Kind: simulator.Garbage, Command: simulator.Connect},
			{Kind: simulator.Hang, Command: simulator.Login},
			{Kind: simulator.Close, Command: simulator.Login},
			{Kind: simulator.Reset, Command: simulator.Login},
		} {
			t.Run(fmt.Sprintf("%s/%s at %s", transport, f.Kind, f.Command), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, transport, timeout(quick))
				f.Count = 2
				w.Inject(f)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				began := time.Now()
				_, err := w.queues(ctx)
				if err == nil {
					t.Fatal("no error")
				}
				met := time.Since(began)
				recovered := eventually(t, w, func(ctx context.Context) error {
					_, err := w.queues(ctx)
					return err
				})
				t.Logf("fault table: %s: %s %s: fails after %v (%v); fine %v later", w.transport, f.Command, f.Kind, met.Round(time.Millisecond), err, recovered.Round(time.Millisecond))
			})
		}
	}
}

func TestFallsBackToTheNextTransport(t *testing.T) {
	t.Parallel()
	for _, transport := range transports {
		for _, next := range transports {
			if next == transport {
				continue
			}
			t.Run(fmt.Sprintf("%s to %s", transport, next), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, transport, fallback(string(next)))
				must(w.queues(t.Context()))(t)
				w.Inject(simulator.Fault{Kind: simulator.Close, Transport: transport, Command: simulator.Connect})
				w.Inject(simulator.Fault{Kind: simulator.Close, Transport: transport, Command: "/"})
				ok(t, w.set(t.Context(), 123, 45))
				if s := w.Status(); s.Transport != string(next) || s.Fallbacks != 1 || !s.Connected {
					t.Errorf("status %+v", s)
				}
				wantLimit(t, w, download, 123)
				must(w.queues(t.Context()))(t)
			})
		}
	}
}

// A cycle costs about its slowest reading, not the sum of them.
func TestReadingsRunSideBySide(t *testing.T) {
	t.Parallel()
	for _, transport := range transports {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, transport)
			side := func() time.Duration {
				began := time.Now()
				for _, err := range cycle.Together(t.Context(), nil,
					cycle.Measurement{Part: cycle.CAKE, Do: func(ctx context.Context) error { _, err := w.queues(ctx); return err }},
					cycle.Measurement{Part: cycle.Rule, Do: func(ctx context.Context) error { _, err := w.Client.Rule(ctx, comment); return err }}) {
					if err != nil {
						t.Error(err)
					}
				}
				return time.Since(began)
			}
			side()
			const delay = 200 * time.Millisecond
			w.Inject(simulator.Fault{Kind: simulator.Delay, Delay: delay})
			best := min(side(), side(), side()) // the machine may be busy
			if best < delay || best > delay*9/5 {
				t.Errorf("two readings of %v took %v", delay, best)
			}
		})
	}
}

var _ interface{ Held() bool } = (*routeros.HeldError)(nil)
