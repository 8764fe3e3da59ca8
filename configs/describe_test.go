package configs

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files and the generated documentation")

// golden compares got with a file, or writes it there with -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s is not current: go test ./configs -update (-want +got):\n%s", file, diff)
	}
}

func TestDescribe(t *testing.T) {
	t.Parallel()
	a, findings := ReadAutorate("/etc/wanctl/wan1.yaml", example(t, wan1), secret)
	if a == nil {
		t.Fatal(findings)
	}
	golden(t, "testdata/wan1.txt", a.Describe())
	single, findings := ReadAutorate("/etc/wanctl/wan1.yaml", example(t, wan1,
		"use_median_of_three: true", "use_median_of_three: false", "interval_seconds: 2", "interval_seconds: 0.05",
		"enabled: true\n\n", "enabled: false\n\n", "recorder:\n  enabled: true", "recorder:\n  enabled: false", "transport: rest", "transport: ssh"), secret)
	if single == nil {
		t.Fatal(findings)
	}
	golden(t, "testdata/wan1-single.txt", single.Describe())
	s, findings := ReadSteering("/etc/wanctl/steering.yaml", example(t, steer), secret)
	if s == nil {
		t.Fatal(findings)
	}
	golden(t, "testdata/steering.txt", s.Describe())
	rtt, findings := ReadSteering("/etc/wanctl/steering.yaml", example(t, steer, "cake_aware: true", "cake_aware: false"), secret)
	if rtt == nil {
		t.Fatal(findings)
	}
	golden(t, "testdata/steering-rtt.txt", rtt.Describe())
}
