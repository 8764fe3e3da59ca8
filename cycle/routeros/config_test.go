package routeros

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
)

func TestSettingsAreDeclaredOnce(t *testing.T) {
	t.Parallel()
	cfg := DefaultConfig()
	keys, targets := map[string]bool{}, map[any]bool{}
	for _, s := range cfg.Settings() {
		if keys[s.Key] || targets[s.Into] || s.Doc == "" {
			t.Errorf("%s is there twice, or goes where another goes, or says nothing", s.Key)
		}
		keys[s.Key], targets[s.Into] = true, true
	}
}

func TestAddressesOfTheTransports(t *testing.T) {
	t.Parallel()
	port, yes, no := cycle.Known[int], cycle.Known(true), cycle.Known(false)
	for name, tc := range map[string]struct {
		cfg  Config
		want map[string]string
	}{
		"as the Python program's files have it":             {Config{Transport: REST, Port: port(443)}, map[string]string{REST: "https:443", SSH: "http:22", API: "http:8728"}},
		"nothing said":                                      {Config{Transport: REST}, map[string]string{REST: "https:443", API: "http:8728"}},
		"REST on another port is plain":                     {Config{Transport: REST, Port: port(80)}, map[string]string{REST: "http:80"}},
		"unless TLS is said":                                {Config{Transport: REST, Port: port(8443), TLS: yes}, map[string]string{REST: "https:8443", API: "https:8729"}},
		"no TLS is said":                                    {Config{Transport: REST, TLS: no}, map[string]string{REST: "http:80", API: "http:8728"}},
		"SSH does not go to the REST port":                  {Config{Transport: SSH, Port: port(443)}, map[string]string{SSH: "http:22", REST: "https:443"}},
		"the port is the API's where that is the transport": {Config{Transport: API, Port: port(8729)}, map[string]string{API: "https:8729", REST: "https:443"}},
		"each its own": {
			Config{Transport: API, Port: port(1), APIPort: port(2), RESTPort: port(3), SSHPort: 4},
			map[string]string{API: "http:2", REST: "http:3", SSH: "http:4"},
		},
	} {
		if tc.cfg.SSHPort == 0 {
			tc.cfg.SSHPort = 22
		}
		tc.cfg.Host = "h"
		got := map[string]string{}
		for transport := range tc.want {
			_, p, _ := strings.Cut(tc.cfg.address(transport), ":")
			got[transport] = word(tc.cfg.tls(transport), "https:", "http:") + p
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestProblemsAreFound(t *testing.T) {
	t.Parallel()
	good := strings.Repeat("ab:", 31) + "CD"
	for name, tc := range map[string]struct {
		change func(*Config)
		want   []string // "!" marks those that are errors
	}{
		"REST, its certificate unchecked": {func(*Config) {}, []string{"router.verify_ssl"}},
		"REST, checked":                   {func(c *Config) { c.VerifyTLS = true }, nil},
		"REST, pinned":                    {func(c *Config) { c.Fingerprint = good }, nil},
		"a pin that is none":              {func(c *Config) { c.Fingerprint = "abc" }, []string{"!router.tls_fingerprint"}},
		"plain REST":                      {func(c *Config) { c.TLS = cycle.Known(false) }, []string{"router.tls"}},
		"plain REST to ourselves":         {func(c *Config) { c.TLS = cycle.Known(false); c.Host = "127.0.0.1" }, nil},
		"no password":                     {func(c *Config) { c.Password = ""; c.VerifyTLS = true }, []string{"router.password"}},
		"a short password":                {func(c *Config) { c.Password = "abc"; c.VerifyTLS = true }, []string{"router.password"}},
		"a colon in the user":             {func(c *Config) { c.User = "a:b"; c.VerifyTLS = true }, []string{"!router.user"}},
		"the API, plain":                  {func(c *Config) { c.Transport = API }, []string{"router.tls"}},
		"SSH with a key":                  {func(c *Config) { c.Transport = SSH; c.SSHKey = "k"; c.Password = "" }, nil},
		"SSH with a password":             {func(c *Config) { c.Transport = SSH }, nil},
		"SSH with neither":                {func(c *Config) { c.Transport = SSH; c.Password = "" }, []string{"!router.ssh_key"}},
		"SSH on the wrong key":            {func(c *Config) { c.Transport = SSH; c.Port = cycle.Known(2222) }, []string{"router.port"}},
		"fallbacks": {
			func(c *Config) { c.VerifyTLS = true; c.Fallback = []string{"api", "rest", "telnet", "api"} },
			[]string{"!router.fallback", "!router.fallback", "!router.fallback", "router.tls"},
		},
	} {
		cfg := DefaultConfig()
		cfg.Transport, cfg.Host, cfg.User, cfg.Password = REST, "router.example", "u", "pass"
		tc.change(&cfg)
		var got []string
		for _, p := range cfg.Problems() {
			got = append(got, word(p.Warning, "", "!")+p.Key)
			if strings.Contains(p.Wrong+p.Allowed, "%!") {
				t.Errorf("%s: %+v", name, p)
			}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestFilesThatCannotBeUsedAreNamed(t *testing.T) {
	t.Parallel()
	empty := t.TempDir() + "/empty"
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no CA file":            {func(c *Config) { c.CAFile = "/nowhere/ca.pem" }, "/nowhere/ca.pem"},
		"a CA file of nothing":  {func(c *Config) { c.CAFile = empty }, "no certificate in"},
		"no key":                {func(c *Config) { c.Transport = SSH; c.SSHKey = "/nowhere/key" }, "/nowhere/key"},
		"a key of nothing":      {func(c *Config) { c.Transport = SSH; c.SSHKey = empty }, "router.ssh_key"},
		"a key of the fallback": {func(c *Config) { c.Fallback = []string{SSH}; c.SSHKey = "/nowhere/key" }, "/nowhere/key"},
		"an unknown transport":  {func(c *Config) { c.Transport = "telnet" }, `no transport "telnet"`},
	} {
		cfg := DefaultConfig()
		cfg.Transport, cfg.Host, cfg.User, cfg.Password = REST, "h", "u", "p"
		tc.change(&cfg)
		if _, err := New(cfg, nil); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	cfg := DefaultConfig()
	cfg.Transport, cfg.Host, cfg.SSHKey = REST, "h", "/nowhere/key" // REST needs no key
	c, err := New(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}
