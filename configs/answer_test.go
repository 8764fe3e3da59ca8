package configs

import (
	"strings"
	"testing"

	"wanctl/cycle"
)

// TestRefusedSaysWhatTheLoaderSays gives both the same values.
func TestRefusedSaysWhatTheLoaderSays(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		daemon cycle.Daemon
		key    string
		value  any
		want   string
	}{
		{cycle.Autorate, "queues.download", "WAN-Down", ""},
		{cycle.Autorate, "queues.download", "WAN Down", `"WAN Down" holds ' ' (1 to 64 letters, digits or any of . _ -)`},
		{cycle.Autorate, "queues.download", "${WAN}", `"${WAN}" holds '$' (1 to 64 letters, digits or any of . _ -)`},
		{cycle.Autorate, "queues.download", "yes", ""},
		{cycle.Autorate, "router.user", "it's", `"it's" holds '\'' (1 to 128 printable characters, none of " ' ` + "`" + ` $ [ ] { } ; \)`},
		{cycle.Autorate, "continuous_monitoring.ping_hosts", []string{"1.1.1.1", "::1"}, ""},
		{cycle.Autorate, "continuous_monitoring.upload.ceiling_mbps", 2500.0, "2500 is out of range (1 to 1000 Mbit/s)"},
		{cycle.Steering, "measurement.ping_host", "localhost.", `"localhost." has an empty part between its dots (an IP address or a host name: letters, digits, dots, hyphens)`},
		{cycle.Steering, "mangle_rule.comment", "steer (games) -> LTE", `"steer (games) -> LTE" holds '(' (1 to 128 letters, digits, blanks or any of . _ : -)`},
		{cycle.Steering, "mangle_rule.comment", "ADAPTIVE: steer", ""},
		{cycle.Steering, "queues.download", "Q", `there is no key "queues.download"`},
	} {
		got := ""
		if err := Refused(tc.daemon, tc.key, tc.value); err != nil {
			got = err.Error()
		}
		if got != tc.want {
			t.Errorf("%s: %v: %q, want %q", tc.key, tc.value, got, tc.want)
		}
		if tc.daemon != cycle.Autorate {
			continue
		}
		text, err := Fill(tc.daemon, map[string]any{tc.key: tc.value})
		if err != nil {
			t.Fatal(err)
		}
		said := ""
		_, findings := ReadAutorate("F", text, secret)
		for _, f := range findings.Errors() {
			if f.Key == tc.key {
				said = strings.SplitN(f.String(), ": ", 3)[2]
			}
		}
		if said != tc.want {
			t.Errorf("%s: %v: the loader says %q, want %q", tc.key, tc.value, said, tc.want)
		}
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	if least, most, err := Bounds(cycle.Autorate, "continuous_monitoring.upload.ceiling_mbps"); least != 1 || most != 1000 || err != nil {
		t.Errorf("%g to %g, %v", least, most, err)
	}
	for _, key := range []string{"wan_name", "no.such"} {
		if _, _, err := Bounds(cycle.Autorate, key); err == nil {
			t.Errorf("%s has bounds", key)
		}
	}
}
