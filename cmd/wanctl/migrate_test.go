package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// run runs the program in this process, which must go well, and returns what it says.
func run(t *testing.T, args ...string) string {
	t.Helper()
	stdout, stderr := new(bytes.Buffer), new(bytes.Buffer)
	if code := execute(t.Context(), strings.NewReader(""), stdout, stderr, append([]string{"wanctl"}, args...)); code != exitDone {
		t.Fatalf("wanctl %q: exit code %d\n%s%s", args, code, stdout, stderr)
	}
	return stdout.String()
}

// TestThePythonLogIsDecidedAlike does what docs/migrate.md tells people to do with a
// log of the Python program's own: import it, and decide every cycle again.
func TestThePythonLogIsDecidedAlike(t *testing.T) {
	t.Parallel()
	root, dir := vectorRoot(t), t.TempDir()
	packed, err := os.Open(filepath.Join(root, "collector", "wanctl_debug.log.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer packed.Close()
	unpacked, err := gzip.NewReader(packed)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(unpacked)
	if err != nil {
		t.Fatal(err)
	}
	log, db := filepath.Join(dir, "wanctl_debug.log"), filepath.Join(dir, "python.db")
	if err := os.WriteFile(log, text, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "import", "--db", db, "--tz", "UTC", log)
	replay := func(daemon, config string) string {
		t.Helper()
		return run(t, "replay", "--db", db, "--since", "2026-01-09T00:00:00Z", "--until", "2026-01-10T00:00:00Z", "--daemon", daemon, "--config", config)
	}
	wan1 := filepath.Join(root, "configs", "wan1.yaml")
	for daemon, config := range map[string]string{"autorate": wan1, "steering": filepath.Join(root, "configs", "steering.yaml")} {
		if said := replay(daemon, config); !strings.Contains(said, "\n0 of 460 cycles are decided differently\n") {
			t.Errorf("%s:\n%s", daemon, said)
		}
	}
	// Under other numbers it must differ: the comparison can fail.
	yaml, err := os.ReadFile(wan1)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other.yaml")
	if err := os.WriteFile(other, bytes.ReplaceAll(yaml, []byte("factor_down: 0.85"), []byte("factor_down: 0.8")), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := replay("autorate", other); strings.Contains(said, "\n0 of 460 cycles") || !strings.Contains(said, "of 460 cycles are decided differently") {
		t.Errorf("another factor_down:\n%s", said)
	}
}
