package routeros_test

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"strconv"
	"testing"

	"wanctl/cycle"
	"wanctl/cycle/routeros"
	"wanctl/cycle/routeros/simulator"
)

// TestARealRouter runs the table of behaviours against a router of yours, over
// one transport at a time, e.g.
//
//	WANCTL_TEST_ROUTER='rest://admin:secret@192.168.88.1' go test -run RealRouter ./cycle/routeros
//	WANCTL_TEST_ROUTER='api://admin:secret@192.168.88.1:8729' ...
//	WANCTL_TEST_ROUTER='ssh://admin:secret@192.168.88.1' ...
//
// REST is spoken over TLS unless another port than 443 is named, and the
// certificate is not checked. It writes to the flash some twenty times. It needs
// two queues that shape nothing and a rule that does nothing:
//
//	/queue type add name=wanctl-test-cake-down kind=cake
//	/queue type add name=wanctl-test-cake-up kind=cake
//	/queue tree add name=wanctl-test-down parent=global packet-mark=wanctl-test queue=wanctl-test-cake-down
//	/queue tree add name=wanctl-test-up parent=global packet-mark=wanctl-test queue=wanctl-test-cake-up
//	/ip firewall mangle add chain=wanctl-test action=passthrough disabled=yes comment="wanctl test: steer: nothing"
func TestARealRouter(t *testing.T) {
	target := os.Getenv("WANCTL_TEST_ROUTER")
	if target == "" {
		t.Skip("WANCTL_TEST_ROUTER names no router")
	}
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal("WANCTL_TEST_ROUTER is no URL") // the error would show the password
	}
	for _, b := range behaviours {
		t.Run(b.name, func(t *testing.T) { b.test(t, realWorld(t, u)) })
	}
}

// What can be asked of a real router needs nothing but the router.
func TestTheTableForRealRoutersOnOneThatIsNot(t *testing.T) {
	t.Parallel()
	sim := simulator.New(router())
	defer sim.Close()
	e, err := sim.ServeRESTPlain("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u := &url.URL{Scheme: "rest", Host: e.Addr, User: url.UserPassword(user, password)}
	for _, b := range behaviours {
		t.Run(b.name, func(t *testing.T) { b.test(t, realWorld(t, u)) })
	}
}

// realWorld is a world without a simulator.
func realWorld(t *testing.T, u *url.URL) *world {
	t.Helper()
	cfg := routeros.DefaultConfig()
	cfg.Transport, cfg.Host, cfg.User = u.Scheme, u.Hostname(), u.User.Username()
	secret, _ := u.User.Password()
	cfg.Password = cycle.Secret(secret)
	if port, err := strconv.Atoi(u.Port()); err == nil {
		cfg.Port, cfg.SSHPort = cycle.Known(port), port
	}
	w := &world{transport: simulator.Transport(u.Scheme), said: new(said)}
	client, err := routeros.New(cfg, slog.New(slog.NewTextHandler(w.said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	w.Client = client
	t.Cleanup(func() {
		_ = client.SetRule(context.Background(), comment, false) // the test's own is over
		_ = client.Close()
	})
	return w
}
