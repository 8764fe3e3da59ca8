package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"wanctl/cycle/routeros/simulator"
)

// planted is a password that is found wherever it should not be; quoting and escaping
// change how it looks.
const planted = `Tr0ub4dor&3 "never" to/be\seen`

// guises are how a secret may look in an output.
func guises(secret string) []string {
	quoted := strconv.Quote(secret)
	return []string{
		secret, quoted[1 : len(quoted)-1], url.QueryEscape(secret), url.PathEscape(secret), hex.EncodeToString([]byte(secret)),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.StdEncoding.EncodeToString([]byte(demoUser + ":" + secret)),
		strings.ReplaceAll(quoted[1:len(quoted)-1], "&", `\u0026`),
	}
}

// plantedRouter is a router with the planted password, by all transports, which now
// and then repeats it in an error, until it is soothed.
func plantedRouter(t *testing.T) (rest, api, ssh simulator.Endpoint, soothe func()) {
	t.Helper()
	router := simulator.New(simulator.Config{
		Users: []simulator.User{{Name: demoUser, Password: planted}},
		Queues: []simulator.Queue{
			{Name: demoDown, Type: "cake-down-wan1", Limit: 100e6, Load: simulator.Constant(80e6)},
			{Name: demoUp, Type: "cake-up-wan1", Limit: 10e6, Load: simulator.Constant(8e6)},
		},
		Rules: []simulator.Rule{{Comment: demoRule, Disabled: true}},
	})
	t.Cleanup(func() { _ = router.Close() })
	soothe = router.Inject(simulator.Fault{Kind: simulator.Refuse, Command: "/queue/tree", Every: 4, Text: "failure: " + planted})
	var err error
	if rest, err = router.ServeREST("127.0.0.1:0"); err == nil {
		if api, err = router.ServeAPI("127.0.0.1:0", true); err == nil {
			ssh, err = router.ServeSSH("127.0.0.1:0")
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return rest, api, ssh, soothe
}

// TestThePlantedPasswordIsNowhere goes through everything that the program says and
// writes (checks, logs of both kinds, errors, recordings, states, reports, exports, the
// doctor, setup) and looks for the password.
func TestThePlantedPasswordIsNowhere(t *testing.T) {
	rest, api, ssh, soothe := plantedRouter(t)
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv("WANCTL_DEMO_PASSWORD", planted)
	t.Setenv("RUNTIME_DIRECTORY", filepath.Join(dir, "run"))
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wan := func(e simulator.Endpoint) string {
		return fmt.Sprintf(demoAutorate, ".", strconv.Itoa(e.Port()), e.Fingerprint)
	}
	write("rest.yaml", wan(rest))
	write("wrongpin.yaml", strings.Replace(wan(rest), rest.Fingerprint, strings.Repeat("00", 32), 1))
	write("api.yaml", strings.Replace(wan(api), "transport: rest", "transport: api", 1))
	write("known_hosts", ssh.KnownHosts+"\n")
	write("ssh.yaml", strings.NewReplacer("transport: rest", "transport: ssh", "  port: ", "  known_hosts: known_hosts\n  ssh_port: ").Replace(wan(ssh)))
	write("dead.yaml", strings.Replace(wan(rest), "port: "+strconv.Itoa(rest.Port()), "port: 9", 1))
	write("steering.yaml", fmt.Sprintf(demoSteering, ".", strconv.Itoa(rest.Port()), rest.Fingerprint))
	write("unset.yaml", strings.Replace(wan(rest), "${WANCTL_DEMO_PASSWORD}", "${WANCTL_DEMO_PASSWORD}${NOT_SET}", 1))
	write("wan1_state.json", demoState)

	said := new(tray) // the log has a goroutine of its own
	call := func(stdin string, args ...string) {
		t.Helper()
		fmt.Fprintf(said, "\n$ wanctl %q\n", args)
		code := execute(t.Context(), strings.NewReader(stdin), said, said, append([]string{"wanctl"}, args...))
		if code == exitUsage {
			t.Fatalf("wanctl %q is no longer understood\n%s", args, said)
		}
	}
	for _, config := range []string{"rest.yaml", "api.yaml", "ssh.yaml", "wrongpin.yaml", "dead.yaml", "unset.yaml"} {
		call("", "autorate", "--config", config, "--check")
		call("", "doctor", "--config", config)
		for _, format := range []string{"text", "json"} {
			t.Setenv(logFormatVariable, format)
			call("", "autorate", "--config", config, "--cycles", "12", "--interval", "20ms", "--db", "profile.db", "--debug")
		}
	}
	call("", "steering", "--config", "steering.yaml", "--cycles", "4", "--interval", "20ms", "--db", "profile.db", "--debug")
	call("", "steering", "--config", "steering.yaml", "--reset")
	call("", "doctor", "--config", "steering.yaml", "--format", "json")
	call("", "doctor", "--from-python", "--config", "rest.yaml", "--config", "steering.yaml")
	for _, args := range [][]string{
		{"analyze", "--verbose"},
		{"analyze", "--format", "json"},
		{"analyze", "--format", "markdown"},
		{"why"},
		{"db", "info"},
		{"db", "check"},
		{"export", "--table", "spans"},
		{"export", "--table", "cycles"},
		{"export", "--format", "trace", "--daemon", "autorate"},
		{"replay", "--daemon", "autorate"},
	} {
		call("", append(args, "--db", "profile.db")...)
	}
	soothe()
	port := strconv.Itoa(rest.Port())
	answers := []string{"wan1", "127.0.0.1", "rest", "yes", port, "yes", demoUser, "wrong-" + planted, demoUser, planted}
	call(strings.Join(append(answers, "1", "2", "127.0.0.1", "300", "60", "30", "6", "no", "yes"), "\n"), "setup", "--dir", "made")

	for _, want := range []string{"CAKE stats", "login", `"message":`, "Autorate cycle", "wanctl-doctor/1", "failure: (secret)", "Wrote "} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("%q was not said: the test no longer reaches what it is about", want)
		}
	}
	for _, guise := range guises(planted) {
		if at := strings.Index(said.String(), guise); at >= 0 {
			t.Errorf("the password was said, as %q: ...%q", guise, said.String()[max(0, at-200):at])
		}
	}
	searchFiles(t, dir)
}

// searchFiles looks for the password in every file but the one that setup puts it in.
func searchFiles(t *testing.T, dir string) {
	t.Helper()
	seen := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "secrets" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		seen[d.Name()] = true
		for _, guise := range guises(planted) {
			if bytes.Contains(text, []byte(guise)) {
				t.Errorf("the password is in %s, as %q", path, guise)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for _, name := range []string{"profile.db", "wan1.log", "wan1_debug.log", "steering.log", "steering_debug.log", "wan1_state.json", "wan1.lock"} {
		if !seen[name] {
			t.Errorf("there is no %s to look into", name)
		}
	}
}
