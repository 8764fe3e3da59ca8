package icmp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"wanctl/cycle"
)

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		os.Exit(child())
	}
	goleak.VerifyTestMain(m)
}

// prober returns a Prober that ends with the test, or skips it where none can be.
func prober(t testing.TB) *Prober {
	t.Helper()
	p, err := New(nil)
	if err != nil {
		t.Skipf("no ICMP here: %v", err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return p
}

// answered fails the test unless every echo was answered in a plausible time.
func answered(t testing.TB, echoes []cycle.Echo, timeout time.Duration, reflectors ...string) {
	t.Helper()
	if len(echoes) != len(reflectors) {
		t.Fatalf("%d results for %d reflectors", len(echoes), len(reflectors))
	}
	for i, e := range echoes {
		if e.Reflector != reflectors[i] {
			t.Errorf("result %d is of %q, want %q", i, e.Reflector, reflectors[i])
		}
		if e.Err != nil || e.RTT <= 0 || e.RTT > timeout || e.RTT%time.Microsecond != 0 {
			t.Errorf("%s: RTT %v, error %v", e.Reflector, e.RTT, e.Err)
		}
		if e.Sent.IsZero() {
			t.Errorf("%s: no time of sending", e.Reflector)
		}
	}
}

func TestProbeAnswersFromLoopback(t *testing.T) {
	t.Parallel()
	p := prober(t)
	for _, reflectors := range [][]string{
		{},
		{"127.0.0.1"},
		{"127.0.0.1", "127.0.0.2", "127.0.0.3"},
		{"127.0.0.1", "127.0.0.1"},
		{"::ffff:127.0.0.1"},
		{"localhost", "127.0.0.2"},
	} {
		answered(t, p.Probe(t.Context(), reflectors, 2*time.Second), 2*time.Second, reflectors...)
	}
}

func TestProbeAnswersOverIPv6(t *testing.T) {
	t.Parallel()
	c, err := net.ListenPacket("udp6", "[::1]:0")
	if err != nil {
		t.Skipf("no IPv6 here: %v", err)
	}
	_ = c.Close()
	p := prober(t)
	answered(t, p.Probe(t.Context(), []string{"::1", "127.0.0.1"}, 2*time.Second), 2*time.Second, "::1", "127.0.0.1")
}

func TestProbeRefusesWhatIsNoHost(t *testing.T) {
	t.Parallel()
	p := prober(t)
	p.names.lookup = func(context.Context, string) ([]netip.Addr, error) { return nil, errors.New("no such name") }
	for _, host := range []string{"0.0.0.0", "::", "224.0.0.1", "ff02::1", "", "no.such.name", "fe80::1%nowhere"} {
		echoes := p.Probe(t.Context(), []string{host, "127.0.0.1"}, 2*time.Second)
		if echoes[0].Err == nil || errors.Is(echoes[0].Err, ErrNoReply) {
			t.Errorf("%q: error %v, want one at once", host, echoes[0].Err)
		}
		answered(t, echoes[1:], 2*time.Second, "127.0.0.1")
	}
}

func TestProbeFromManyGoroutinesAndProbers(t *testing.T) {
	t.Parallel()
	reflectors := []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"}
	var wg sync.WaitGroup
	for range 3 {
		p := prober(t)
		for range 4 {
			wg.Go(func() {
				for range 25 {
					answered(t, p.Probe(t.Context(), reflectors, 2*time.Second), 2*time.Second, reflectors...)
				}
			})
		}
	}
	wg.Wait()
}

func TestProbeEndsWithItsContext(t *testing.T) {
	t.Parallel()
	p := prober(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if e := p.Probe(ctx, []string{"127.0.0.1"}, time.Minute)[0]; e.Err != nil && !errors.Is(e.Err, context.Canceled) {
		t.Errorf("cancelled: error %v", e.Err)
	}
	if e := p.Probe(t.Context(), []string{"localhost"}, 0)[0]; e.Err != nil && cycle.OutcomeOf(e.Err) != cycle.TimedOut {
		t.Errorf("no time at all: error %v, want a timeout", e.Err)
	}
	if len(p.flights) != 0 {
		t.Errorf("%d echoes left in flight", len(p.flights))
	}
}

func TestCloseEndsEverything(t *testing.T) {
	t.Parallel()
	p := prober(t)
	asked := make(chan struct{})
	p.names.lookup = func(ctx context.Context, _ string) ([]netip.Addr, error) {
		close(asked)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	result := make(chan cycle.Echo, 1)
	go func() { result <- p.Probe(context.Background(), []string{"slow.example"}, time.Minute)[0] }()
	<-asked
	for range 2 { // closing twice is harmless
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if e := <-result; e.Err == nil {
		t.Error("a probe of a closed Prober got an answer")
	}
	for _, host := range []string{"127.0.0.1", "other.example"} {
		if e := p.Probe(t.Context(), []string{host}, time.Minute)[0]; !errors.Is(e.Err, net.ErrClosed) {
			t.Errorf("%s after close: error %v, want %v", host, e.Err, net.ErrClosed)
		}
	}
}

func TestNewExplainsMissingPrivilege(t *testing.T) {
	t.Parallel()
	_, err := newProber(nil, func(v *version) (*socket, error) {
		return nil, fmt.Errorf("open %s: %w", v.name, os.NewSyscallError("socket", syscall.EPERM))
	})
	for _, want := range []string{"setcap cap_net_raw+ep", "net.ipv4.ping_group_range"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not name %q", err, want)
		}
	}
	_, err = newProber(nil, func(*version) (*socket, error) { return nil, syscall.EMFILE })
	if !errors.Is(err, syscall.EMFILE) || strings.Contains(err.Error(), "setcap") {
		t.Errorf("error %v, want one that is about open files", err)
	}
}

func TestNewDoesWithOneIPVersion(t *testing.T) {
	t.Parallel()
	p, err := newProber(nil, func(v *version) (*socket, error) {
		if v == v6 {
			return nil, syscall.EAFNOSUPPORT
		}
		return open(v)
	})
	if err != nil {
		t.Skipf("no ICMP here: %v", err)
	}
	defer p.Close()
	echoes := p.Probe(t.Context(), []string{"127.0.0.1", "::1"}, 2*time.Second)
	answered(t, echoes[:1], 2*time.Second, "127.0.0.1")
	if echoes[1].Err == nil {
		t.Error("::1 answered without an IPv6 socket")
	}
}

func TestProbeBoundsEchoesInFlight(t *testing.T) {
	t.Parallel()
	p := prober(t)
	r := &round{echoes: make([]cycle.Echo, maxFlights), left: maxFlights, done: make(chan struct{})}
	p.mu.Lock()
	for i := range maxFlights {
		p.flights[uint16(i*7)] = flight{to: netip.MustParseAddr("192.0.2.1"), round: r, index: i}
	}
	p.mu.Unlock()
	if e := p.Probe(t.Context(), []string{"127.0.0.1"}, time.Second)[0]; e.Err == nil {
		t.Error("an echo beyond the bound was sent")
	}
	p.giveUp(r, nil)
	select {
	case <-r.done:
	default:
		t.Error("giving up did not end the round")
	}
	for i, e := range r.echoes {
		if !errors.Is(e.Err, ErrNoReply) {
			t.Fatalf("echo %d: error %v", i, e.Err)
		}
	}
	answered(t, p.Probe(t.Context(), []string{"127.0.0.1"}, 2*time.Second), 2*time.Second, "127.0.0.1")
}

func BenchmarkProbeThreeReflectors(b *testing.B) {
	p := prober(b)
	reflectors := []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"}
	b.ReportAllocs()
	for b.Loop() {
		for _, e := range p.Probe(b.Context(), reflectors, time.Second) {
			if e.Err != nil {
				b.Fatal(e.Err)
			}
		}
	}
}
