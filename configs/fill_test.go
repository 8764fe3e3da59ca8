package configs

import (
	"bytes"
	"strings"
	"testing"

	"wanctl/cycle"
)

func TestFillWithNothingIsTheExample(t *testing.T) {
	t.Parallel()
	for daemon, file := range map[cycle.Daemon]string{cycle.Autorate: wan1, cycle.Steering: steer} {
		got, err := Fill(daemon, nil)
		if err != nil || !bytes.Equal(got, example(t, file)) {
			t.Errorf("%s is changed by nothing: %v", file, err)
		}
	}
}

func TestFill(t *testing.T) {
	t.Parallel()
	got, err := Fill(cycle.Autorate, map[string]any{
		"wan_name": "no", "router.host": "2001:db8::1", "router.password": Reference("${WAN_PASSWORD}"), "router.user": "a # c", "recorder.path": `/srv/${B} "c".db`,
		"router.tls_fingerprint": strings.Repeat("ab", 32), "router.fallback": []string{"ssh", "api"}, "router.ssh_key": "/etc/a key",
		"router.port": 8443, "router.tls": true, "continuous_monitoring.download.ceiling_mbps": 0.0000015e6,
		"continuous_monitoring.download.floor_green_mbps": nil, "continuous_monitoring.download.floor_yellow_mbps": nil,
		"continuous_monitoring.download.floor_soft_red_mbps": nil, "continuous_monitoring.download.floor_red_mbps": nil,
		"continuous_monitoring.download.floor_mbps": 1.0, "continuous_monitoring.ping_hosts": []string{"127.0.0.1"},
		"state_file": nil,
	})
	if err != nil {
		t.Fatal(err)
	}
	a, findings := ReadAutorate("filled", got, env("WAN_PASSWORD", "long"))
	if len(findings) > 0 {
		t.Fatalf("%s\n%s", findings, got)
	}
	if a.Daemon.WAN != "no" || a.Router.Host != "2001:db8::1" || a.Router.Password != "long" || a.Router.SSHKey != "/etc/a key" || a.Router.User != "a # c" || a.Recorder.Path != `/srv/${B} "c".db` ||
		a.Router.Fingerprint != strings.Repeat("ab", 32) || len(a.Router.Fallback) != 2 || a.Router.Port.Value != 8443 || !a.Router.TLS.Value ||
		a.Daemon.Download.Ceiling != 1.5 || a.Daemon.Download.Floor.Value != 1 || a.Daemon.Download.FloorRed.Known || a.Daemon.StateFileKey != "" {
		t.Errorf("%+v\n%s", a, got)
	}
	for _, want := range []string{"  # SHA-256 fingerprint of the router's certificate", "# Names the WAN in logs", "    # What the healthy line carries"} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if strings.Contains(string(got), "One floor_mbps instead") {
		t.Error("the comment of a key that was taken out is left")
	}
	for key, v := range map[string]any{"router.hots": "x", "router.port": struct{}{}} {
		if _, err := Fill(cycle.Autorate, map[string]any{key: v}); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// FuzzFill puts any text where text goes, and reads it again.
func FuzzFill(f *testing.F) {
	for _, s := range []string{"", "yes", "0764", "8:20", "a b", "${X}", "$${X}", "a # c", "\"\\\n\t", "é\u2028", "- x", "1.1.1.1", "1.1.1.999", "~", "<<", "null", "\x7f\u0085\ufeff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "?")
		got, err := Fill(cycle.Autorate, map[string]any{"router.user": s})
		if err != nil {
			t.Fatal(err)
		}
		a, findings := ReadAutorate("filled", got, secret)
		if a != nil && a.Router.User != s {
			t.Fatalf("%q was read as %q", s, a.Router.User)
		}
		for _, f := range findings.Errors() {
			if f.Key != "router.user" {
				t.Fatalf("%q broke the file: %v", s, f)
			}
		}
	})
}
