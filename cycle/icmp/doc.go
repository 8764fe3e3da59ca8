// Package icmp measures round trip times with ICMP echoes, over IPv4 and IPv6.
//
//	Probe --register--> pending[sequence] <--match-- reader (one goroutine per socket)
//	   \---- sendto ----> reflector ---- echo reply / unreachable ----> /
//
// A [Prober] holds one socket per IP version: a raw socket or, without the
// privilege to open one, the unprivileged datagram socket that
// net.ipv4.ping_group_range permits. A reply counts only if identifier,
// sequence number, source address and a random cookie in the payload are those
// of an echo that still waits; late, repeated and forged ones find nothing to
// match.
package icmp
