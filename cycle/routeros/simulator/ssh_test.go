package simulator

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

func startSSH(t testing.TB, cfg Config) (*Simulator, Endpoint) {
	t.Helper()
	s := start(t, cfg)
	e, err := s.ServeSSH("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return s, e
}

// dialSSH logs in by password, over a connection whose deadline is wait.
func dialSSH(t testing.TB, e Endpoint, wait time.Duration, auth ...ssh.AuthMethod) (*ssh.Client, error) {
	t.Helper()
	if len(auth) == 0 {
		auth = []ssh.AuthMethod{ssh.Password(testPassword)}
	}
	file := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte(e.KnownHosts+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	check, err := knownhosts.New(file)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := net.Dial("tcp", e.Addr)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = raw.Close() })
	_ = raw.SetDeadline(time.Now().Add(wait))
	c, channels, requests, err := ssh.NewClientConn(raw, e.Addr, &ssh.ClientConfig{User: testUser, Auth: auth, HostKeyCallback: check})
	if err != nil {
		return nil, err
	}
	client := ssh.NewClient(c, channels, requests)
	t.Cleanup(func() { _ = client.Close(); _ = client.Wait() })
	return client, nil
}

// run runs one command and returns what it prints.
func run(c *ssh.Client, command string) (string, error) {
	session, err := c.NewSession()
	if err != nil {
		return "", err
	}
	defer session.Close()
	out, err := session.Output(command)
	return string(out), err
}

func TestSSHRunsCommands(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"7.18.2", "6.48.6"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			cfg := usual(newClock())
			cfg.Version = version
			s, e := startSSH(t, cfg)
			c, err := dialSSH(t, e, 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			for _, tc := range []struct{ command, want string }{
				{`/queue tree set [find name="WAN-Download-1"] max-limit=50M; :put "N done"`, "N done\r\n"},
				{`:put [/queue tree get WAN-Download-1 max-limit]`, "50000000\r\n"},
				{`/queue tree get nobody name`, "no such item\r\n"}, // and exit status 0
				{`/queue tree polish`, "bad command name polish (line 1 column 13)\r\n"},
			} {
				if got, err := run(c, tc.command); err != nil || got != tc.want {
					t.Errorf("%s: %q %v, want %q", tc.command, got, err, tc.want)
				}
			}
			if q, _ := s.Queue(download); q.Limit != 50_000_000 {
				t.Errorf("limit %d", q.Limit)
			}
			if n := s.Counts().SSH; n != (Traffic{Connections: 1, Logins: 1, Requests: 4, Failed: 2}) {
				t.Errorf("counts %+v", n)
			}
			if log := s.Log(); len(log) != 1 || log[0] != "system,info,account user wanctl logged in from 127.0.0.1 via ssh" {
				t.Errorf("log %q", log)
			}
		})
	}
}

func TestSSHLogins(t *testing.T) {
	t.Parallel()
	key := func() ssh.Signer {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		s, err := ssh.NewSignerFromSigner(private)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	mine, other := key(), key()
	cfg := usual(newClock())
	cfg.Users[0].Keys = []string{string(ssh.MarshalAuthorizedKey(mine.PublicKey()))}
	for _, tc := range []struct {
		name     string
		policies []string
		auth     ssh.AuthMethod
		ok       bool
	}{
		{"password", nil, ssh.Password(testPassword), true},
		{"wrong password", nil, ssh.Password("wrong"), false},
		{"key", nil, ssh.PublicKeys(mine), true},
		{"wrong key", nil, ssh.PublicKeys(other), false},
		{"without the policy", []string{"read", "write", "api"}, ssh.Password(testPassword), false},
	} {
		cfg := cfg
		cfg.Users = []User{{testUser, testPassword, tc.policies, cfg.Users[0].Keys}}
		s, e := startSSH(t, cfg)
		if _, err := dialSSH(t, e, 5*time.Second, tc.auth); (err == nil) != tc.ok {
			t.Errorf("%s: %v", tc.name, err)
		}
		if n := s.Counts().SSH.Logins; (n == 1) != tc.ok {
			t.Errorf("%s: %d logins", tc.name, n)
		}
	}
}

func TestSSHShells(t *testing.T) {
	t.Parallel()
	_, e := startSSH(t, usual(newClock()))
	c, err := dialSSH(t, e, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	const typed = ":put hello\n/queue tree print count-only\nquit\n"
	for _, tc := range []struct {
		name string
		pty  bool
		want string
	}{
		{"bare", false, "hello\r\n2\r\n"},
		{"terminal", true, "\r\n  MikroTik RouterOS 7.18.2\r\n\r\n[wanctl@MikroTik] > :put hello\r\nhello\r\n[wanctl@MikroTik] > /queue tree print count-only\r\n2\r\n[wanctl@MikroTik] > quit\r\n"},
	} {
		session, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if tc.pty {
			if err := session.RequestPty("vt100", 24, 80, nil); err != nil {
				t.Fatal(err)
			}
		}
		var out bytes.Buffer
		session.Stdin, session.Stdout = strings.NewReader(typed), &out
		if err := session.Shell(); err != nil {
			t.Fatal(err)
		}
		var none *ssh.ExitMissingError
		if err := session.Wait(); err != nil && !errors.As(err, &none) {
			t.Errorf("%s: %v", tc.name, err)
		}
		if diff := cmp.Diff(tc.want, out.String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestSSHHostKeys(t *testing.T) {
	t.Parallel()
	cfg := usual(newClock())
	cfg.Version, cfg.SHA1 = "6.30", true
	s, e := startSSH(t, cfg)
	raw, err := net.Dial("tcp", e.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer raw.Close()
	var saw string
	c, _, _, err := ssh.NewClientConn(raw, e.Addr, &ssh.ClientConfig{
		User: testUser, Auth: []ssh.AuthMethod{ssh.Password(testPassword)}, HostKeyAlgorithms: []string{ssh.KeyAlgoRSA},
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error { saw = ssh.FingerprintSHA256(key); return nil },
	})
	if err != nil {
		t.Fatalf("ssh-rsa: %v", err)
	}
	_ = c.Close()
	if saw != e.Fingerprint {
		t.Errorf("host key %s, want %s", saw, e.Fingerprint)
	}
	if err := s.ChangeHostKey(); err != nil {
		t.Fatal(err)
	}
	var changed *knownhosts.KeyError
	if _, err := dialSSH(t, e, 5*time.Second); !errors.As(err, &changed) {
		// An algorithm that the client does not offer by itself is as good an end.
		if err == nil || !strings.Contains(err.Error(), "no common algorithm") {
			t.Errorf("a changed host key: %v", err)
		}
	}
}

func TestSSHFaults(t *testing.T) {
	t.Parallel()
	const set = `/queue tree set [find name="WAN-Download-1"] max-limit=1000000; :put "N done"`
	const both = `/queue tree print terse proplist=name where name~"WAN"`
	const untouched, applied = 100_000_000, 1_000_000
	const silence, broken = "(silence)", "(broken)"
	for _, tc := range []struct {
		name    string
		fault   Fault
		command string
		want    string
		limit   int64
	}{
		{"delay", Fault{Kind: Delay, Delay: time.Millisecond}, set, "N done\r\n", applied},
		{"late", Fault{Kind: Late, Delay: time.Millisecond}, set, "N done\r\n", applied},
		{"hang", Fault{Kind: Hang}, set, silence, untouched},
		{"mute", Fault{Kind: Mute}, set, silence, applied},
		{"half open", Fault{Kind: HalfOpen}, set, silence, applied},
		{"close", Fault{Kind: Close}, set, broken, untouched},
		{"reset", Fault{Kind: Reset}, set, broken, untouched},
		{"lost reply", Fault{Kind: LostReply}, set, broken, applied},
		{"cut", Fault{Kind: Cut}, set, broken, applied},
		{"reboot", Fault{Kind: RebootRun}, set, broken, applied},
		{"drip", Fault{Kind: Drip}, set, "N done\r\n", applied},
		{"ignore", Fault{Kind: Ignore, Command: "/queue/tree/set"}, set, "N done\r\n", untouched},
		{"refuse", Fault{Kind: Refuse, Command: "/queue/tree/set", Text: "not enough permissions (9)"}, set, "not enough permissions (9)\r\n", untouched},
		{"refuse all", Fault{Kind: Refuse}, set, "failure: refused\r\n", untouched},
		{"another command's", Fault{Kind: Refuse, Command: "/queue/tree/get"}, set, "N done\r\n", applied},
		{"applied", Fault{Kind: Applied, Command: "/queue/tree/set"}, set, "failure: could not tell whether it was done\r\n", applied},
		{"partial", Fault{Kind: Partial}, both, " 0   name=\"WAN-Download-1\" \r\ninterrupted\r\n", untouched},
		{"empty", Fault{Kind: Empty}, both, "", untouched},
		{"no exit", Fault{Kind: NoExit}, set, silence, applied},
		{"exit code", Fault{Kind: ExitCode, Status: 3}, set, "(exit 3) N done\r\n", applied},
		{"channel", Fault{Kind: Channel}, set, "(refused)", untouched},
		{"prompt", Fault{Kind: Prompt}, set, silence, untouched},
		{"silent channel", Fault{Kind: Hang, Command: Open}, set, silence, untouched},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, e := startSSH(t, usual(newClock()))
			remove := s.Inject(tc.fault)
			c, err := dialSSH(t, e, 400*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			got, err := run(c, tc.command)
			var exit *ssh.ExitError
			var refused *ssh.OpenChannelError
			switch {
			case err == nil:
			case errors.As(err, &exit):
				got = "(exit 3) " + got
			case errors.As(err, &refused):
				got = "(refused)"
			default:
				got = ending(c)
			}
			if got != tc.want {
				t.Errorf("got %q %v, want %q", got, err, tc.want)
			}
			if q, _ := s.Queue(download); q.Limit != tc.limit {
				t.Errorf("limit %d, want %d", q.Limit, tc.limit)
			}
			remove()
			c, err = dialSSH(t, e, 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := run(c, ":put hello"); err != nil || got != "hello\r\n" {
				t.Errorf("afterwards: %q %v", got, err)
			}
		})
	}
}

// ending tells whether a connection ended by its deadline or by the router.
func ending(c *ssh.Client) string {
	if err := c.Wait(); errors.Is(err, os.ErrDeadlineExceeded) {
		return "(silence)"
	}
	return "(broken)"
}

func TestSSHFaultsBeforeTheLogin(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		fault Fault
		check func(error) bool
	}{
		{"wrong password", Fault{Kind: Refuse, Command: Login}, func(err error) bool {
			return err != nil && strings.Contains(err.Error(), "unable to authenticate")
		}},
		{"never answered", Fault{Kind: Hang, Command: Login}, func(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }},
		{"full", Fault{Kind: Full, Command: Connect}, func(err error) bool { return err != nil }},
		{"garbage", Fault{Kind: Garbage, Command: Connect}, func(err error) bool { return err != nil && !errors.Is(err, io.ErrShortBuffer) }},
		{"slow greeting", Fault{Kind: Delay, Command: Connect, Delay: time.Millisecond}, func(err error) bool { return err == nil }},
	} {
		s, e := startSSH(t, usual(newClock()))
		s.Inject(tc.fault)
		if _, err := dialSSH(t, e, 300*time.Millisecond); !tc.check(err) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}
