package icmp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// service stands for a name service whose answers a test chooses.
type service struct {
	addrs []string
	err   error
	takes time.Duration
	asked int
}

func (s *service) lookup(ctx context.Context, _ string) ([]netip.Addr, error) {
	s.asked++
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	var addrs []netip.Addr
	for _, a := range s.addrs {
		addrs = append(addrs, netip.MustParseAddr(a))
	}
	return addrs, s.err
}

// withNames runs a test of names on a clock of its own.
func withNames(t *testing.T, s *service, test func(t *testing.T, n *names, log *strings.Builder)) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		n := newNames(netip.Addr.Is4, slog.New(slog.NewTextHandler(&log, nil)))
		defer n.close()
		n.lookup = s.lookup
		test(t, n, &log)
	})
}

// wantAddress asks for a host's address once what is under way is done.
func wantAddress(t *testing.T, n *names, want string) {
	t.Helper()
	synctest.Wait()
	addr, wait, err := n.address("one.example")
	if wait != nil || err != nil || addr.String() != want {
		t.Errorf("address %v, error %v, wait %v; want %s", addr, err, wait != nil, want)
	}
}

func TestNamesNeverAskForLiterals(t *testing.T) {
	s := &service{}
	withNames(t, s, func(t *testing.T, n *names, _ *strings.Builder) {
		for _, host := range []string{"192.0.2.1", "2001:db8::1", "fe80::1%eth0"} {
			if addr, err := n.await(t.Context(), host); err != nil || addr.String() != host {
				t.Errorf("%s: %v, %v", host, addr, err)
			}
		}
		if s.asked != 0 {
			t.Errorf("%d lookups", s.asked)
		}
	})
}

func TestNamesAskOnceAndRefreshInTheBackground(t *testing.T) {
	s := &service{addrs: []string{"2001:db8::1", "192.0.2.1"}, takes: time.Second}
	withNames(t, s, func(t *testing.T, n *names, _ *strings.Builder) {
		for range 3 {
			if addr, err := n.await(t.Context(), "one.example"); err != nil || addr.String() != "192.0.2.1" {
				t.Fatalf("address %v, error %v", addr, err)
			}
		}
		if s.asked != 1 {
			t.Errorf("%d lookups, want 1", s.asked)
		}
		s.addrs = []string{"192.0.2.9"}
		time.Sleep(refreshAfter)
		wantAddress(t, n, "192.0.2.1") // begins the lookup, does not wait for it
		time.Sleep(2 * time.Second)
		wantAddress(t, n, "192.0.2.9")
		if s.asked != 2 {
			t.Errorf("%d lookups, want 2", s.asked)
		}
	})
}

func TestNamesKeepAnAddressThatIsStillValid(t *testing.T) {
	s := &service{addrs: []string{"192.0.2.1", "192.0.2.2"}}
	withNames(t, s, func(t *testing.T, n *names, _ *strings.Builder) {
		_, _ = n.await(t.Context(), "one.example")
		s.addrs = []string{"192.0.2.2", "192.0.2.1"}
		time.Sleep(refreshAfter)
		wantAddress(t, n, "192.0.2.1")
		wantAddress(t, n, "192.0.2.1")
		if s.asked != 2 {
			t.Errorf("%d lookups, want 2", s.asked)
		}
	})
}

func TestNamesOutliveTheNameService(t *testing.T) {
	s := &service{addrs: []string{"192.0.2.1"}}
	withNames(t, s, func(t *testing.T, n *names, log *strings.Builder) {
		_, _ = n.await(t.Context(), "one.example")
		s.err = errors.New("server misbehaving")
		for range 100 {
			time.Sleep(refreshAfter)
			wantAddress(t, n, "192.0.2.1")
		}
		if got := strings.Count(log.String(), "not resolved"); got != 1 {
			t.Errorf("told %d times, want once:\n%s", got, log)
		}
	})
}

func TestNamesRetryAfterFailureNotAtOnce(t *testing.T) {
	s := &service{err: errors.New("no such host")}
	withNames(t, s, func(t *testing.T, n *names, _ *strings.Builder) {
		for range 10 {
			if _, err := n.await(t.Context(), "one.example"); !errors.Is(err, s.err) {
				t.Fatalf("error %v, want %v", err, s.err)
			}
		}
		if s.asked != 1 {
			t.Errorf("%d lookups, want 1", s.asked)
		}
		s.err, s.addrs = nil, []string{"192.0.2.1"}
		time.Sleep(retryAfter)
		_, _, _ = n.address("one.example")
		wantAddress(t, n, "192.0.2.1")
	})
}

func TestNamesOfNoUsableKindAreAnError(t *testing.T) {
	s := &service{addrs: []string{"2001:db8::1"}}
	withNames(t, s, func(t *testing.T, n *names, _ *strings.Builder) {
		if addr, err := n.await(t.Context(), "one.example"); err == nil {
			t.Errorf("address %v without an error", addr)
		}
	})
}

func TestNamesHaveADeadline(t *testing.T) {
	s := &service{takes: time.Hour}
	withNames(t, s, func(t *testing.T, n *names, _ *strings.Builder) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		if _, err := n.await(ctx, "one.example"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the caller's deadline", err)
		}
		if took := time.Since(begin); took != time.Second {
			t.Errorf("took %v, want 1s", took)
		}
		time.Sleep(lookupTimeout)
		synctest.Wait()
		if _, wait, err := n.address("one.example"); wait != nil || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want the lookup's deadline", err)
		}
	})
}

func TestNamesAreBounded(t *testing.T) {
	s := &service{addrs: []string{"192.0.2.1"}}
	withNames(t, s, func(t *testing.T, n *names, _ *strings.Builder) {
		for i := range 3 * maxNames {
			time.Sleep(time.Millisecond)
			_, _ = n.await(t.Context(), fmt.Sprintf("host%d.example", i))
			_, _ = n.await(t.Context(), "one.example")
		}
		if len(n.byName) > maxNames {
			t.Errorf("%d names remembered", len(n.byName))
		}
		if s.asked != 3*maxNames+1 {
			t.Errorf("%d lookups: the name in use was forgotten", s.asked)
		}
	})
}
