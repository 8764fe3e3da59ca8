package routeros_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh"

	"wanctl/cycle/routeros"
	"wanctl/cycle/routeros/simulator"
)

// newKey writes a private key and returns its file and the public key's line.
func newKey(t *testing.T, passphrase string) (file, public string) {
	t.Helper()
	pub, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "key")
	ok(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	key, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return file, string(ssh.MarshalAuthorizedKey(key))
}

func TestSSHLogsInWithAKey(t *testing.T) {
	t.Parallel()
	file, public := newKey(t, "")
	w := newWorld(t, simulator.SSH, func(s *simulator.Config, c *routeros.Config) {
		s.Users[0].Keys, c.SSHKey, c.Password = []string{public}, file, ""
	})
	must(w.queues(t.Context()))(t)
}

func TestSSHKeyThatTheRouterDoesNotKnowIsARefusedLogin(t *testing.T) {
	t.Parallel()
	file, _ := newKey(t, "")
	w := newWorld(t, simulator.SSH, func(_ *simulator.Config, c *routeros.Config) { c.SSHKey, c.Password = file, "" })
	_, err := w.queues(t.Context())
	wantError(t, err, "login refused")
}

func TestSSHKeyWithAPassphraseIsNotTaken(t *testing.T) {
	t.Parallel()
	file, _ := newKey(t, "open sesame")
	cfg := routeros.DefaultConfig()
	cfg.Host, cfg.User, cfg.SSHKey = "h", "u", file
	_, err := routeros.New(cfg, nil)
	wantError(t, err, "passphrase")
}

func TestSSHHostKeyMustBeKnown(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "known_hosts")
	ok(t, os.WriteFile(empty, nil, 0o600))
	for name, tc := range map[string]struct{ file, want string }{
		"no such file":   {"/nowhere/known_hosts", "/nowhere/known_hosts"},
		"not in it":      {empty, "ssh-keyscan -p"},
		"no known hosts": {"/dev/null", "no host key of"},
	} {
		w := newWorld(t, simulator.SSH)
		cfg := routeros.DefaultConfig()
		cfg.Host, cfg.User, cfg.Password, cfg.KnownHosts, cfg.SSHPort = "127.0.0.1", user, password, tc.file, w.endpoints[simulator.SSH].Port()
		c, err := routeros.New(cfg, nil)
		ok(t, err)
		_, err = c.Queues(t.Context(), download)
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		wantError(t, w.note(err), tc.want)
		wantLogins(t, w, 0)
		ok(t, c.Close())
	}
}
