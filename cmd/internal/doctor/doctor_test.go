package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"wanctl/cycle"
	"wanctl/cycle/routeros"
	"wanctl/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestTasksRunSideBySideOnTheirDeadlines has tasks that end, that hang and notice,
// that hang and do not, and that panic.
func TestTasksRunSideBySideOnTheirDeadlines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		wait := func(d time.Duration) func(context.Context) []Check {
			return func(ctx context.Context) []Check {
				select {
				case <-time.After(d):
					return []Check{{OK, "a", "waits", "", ""}}
				case <-ctx.Done():
					return []Check{{Fail, "a", "waits", "noticed", ""}}
				}
			}
		}
		begun := time.Now()
		found := together(t.Context(), []task{
			{"a", "quick", 5 * time.Second, wait(time.Second)},
			{"a", "notices", 5 * time.Second, wait(time.Hour)},
			{"a", "stuck", 5 * time.Second, func(context.Context) []Check { <-release; return nil }},
			{"a", "panics", 5 * time.Second, func(context.Context) []Check { panic("here") }},
		})
		if took := time.Since(begun); took != 5*time.Second+grace {
			t.Errorf("took %v", took)
		}
		var got []string
		for _, checks := range found {
			for _, c := range checks {
				got = append(got, fmt.Sprint(c.Status, " ", c.What, " ", strings.Contains(c.Found, "here")))
			}
		}
		want := []string{"ok waits false", "FAIL waits false", "FAIL stuck false", "FAIL panics true"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if !strings.Contains(found[2][0].Found, "no answer within 5s") {
			t.Errorf("%+v", found[2])
		}
	})
}

// TestAccountGoesByModes works out what accounts may do, without being them.
func TestAccountGoesByModes(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("files of other owners want root")
	}
	dir := t.TempDir()
	for d := dir; d != "/"; d = filepath.Dir(d) { // so that all may come to it
		if info, err := os.Stat(d); err == nil && info.Mode().Perm()&0o001 == 0 {
			if !strings.HasPrefix(d, os.TempDir()+"/") {
				t.Skipf("%s is closed to others", d)
			}
			if err := os.Chmod(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 5001, 6001); err != nil {
		t.Fatal(err)
	}
	owner, group := Account{"owner", 5001, []uint32{7001}}, Account{"group", 5002, []uint32{7002, 6001}}
	other, root := Account{"other", 5003, nil}, Account{"root", 0, nil}
	for _, tc := range []struct {
		who    Account
		rights fs.FileMode
		may    bool
	}{
		{owner, toRead | toWrite, true},
		{group, toRead, true},
		{group, toWrite, false},
		{other, toRead, false},
		{root, toRead | toWrite, true},
	} {
		if err := tc.who.may(path, tc.rights); (err == nil) != tc.may {
			t.Errorf("%s, rights %o: %v", tc.who.Name, tc.rights, err)
		}
	}
	if there, err := other.mayMake(filepath.Join(dir, "no", "such", "file")); there || err == nil || !strings.Contains(err.Error(), "user other may not write to "+dir) {
		t.Errorf("%v, %v", there, err)
	}
	if _, err := root.mayMake(dir); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("a folder for a file: %v", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := group.may(path, toRead); err == nil || !strings.Contains(err.Error(), "may not enter "+dir) {
		t.Errorf("behind a closed folder: %v", err)
	}
}

// FuzzSecretLine writes any value and reads it again.
func FuzzSecretLine(f *testing.F) {
	for _, s := range []string{"", "plain", `it's "both" \ $HOME ` + "`x`", "'", `"`, `\`, " blanks ", "#", "a=b", "é"} {
		f.Add(s)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, value string) {
		if !utf8.ValidString(value) || strings.ContainsFunc(value, func(r rune) bool { return r < ' ' }) {
			t.Skip("setup refuses it")
		}
		path := filepath.Join(dir, "secrets")
		if err := os.WriteFile(path, []byte("# of others\nOTHER=1\n\n"+SecretLine("ROUTER_PASSWORD", value)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadSecrets(path)
		if err != nil || got["OTHER"] != "1" || got["ROUTER_PASSWORD"] != value {
			t.Errorf("%q was read as %q, %v", value, got["ROUTER_PASSWORD"], err)
		}
		if _, env, _ := parseSecrets([]byte(SecretLine("ROUTER_PASSWORD", value))); env.unclosed != 0 {
			t.Errorf("%q stands in quotes that are not closed", value)
		}
	})
}

func TestSecretsThatAreNone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secrets")
	if err := os.WriteFile(path, []byte("ROUTER_PASSWORD=x\nhunter2-alone\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadSecrets(path); err == nil || !strings.Contains(err.Error(), "secrets:2: no NAME=value") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
	if _, err := ReadSecrets(filepath.Dir(path)); err == nil {
		t.Error("a folder was read")
	}
}

func TestReports(t *testing.T) {
	t.Parallel()
	checks := []Check{
		{OK, "wan1", "a", "fine", "not shown"},
		{Warn, "steering", "longer", "so-so", "do\nthis \x1b[31m"},
		{Fail, "wan1", "b", "bad", "do that"},
	}
	b := new(bytes.Buffer)
	if err := Text(b, checks); err != nil {
		t.Fatal(err)
	}
	want := `ok    wan1      a       fine
warn  steering  longer  so-so → do this  [31m
FAIL  wan1      b       bad → do that

1 of 3 checks failed, 1 warn
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	b.Reset()
	if err := JSON(b, checks); err != nil {
		t.Fatal(err)
	}
	var v struct {
		Format         string
		OK             bool
		Failed, Warned int
		Checks         []struct{ Status, Found, Todo string }
	}
	if err := json.Unmarshal(b.Bytes(), &v); err != nil || v.Format != Format || v.OK || v.Failed != 1 || v.Warned != 1 || v.Checks[2].Status != "fail" || v.Checks[1].Todo != checks[1].Todo {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestListeners(t *testing.T) {
	t.Parallel()
	got := listeners(`{"health_check":{"enabled":true,"host":"127.0.0.1","port":9101},"metrics":{"enabled":false,"port":9100}}`)
	if len(got) != 1 || got[0] != (listener{"health_check", "127.0.0.1", "9101"}) {
		t.Errorf("%+v", got)
	}
	if got := listeners(`{"router":{}}`); got != nil {
		t.Errorf("%+v", got)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	s := &subject{name: "wan1", lock: "x.lock"}
	running := false
	e := &Examiner{Holder: func(string) int {
		if running {
			return 7
		}
		return 0
	}}
	for _, tc := range []struct {
		l       listener
		running bool
		want    Status
	}{
		{listener{"metrics", "127.0.0.1", port}, false, Fail},
		{listener{"metrics", "127.0.0.1", port}, true, OK},
		{listener{"metrics", "127.0.0.1", "0"}, false, OK},
		{listener{"metrics", "0.0.0.0", "0"}, false, Warn},
	} {
		running = tc.running
		if got := e.port(s, tc.l); got[0].Status != tc.want {
			t.Errorf("%+v, running %v: %+v", tc.l, tc.running, got)
		}
	}
}

func TestThePythonProgramIsTold(t *testing.T) {
	t.Parallel()
	proc := t.TempDir()
	for pid, command := range map[string]string{
		"10": "/usr/bin/python3\x00-m\x00wanctl.autorate_continuous\x00--config\x00/etc/wanctl/wan1.yaml\x00",
		"11": "/usr/bin/wanctl\x00autorate\x00--config\x00/etc/wanctl/wan1.yaml\x00",
		"12": "/usr/bin/python3\x00/usr/bin/backup\x00",
		"x":  "python3\x00wanctl\x00",
	} {
		if err := os.MkdirAll(filepath.Join(proc, pid), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(proc, pid, "cmdline"), []byte(command), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	e := &Examiner{Proc: proc, Holder: func(string) int { return 10 }}
	want := []string{"process 10: /usr/bin/python3 -m wanctl.autorate_continuous --config /etc/wanctl/wan1.yaml"}
	if diff := cmp.Diff(want, e.running()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got := e.lockFile(&subject{name: "wan1", lock: "x"}); got[0].Status != Warn || !strings.Contains(got[0].Found, "the Python program") {
		t.Errorf("%+v", got)
	}
}

// TestALockIsWellInTheRightHands has a lock held by processes that it is for, and not.
func TestALockIsWellInTheRightHands(t *testing.T) {
	t.Parallel()
	proc, dir := t.TempDir(), t.TempDir()
	config := filepath.Join(dir, "wan1.yaml")
	for _, path := range []string{config, filepath.Join(dir, "wan2.yaml")} {
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(config, filepath.Join(dir, "link.yaml")); err != nil {
		t.Fatal(err)
	}
	for i, tc := range []struct {
		command, folder string
		want            Status
	}{
		{"wanctl autorate --config " + config, "/", OK},
		{"wanctl autorate --config " + dir + "/wan2.yaml --config=" + config, "/", OK},
		{"wanctl autorate --config " + dir + "/link.yaml", "/", OK},
		{"wanctl autorate --config ./wan1.yaml", dir, OK},
		{"wanctl autorate --config ./wan1.yaml", "", OK}, // as far as it can be told
		{"wanctl autorate --config wan1.yaml", proc, Warn},
		{"wanctl autorate --config " + dir + "/wan2.yaml", "/", Warn},
		{"tail -f /var/log/wanctl/wan1.log", "/", Warn},
		{"python3 -m wanctl.autorate_continuous --config " + config, "/", Warn},
		{"", "", Warn},
	} {
		pid := 10 + i
		if tc.command != "" {
			folder := filepath.Join(proc, fmt.Sprint(pid))
			if err := os.Mkdir(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, "cmdline"), []byte(strings.ReplaceAll(tc.command, " ", "\x00")+"\x00"), 0o644); err != nil {
				t.Fatal(err)
			}
			if tc.folder != "" {
				if err := os.Symlink(tc.folder, filepath.Join(folder, "cwd")); err != nil {
					t.Fatal(err)
				}
			}
		}
		e := &Examiner{Proc: proc, Holder: func(string) int { return pid }}
		if got := e.lockFile(&subject{name: "wan1", path: config, lock: "x"}); len(got) != 1 || got[0].Status != tc.want {
			t.Errorf("%q in %q: %+v", tc.command, tc.folder, got)
		}
	}
}

// TestDiskTellsOfRoom asks a disk for more than any has.
func TestDiskTellsOfRoom(t *testing.T) {
	t.Parallel()
	cfg := store.DefaultConfig()
	cfg.Path, cfg.MaxSize = filepath.Join(t.TempDir(), "sub", "profile.db"), 1<<60
	if got := disk(cfg); got[0].Status == OK || !strings.Contains(got[0].Todo, "max_size") {
		t.Errorf("%+v", got)
	}
}

func TestNoSecretIsInAnyCheck(t *testing.T) {
	t.Parallel()
	var hide concealer
	hide.add(cycle.Secret("planted-one"))
	hide.add(cycle.Secret("abc"))
	c := hide.check(Check{Fail, "a", "b", "said planted-one, abc", "type planted-one"})
	if strings.Contains(c.Found+c.Todo, "planted-one") || !strings.Contains(c.Found, "abc") {
		t.Errorf("%+v", c)
	}
	if got := hide.name("a planted-one"); got != "(secret)" {
		t.Errorf("a name was shown as %q", got)
	}
}

// TestASecretThatIsAWordOfOursIsNotMarked: replaced, it could be told from what is
// around it.
func TestASecretThatIsAWordOfOursIsNotMarked(t *testing.T) {
	t.Parallel()
	c := Check{Fail, "wan1", "login", "login refused: invalid user name or password (6)", "check user wanctl and its password; router.password"}
	for _, secret := range []cycle.Secret{"pass", "password", "login", "refused", "router", "wanctl", "user", "router.password", "Password"} {
		var hide concealer
		hide.add(secret)
		if diff := cmp.Diff(c, hide.check(c)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", secret.Reveal(), diff)
		}
		s := &subject{router: routeros.Config{Password: secret}}
		if got := s.listed([]string{"x", "my " + secret.Reveal() + "s"}); got != "there are: x, (secret)" {
			t.Errorf("%s: %s", secret.Reveal(), got)
		}
		e := &Examiner{hide: hide, Proc: t.TempDir()}
		command := "/usr/bin/thing\x00--with\x00" + secret.Reveal() + "\x00"
		if err := errors.Join(os.Mkdir(filepath.Join(e.Proc, "7"), 0o700), os.WriteFile(filepath.Join(e.Proc, "7", "cmdline"), []byte(command), 0o600)); err != nil {
			t.Fatal(err)
		}
		if got := e.command(7); got != "/usr/bin/thing ..." {
			t.Errorf("%s: %s", secret.Reveal(), got)
		}
	}
}
