package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestGateway(t *testing.T) {
	t.Parallel()
	const head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
	for name, tc := range map[string]struct{ text, want string }{
		"the default route's": {head + "eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\neth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n", "192.168.1.1"},
		"none without one":    {head + "eth0\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n", "192.168.88.1"},
		"none of nonsense":    {"eth0 00000000 zzzz\n", "192.168.88.1"},
		"none of nothing":     {"", "192.168.88.1"},
	} {
		path := filepath.Join(t.TempDir(), "route")
		if err := os.WriteFile(path, []byte(tc.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := gateway(path); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
	if got := gateway(filepath.Join(t.TempDir(), "none")); got != "192.168.88.1" {
		t.Errorf("no file: %s", got)
	}
}
