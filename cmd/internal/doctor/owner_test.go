package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// daemonUser is an account whose group has no name.
var daemonUser = Account{"service", 5001, []uint32{6001}}

// pythonFolder is a folder of root's with one of the account's, run, in it.
func pythonFolder(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("files of other owners want root")
	}
	dir := t.TempDir()
	if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755), os.Mkdir(filepath.Join(dir, "run"), 0o755), os.Chown(filepath.Join(dir, "run"), 5001, 6001)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func put(t *testing.T, path string, mode fs.FileMode, text string) {
	t.Helper()
	if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
		t.Fatal(err)
	}
}

// TestWhatIsRefusedIsMended asks what to do about files and folders.
func TestWhatIsRefusedIsMended(t *testing.T) {
	t.Parallel()
	dir := pythonFolder(t)
	at := func(elements ...string) string { return filepath.Join(append([]string{dir}, elements...)...) }
	for _, path := range []string{at("closed"), at("of root")} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	put(t, at("closed", "config"), 0o644, "")
	put(t, at("config"), 0o600, "")
	put(t, at("shared"), 0o640, "")
	put(t, at("run", "file"), 0o644, "")
	put(t, at("run", "own"), 0o400, "")
	put(t, at("run", "profile.db"), 0o644, "")
	put(t, at("run", "profile.db-wal"), 0o644, "")
	if err := errors.Join(os.Chown(at("run", "own"), 5001, 6001), os.Chown(at("run", "profile.db"), 5001, 6001)); err != nil {
		t.Fatal(err)
	}
	ask := func(ask func(string) (bool, error)) func(string) error {
		return func(path string) error { _, err := ask(path); return err }
	}
	read := func(path string) error { return daemonUser.may(path, toRead) }
	for _, tc := range []struct {
		name, path string
		ask        func(path string) error
		want       string
	}{
		{"a folder that is closed", at("closed", "config"), read, "chgrp 6001 " + at("closed") + "; chmod g+x " + at("closed")},
		{"a file that is only read", at("config"), read, "chgrp 6001 " + at("config") + "; chmod g+r " + at("config")},
		{"one that its group may read", at("shared"), read, "chgrp 6001 " + at("shared")},
		{"a file that is written", at("run", "file"), ask(daemonUser.mayMake), "chown service:6001 " + at("run", "file")},
		{"an own file that is read-only", at("run", "own"), ask(daemonUser.mayMake), "chmod u+rw " + at("run", "own")},
		{"a folder for a new file", at("of root", "new"), ask(daemonUser.mayMake), "chown service:6001 '" + at("of root") + "'"},
		{"a folder for a new state", at("config"), ask(daemonUser.mayReplace), "chown service:6001 " + dir},
		{"what SQLite keeps beside", at("run", "profile.db"), ask(daemonUser.mayOpenDatabase), "chown service:6001 " + at("run", "profile.db-wal")},
		{"a folder of everyone's", "/var/lib/none", ask(daemonUser.mayMake), ""},
		{"a folder of the machine's", "/etc/none", ask(daemonUser.mayReplace), ""},
	} {
		err := tc.ask(tc.path)
		got := mend(err)
		if err == nil || got != tc.want {
			t.Errorf("%s: %v: %q, want %q", tc.name, err, got, tc.want)
		}
	}
	if got := shellWord("/a b/it's"); got != `'/a b/it'\''s'` {
		t.Errorf("%s", got)
	}
}

const pythonConfig = `wan_name: wan1
router: {transport: ssh, host: 192.0.2.1, user: wanctl, ssh_key: key}
queues: {download: WAN-Download-1, upload: WAN-Upload-1}
continuous_monitoring:
  enabled: true
  baseline_rtt_initial: 1
  download: {floor_mbps: 25, ceiling_mbps: 500, step_up_mbps: 5, factor_down: 0.85}
  upload: {floor_mbps: 10, ceiling_mbps: 50, step_up_mbps: 1, factor_down: 0.9}
  thresholds: {target_bloat_ms: 15, warn_bloat_ms: 45, alpha_baseline: 0.02, alpha_load: 0.2}
  ping_hosts: [127.0.0.1]
lock_file: %[1]s/wan1.lock
logging: {main_log: %[1]s/wan1.log, debug_log: %[1]s/wan1_debug.log}
recorder: {path: %[1]s/profile.db}
`

// TestWhatThePythonProgramLeftAsRoot tells what the service's user could not read or
// write of it, and what to type, and nothing any more once that is done.
func TestWhatThePythonProgramLeftAsRoot(t *testing.T) {
	t.Parallel()
	dir := pythonFolder(t)
	run, config := filepath.Join(dir, "run"), filepath.Join(dir, "wan1.yaml")
	put(t, config, 0o600, fmt.Sprintf(pythonConfig, run))
	files := map[string]string{"lock": "wan1.lock", "state": "wan1_state.json", "log": "wan1.log", "recording": "profile.db"}
	for _, name := range files {
		put(t, filepath.Join(run, name), 0o600, `{"ewma":{"baseline_rtt":12.5}}`)
	}
	e := &Examiner{
		Configs: []string{config}, Account: daemonUser, Proc: t.TempDir(),
		Getenv: func(string) (string, bool) { return "", false }, Holder: func(string) int { return 0 },
	}
	m, err := e.FromPython()
	if err != nil {
		t.Fatal(err)
	}
	troubles := func(m Move) (found []string) {
		for _, c := range m.Checks {
			if strings.Contains(c.Found, "may not") {
				found = append(found, fmt.Sprint(c.Status, " ", c.What, ": ", c.Todo))
			}
		}
		slices.Sort(found)
		return found
	}
	in := func(name string) string { return filepath.Join(run, name) }
	want := []string{
		fmt.Sprintf("FAIL file modes: chgrp 6001 %s; chmod g+r %[1]s", config),
		"FAIL lock: chown service:6001 " + in("wan1.lock"),
		"FAIL recording: chown service:6001 " + in("profile.db"),
		fmt.Sprintf("FAIL state: chgrp 6001 %s; chmod g+r %[1]s", in("wan1_state.json")),
		"warn log: chown service:6001 " + in("wan1.log"),
	}
	if diff := cmp.Diff(want, troubles(m)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !slices.ContainsFunc(m.Checks, func(c Check) bool { return strings.Contains(c.Found, "is understood: baseline 12.5 ms") }) {
		t.Error("what root can read of the state is not told")
	}
	commands := m.Steps[3].Commands
	if len(commands) != 8 || !strings.HasPrefix(commands[0], "systemctl disable") || !slices.Contains(commands[1:6], "chown service:6001 "+in("wan1.lock")) ||
		commands[6] != "wanctl doctor --config "+config || commands[7] != "systemctl enable --now wanctl-autorate@wan1" {
		t.Errorf("%q", commands)
	}

	for _, name := range files { // as told
		if err := os.Chown(in(name), 5001, 6001); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chown(config, 0, 6001), os.Chmod(config, 0o640)); err != nil {
		t.Fatal(err)
	}
	if m, err = e.FromPython(); err != nil || troubles(m) != nil || len(m.Steps[3].Commands) != 3 {
		t.Errorf("%v, %q, %q", err, troubles(m), m.Steps[3].Commands)
	}
}

// TestUnwritableNamesWhatIsInTheWay tells the file from the folder.
func TestUnwritableNamesWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	dir := pythonFolder(t)
	lock := filepath.Join(dir, "run", "wan1.lock")
	put(t, lock, 0o644, "")
	e := &Examiner{Account: daemonUser, Holder: func(string) int { return 0 }}
	if got := e.lockFile(&subject{name: "wan1", lock: lock}); got[0].Status != Fail || got[0].Todo != "chown service:6001 "+lock {
		t.Errorf("%+v", got)
	}
	if got := e.lockFile(&subject{name: "wan1", lock: filepath.Join(dir, "wan1.lock")}); got[0].Status != Fail || got[0].Todo != "chown service:6001 "+dir {
		t.Errorf("%+v", got)
	}
	if got := e.lockFile(&subject{name: "wan1", lock: "/var/wan1.lock"}); got[0].Status != Fail || !strings.Contains(got[0].Todo, "instead of /var/wan1.lock") {
		t.Errorf("%+v", got)
	}
}
