package configs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestASecretThatOthersCanReadIsWarnedOf(t *testing.T) {
	t.Parallel()
	const planted = "Tr0ub4dor&3-never-to-be-seen"
	for name, tc := range map[string]struct {
		password string
		mode     os.FileMode
		warned   bool
	}{
		"written out, for all":        {planted, 0o644, true},
		"written out, for the owner":  {planted, 0o600, false},
		"written out, for the group":  {planted, 0o640, false},
		"by the environment, for all": {"${ROUTER_PASSWORD}", 0o644, false},
		"escaped, so written out":     {"$${ROUTER_PASSWORD}", 0o644, true},
		"none, for all":               {"", 0o644, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, file := range []string{wan1, steer} {
				path := filepath.Join(t.TempDir(), "wan.yaml")
				if err := os.WriteFile(path, example(t, file, `"${ROUTER_PASSWORD}"`, `"`+tc.password+`"`), tc.mode); err != nil {
					t.Fatal(err)
				}
				if err := os.Chmod(path, tc.mode); err != nil {
					t.Fatal(err)
				}
				var findings Findings
				if file == wan1 {
					_, findings = LoadAutorate(path, secret)
				} else {
					_, findings = LoadSteering(path, secret)
				}
				said := findings.Warnings().String()
				if got := strings.Contains(said, "everyone on this machine can read"); got != tc.warned {
					t.Errorf("%s: warned %v:\n%s", file, got, said)
				}
				if strings.Contains(said, planted) {
					t.Error("the password was said")
				}
			}
		})
	}
}

func TestKeysThatDecideNothing(t *testing.T) {
	t.Parallel()
	a, _ := ReadAutorate(wan1, example(t, wan1), secret)
	s, _ := ReadSteering(steer, example(t, steer), secret)
	keys := func(is []Inert) (keys []string) {
		for _, i := range is {
			if i.Line < 1 || i.Why == "" {
				t.Errorf("%+v", i)
			}
			keys = append(keys, i.Key)
		}
		slices.Sort(keys)
		return keys
	}
	if diff := cmp.Diff([]string{"lock_timeout", "state_file"}, keys(a.Inert())); diff != "" {
		t.Errorf("autorate (-want +got)\n%s", diff)
	}
	want := []string{"lock_timeout", "logging.log_cake_stats", "mode.enable_yellow_state", "mode.reset_counters", "thresholds.green_rtt_ms"}
	if diff := cmp.Diff(want, keys(s.Inert())); diff != "" {
		t.Errorf("steering (-want +got)\n%s", diff)
	}
}
