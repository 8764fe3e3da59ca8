package simulator

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// conn is a connection that can be made to behave badly.
type conn struct {
	net.Conn
	sim       *Simulator
	transport Transport
	deaf      atomic.Bool // what comes in is swallowed
	frozen    atomic.Bool // likewise, and nothing is answered any more
	lag       time.Duration
	lagging   sync.Once
	gone      chan struct{} // closed by Close
	closing   sync.Once
	mu        sync.Mutex
	session   *session
}

// gate is a listener that counts, refuses and spoils connections.
type gate struct {
	net.Listener
	sim       *Simulator
	transport Transport
}

// Accept returns the next connection that is let in.
func (g *gate) Accept() (net.Conn, error) {
	for {
		raw, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &conn{Conn: raw, sim: g.sim, transport: g.transport, gone: make(chan struct{})}
		if g.sim.admit(c) {
			return c, nil
		}
		_ = c.Close()
	}
}

// admit takes a connection in, unless the router is full or a fault strikes.
func (s *Simulator) admit(c *conn) bool {
	p := s.faults.strike(c.transport, Connect)
	s.mu.Lock()
	sessions := 0
	for other := range s.conns {
		if other.transport == c.transport {
			sessions++
		}
	}
	full := s.closing || sessions >= s.config.MaxSessions
	if !full {
		s.conns[c] = struct{}{}
	}
	s.mu.Unlock()
	s.router.count(c.transport, func(t *Traffic) { t.Connections++ })
	switch {
	case full, p.of(Full, Close) != nil:
		return false
	case p.of(Refuse, Reset) != nil:
		c.reset()
		return false
	case p.of(Garbage) != nil:
		_, _ = c.Write(s.noise())
		return false
	case p.of(Hang) != nil:
		c.frozen.Store(true)
	}
	c.lag = p.wait(Delay)
	return true
}

// Read implements net.Conn. A deaf connection reads until the peer gives up.
func (c *conn) Read(b []byte) (int, error) {
	c.lagging.Do(func() { c.sim.sleep(c.lag, c.gone) })
	for {
		n, err := c.Conn.Read(b)
		if err != nil || !c.deaf.Load() && !c.frozen.Load() {
			return n, err
		}
	}
}

// Write implements net.Conn. What a frozen connection is given is lost.
func (c *conn) Write(b []byte) (int, error) {
	c.lagging.Do(func() { c.sim.sleep(c.lag, c.gone) })
	if c.frozen.Load() {
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// Close implements net.Conn: the session ends.
func (c *conn) Close() (err error) {
	c.closing.Do(func() {
		close(c.gone)
		c.sim.mu.Lock()
		delete(c.sim.conns, c)
		c.sim.mu.Unlock()
		c.sim.router.logout(c.enter(nil))
		err = c.Conn.Close()
	})
	return err
}

// reset ends the connection with an RST.
func (c *conn) reset() {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}

// enter makes s the connection's session and returns the one before.
func (c *conn) enter(s *session) (before *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, c.session = c.session, s
	return before
}

// who returns the connection's session; nil before the login.
func (c *conn) who() *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session
}

// peer is the address the router's log names.
func (c *conn) peer() string {
	host, _, err := net.SplitHostPort(c.RemoteAddr().String())
	if err != nil {
		return c.RemoteAddr().String()
	}
	return host
}

// login lets a user in on this connection.
func (c *conn) login(name string, proves func(User) bool) bool {
	s, ok := c.sim.router.login(c.transport, name, c.peer(), proves)
	if ok {
		c.sim.router.logout(c.enter(s))
	}
	return ok
}

// survives lets befall a connection what the plan has before anything is done.
func (c *conn) survives(p plan) bool {
	switch {
	case p.of(Hang) != nil:
		c.frozen.Store(true)
		return false
	case p.of(Close) != nil:
		_ = c.Close()
		return false
	case p.of(Reset) != nil:
		c.reset()
		return false
	}
	return c.sim.sleep(p.wait(Delay), c.gone)
}

// carry obeys a call and lets pass what follows. Without an answer the
// connection has been dealt with.
func (c *conn) carry(k call, p plan) (res result, err error, answer bool) {
	if res, err, answer = c.obey(k, p); answer {
		answer = c.aftermath(p)
	}
	return res, err, answer
}

// obey carries a call out as the plan has it.
func (c *conn) obey(k call, p plan) (res result, err error, answer bool) {
	if !c.before(p) {
		return res, nil, false
	}
	if res, err = c.sim.effect(k, p); err != nil {
		c.sim.router.count(c.transport, func(t *Traffic) { t.Failed++ })
	}
	return res, err, true
}

// before is what befalls a command on its way in; false if that is its end.
func (c *conn) before(p plan) bool {
	c.sim.router.count(c.transport, func(t *Traffic) { t.Requests++ })
	if f := p.of(Reboot); f != nil {
		c.sim.Reboot(f.Delay)
		return false
	}
	return c.survives(p.without(Delay)) && c.sim.sleep(p.wait(Late), c.gone)
}

// effect is what a command does, and what the router says of it.
func (s *Simulator) effect(k call, p plan) (res result, err error) {
	if f := p.of(Refuse); f != nil {
		return res, trapOf(f, "failure: refused")
	}
	if p.of(Ignore) == nil || !changes(k.verb) {
		res, err = s.router.run(k)
	}
	if err != nil {
		return res, err
	}
	if f := p.of(Applied); f != nil {
		return res, trapOf(f, "failure: could not tell whether it was done")
	}
	if f := p.of(Partial); f != nil && len(res.rows) > 0 {
		res.rows = res.rows[:(len(res.rows)+1)/2]
		return res, trapOf(f, "interrupted")
	}
	if filtered := len(k.query) > 0 || k.where != nil; filtered && p.of(Empty) != nil {
		res.rows = nil
	}
	return res, nil
}

// aftermath is what befalls a connection between the command and its reply.
func (c *conn) aftermath(p plan) (answer bool) {
	s := c.sim
	switch {
	case p.of(LostReply) != nil:
		_ = c.Close()
		return false
	case p.of(Mute) != nil:
		c.frozen.Store(true)
		return false
	case p.of(RebootRun) != nil:
		s.Reboot(p.of(RebootRun).Delay)
		return false
	case s.router.wantsReboot():
		s.Reboot(s.config.BootTime)
		return false
	}
	return s.sleep(p.wait(Delay), c.gone)
}

// trapOf is the error that a fault makes the router tell.
func trapOf(f *Fault, otherwise string) *Trap {
	t := &Trap{Category: general, Message: otherwise}
	if f.Text != "" {
		t.Message = f.Text
	}
	return t
}

// spoils tells whether the plan wants the reply's bytes tampered with.
func (p plan) spoils() bool {
	return p.of(HalfOpen, Cut, CutReset, Drip, OneShot, Garbage) != nil
}

// deliver writes a reply to w, which ends at the connection, as the plan has it.
func (c *conn) deliver(w io.Writer, reply []byte, p plan) error {
	f := p.of(HalfOpen, Cut, CutReset, Drip, OneShot, Garbage)
	if f == nil {
		_, err := w.Write(reply)
		return err
	}
	switch f.Kind {
	case Drip:
		for i := range reply {
			if _, err := w.Write(reply[i : i+1]); err != nil {
				return err
			}
			if !c.sim.sleep(f.Delay, c.gone) {
				return net.ErrClosed
			}
		}
		return nil
	case Garbage:
		reply = c.sim.noise()
	case HalfOpen, Cut, CutReset:
		reply = reply[:len(reply)/2]
	case OneShot: // however late the closing, nothing more is answered
		c.deaf.Store(true)
	}
	_, err := w.Write(reply)
	switch f.Kind {
	case HalfOpen:
		c.frozen.Store(true)
	case CutReset:
		c.reset()
	default:
		_ = c.Close()
	}
	return err
}

// noise is a handful of random bytes.
func (s *Simulator) noise() []byte {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	b := make([]byte, 16+s.faults.rand.IntN(112))
	for i := range b {
		b[i] = byte(s.faults.rand.Uint32())
	}
	return b
}
