package configs

import (
	"testing"

	"wanctl/cycle/golden"
)

func TestDescribe(t *testing.T) {
	t.Parallel()
	a, findings := ReadAutorate("/etc/wanctl/wan1.yaml", example(t, wan1), secret)
	if a == nil {
		t.Fatal(findings)
	}
	golden.Equal(t, "testdata/wan1.txt", a.Describe())
	single, findings := ReadAutorate("/etc/wanctl/wan1.yaml", example(t, wan1,
		"use_median_of_three: true", "use_median_of_three: false", "interval_seconds: 2", "interval_seconds: 0.05",
		"enabled: true\n\n", "enabled: false\n\n", "recorder:\n  enabled: true", "recorder:\n  enabled: false", "transport: rest", "transport: ssh"), secret)
	if single == nil {
		t.Fatal(findings)
	}
	golden.Equal(t, "testdata/wan1-single.txt", single.Describe())
	s, findings := ReadSteering("/etc/wanctl/steering.yaml", example(t, steer), secret)
	if s == nil {
		t.Fatal(findings)
	}
	golden.Equal(t, "testdata/steering.txt", s.Describe())
	rtt, findings := ReadSteering("/etc/wanctl/steering.yaml", example(t, steer, "cake_aware: true", "cake_aware: false"), secret)
	if rtt == nil {
		t.Fatal(findings)
	}
	golden.Equal(t, "testdata/steering-rtt.txt", rtt.Describe())
}
