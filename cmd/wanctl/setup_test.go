package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"wanctl/cmd/internal/doctor"
	"wanctl/configs"
	"wanctl/cycle/routeros/simulator"
)

// TestWhatSetupWritesHasNoFindings sets up over every transport, against a router
// whose user has the least rights, and loads what was written.
func TestWhatSetupWritesHasNoFindings(t *testing.T) {
	t.Parallel()
	const password = `it's "a" pass\word $HOME ${X}`
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	router := simulator.New(simulator.Config{
		Users: []simulator.User{{
			Name: "wan ctl", Password: password, Policies: []string{"read", "write", "api", "rest-api", "ssh"},
			Keys: []string{string(ssh.MarshalAuthorizedKey(signer))},
		}},
		Queues: []simulator.Queue{{Name: "Down", Type: "cake-down-dsl-1", Limit: 80e6}, {Name: "Up", Type: "cake-up-dsl-1", Limit: 8e6}},
		Rules:  []simulator.Rule{{}, {Comment: "ADAPTIVE: steer", Disabled: true}, {Comment: "twice"}, {Comment: "twice"}},
	})
	t.Cleanup(func() { _ = router.Close() })
	rest, err1 := router.ServeREST("127.0.0.1:0")
	secure, err2 := router.ServeAPI("127.0.0.1:0", true)
	plain, err3 := router.ServeAPI("127.0.0.1:0", false)
	shell, err4 := router.ServeSSH("127.0.0.1:0")
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, way := range map[string][]string{
		"rest":            {"rest", "yes", strconv.Itoa(rest.Port()), "yes", "wan ctl", password},
		"api":             {"api", "yes", strconv.Itoa(secure.Port()), "yes", "wan ctl", password},
		"api in clear":    {"api", "no", strconv.Itoa(plain.Port()), "wan ctl", password},
		"ssh by password": {"ssh", strconv.Itoa(shell.Port()), "yes", "wan ctl", "", password},
		"ssh by key":      {"ssh", strconv.Itoa(shell.Port()), "yes", "wan ctl", key},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			answers := append([]string{"dsl-1", "127.0.0.1"}, way...)
			answers = append(answers, "Down", "Up", "127.0.0.1 127.0.0.2 127.0.0.3", "", "", "", "", "yes", "lte", "", "yes")
			stdout, stderr := new(bytes.Buffer), new(bytes.Buffer)
			if code := execute(t.Context(), strings.NewReader(strings.Join(answers, "\n")), stdout, stderr, []string{"wanctl", "setup", "--dir", dir}); code != exitDone {
				t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
			}
			var err error
			secrets := map[string]string{}
			if name != "ssh by key" {
				if secrets, err = doctor.ReadSecrets(filepath.Join(dir, "secrets")); err != nil || secrets["ROUTER_PASSWORD"] != password {
					t.Errorf("secrets %q, %v", secrets, err)
				}
			}
			getenv := func(name string) (string, bool) { v, ok := secrets[name]; return v, ok }
			wan, findings := configs.LoadAutorate(filepath.Join(dir, "dsl-1.yaml"), getenv)
			steering, more := configs.LoadSteering(filepath.Join(dir, "steering.yaml"), getenv)
			if found := append(findings, more...); len(found) > 0 {
				t.Fatalf("%s\n%s", found, stdout)
			}
			d := wan.Daemon
			if d.WAN != "dsl-1" || d.DownloadQueue != "Down" || d.Download.Ceiling != 80 || d.Download.Floor.Value != 16 || d.Upload.Floor.Value != 1.6 || len(d.Reflectors()) != 3 {
				t.Errorf("%+v", d)
			}
			if s := steering.Daemon; s.RuleComment != "ADAPTIVE: steer" || s.BaselineFile != d.StateFile() || s.DownloadQueue != "Down" || s.AlternateWAN != "lte" {
				t.Errorf("%+v", s)
			}
			if strings.Contains(stdout.String(), "twice") || strings.Contains(stdout.String(), password) {
				t.Error("a rule that is there twice was offered, or the password shown")
			}
		})
	}
}

// TestSetupTakesWhatTheLoaderTakes meets a router of names and limits that no
// configuration can hold, gives such answers, and has the files kept from being
// written once.
func TestSetupTakesWhatTheLoaderTakes(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Config{
		Users: []simulator.User{{Name: "wanctl", Password: "demo", Policies: []string{"read", "write", "api"}}},
		Queues: []simulator.Queue{
			{Name: "WAN Down", Limit: 2500e6},
			{Name: "Down", Type: "cake-down-dsl-1", Limit: 25000e6},
			{Name: "WAN Up", Limit: 2500e6},
			{Name: "Up", Type: "cake-up-dsl-1", Limit: 2500e6},
		},
		Rules: []simulator.Rule{{Comment: "steer (games) -> LTE", Disabled: true}, {Comment: "ADAPTIVE: other", Disabled: true}},
	})
	t.Cleanup(func() { _ = sim.Close() })
	plain, err := sim.ServeAPI("127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	wan := filepath.Join(dir, "dsl-1.yaml")
	if err := os.Mkdir(wan, 0o755); err != nil { // no file can take its place
		t.Fatal(err)
	}
	answers := strings.Join([]string{
		"steering", "my wan", "dsl-1", "router_1", "127.0.0.1", "api", "no", strconv.Itoa(plain.Port()), "it's me", "wanctl", "demo",
		"WAN Down", "", "WAN Up", "", // 1 and 2 are the usable ones
		"localhost.", ",", "127.0.0.1", "", "", "", "",
		"yes", "Steering", "", "steer (games) -> LTE", "", "yes", "",
	}, "\n")
	run := func(stdin io.Reader) (int, string, string) {
		stdout, stderr := new(bytes.Buffer), new(bytes.Buffer)
		code := execute(t.Context(), stdin, stdout, stderr, []string{"wanctl", "setup", "--dir", dir})
		return code, stdout.String(), stderr.String()
	}
	code, stdout, stderr := run(strings.NewReader(answers))
	if code != exitFailed || !strings.HasPrefix(stderr, "wanctl: given up: write "+wan) {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	for _, want := range []string{
		"that is the steering daemon's name",
		`"my wan" holds ' ' (1 to 64 letters`,
		`"router_1" holds '_' (an IP address`,
		`"it's me" holds '\''`,
		`A queue of the router cannot be used: "WAN Down" holds ' ' (1 to 64 letters, digits or any of . _ -). Rename it there`,
		"   1  Down\n   2  Up\nQueue for download [Down]: WAN Down\nplease answer with a number from 1 to 2",
		"Queue for upload [Up]: WAN Up\nthat is none of the router's queues",
		`"localhost." has an empty part between its dots`,
		"is an empty list",
		"The queue's limit is 2500 Mbit/s; 1000 is the most that can be configured here.",
		"Download, Mbit/s that the healthy line carries [10000]: ",
		"Upload, Mbit/s that the healthy line carries [1000]: ",
		`A rule of the router cannot be used: "steer (games) -> LTE" holds '('`,
		"   1  ADAPTIVE: other\nRule to switch",
		"write " + wan + ": ",
		"Try again [yes]: ",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("not said: %s", want)
		}
	}
	if t.Failed() {
		t.Log(stdout)
	}
	code, stdout, stderr = run(io.MultiReader(strings.NewReader(answers), readerFunc(func([]byte) (int, error) {
		_ = os.Remove(wan)
		return 0, io.EOF
	}), strings.NewReader("yes\n")))
	if code != exitDone {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	secret := func(string) (string, bool) { return "demo", true }
	a, findings := configs.LoadAutorate(wan, secret)
	if len(findings) > 0 || a.Daemon.Download.Ceiling != 10000 || a.Daemon.Upload.Ceiling != 1000 || a.Daemon.DownloadQueue != "Down" {
		t.Errorf("%s", findings)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

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
