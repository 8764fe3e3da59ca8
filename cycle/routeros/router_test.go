package routeros_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"wanctl/cycle"
	"wanctl/cycle/routeros"
	"wanctl/cycle/routeros/simulator"
)

// The router of the tests, and who logs in there. The password is one that is
// found wherever it should not be.
const (
	user     = "wanctl"
	password = "Tr0ub4dor&3-never-to-be-seen"

	download     = "wanctl-test-down"
	upload       = "wanctl-test-up"
	downloadType = "wanctl-test-cake-down"
	uploadType   = "wanctl-test-cake-up"
	comment      = "wanctl test: steer: nothing"
)

// world is a simulated router, a client of it, and what was said on the way.
type world struct {
	*simulator.Simulator
	*routeros.Client
	transport simulator.Transport
	endpoints map[simulator.Transport]simulator.Endpoint
	said      *said
}

// said gathers log lines and errors, to look for what must not be in them.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// router describes the router that most tests want.
func router() simulator.Config {
	return simulator.Config{
		Uptime: time.Hour,
		Users:  []simulator.User{{Name: user, Password: password}},
		Queues: []simulator.Queue{
			{Name: "other", Type: "cake-other", Limit: 1_000_000},
			{Name: download, Type: downloadType, Limit: 500_000_000, Load: simulator.Constant(300_000_000)},
			{Name: upload, Type: uploadType, Limit: 50_000_000, Load: simulator.Constant(60_000_000)},
		},
		Rules: []simulator.Rule{
			{Comment: "unrelated"},
			{Comment: comment, Disabled: true},
			{Comment: "never written"},
		},
	}
}

// option alters a test's router or client.
type option func(*simulator.Config, *routeros.Config)

// fallback lets the client turn to another transport.
func fallback(to ...string) option {
	return func(_ *simulator.Config, c *routeros.Config) { c.Fallback = to }
}

func timeout(d time.Duration) option {
	return func(_ *simulator.Config, c *routeros.Config) { c.Timeout = d }
}

func having(change func(*simulator.Config)) option {
	return func(s *simulator.Config, _ *routeros.Config) { change(s) }
}

// newWorld starts a router and a client of one of its transports.
func newWorld(tb testing.TB, transport simulator.Transport, options ...option) *world {
	tb.Helper()
	sim, cfg := router(), routeros.DefaultConfig()
	cfg.Transport, cfg.Host, cfg.User, cfg.Password = string(transport), "127.0.0.1", user, password
	cfg.Timeout = 20 * time.Second // the machine may be busy
	for _, o := range options {
		o(&sim, &cfg)
	}
	w := &world{Simulator: simulator.New(sim), transport: transport, endpoints: map[simulator.Transport]simulator.Endpoint{}, said: new(said)}
	tb.Cleanup(func() { _ = w.Simulator.Close() })
	for _, name := range append([]string{cfg.Transport}, cfg.Fallback...) {
		w.serve(tb, simulator.Transport(name), &cfg)
	}
	client, err := routeros.New(cfg, slog.New(slog.NewTextHandler(w.said, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		tb.Fatal(err)
	}
	w.Client = client
	tb.Cleanup(func() {
		_ = client.Close()
		if status := client.Status(); strings.Contains(w.said.String()+status.LastError, password) {
			tb.Error("the password was said")
		}
		if unknown := w.Unknown(); len(unknown) > 0 {
			tb.Errorf("the client sent what the router does not know: %q", unknown)
		}
	})
	return w
}

// serve opens one of the router's doors and tells the client where it is.
func (w *world) serve(tb testing.TB, transport simulator.Transport, cfg *routeros.Config) {
	tb.Helper()
	var e simulator.Endpoint
	var err error
	switch transport {
	case simulator.REST:
		e, err = w.ServeREST("127.0.0.1:0")
		cfg.RESTPort, cfg.Fingerprint, cfg.TLS = cycle.Known(e.Port()), e.Fingerprint, cycle.Known(true)
	case simulator.API:
		e, err = w.ServeAPI("127.0.0.1:0", true)
		cfg.APIPort, cfg.Fingerprint, cfg.TLS = cycle.Known(e.Port()), e.Fingerprint, cycle.Known(true)
	case simulator.SSH:
		e, err = w.ServeSSH("127.0.0.1:0")
		cfg.SSHPort, cfg.KnownHosts = e.Port(), filepath.Join(tb.TempDir(), "known_hosts")
		if err := os.WriteFile(cfg.KnownHosts, []byte(e.KnownHosts+"\n"), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	if err != nil {
		tb.Fatal(err)
	}
	w.endpoints[transport] = e
}

// Close ends the client; the router is closed by the test's end.
func (w *world) Close() error { return w.Client.Close() }

// note keeps an error among what was said.
func (w *world) note(err error) error {
	if err != nil {
		fmt.Fprintln(w.said, err)
	}
	return err
}

// queues reads both queues.
func (w *world) queues(ctx context.Context) ([]cycle.Queue, error) {
	qs, err := w.Queues(ctx, download, upload)
	return qs, w.note(err)
}

// set sets both limits.
func (w *world) set(ctx context.Context, down, up int64) error {
	return w.note(w.SetLimits(ctx,
		cycle.Limit{Queue: download, Type: downloadType, Rate: down},
		cycle.Limit{Queue: upload, Type: uploadType, Rate: up}))
}

// traffic is what came through the door of the world's transport.
func (w *world) traffic() simulator.Traffic {
	c := w.Counts()
	return map[simulator.Transport]simulator.Traffic{simulator.API: c.API, simulator.REST: c.REST, simulator.SSH: c.SSH}[w.transport]
}
