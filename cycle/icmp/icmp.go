package icmp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"wanctl/cycle"
)

// maxFlights bounds the echoes that wait for an answer at one time.
const maxFlights = 1024

// ErrNoReply is the error of an echo that was not answered in time. It counts as
// a timeout.
var ErrNoReply error = noReply{}

type noReply struct{}

func (noReply) Error() string { return "no reply in time" }
func (noReply) Timeout() bool { return true }

// Prober sends echoes and matches their answers. Its methods may be called from
// several goroutines at once; any number of Probers may live side by side.
type Prober struct {
	sockets []*socket // one per IP version that the system has
	names   *names
	readers sync.WaitGroup

	mu      sync.Mutex
	flights map[uint16]flight // by sequence number
	seq     uint16
	closed  bool
}

// flight is an echo that waits for its answer.
type flight struct {
	to     netip.Addr
	cookie uint64
	sent   time.Time
	round  *round
	index  int // of its echo
}

// round is one call of Probe. Its fields are guarded by the Prober's lock.
type round struct {
	echoes []cycle.Echo
	left   int
	done   chan struct{} // closed when none is left
}

// New opens the sockets. Without the privilege for either kind it returns an
// error that tells how to grant it. log may be nil.
func New(log *slog.Logger) (*Prober, error) { return newProber(log, open) }

func newProber(log *slog.Logger, open func(*version) (*socket, error)) (*Prober, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	p := &Prober{flights: map[uint16]flight{}, seq: uint16(rand.Uint32())}
	var errs []error
	for _, v := range []*version{v4, v6} {
		s, err := open(v)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		log.Debug("icmp socket opened", "version", v.name, "datagram", s.datagram)
		p.sockets = append(p.sockets, s)
	}
	if len(p.sockets) == 0 {
		return nil, privilege(errors.Join(errs...))
	}
	p.names = newNames(func(a netip.Addr) bool { return p.socket(a) != nil }, log)
	for _, s := range p.sockets {
		p.readers.Go(func() { p.read(s) })
	}
	return p, nil
}

// Datagram tells whether echoes go by datagram sockets, which a group of
// net.ipv4.ping_group_range may open, for want of the right to raw ones.
func (p *Prober) Datagram() bool { return p.sockets[0].datagram }

// Probe sends one echo to every reflector, an IP address or a host name, and
// waits until all are answered or have failed, the timeout has passed or the
// context ends. Result i belongs to reflector i.
func (p *Prober) Probe(ctx context.Context, reflectors []string, timeout time.Duration) []cycle.Echo {
	r := &round{echoes: make([]cycle.Echo, len(reflectors)), left: len(reflectors), done: make(chan struct{})}
	if r.left == 0 {
		return r.echoes
	}
	within, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	now := time.Now()
	for i, host := range reflectors {
		r.echoes[i] = cycle.Echo{Reflector: host, Sent: now}
	}
	var unknown sync.WaitGroup // names that are looked up for the first time
	for i, host := range reflectors {
		addr, wait, err := p.names.address(host)
		if wait == nil {
			p.send(r, i, addr, err)
			continue
		}
		unknown.Go(func() {
			addr, err := p.names.await(within, host)
			p.send(r, i, addr, err)
		})
	}
	select {
	case <-r.done:
	case <-within.Done():
	}
	unknown.Wait()
	p.giveUp(r, ctx.Err())
	return r.echoes
}

// Close ends the Prober: probes under way fail, and its goroutines have ended
// when it returns.
func (p *Prober) Close() error {
	p.mu.Lock()
	first := !p.closed
	p.closed = true
	for seq := range p.flights {
		p.land(seq, 0, net.ErrClosed)
	}
	p.mu.Unlock()
	var errs []error
	if first {
		for _, s := range p.sockets {
			errs = append(errs, s.conn.Close())
		}
	}
	p.names.close()
	p.readers.Wait()
	return errors.Join(errs...)
}

// socket returns the socket that reaches an address; nil if there is none.
func (p *Prober) socket(a netip.Addr) *socket {
	for _, s := range p.sockets {
		if (s.version == v4) == a.Is4() {
			return s
		}
	}
	return nil
}

// send sends a round's echo on its way, or makes the error its result.
func (p *Prober) send(r *round, index int, to netip.Addr, err error) {
	var s *socket
	switch {
	case err != nil:
	case to.IsUnspecified() || to.IsMulticast():
		err = fmt.Errorf("%s is not the address of one host", to)
	default:
		if s = p.socket(to); s == nil {
			err = fmt.Errorf("%s cannot be reached: this system has no ICMP for its IP version", to)
		}
	}
	p.mu.Lock()
	f := flight{to: to, cookie: rand.Uint64(), round: r, index: index}
	var request []byte
	var seq uint16
	if err == nil {
		seq, err = p.sequence()
	}
	if err == nil {
		request, err = s.echo(s.id, seq, f.cookie)
	}
	if err != nil {
		f.fail(err)
		p.mu.Unlock()
		return
	}
	f.sent = time.Now()
	r.echoes[index].Sent = f.sent
	p.flights[seq] = f
	p.mu.Unlock()
	if err = s.send(request, to); err == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.flights[seq].round == r { // unless Close was faster
		p.land(seq, 0, err)
	}
}

// sequence returns a sequence number that no echo in flight has.
func (p *Prober) sequence() (uint16, error) {
	if p.closed {
		return 0, net.ErrClosed
	}
	if len(p.flights) >= maxFlights {
		return 0, fmt.Errorf("%d echoes wait for an answer already", maxFlights)
	}
	for {
		p.seq++
		if _, taken := p.flights[p.seq]; !taken {
			return p.seq, nil
		}
	}
}

// read takes in what a socket receives, until it is closed.
func (p *Prober) read(s *socket) {
	for {
		a, err := s.receive()
		if err != nil {
			return
		}
		m, ok := s.message(a)
		if ok && m.id == s.id {
			p.match(m, a)
		}
	}
}

// match ends the flight that a message speaks of, if there is one.
func (p *Prober) match(m message, a *arrival) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f, ok := p.flights[m.seq]
	switch {
	case !ok || m.to != f.to.WithZone(""), m.hasCookie && m.cookie != f.cookie:
	case m.failure != "":
		p.land(m.seq, 0, errors.New(m.failure))
	case m.hasCookie:
		p.land(m.seq, roundTrip(f.sent, a.read, a.stamp), nil)
	}
}

// land ends a flight. The lock is held.
func (p *Prober) land(seq uint16, rtt time.Duration, err error) {
	f := p.flights[seq]
	delete(p.flights, seq)
	f.round.echoes[f.index].RTT = rtt
	f.fail(err)
}

// fail gives the echo its error, or nil, and counts it as done. The lock is held.
func (f *flight) fail(err error) {
	r := f.round
	r.echoes[f.index].Err = err
	if r.left--; r.left == 0 {
		close(r.done)
	}
}

// giveUp ends the round's flights that are still in the air. cause is why the
// caller's context ended, if it did.
func (p *Prober) giveUp(r *round, cause error) {
	if !errors.Is(cause, context.Canceled) {
		cause = ErrNoReply
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.left == 0 {
		return
	}
	for seq, f := range p.flights {
		if f.round == r {
			p.land(seq, 0, cause)
		}
	}
}

// message reads what a socket received.
func (s *socket) message(a *arrival) (m message, ok bool) {
	if a.returned != 0 {
		return s.returned(a.data, a.from, a.returned.Error())
	}
	if m, ok = s.parse(a.data); m.failure == "" {
		m.to = a.from
	}
	return m, ok
}
