package routeros_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
	"wanctl/cycle/routeros"
	"wanctl/cycle/routeros/simulator"
)

// TestSurvey lists what the router has, over every transport and release.
func TestSurvey(t *testing.T) {
	t.Parallel()
	limited := having(func(c *simulator.Config) {
		c.Users = append(c.Users, simulator.User{Name: "reader", Password: "x", Policies: []string{"read", "api"}})
		c.Queues = append(c.Queues, simulator.Queue{Name: "off", Disabled: true})
	})
	for _, release := range releases {
		for _, transport := range release.transports {
			t.Run(release.version+"/"+string(transport), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, transport, limited, having(func(c *simulator.Config) { c.Version = release.version }))
				queues := must(w.ListQueues(t.Context()))(t)
				want := []routeros.ListedQueue{
					{Name: "other", Parent: "global", Type: "cake-other", Limit: 1_000_000},
					{Name: download, Parent: "global", Type: downloadType, Limit: 500_000_000},
					{Name: upload, Parent: "global", Type: uploadType, Limit: 50_000_000},
					{Name: "off", Parent: "global", Type: "default-small", Disabled: true},
				}
				if diff := cmp.Diff(want, queues); diff != "" {
					t.Errorf("queues (-want +got)\n%s", diff)
				}
				rules := must(w.ListRules(t.Context()))(t)
				if len(rules) != 3 || rules[1] != (routeros.ListedRule{Comment: comment, Chain: "prerouting", Action: "mark-routing", Disabled: true}) || rules[0].Disabled {
					t.Errorf("rules %+v", rules)
				}
				types := must(w.ListTypes(t.Context()))(t)
				if i := slices.IndexFunc(types, func(q routeros.ListedType) bool { return q.Name == downloadType }); i < 0 || !slices.Contains([]string{"cake", "sfq"}, types[i].Kind) {
					t.Errorf("types %+v", types)
				}
				for name, missing := range map[string][]string{user: nil, "reader": {"write", "ssh"}} {
					rights := must(w.Rights(t.Context(), name))(t)
					if diff := cmp.Diff(missing, rights.Missing("read", "write", "api", "ssh")); diff != "" {
						t.Errorf("%s: group %s lacks (-want +got)\n%s", name, rights.Group, diff)
					}
				}
				_, err := w.Rights(t.Context(), "nobody")
				wantError(t, w.note(err), `does not tell the group of user "nobody"`)
				if routeros.FaultOf(err) != routeros.Answered {
					t.Errorf("fault %v", routeros.FaultOf(err))
				}
				wantWrites(t, w, 0)
			})
		}
	}
}

// TestIdentity reads what a router shows of itself without a login, and finds the
// faults of a client that is told something else.
func TestIdentity(t *testing.T) {
	t.Parallel()
	for _, transport := range transports {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			var cfg routeros.Config
			w := newWorld(t, transport, func(_ *simulator.Config, c *routeros.Config) { cfg = *c })
			w.serve(t, transport, &cfg) // a door of its own
			e := w.endpoints[transport]
			if transport == simulator.SSH {
				key := must(cfg.HostKey(t.Context()))(t)
				if key.Fingerprint != e.Fingerprint || key.KnownHosts != strings.TrimSpace(e.KnownHosts) {
					t.Errorf("%+v, want %s, %s", key, e.Fingerprint, e.KnownHosts)
				}
			} else if cert := must(cfg.Certificate(t.Context()))(t); cert.Fingerprint != e.Fingerprint || !cfg.Secure() {
				t.Errorf("fingerprint %s, want %s", cert.Fingerprint, e.Fingerprint)
			}
			if n := w.traffic(); n.Logins+n.Refused != 0 {
				t.Errorf("%+v: logged in", n)
			}
			fault := func(change func(*routeros.Config)) routeros.Fault {
				t.Helper()
				other := cfg
				change(&other)
				client := must(routeros.New(other, nil))(t)
				defer client.Close()
				_, err := client.Resource(t.Context())
				if w.note(err) == nil {
					t.Fatal("no error")
				}
				return routeros.FaultOf(err)
			}
			if f := fault(func(c *routeros.Config) { c.Password = "wrong" }); f != routeros.LoginRefused {
				t.Errorf("wrong password: fault %v", f)
			}
			if f := fault(func(c *routeros.Config) { c.Fingerprint, c.KnownHosts = strings.Repeat("00", 32), "/dev/null" }); f != routeros.Impostor {
				t.Errorf("another router: fault %v", f)
			}
			if f := fault(func(c *routeros.Config) { c.APIPort.Value, c.RESTPort.Value, c.SSHPort = 1, 1, 1 }); f != routeros.Unreachable {
				t.Errorf("no router: fault %v", f)
			}
		})
	}
}

// TestOnly reaches each transport of a configuration where it is among others.
func TestOnly(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]routeros.Config{
		"API with its port":   {Transport: routeros.API, Fallback: []string{routeros.REST, routeros.SSH}, Host: "r", SSHPort: 22, Port: cycle.Known(8729)},
		"REST with its port":  {Transport: routeros.REST, Fallback: []string{routeros.API, routeros.SSH}, Host: "r", SSHPort: 2222, Port: cycle.Known(8443)},
		"SSH and a REST port": {Transport: routeros.SSH, Fallback: []string{routeros.REST, routeros.API}, Host: "r", SSHPort: 22, Port: cycle.Known(443)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, transport := range cfg.Transports() {
				only := cfg.Only(transport)
				if len(only.Transports()) != 1 || only.Address() != cfg.AddressOf(transport) || only.SecureBy(transport) != cfg.SecureBy(transport) {
					t.Errorf("%s is reached at %s, among others at %s", transport, only.Address(), cfg.AddressOf(transport))
				}
			}
		})
	}
}

// TestIdentityDoesNotWaitForEver asks a peer that accepts and says nothing.
func TestIdentityDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	for _, transport := range transports {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			var cfg routeros.Config
			w := newWorld(t, transport, timeout(quick), func(_ *simulator.Config, c *routeros.Config) { cfg = *c })
			w.serve(t, transport, &cfg)
			w.Inject(simulator.Fault{Kind: simulator.Hang, Command: simulator.Connect})
			err := error(nil)
			if transport == simulator.SSH {
				_, err = cfg.HostKey(t.Context())
			} else {
				_, err = cfg.Certificate(t.Context())
			}
			if err == nil {
				t.Error("a peer that says nothing has shown something")
			}
		})
	}
}
