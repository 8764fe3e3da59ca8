package simulator

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// Endpoint is where a transport can be reached, and what to trust there.
type Endpoint struct {
	Transport   Transport
	Addr        string // host:port
	TLS         bool
	Fingerprint string // of a certificate: its SHA-256 in lower-case hex; of a host key: "SHA256:..."
	PEM         []byte // the certificate
	KnownHosts  string // SSH: the line of a known_hosts file
}

// Port returns the endpoint's port.
func (e Endpoint) Port() int {
	_, port, _ := net.SplitHostPort(e.Addr)
	n, _ := strconv.Atoi(port)
	return n
}

// door is a transport's listener, which a reboot closes and opens again.
type door struct {
	transport Transport
	addr      string
	listener  net.Listener
	keeper    *os.File // while it is shut: the socket that keeps its port, if any
	serve     func(net.Listener)
	stop      func()
}

// shut closes the listener and keeps its port: a socket that is bound and does not
// listen refuses whoever connects, and the kernel gives nobody else its port. The
// caller holds the simulator's mu.
func (d *door) shut() error {
	_ = d.listener.Close()
	a, ok := d.listener.Addr().(*net.TCPAddr)
	if !ok || d.keeper != nil {
		return nil
	}
	family, at := syscall.AF_INET6, syscall.Sockaddr(&syscall.SockaddrInet6{Port: a.Port, Addr: [16]byte(a.IP.To16())})
	if ip := a.IP.To4(); ip != nil {
		family, at = syscall.AF_INET, &syscall.SockaddrInet4{Port: a.Port, Addr: [4]byte(ip)}
	}
	fd, err := syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	keeper := os.NewFile(uintptr(fd), "keeper of "+d.addr)
	// As listeners have it: both may be bound to the port as long as one does not listen.
	if err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err == nil {
		err = syscall.Bind(fd, at)
	}
	if err != nil {
		_ = keeper.Close()
		return os.NewSyscallError("bind", err)
	}
	d.keeper = keeper
	return nil
}

// free lets go of the port that shut keeps. The caller holds the simulator's mu.
func (d *door) free() {
	if d.keeper != nil {
		_ = d.keeper.Close()
		d.keeper = nil
	}
}

// open listens at the address and serves what comes in.
func (s *Simulator) open(d *door) error {
	l, err := net.Listen("tcp", d.addr)
	if err != nil {
		return fmt.Errorf("simulate %s: %w", d.transport, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		_ = l.Close()
		return fmt.Errorf("simulate %s: the simulator is closed", d.transport)
	}
	d.addr, d.listener = l.Addr().String(), l
	d.free()
	if !slices.Contains(s.doors, d) {
		s.doors = append(s.doors, d)
	}
	s.work.Go(func() { d.serve(&gate{Listener: l, sim: s, transport: d.transport}) })
	return nil
}

// hangUp ends every session and, if asked to, stops listening.
func (s *Simulator) hangUp(shut bool) {
	s.mu.Lock()
	conns := slices.Collect(maps.Keys(s.conns))
	for _, d := range s.doors {
		if !shut {
			break
		}
		if err := d.shut(); err != nil {
			s.log.Warn("somebody else may take the port meanwhile", "address", d.addr, "error", err)
		}
	}
	s.mu.Unlock()
	for _, c := range conns {
		_ = c.Close()
	}
}

// Reboot restarts the router: sessions end, counters and uptime begin anew, the
// configuration stays. Nobody can connect until it is up again, after down.
func (s *Simulator) Reboot(down time.Duration) {
	s.hangUp(down > 0)
	s.router.restart()
	if down <= 0 || !s.begin() {
		return
	}
	go func() {
		defer s.work.Done()
		if !s.sleep(down, nil) {
			return
		}
		s.router.restart()
		s.mu.Lock()
		doors := slices.Clone(s.doors)
		s.mu.Unlock()
		for _, d := range doors {
			if err := s.open(d); err != nil {
				s.log.Error("a door stays shut after the reboot", "error", err)
			}
		}
	}()
}

// serveHTTP is a door's way to serve HTTP.
func (s *Simulator) serveHTTP(d *door, srv *http.Server, wrap func(net.Listener) net.Listener) {
	d.serve = func(l net.Listener) { _ = srv.Serve(wrap(l)) }
	d.stop = func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if srv.Shutdown(ctx) != nil {
			_ = srv.Close()
		}
	}
}
