package routeros

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// sshLanes is how many commands may run at once on the one connection.
const sshLanes = 2

// sshTrips is what one command costs: opening its channel, and running it.
const sshTrips = 2

// sshSession runs console commands over one connection, each in a channel of
// its own.
type sshSession struct {
	client *ssh.Client
	quoter
	trips *atomic.Int64

	lanes  chan struct{} // one for each running command
	taking sync.Mutex    // whoever takes all lanes
	single atomic.Bool   // the router allows one channel at a time
}

// signer reads the key that SSH logs in with; nil if the password does.
func (c *Config) signer() (ssh.Signer, error) {
	if c.SSHKey == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(c.SSHKey)
	if err != nil {
		return nil, fmt.Errorf("router.ssh_key: %w", err)
	}
	key, err := ssh.ParsePrivateKey(pem)
	if missing := (*ssh.PassphraseMissingError)(nil); errors.As(err, &missing) {
		return nil, fmt.Errorf("router.ssh_key: %q is protected by a passphrase, which nobody could type in (ssh-keygen -p removes it)", c.SSHKey)
	}
	if err != nil {
		return nil, fmt.Errorf("router.ssh_key: %q: %w", c.SSHKey, err)
	}
	return key, nil
}

// knownHosts returns the files that may hold the router's host key.
func (c *Config) knownHosts() (files []string, err error) {
	if c.KnownHosts != "" {
		return []string{c.KnownHosts}, nil
	}
	if home, err := os.UserHomeDir(); err == nil {
		files = append(files, filepath.Join(home, ".ssh", "known_hosts"))
	}
	for _, f := range append(files, "/etc/ssh/ssh_known_hosts") {
		if _, err := os.Stat(f); err == nil {
			return []string{f}, nil
		}
	}
	return nil, errors.New("no file of known hosts (set router.known_hosts, and fill it with ssh-keyscan)")
}

// hostKey returns how the router's host key is checked, and the algorithms of
// the keys that are known: the router is asked for one of these.
func (c *Config) hostKey(address string, remote net.Addr) (ssh.HostKeyCallback, []string, error) {
	files, err := c.knownHosts()
	if err != nil {
		return nil, nil, &certificateError{err}
	}
	check, err := knownhosts.New(files...)
	if err != nil {
		return nil, nil, &certificateError{fmt.Errorf("router.known_hosts: %w", err)}
	}
	var known *knownhosts.KeyError
	if !errors.As(check(address, remote, noKey{}), &known) || len(known.Want) == 0 {
		return nil, nil, &certificateError{fmt.Errorf("no host key of %s in %q (add it with: ssh-keyscan -p %d %s)", address, files[0], c.port(SSH), c.Host)}
	}
	var algorithms []string
	for _, k := range known.Want {
		switch t := k.Key.Type(); t {
		case ssh.KeyAlgoRSA: // the last is what old v6 routers know
			algorithms = append(algorithms, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA)
		default:
			algorithms = append(algorithms, t)
		}
	}
	return func(host string, remote net.Addr, key ssh.PublicKey) error {
		if err := check(host, remote, key); err != nil {
			return &certificateError{fmt.Errorf("host key %s is not the one in %q", ssh.FingerprintSHA256(key), files[0])}
		}
		return nil
	}, algorithms, nil
}

// noKey is a host key that no router has.
type noKey struct{}

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return nil }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }

// dialSSH connects and logs in.
func dialSSH(ctx context.Context, cfg *Config, key ssh.Signer, counts *counts) (*sshSession, error) {
	address := cfg.address(SSH)
	conn, err := connect(ctx, address, nil)
	if err != nil {
		return nil, err
	}
	check, algorithms, err := cfg.hostKey(address, conn.RemoteAddr())
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	config := &ssh.ClientConfig{User: cfg.User, HostKeyCallback: check, HostKeyAlgorithms: algorithms}
	if key != nil {
		config.Auth = append(config.Auth, ssh.PublicKeys(key))
	}
	if p := cfg.Password.Reveal(); p != "" {
		config.Auth = append(config.Auth, ssh.Password(p))
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	c, channels, requests, err := ssh.NewClientConn(conn, address, config)
	if !stop() {
		_ = conn.Close()
		return nil, fmt.Errorf("login: %w", context.Cause(ctx))
	}
	if err != nil {
		_ = conn.Close()
		return nil, sshLoginError(err, counts)
	}
	counts.logins.Add(1)
	return &sshSession{
		client: ssh.NewClient(c, channels, requests), quoter: quoter{cfg.Password},
		trips: &counts.roundTrips, lanes: make(chan struct{}, sshLanes),
	}, nil
}

// sshLoginError tells a refused login from a failed handshake.
func sshLoginError(err error, counts *counts) error {
	if strings.Contains(err.Error(), "unable to authenticate") { // the library has no type for it
		counts.logins.Add(1)
		return &loginError{errors.New("neither key nor password was taken")}
	}
	return err
}

func (s *sshSession) close() {
	_ = s.client.Close()
	_ = s.client.Wait()
}

func (s *sshSession) fetch(ctx context.Context, q query) ([]row, error) {
	text, nonce, err := s.script(ctx, readScript(q))
	if err != nil {
		return nil, err
	}
	return s.parse(text, nonce)
}

func (s *sshSession) apply(ctx context.Context, changes []change) error {
	text, nonce, err := s.script(ctx, writeScript(changes))
	if err != nil {
		return err
	}
	rows, err := s.parse(text, nonce)
	if err != nil {
		return err
	}
	for _, c := range changes { // the console says nothing when it finds nothing to set
		var shown []row
		for _, r := range rows {
			if r[c.key] == c.value {
				shown = append(shown, r)
			}
		}
		if len(shown) == 0 {
			return &answerError{text: fmt.Sprintf("set %s %s: no such item", c.menu, c.value), missing: true}
		}
		if err := c.shownBy(shown); err != nil {
			return err
		}
	}
	return nil
}

// parse reads a script's output.
func (s *sshSession) parse(text, nonce string) ([]row, error) {
	rows, err := parseConsole(text, nonce)
	if err != nil {
		return nil, &answerError{
			text:    fmt.Sprintf("%v: %s", err, s.quote(text)),
			missing: strings.Contains(text, "no such item"),
		}
	}
	return rows, nil
}

// script runs a script under a fresh nonce, which marks the lines that are its
// answer and its end.
func (s *sshSession) script(ctx context.Context, build func(nonce string) (string, error)) (text, nonce string, err error) {
	var b [6]byte
	_, _ = rand.Read(b[:])
	nonce = "wanctl-" + hex.EncodeToString(b[:])
	command, err := build(nonce)
	if err != nil {
		return "", "", err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.client.Close() })
	defer stop()
	text, err = s.run(ctx, command, nonce)
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return text, nonce, err
}

// run runs a command in a lane. A router that refuses a second channel is asked
// again when the first is done, and from then on gets one command at a time.
func (s *sshSession) run(ctx context.Context, command, nonce string) (string, error) {
	for {
		free, err := s.lane(ctx)
		if err != nil {
			return "", err
		}
		single := s.single.Load()
		text, err := s.exec(command, nonce)
		free()
		var refused *ssh.OpenChannelError
		if !errors.As(err, &refused) || single {
			return text, err
		}
		s.single.Store(true)
	}
}

// lane waits until a command may run; all lanes are taken where the router
// allows but one.
func (s *sshSession) lane(ctx context.Context) (free func(), err error) {
	n := 1
	if s.single.Load() {
		n = sshLanes
		s.taking.Lock()
		defer s.taking.Unlock()
	}
	taken := 0
	free = func() {
		for range taken {
			<-s.lanes
		}
	}
	for ; taken < n; taken++ {
		select {
		case s.lanes <- struct{}{}:
		case <-ctx.Done():
			free()
			return nil, context.Cause(ctx)
		}
	}
	return free, nil
}

// exec runs a command and returns what it prints, up to the line that ends it.
// The exit status is not waited for: it may never come, and tells nothing when
// it does.
func (s *sshSession) exec(command, nonce string) (string, error) {
	s.trips.Add(sshTrips)
	channel, requests, err := s.client.OpenChannel("session", nil)
	if err != nil {
		return "", fmt.Errorf("%w: open channel: %w", errLost, err)
	}
	defer channel.Close()
	go ssh.DiscardRequests(requests) // ends with the channel
	ok, err := channel.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{command}))
	if err != nil {
		return "", fmt.Errorf("run command: %w", err)
	}
	if !ok {
		return "", answerf("the router does not run commands over SSH")
	}
	var text []byte
	buf := make([]byte, 4096)
	for {
		n, err := channel.Read(buf)
		text = append(text, buf[:n]...)
		switch {
		case ended(text, n, nonce):
			return string(text), nil
		case len(text) > maxReply:
			return "", errTooLong
		case err == io.EOF:
			return string(text), s.alive()
		case err != nil:
			return "", fmt.Errorf("read output: %w", err)
		}
	}
}

// alive tells why output ended early: with the connection, or, if there is no
// error, with the command.
func (s *sshSession) alive() error {
	if _, _, err := s.client.SendRequest("keepalive@openssh.com", true, nil); err != nil {
		return fmt.Errorf("connection lost: %w", err)
	}
	return nil
}
