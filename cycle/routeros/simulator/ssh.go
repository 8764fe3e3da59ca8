package simulator

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// maxLine bounds what is typed into a shell before it is run.
const maxLine = 64 << 10

// ServeSSH serves the console over SSH: commands ("exec") and shells.
func (s *Simulator) ServeSSH(addr string) (e Endpoint, err error) {
	key, err := s.keys.host(s.router.version, s.config.SHA1)
	if err != nil {
		return e, err
	}
	d := &door{transport: SSH, addr: addr, serve: func(l net.Listener) {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			if s.begin() {
				go s.shake(raw.(*conn))
			}
		}
	}}
	err = s.open(d)
	e.Transport, e.Addr = SSH, d.addr
	e.Fingerprint = ssh.FingerprintSHA256(key.PublicKey())
	e.KnownHosts = knownhosts.Line([]string{knownhosts.Normalize(d.addr)}, key.PublicKey())
	return e, err
}

// shake lets a client in and serves its channels.
func (s *Simulator) shake(c *conn) {
	defer s.work.Done()
	defer func() { _ = c.Close() }()
	config, err := s.sshConfig(c)
	if err != nil {
		s.log.Error("SSH without a host key", "error", err)
		return
	}
	_, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		s.log.Debug("SSH handshake", "error", err)
		return
	}
	var work sync.WaitGroup
	defer work.Wait()
	defer func() { _ = c.Close() }()
	work.Go(func() { ssh.DiscardRequests(requests) })
	for offer := range channels {
		p := s.faults.strike(SSH, Open)
		if !c.survives(p) {
			continue
		}
		if p.of(Channel) != nil || offer.ChannelType() != "session" {
			_ = offer.Reject(ssh.ResourceShortage, "open failed")
			continue
		}
		channel, asks, err := offer.Accept()
		if err != nil {
			return
		}
		work.Go(func() { (&terminal{conn: c, channel: channel}).serve(asks) })
	}
}

// sshConfig is how a client is to prove itself.
func (s *Simulator) sshConfig(c *conn) (*ssh.ServerConfig, error) {
	key, err := s.keys.host(s.router.version, s.config.SHA1)
	if err != nil {
		return nil, err
	}
	strike := sync.OnceValue(func() plan { return s.faults.strike(SSH, Login) })
	allow := func(m ssh.ConnMetadata, proves func(User) bool) (*ssh.Permissions, error) {
		p := strike()
		if !c.survives(p) {
			return nil, net.ErrClosed
		}
		if _, ok := s.router.user(SSH, m.User(), proves); ok && p.of(Refuse) == nil {
			return nil, nil
		}
		return nil, errors.New("refused")
	}
	config := &ssh.ServerConfig{
		ServerVersion: "SSH-2.0-ROSSSH",
		// The login is counted before the client learns of it.
		PasswordCallback: func(m ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			perms, err := allow(m, func(u User) bool { return u.Password == string(password) })
			if !errors.Is(err, net.ErrClosed) {
				c.login(m.User(), func(User) bool { return err == nil })
			}
			return perms, err
		},
		PublicKeyCallback: func(m ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			return allow(m, func(u User) bool { return u.holds(key) })
		},
		VerifiedPublicKeyCallback: func(m ssh.ConnMetadata, _ ssh.PublicKey, perms *ssh.Permissions, _ string) (*ssh.Permissions, error) {
			c.login(m.User(), func(User) bool { return true })
			return perms, nil
		},
	}
	config.AddHostKey(key)
	return config, nil
}

// holds tells whether a public key is one of the user's.
func (u User) holds(key ssh.PublicKey) bool {
	return slices.ContainsFunc(u.Keys, func(line string) bool {
		known, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		return err == nil && bytes.Equal(known.Marshal(), key.Marshal())
	})
}

// terminal is one session channel.
type terminal struct {
	*conn
	channel ssh.Channel
	pty     bool
}

// serve answers what is asked of the channel: one command, or a shell.
func (t *terminal) serve(asks <-chan *ssh.Request) {
	var work sync.WaitGroup
	defer work.Wait()
	defer func() { _ = t.channel.Close() }()
	for ask := range asks {
		var command struct{ Text string }
		ok := false
		switch ask.Type {
		case "pty-req":
			t.pty, ok = true, true
		case "exec":
			ok = ssh.Unmarshal(ask.Payload, &command) == nil
		case "shell":
			ok = true
		}
		if ask.WantReply {
			_ = ask.Reply(ok, nil)
		}
		if ok && ask.Type == "exec" {
			work.Go(func() { t.exec(command.Text) })
		}
		if ok && ask.Type == "shell" {
			work.Go(t.shell)
		}
	}
}

// exec runs one command. Its exit status tells nothing, as the router's.
func (t *terminal) exec(line string) {
	p, ok := t.line(line)
	if !ok || p.of(NoExit, Prompt) != nil {
		return // the channel stays open until the client closes it
	}
	status := uint32(0)
	if f := p.of(ExitCode); f != nil {
		status = uint32(orStatus(f.Status, 1))
	}
	_, _ = t.channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{status}))
	_ = t.channel.Close()
}

// line runs a line and writes what it prints; false if it is not answered.
func (t *terminal) line(line string) (plan, bool) {
	s := t.sim
	parsed, err := s.router.parse(line)
	commands := parsed.commands
	if len(commands) == 0 {
		commands = []string{""}
	}
	p := s.faults.strike(SSH, commands...)
	if !t.before(p) {
		return p, false
	}
	c := &console{router: s.router, vars: []map[string]value{{}}}
	c.do = func(k call) (result, error) {
		k.session = t.who()
		return s.effect(k, p.about(k.command()))
	}
	switch {
	case p.of(Prompt) != nil:
		c.out.WriteString("Change your password\r\n\r\nnew password> ")
	case err == nil:
		_, err = parsed.run(c)
	}
	if err != nil {
		s.router.count(SSH, func(t *Traffic) { t.Failed++ })
		c.out.WriteString(err.Error() + "\r\n")
	}
	if !t.aftermath(p) || t.deliver(t.channel, c.out.Bytes(), p) != nil || t.frozen.Load() {
		return p, false
	}
	return p, true
}

// shell runs lines as they are typed. With a terminal there are a prompt and an
// echo; without one there is neither.
func (t *terminal) shell() {
	defer func() { _ = t.channel.Close() }()
	prompt := fmt.Sprintf("[%s@MikroTik] > ", t.who().user.Name)
	show := func(s string) {
		if t.pty {
			_, _ = t.channel.Write([]byte(s))
		}
	}
	show(fmt.Sprintf("\r\n  MikroTik RouterOS %s\r\n\r\n%s", t.sim.config.Version, prompt))
	var typed []byte
	buf := make([]byte, 1024)
	for {
		n, err := t.channel.Read(buf)
		if err != nil {
			return
		}
		for _, b := range buf[:n] {
			if b != '\r' && b != '\n' {
				if typed = append(typed, b); len(typed) > maxLine {
					return
				}
				show(string([]byte{b}))
				continue
			}
			line := strings.TrimSpace(string(typed))
			typed = typed[:0]
			show("\r\n")
			if line == "quit" || line == "/quit" {
				return
			}
			if line != "" {
				if _, ok := t.line(line); !ok {
					return
				}
			}
			show(prompt)
		}
	}
}
