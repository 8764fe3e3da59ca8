package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var units = []string{"wanctl-autorate@.service", "wanctl-steering.service"}

// worstExposure is what `systemd-analyze security` may say of a unit, from 0 (shut in)
// to 10.
const worstExposure = 2.0

var exposure = regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`)

func TestExposure(t *testing.T) {
	t.Parallel()
	for _, unit := range units {
		out, err := analyze(t, "security", "--offline=true", unit)
		found := exposure.FindStringSubmatch(out)
		if found == nil {
			t.Fatalf("%s: %v\n%s", unit, err, out)
		}
		level, err := strconv.ParseFloat(found[1], 64)
		t.Logf("%s: %v", unit, level)
		if err != nil || level > worstExposure {
			t.Errorf("%s: exposure %s, want at most %.1f\n%s", unit, found[1], worstExposure, out)
		}
	}
}

// TestVerify has systemd read the units. It looks for the program, too, and gets
// another that is there.
func TestVerify(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, unit := range units {
		text := strings.ReplaceAll(read(t, unit), "/usr/bin/wanctl", self)
		copied := filepath.Join(t.TempDir(), strings.Replace(unit, "@", "@wan1", 1))
		if err := os.WriteFile(copied, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := analyze(t, "verify", "--man=no", copied); err != nil || out != "" {
			t.Errorf("%s: %v\n%s", unit, err, out)
		}
	}
}

// TestUnitsAgree keeps what one unit may from growing apart from what the other may.
func TestUnitsAgree(t *testing.T) {
	t.Parallel()
	service := func(unit string) (lines []string) {
		_, section, _ := strings.Cut(read(t, unit), "\n[Service]\n")
		for line := range strings.Lines(section) {
			if !strings.HasPrefix(line, "ExecStart=") {
				lines = append(lines, line)
			}
		}
		return lines
	}
	if diff := cmp.Diff(service(units[0]), service(units[1])); diff != "" {
		t.Errorf("the units differ (-%s +%s):\n%s", units[0], units[1], diff)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func analyze(t *testing.T, args ...string) (string, error) {
	t.Helper()
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(tool, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "SYSTEMD_PAGER="}
	out, err := cmd.CombinedOutput()
	return string(out), err
}
