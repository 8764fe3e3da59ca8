package icmp

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

var compareMessages = cmp.AllowUnexported(message{})

var addrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// request is an echo request as it goes out.
func request(t testing.TB, v *version, id, seq uint16, cookie uint64) []byte {
	t.Helper()
	b, err := v.echo(id, seq, cookie)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// quoting puts an IP header for dst in front of an echo and an ICMP error in
// front of both.
func quoting(v *version, kind icmp.Type, dst netip.Addr, echo []byte) []byte {
	var code byte
	header := make([]byte, ipv6.HeaderLen)
	switch k := kind.(type) {
	case ipv4.ICMPType:
		code = byte(k)
		header = header[:ipv4.HeaderLen]
		header[0], header[9] = 0x45, v.proto
		copy(header[16:], dst.AsSlice())
	case ipv6.ICMPType:
		code = byte(k)
		header[0], header[6] = 0x60, v.proto
		copy(header[24:], dst.AsSlice())
	}
	b := append([]byte{code, 1, 0, 0, 0, 0, 0, 0}, header...)
	return append(b, echo...)
}

// with returns b with one byte replaced.
func with(b []byte, at int, value byte) []byte {
	b = append([]byte(nil), b...)
	b[at] = value
	return b
}

func TestParse(t *testing.T) {
	t.Parallel()
	const id, seq, cookie = 0x1234, 0xfedc, 0x0123456789abcdef
	echo4, echo6 := request(t, v4, id, seq, cookie), request(t, v6, id, seq, cookie)
	reply4, reply6 := with(echo4, 0, 0), with(echo6, 0, 129)
	dst4, dst6 := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")
	unreachable := quoting(v4, ipv4.ICMPTypeDestinationUnreachable, dst4, echo4)
	whole := message{id: id, seq: seq, cookie: cookie, hasCookie: true}
	failed := func(to netip.Addr, why string) message {
		m := whole
		m.to, m.failure = to, why
		return m
	}
	cut := failed(dst4, "destination unreachable")
	cut.cookie, cut.hasCookie = 0, false
	tests := map[string]struct {
		v    *version
		b    []byte
		want message
		ok   bool
	}{
		"reply":                       {v4, reply4, whole, true},
		"reply over IPv6":             {v6, reply6, whole, true},
		"reply without a payload":     {v4, reply4[:8], message{id: id, seq: seq}, true},
		"our own request":             {v4, echo4, message{}, false},
		"reply of the other version":  {v6, reply4, message{}, false},
		"reply cut in its header":     {v4, reply4[:7], message{}, false},
		"nothing":                     {v4, nil, message{}, false},
		"unreachable":                 {v4, unreachable, failed(dst4, "destination unreachable"), true},
		"unreachable over IPv6":       {v6, quoting(v6, ipv6.ICMPTypeDestinationUnreachable, dst6, echo6), failed(dst6, "destination unreachable"), true},
		"time exceeded":               {v4, quoting(v4, ipv4.ICMPTypeTimeExceeded, dst4, echo4), failed(dst4, "time exceeded"), true},
		"quotes the header only":      {v4, unreachable[:8+20+8], cut, true},
		"quotes less":                 {v4, unreachable[:8+20+7], message{}, false},
		"quotes no IP header":         {v4, unreachable[:8+19], message{}, false},
		"quotes a TCP segment":        {v4, with(unreachable, 8+9, 6), message{}, false},
		"quotes a reply":              {v4, quoting(v4, ipv4.ICMPTypeDestinationUnreachable, dst4, reply4), message{}, false},
		"quoted header too long":      {v4, with(unreachable, 8, 0x4f)[:8+20+8], message{}, false},
		"quoted header too short":     {v4, with(unreachable, 8, 0x44), message{}, false},
		"quoted header of no version": {v4, with(unreachable, 8, 0x65), message{}, false},
		"redirect":                    {v4, quoting(v4, ipv4.ICMPTypeRedirect, dst4, echo4), message{}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := tt.v.parse(tt.b)
			if ok != tt.ok {
				t.Fatalf("ok = %v, want %v", ok, tt.ok)
			}
			if !ok {
				return
			}
			if diff := cmp.Diff(tt.want, got, compareMessages, addrs); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTimespecOfBothWidths(t *testing.T) {
	t.Parallel()
	want := time.Unix(5_000_000_000, 123_456_789)
	b := binary.NativeEndian.AppendUint64(nil, uint64(want.Unix()))
	b = binary.NativeEndian.AppendUint64(b, uint64(want.Nanosecond()))
	if got := timespec(b); !got.Equal(want) {
		t.Errorf("64 bit: got %v, want %v", got, want)
	}
	want = time.Unix(1_700_000_000, 5)
	b = binary.NativeEndian.AppendUint32(nil, uint32(want.Unix()))
	b = binary.NativeEndian.AppendUint32(b, 5)
	if got := timespec(b); !got.Equal(want) {
		t.Errorf("32 bit: got %v, want %v", got, want)
	}
	if got := timespec(b[:7]); !got.IsZero() {
		t.Errorf("cut: got %v, want none", got)
	}
}

// FuzzParse feeds the parsers what a socket might receive: no panic, and what
// they accept is no longer than what was there.
func FuzzParse(f *testing.F) {
	dst := netip.MustParseAddr("192.0.2.7")
	for _, v := range []*version{v4, v6} {
		echo := request(f, v, 1, 2, 3)
		reply := with(echo, 0, 129)
		if v == v4 {
			reply = with(echo, 0, 0)
		}
		f.Add(echo)
		f.Add(reply)
		f.Add(quoting(v, v.failures[0], dst, echo))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, v := range []*version{v4, v6} {
			if m, ok := v.parse(b); ok && (len(b) < headerLen || m.hasCookie && len(b) < headerLen+cookieLen) {
				t.Errorf("%s: read %+v from %d bytes", v.name, m, len(b))
			}
			if n, _, _ := v.header(b); n < 0 || n > len(b) {
				t.Errorf("%s: header of %d bytes in %d", v.name, n, len(b))
			}
			if m, ok := v.returned(b, dst, "x"); ok && m.to != dst {
				t.Errorf("%s: returned from %v", v.name, m.to)
			}
		}
		var a arrival
		if len(b) >= unix.SizeofCmsghdr {
			a.notes(b)
		}
	})
}
