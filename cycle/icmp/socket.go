package icmp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// socket sends and receives the ICMP messages of one IP version. One goroutine
// receives; any number may send.
type socket struct {
	*version
	id       uint16 // the identifier of its echoes
	datagram bool   // unprivileged: the kernel sets the identifier and keeps others' replies away
	conn     *icmp.PacketConn
	fd       syscall.RawConn
	arrival  arrival            // what receive last received
	attempt  func(uintptr) bool // reads it; made once so that receiving allocates little
	buffer   [2048]byte         // longer errors lose only what they quote of an echo's end
	control  [256]byte
}

// backOff is the pause after an error that receiving should not give.
const backOff = 10 * time.Millisecond

// arrival is a packet as the kernel handed it over.
type arrival struct {
	data     []byte
	from     netip.Addr // of a returned echo: where it was sent
	read     time.Time
	stamp    time.Time     // when the kernel received it, by the wall clock; zero if unknown
	returned syscall.Errno // not 0: data is our own echo come back, and this is why
	err      error
}

// open opens a raw socket or, where that is not permitted, a datagram socket.
func open(v *version) (*socket, error) {
	s, err := openRaw(v)
	if err == nil {
		return s, nil
	}
	s, derr := openDatagram(v)
	if derr == nil {
		return s, nil
	}
	return nil, errors.Join(err, derr)
}

// openRaw opens a socket that needs CAP_NET_RAW. It receives what is sent to the
// whole host, so the kernel is asked to pass on only what can matter.
func openRaw(v *version) (*socket, error) {
	conn, err := icmp.ListenPacket(v.raw, v.any)
	if err != nil {
		return nil, fmt.Errorf("open raw %s socket: %w", v.name, err)
	}
	s := &socket{version: v, conn: conn, id: uint16(rand.Uint32())}
	return s.ready(s.filter())
}

// openDatagram opens a socket that needs a group in net.ipv4.ping_group_range.
func openDatagram(v *version) (*socket, error) {
	conn, err := icmp.ListenPacket(v.datagram, v.any)
	if err != nil {
		return nil, fmt.Errorf("open datagram %s socket: %w", v.name, err)
	}
	s := &socket{version: v, conn: conn, datagram: true}
	if a, ok := conn.LocalAddr().(*net.UDPAddr); ok {
		s.id = uint16(a.Port)
	}
	return s.ready(nil)
}

// ready finishes opening, and closes the socket if that or what came before fails.
func (s *socket) ready(err error) (*socket, error) {
	if err == nil {
		err = s.setup()
	}
	if err != nil {
		_ = s.conn.Close()
		return nil, fmt.Errorf("set up %s socket: %w", s.name, err)
	}
	return s, nil
}

// filter keeps all but replies to our identifier, and errors, away from a raw
// socket: the pings of a whole host would crowd our own out of its buffer.
func (s *socket) filter() error {
	program, err := bpf.Assemble(s.onlyOurs())
	if err != nil {
		return err
	}
	if p := s.conn.IPv4PacketConn(); p != nil {
		f := new(ipv4.ICMPFilter)
		f.SetAll(true)
		f.Accept(s.reply.(ipv4.ICMPType))
		for _, t := range s.failures {
			f.Accept(t.(ipv4.ICMPType))
		}
		return errors.Join(p.SetICMPFilter(f), p.SetBPF(program))
	}
	p := s.conn.IPv6PacketConn()
	f := new(ipv6.ICMPFilter)
	f.SetAll(true)
	f.Accept(s.reply.(ipv6.ICMPType))
	for _, t := range s.failures {
		f.Accept(t.(ipv6.ICMPType))
	}
	return errors.Join(p.SetICMPFilter(f), p.SetBPF(program))
}

// onlyOurs is the filter that passes no reply but those to our identifier. An
// IPv4 packet begins with the IP header, an IPv6 one with the ICMP message.
func (s *socket) onlyOurs() []bpf.Instruction {
	const all = 1 << 16
	skipHeader := []bpf.Instruction{bpf.LoadMemShift{Off: 0}}
	if s.version == v6 {
		skipHeader = []bpf.Instruction{bpf.LoadConstant{Dst: bpf.RegX, Val: 0}}
	}
	return append(skipHeader,
		bpf.LoadIndirect{Off: 0, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: number(s.reply), SkipTrue: 3},
		bpf.LoadIndirect{Off: 4, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(s.id), SkipTrue: 1},
		bpf.RetConstant{Val: 0},
		bpf.RetConstant{Val: all},
	)
}

// number returns a message type as it is on the wire.
func number(t icmp.Type) uint32 {
	if t, ok := t.(ipv6.ICMPType); ok {
		return uint32(t)
	}
	return uint32(t.(ipv4.ICMPType))
}

// setup asks for the kernel's receive timestamps and, on a datagram socket, for
// ICMP errors.
func (s *socket) setup() error {
	var conn net.PacketConn
	if p := s.conn.IPv4PacketConn(); p != nil {
		conn = p.PacketConn
	} else {
		conn = s.conn.IPv6PacketConn().PacketConn
	}
	var err error
	if s.fd, err = conn.(syscall.Conn).SyscallConn(); err != nil {
		return err
	}
	s.attempt = s.tryReceive
	cerr := s.fd.Control(func(fd uintptr) {
		// The first is since Linux 5.1 and right beyond 2038 everywhere. Without
		// either the clock is read instead.
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 1) != nil {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_OLD, 1)
		}
		if s.datagram {
			err = unix.SetsockoptInt(int(fd), s.protocolLevel, s.errorQueue, 1)
		}
	})
	return errors.Join(cerr, err)
}

// send sends a message without ever waiting.
func (s *socket) send(b []byte, to netip.Addr) error {
	var sa unix.Sockaddr
	if to.Is4() {
		sa = &unix.SockaddrInet4{Addr: to.As4()}
	} else {
		sa6 := &unix.SockaddrInet6{Addr: to.As16()}
		if zone := to.Zone(); zone != "" {
			i, err := net.InterfaceByName(zone)
			if err != nil {
				return err
			}
			sa6.ZoneId = uint32(i.Index)
		}
		sa = sa6
	}
	var err error
	cerr := s.fd.Control(func(fd uintptr) {
		// On a datagram socket the error of an earlier echo is reported to
		// whoever calls next, and then cleared: it is not ours.
		for range 3 {
			if err = unix.Sendto(int(fd), b, unix.MSG_DONTWAIT, sa); err == nil || !s.datagram {
				return
			}
		}
	})
	if cerr != nil {
		return cerr
	}
	return os.NewSyscallError("sendto", err)
}

// receive waits for the next packet; what it returns is good until the next call.
// It ends with an error when the socket is closed.
func (s *socket) receive() (*arrival, error) {
	for {
		err := s.fd.Read(s.attempt)
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil, err
		case err == nil && s.arrival.err == nil:
			return &s.arrival, nil
		}
		time.Sleep(backOff) // no other error is known to stay; if one does, it must not spin
	}
}

// tryReceive looks into both queues of the socket; false: they are empty, wait.
func (s *socket) tryReceive(fd uintptr) bool {
	s.arrival = arrival{}
	if err := s.recvmsg(int(fd), 0); err == nil {
		return true
	}
	if err := s.recvmsg(int(fd), unix.MSG_ERRQUEUE); err == nil {
		return true
	}
	// What the first call said may have been an echo's error, which is thereby
	// cleared, in front of a packet that came.
	err := s.recvmsg(int(fd), 0)
	if errors.Is(err, unix.EAGAIN) {
		return false
	}
	s.arrival.err = err
	return true
}

// recvmsg receives one packet from one queue.
func (s *socket) recvmsg(fd, queue int) error {
	n, cn, _, from, err := unix.Recvmsg(fd, s.buffer[:], s.control[:], queue|unix.MSG_DONTWAIT)
	if err != nil {
		return err
	}
	a := &s.arrival
	a.read = time.Now()
	a.data = s.buffer[:n]
	switch from := from.(type) {
	case *unix.SockaddrInet4:
		a.from = netip.AddrFrom4(from.Addr)
	case *unix.SockaddrInet6:
		a.from = netip.AddrFrom16(from.Addr)
	}
	a.notes(s.control[:cn])
	if queue == 0 && !s.datagram && s.version == v4 {
		length, _, _ := header4(a.data) // a raw IPv4 socket delivers it too
		a.data = a.data[length:]
	}
	return nil
}

// notes reads the control messages beside a packet.
func (a *arrival) notes(b []byte) {
	for len(b) >= unix.SizeofCmsghdr {
		h, data, rest, err := unix.ParseOneSocketControlMessage(b)
		if err != nil {
			return
		}
		b = rest
		switch {
		case h.Level == unix.SOL_SOCKET && (h.Type == unix.SO_TIMESTAMPNS_NEW || h.Type == unix.SO_TIMESTAMPNS_OLD):
			a.stamp = timespec(data)
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_RECVERR,
			h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_RECVERR:
			if len(data) >= 4 { // struct sock_extended_err begins with the errno
				a.returned = syscall.Errno(binary.NativeEndian.Uint32(data))
			}
		}
	}
}

// timespec reads seconds and nanoseconds of 8 or, on old 32-bit kernels, 4 bytes each.
func timespec(b []byte) time.Time {
	switch len(b) {
	case 16:
		return time.Unix(int64(binary.NativeEndian.Uint64(b)), int64(binary.NativeEndian.Uint64(b[8:])))
	case 8:
		return time.Unix(int64(int32(binary.NativeEndian.Uint32(b))), int64(binary.NativeEndian.Uint32(b[4:])))
	}
	return time.Time{}
}

// privilege explains what to do if the sockets could not be opened for lack of it.
func privilege(err error) error {
	if !errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("icmp: %w", err)
	}
	binary, xerr := os.Executable()
	if xerr != nil {
		binary = "wanctl"
	}
	return fmt.Errorf(`icmp echoes need a privilege: either "setcap cap_net_raw+ep %s" or `+
		`"sysctl -w net.ipv4.ping_group_range='%d %[2]d'": %w`, binary, os.Getgid(), err)
}
