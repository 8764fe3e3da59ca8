package icmp

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// version is what differs between ICMP for IPv4 and for IPv6.
type version struct {
	name          string
	raw, datagram string // networks, as icmp.ListenPacket names them
	any           string // the address that stands for all local ones
	proto         byte   // the protocol number of ICMP
	request       icmp.Type
	types         func(byte) icmp.Type
	reply         icmp.Type
	failures      []icmp.Type // errors that mean an echo will not be answered
	header        func(packet []byte) (length int, proto byte, dst netip.Addr)
	protocolLevel int // of setsockopt
	errorQueue    int // option that asks for ICMP errors on a datagram socket
}

// payloadLen is what ping(8) sends, so that RTTs compare with its.
const payloadLen = 56

// Both versions begin an echo with type, code, checksum, identifier and sequence
// number, and an error with as many bytes before the packet it quotes.
const (
	headerLen = 8
	cookieLen = 8
)

// echo returns the wire form of an echo request. The kernel computes the checksum
// of an ICMPv6 message, and sets the identifier of a datagram socket's.
func (v *version) echo(id, seq uint16, cookie uint64) ([]byte, error) {
	data := make([]byte, payloadLen)
	binary.BigEndian.PutUint64(data, cookie)
	m := icmp.Message{Type: v.request, Body: &icmp.Echo{ID: int(id), Seq: int(seq), Data: data}}
	return m.Marshal(nil)
}

// message is what a packet tells of an echo of ours.
type message struct {
	id, seq   uint16
	cookie    uint64
	hasCookie bool       // a router may quote too little of an echo to hold it
	to        netip.Addr // of an echo that failed: where it was sent
	failure   string     // why it will not be answered; "" for a reply
}

// parse reads an ICMP message; ok is false for all but a reply to an echo and the
// failure of one.
//
// Note: icmp.ParseMessage copies, and reads extensions that nobody here asks for.
func (v *version) parse(b []byte) (m message, ok bool) {
	if len(b) < headerLen {
		return m, false
	}
	t := v.types(b[0])
	if t == v.reply {
		return echoIn(b)
	}
	if !slices.Contains(v.failures, t) {
		return m, false
	}
	packet := b[headerLen:]
	n, proto, to := v.header(packet)
	if n == 0 || proto != v.proto {
		return m, false
	}
	return v.returned(packet[n:], to, t.(interface{ String() string }).String())
}

// returned reads an echo request of ours that came back, whole or cut short.
func (v *version) returned(b []byte, to netip.Addr, failure string) (m message, ok bool) {
	if len(b) < headerLen || v.types(b[0]) != v.request {
		return m, false
	}
	m, ok = echoIn(b)
	m.to, m.failure = to, failure
	return m, ok
}

// echoIn reads an echo message, of which at least the header is there.
func echoIn(b []byte) (m message, ok bool) {
	m.id, m.seq = binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
	if payload := b[headerLen:]; len(payload) >= cookieLen {
		m.cookie, m.hasCookie = binary.BigEndian.Uint64(payload), true
	}
	return m, b[1] == 0
}

var v4 = &version{
	name: "IPv4", raw: "ip4:icmp", datagram: "udp4", any: "0.0.0.0", proto: 1,
	request: ipv4.ICMPTypeEcho, reply: ipv4.ICMPTypeEchoReply,
	types:         func(t byte) icmp.Type { return ipv4.ICMPType(t) },
	failures:      []icmp.Type{ipv4.ICMPTypeDestinationUnreachable, ipv4.ICMPTypeTimeExceeded, ipv4.ICMPTypeParameterProblem},
	header:        header4,
	protocolLevel: unix.IPPROTO_IP, errorQueue: unix.IP_RECVERR,
}

var v6 = &version{
	name: "IPv6", raw: "ip6:ipv6-icmp", datagram: "udp6", any: "::", proto: 58,
	request: ipv6.ICMPTypeEchoRequest, reply: ipv6.ICMPTypeEchoReply,
	types: func(t byte) icmp.Type { return ipv6.ICMPType(t) },
	failures: []icmp.Type{
		ipv6.ICMPTypeDestinationUnreachable, ipv6.ICMPTypePacketTooBig,
		ipv6.ICMPTypeTimeExceeded, ipv6.ICMPTypeParameterProblem,
	},
	header:        header6,
	protocolLevel: unix.IPPROTO_IPV6, errorQueue: unix.IPV6_RECVERR,
}

// header4 reads an IPv4 header; its length is 0 if it is none.
func header4(b []byte) (length int, proto byte, dst netip.Addr) {
	if len(b) < ipv4.HeaderLen || b[0]>>4 != 4 {
		return 0, 0, dst
	}
	if length = int(b[0]&0xf) * 4; length < ipv4.HeaderLen || length > len(b) {
		return 0, 0, dst
	}
	return length, b[9], netip.AddrFrom4([4]byte(b[16:20]))
}

// header6 reads an IPv6 header; its length is 0 if it is none. Our echoes have no
// extension headers.
func header6(b []byte) (length int, proto byte, dst netip.Addr) {
	if len(b) < ipv6.HeaderLen || b[0]>>4 != 6 {
		return 0, 0, dst
	}
	return ipv6.HeaderLen, b[6], netip.AddrFrom16([16]byte(b[24:40]))
}
