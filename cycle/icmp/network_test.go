package icmp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/ipv4"
	"golang.org/x/sys/unix"

	"wanctl/cycle"
)

// namespace is a network of its own, and the thread that lives in it.
type namespace struct {
	tid  int
	work chan func()
}

// newNamespace makes a network with nothing but a loopback interface. Without
// root it skips the test.
func newNamespace(t *testing.T) *namespace {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a network namespace needs root")
	}
	ns := &namespace{work: make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		ns.tid = unix.Gettid()
		ready <- unix.Unshare(unix.CLONE_NEWNET)
		for f := range ns.work {
			f()
		}
	}()
	if err := <-ready; err != nil {
		t.Skipf("no network namespace: %v", err)
	}
	t.Cleanup(func() { close(ns.work) })
	ns.run(t, "link", "set", "lo", "up")
	return ns
}

// do calls f on the namespace's thread.
func (ns *namespace) do(f func()) {
	done := make(chan struct{})
	ns.work <- func() { f(); close(done) }
	<-done
}

// run runs ip(8) inside.
func (ns *namespace) run(t *testing.T, args ...string) {
	t.Helper()
	ns.do(func() {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			t.Errorf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	})
}

// set writes a sysctl of the namespace.
func (ns *namespace) set(t *testing.T, path, value string) {
	t.Helper()
	ns.do(func() {
		if err := os.WriteFile("/proc/sys/"+path, []byte(value), 0o644); err != nil {
			t.Error(err)
		}
	})
}

// misdeeds are what a reflector does with an echo request, by its address. Each
// gets the reply to send, and how.
var misdeeds = map[string]func(reply []byte, send func([]byte, string)){
	"10.77.0.1": func(r []byte, send func([]byte, string)) { send(r, "10.77.0.1") },
	"10.77.0.2": func([]byte, func([]byte, string)) {}, // lost
	"10.77.0.3": func(r []byte, send func([]byte, string)) { // late
		time.AfterFunc(600*time.Millisecond, func() { send(r, "10.77.0.3") })
	},
	"10.77.0.4": func(r []byte, send func([]byte, string)) { // repeated
		send(r, "10.77.0.4")
		send(r, "10.77.0.4")
		send(r, "10.77.0.4")
	},
	"10.77.0.5": func(r []byte, send func([]byte, string)) { send(r, "10.77.0.1") }, // from elsewhere
	"10.77.0.6": func(r []byte, send func([]byte, string)) { // the cookie guessed wrong
		r[headerLen]++
		send(r, "10.77.0.6")
	},
	"10.77.0.7": func(r []byte, send func([]byte, string)) { // the sequence number of another
		binary.BigEndian.PutUint16(r[6:], binary.BigEndian.Uint16(r[6:])+1)
		send(r, "10.77.0.7")
	},
	"10.77.0.8": func(r []byte, send func([]byte, string)) { // the identifier of another
		binary.BigEndian.PutUint16(r[4:], binary.BigEndian.Uint16(r[4:])+1)
		send(r, "10.77.0.8")
	},
	"10.77.0.9": func(r []byte, send func([]byte, string)) { send(r[:headerLen+3], "10.77.0.9") }, // cut short
	"10.77.0.10": func(r []byte, send func([]byte, string)) { // a router says that the host is unreachable
		r[0] = byte(ipv4.ICMPTypeEcho)
		send(quoting(v4, ipv4.ICMPTypeDestinationUnreachable, netip.MustParseAddr("10.77.0.10"), r), "10.77.0.253")
	},
}

// reflect answers echo requests in its namespace until the connection is closed.
func reflect(conn *net.IPConn) {
	raw, err := ipv4.NewRawConn(conn)
	if err != nil {
		return
	}
	buf := make([]byte, 2048)
	for {
		h, payload, _, err := raw.ReadFrom(buf)
		if err != nil {
			return
		}
		misdeed := misdeeds[h.Dst.String()]
		if misdeed == nil || len(payload) < headerLen || payload[0] != byte(ipv4.ICMPTypeEcho) {
			continue
		}
		reply := append([]byte(nil), payload...)
		reply[0] = byte(ipv4.ICMPTypeEchoReply)
		to := h.Src
		misdeed(reply, func(b []byte, from string) {
			b[2], b[3] = 0, 0
			binary.BigEndian.PutUint16(b[2:], checksum(b))
			_ = raw.WriteTo(&ipv4.Header{
				Version: 4, Len: ipv4.HeaderLen, TotalLen: ipv4.HeaderLen + len(b), TTL: 64, Protocol: 1,
				Src: net.ParseIP(from), Dst: to,
			}, b, nil)
		})
	}
}

// checksum is the Internet checksum of RFC 1071.
func checksum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i < len(b); i += 2 {
		sum += uint32(b[i]) << 8
		if i+1 < len(b) {
			sum += uint32(b[i+1])
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// bench is a prober's namespace wired to one full of reflectors.
func bench(t *testing.T) *namespace {
	t.Helper()
	here, there := newNamespace(t), newNamespace(t)
	here.run(t, "link", "add", "wan", "type", "veth", "peer", "name", "net", "netns", fmt.Sprint(there.tid))
	here.run(t, "addr", "add", "10.77.0.254/16", "dev", "wan")
	here.run(t, "link", "set", "wan", "up")
	for addr := range misdeeds {
		there.run(t, "addr", "add", addr+"/16", "dev", "net")
	}
	there.run(t, "addr", "add", "10.77.0.253/16", "dev", "net")
	there.run(t, "link", "set", "net", "up")
	there.set(t, "net/ipv4/icmp_echo_ignore_all", "1")
	here.set(t, "net/ipv4/ping_group_range", "0 2147483647")
	var conn *net.IPConn
	var err error
	there.do(func() { conn, err = net.ListenIP("ip4:icmp", &net.IPAddr{IP: net.IPv4zero}) })
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); reflect(conn) }()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	// A new link passes nothing for up to a second.
	p := proberIn(t, here, openRaw)
	for range 100 {
		if p.Probe(t.Context(), []string{"10.77.0.1"}, 100*time.Millisecond)[0].Err == nil {
			return here
		}
	}
	t.Fatal("the link between the namespaces never came up")
	return nil
}

// kinds are the two kinds of sockets; every promise holds for both.
var kinds = map[string]func(*version) (*socket, error){"raw": openRaw, "datagram": openDatagram}

func TestProbeAmongMisbehavingReflectors(t *testing.T) {
	t.Parallel()
	here := bench(t)
	for kind, open := range kinds {
		t.Run(kind, func(t *testing.T) {
			p := proberIn(t, here, open)
			const timeout = 400 * time.Millisecond
			// Several rounds: the late and repeated replies of one arrive in the next.
			for range 4 {
				begin := time.Now()
				reflectors := []string{
					"10.77.0.1", "10.77.0.2", "10.77.0.3", "10.77.0.4", "10.77.0.5", "10.77.0.6",
					"10.77.0.7", "10.77.0.8", "10.77.0.9", "10.77.0.10", "10.99.0.1",
				}
				echoes := p.Probe(t.Context(), reflectors, timeout)
				for i, e := range echoes {
					switch e.Reflector {
					case "10.77.0.1", "10.77.0.4":
						answered(t, echoes[i:i+1], timeout, e.Reflector)
					case "10.77.0.10": // the router says so; it is not waited for
						if e.Err == nil || errors.Is(e.Err, ErrNoReply) {
							t.Errorf("%s: error %v, want unreachable", e.Reflector, e.Err)
						}
					case "10.99.0.1": // no route: sending fails
						if !errors.Is(e.Err, syscall.ENETUNREACH) {
							t.Errorf("%s: error %v, want %v", e.Reflector, e.Err, syscall.ENETUNREACH)
						}
					default:
						if !errors.Is(e.Err, ErrNoReply) || cycle.OutcomeOf(e.Err) != cycle.TimedOut {
							t.Errorf("%s: RTT %v, error %v, want %v", e.Reflector, e.RTT, e.Err, ErrNoReply)
						}
					}
				}
				if took := time.Since(begin); took < timeout || took > 20*timeout {
					t.Errorf("took %v, want about %v", took, timeout)
				}
			}
		})
	}
}

func TestProbeReturnsEarlyWhenAllFail(t *testing.T) {
	t.Parallel()
	here := bench(t)
	for kind, open := range kinds {
		t.Run(kind, func(t *testing.T) {
			p := proberIn(t, here, open)
			begin := time.Now()
			for _, e := range p.Probe(t.Context(), []string{"10.77.0.10", "10.99.0.1"}, time.Minute) {
				if e.Err == nil {
					t.Errorf("%s answered", e.Reflector)
				}
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
			// A datagram socket reports an error once more, to whoever calls next.
			answered(t, p.Probe(t.Context(), []string{"10.77.0.1"}, 2*time.Second), 2*time.Second, "10.77.0.1")
		})
	}
}

// proberIn opens a Prober in a namespace.
func proberIn(t *testing.T, ns *namespace, open func(*version) (*socket, error)) *Prober {
	t.Helper()
	var p *Prober
	var err error
	ns.do(func() { p, err = newProber(nil, open) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

func TestDatagramSocketsShareAProcess(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	ns.set(t, "net/ipv4/ping_group_range", "0 2147483647")
	a, b := proberIn(t, ns, openDatagram), proberIn(t, ns, openDatagram)
	for range 20 {
		answered(t, a.Probe(t.Context(), []string{"127.0.0.1", "::1"}, 2*time.Second), 2*time.Second, "127.0.0.1", "::1")
		answered(t, b.Probe(t.Context(), []string{"127.0.0.1", "::1"}, 2*time.Second), 2*time.Second, "127.0.0.1", "::1")
	}
}

func TestArrivalsCarryTheKernelsStamp(t *testing.T) {
	t.Parallel()
	ns := newNamespace(t)
	ns.set(t, "net/ipv4/ping_group_range", "0 2147483647")
	for kind, open := range kinds {
		for _, v := range []*version{v4, v6} {
			var s *socket
			var err error
			ns.do(func() { s, err = open(v) })
			if err != nil {
				t.Fatal(err)
			}
			to := netip.MustParseAddr(map[*version]string{v4: "127.0.0.1", v6: "::1"}[v])
			if err := s.send(request(t, v, s.id, 1, 2), to); err != nil {
				t.Fatal(err)
			}
			giveUp := time.AfterFunc(5*time.Second, func() { _ = s.conn.Close() })
			a, err := s.receive()
			if err != nil {
				t.Fatal(err)
			}
			giveUp.Stop()
			if wait := a.read.Round(0).Sub(a.stamp); wait < 0 || wait > time.Second {
				t.Errorf("%s %s: stamp %v, read %v", kind, v.name, a.stamp, a.read)
			}
			_ = s.conn.Close()
		}
	}
}

// childEnv tells the test binary to act as a program without privilege.
const childEnv = "WANCTL_TEST_ICMP_CHILD"

// child probes the loopback and tells what became of it.
func child() int {
	p, err := New(nil)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer p.Close()
	for _, s := range p.sockets {
		fmt.Println(s.name, "datagram", s.datagram)
	}
	for _, e := range p.Probe(context.Background(), []string{"127.0.0.1", "::1"}, 2*time.Second) {
		fmt.Println(e.Reflector, "error", e.Err)
	}
	return 0
}

func TestWithoutPrivilege(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		groups string
		want   []string
	}{
		"datagram sockets where the group may": {"0 2147483647", []string{
			"IPv4 datagram true", "IPv6 datagram true", "127.0.0.1 error <nil>", "::1 error <nil>",
		}},
		"one clear error where it may not": {"1 0", []string{
			"setcap cap_net_raw+ep", "net.ipv4.ping_group_range='65534 65534'",
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := newNamespace(t)
			ns.set(t, "net/ipv4/ping_group_range", tt.groups)
			var out []byte
			ns.do(func() {
				cmd := exec.Command("/proc/self/exe")
				cmd.Env = append(os.Environ(), childEnv+"=1")
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
				out, _ = cmd.CombinedOutput()
			})
			for _, want := range tt.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("output lacks %q:\n%s", want, out)
				}
			}
		})
	}
}
