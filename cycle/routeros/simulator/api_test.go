package simulator

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-routeros/routeros/v3"
	"github.com/google/go-cmp/cmp"
)

// apiClient speaks sentences over a connection, with a deadline for each.
type apiClient struct {
	net.Conn
	in   *bufio.Reader
	wait time.Duration
}

func startAPI(t testing.TB, cfg Config) (*Simulator, Endpoint) {
	t.Helper()
	s := start(t, cfg)
	e, err := s.ServeAPI("127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	return s, e
}

func dialAPI(t testing.TB, e Endpoint) *apiClient {
	t.Helper()
	c, err := net.Dial("tcp", e.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &apiClient{c, bufio.NewReader(c), 5 * time.Second}
}

// entered is a client that has logged in.
func entered(t testing.TB, e Endpoint) *apiClient {
	t.Helper()
	c := dialAPI(t, e)
	if got, err := c.talk("/login", "=name="+testUser, "=password="+testPassword); err != nil || got != "!done" {
		t.Fatalf("login: %q %v", got, err)
	}
	return c
}

// talk sends a sentence and reads up to the sentence that ends the reply.
func (c *apiClient) talk(words ...string) (string, error) {
	if _, err := c.Write(appendSentence(nil, words...)); err != nil {
		return "", err
	}
	return c.read(1)
}

// read reads sentences, written as lines, until so many replies have ended.
func (c *apiClient) read(replies int) (string, error) {
	_ = c.SetReadDeadline(time.Now().Add(c.wait))
	var lines []string
	for replies > 0 {
		words, err := readSentence(c.in)
		if err != nil {
			return strings.Join(lines, "\n"), err
		}
		lines = append(lines, strings.Join(words, " "))
		if words[0] == "!done" || words[0] == "!fatal" {
			replies--
		}
	}
	return strings.Join(lines, "\n"), nil
}

func TestAPIServesTheLibrary(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", secure), func(t *testing.T) {
			t.Parallel()
			s := start(t, usual(newClock()))
			e, err := s.ServeAPI("127.0.0.1:0", secure)
			if err != nil {
				t.Fatal(err)
			}
			pool := x509.NewCertPool()
			pool.AppendCertsFromPEM(e.PEM)
			dial := func() (*routeros.Client, error) { return routeros.Dial(e.Addr, testUser, testPassword) }
			if secure {
				dial = func() (*routeros.Client, error) {
					return routeros.DialTLS(e.Addr, testUser, testPassword, &tls.Config{RootCAs: pool})
				}
			}
			c, err := dial()
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			r, err := c.Run("/queue/tree/print", "=.proplist=.id,name,max-limit", "?name="+download, "?name="+upload, "?#|")
			if err != nil {
				t.Fatal(err)
			}
			var got []map[string]string
			for _, re := range r.Re {
				got = append(got, re.Map)
			}
			want := []map[string]string{
				{".id": "*1000000", "name": download, "max-limit": "100000000"},
				{".id": "*1000001", "name": upload, "max-limit": "20000000"},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("print (-want +got):\n%s", diff)
			}
			if _, err := c.Run("/queue/tree/set", "=.id="+upload, "=max-limit=7M"); err != nil {
				t.Errorf("set: %v", err)
			}
			var trap *routeros.DeviceError
			if _, err := c.Run("/queue/tree/set", "=.id=*77", "=max-limit=7M"); !errors.As(err, &trap) || trap.Sentence.Map["message"] != "no such item" {
				t.Errorf("set of what is not there: %v", err)
			}
			if q, _ := s.Queue(upload); q.Limit != 7_000_000 {
				t.Errorf("limit %d", q.Limit)
			}
		})
	}
}

func TestAPISentences(t *testing.T) {
	t.Parallel()
	s, e := startAPI(t, usual(newClock()))
	if err := s.AddRule(Rule{Comment: "a=b\r\nc \"$\\ ü", ID: "*0"}); err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 20_000) // three bytes of length
	c := entered(t, e)
	for _, tc := range []struct {
		name  string
		words []string
		want  string
	}{
		{"tagged", []string{"/system/identity/print", ".tag=7"}, "!re =name=MikroTik .tag=7\n!done .tag=7"},
		{"value with all sorts", []string{"/ip/firewall/mangle/print", "=.proplist=.id,comment", "?comment=a=b\r\nc \"$\\ ü"}, "!re =.id=*0 =comment=a=b\r\nc \"$\\ ü\n!done"},
		{"never written", []string{"/ip/firewall/mangle/print", "=.proplist=.id", "?-disabled", "?comment=other rule"}, "!re =.id=*1\n!done"},
		{"less and not", []string{"/queue/tree/print", "=.proplist=name", "?<max-limit=30000000", "?disabled=true", "?#!"}, "!re =name=WAN-Upload-1\n!done"},
		{"nothing found", []string{"/queue/tree/print", "?name=none"}, "!empty\n!done"},
		{"count", []string{"/queue/tree/print", "=count-only="}, "!done =ret=2"},
		{"bad stack", []string{"/queue/tree/print", "?#|"}, "!trap =category=4 =message=failure: invalid query\n!done"},
		{"find", []string{"/queue/tree/find", "?name=" + upload}, "!done =ret=*1000001"},
		{"get", []string{"/queue/tree/get", "=.id=" + upload, "=value-name=max-limit"}, "!done =ret=20000000"},
		{"long words", []string{"/ip/firewall/mangle/set", "=.id=*1", "=comment=" + long}, "!done"},
		{"long words back", []string{"/ip/firewall/mangle/print", "=.proplist=comment", "?.id=*1"}, "!re =comment=" + long + "\n!done"},
		{"two at once", []string{"/queue/tree/set", "=numbers=WAN-Upload-1,*1000000", "=max-limit=5M"}, "!done"},
		{"one of them missing", []string{"/queue/tree/set", "=.id=WAN-Upload-1,gone", "=max-limit=6M"}, "!trap =category=0 =message=no such item\n!done"},
		{"unknown parameter", []string{"/queue/tree/set", "=.id=*1000000", "=speed=6M", ".tag=x"}, "!trap =message=unknown parameter speed .tag=x\n!done .tag=x"},
		{"bad queue type", []string{"/queue/tree/set", "=.id=*1000000", "=queue=none-such"}, "!trap =category=1 =message=input does not match any value of queue\n!done"},
		{"out of range", []string{"/queue/tree/set", "=.id=*1000000", "=priority=9"}, "!trap =category=1 =message=value of priority out of range (1..8)\n!done"},
		{"no such command", []string{"/queue/tree/polish"}, "!trap =category=0 =message=no such command\n!done"},
		{"no such prefix", []string{"/queue/forest/print"}, "!trap =category=0 =message=no such command prefix\n!done"},
		{"empty sentences are ignored", []string{}, ""},
		{"add", []string{"/queue/tree/add", "=name=n", "=parent=global"}, "!done =ret=*1000002"},
		{"remove", []string{"/queue/tree/remove", "=.id=n"}, "!done"},
		{"an id is reused", []string{"/queue/tree/add", "=name=m", "=parent=global"}, "!done =ret=*1000002"},
		{"same name twice", []string{"/queue/tree/add", "=name=m", "=parent=global"}, "!trap =category=4 =message=failure: already have such name\n!done"},
		{"quit", []string{"/quit"}, "!fatal session terminated on request"},
	} {
		if len(tc.words) == 0 {
			if _, err := c.Write([]byte{0, 0, 0}); err != nil {
				t.Fatal(err)
			}
			continue
		}
		got, err := c.talk(tc.words...)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
	want := []string{"unknown parameter: /queue/tree/set speed", "no such command: /queue/tree/polish", "no such menu: /queue/forest/print"}
	if diff := cmp.Diff(want, s.Unknown()); diff != "" {
		t.Errorf("unknown (-want +got):\n%s", diff)
	}
}

func TestAPILogins(t *testing.T) {
	t.Parallel()
	const refused = "!trap =message=invalid user name or password (6)\n!done"
	for _, tc := range []struct {
		version, password string
		challenge         bool
		want              string
	}{
		{"7.18.2", testPassword, false, "!done"},
		{"7.18.2", "wrong", false, refused},
		{"6.45.1", testPassword, true, refused},
		{"6.44", testPassword, true, "!done"},
		{"6.44", testPassword, false, "!done"},
		{"6.42", testPassword, true, "!done"},
		{"6.42", "wrong", true, "!trap =message=cannot log in\n!done"},
	} {
		cfg := usual(newClock())
		cfg.Version = tc.version
		s, e := startAPI(t, cfg)
		c := dialAPI(t, e)
		words := []string{"/login", "=name=" + testUser, "=password=" + tc.password}
		if tc.challenge {
			words = []string{"/login"} // said once more where there is no challenge
			got, err := c.talk(words...)
			if err != nil {
				t.Fatal(err)
			}
			if digits, ok := strings.CutPrefix(got, "!done =ret="); ok {
				challenge, err := hex.DecodeString(digits)
				if err != nil {
					t.Fatal(err)
				}
				words = []string{"/login", "=name=" + testUser, "=response=" + md5Response(tc.password, challenge)}
			}
		}
		got, err := c.talk(words...)
		if err != nil || got != tc.want {
			t.Errorf("%s, challenge %v: %q %v, want %q", tc.version, tc.challenge, got, err, tc.want)
		}
		if n := s.Counts().API.Logins; (n == 1) != (tc.want == "!done") {
			t.Errorf("%s, challenge %v: %d logins", tc.version, tc.challenge, n)
		}
	}
}

func TestAPIDoors(t *testing.T) {
	t.Parallel()
	cfg := usual(newClock())
	cfg.MaxSessions = 2
	cfg.Users = append(cfg.Users, User{Name: "rest", Policies: []string{"rest-api"}}, User{Name: "reader", Policies: []string{"api", "read"}})
	s, e := startAPI(t, cfg)
	first := dialAPI(t, e)
	if got, _ := first.talk("/queue/tree/print"); got != "!fatal not logged in" {
		t.Errorf("without a login: %q", got)
	}
	if _, err := first.read(1); err == nil {
		t.Error("the connection is still open")
	}
	reader := dialAPI(t, e)
	if got, _ := reader.talk("/login", "=name=rest", "=password="); !strings.HasPrefix(got, "!trap") {
		t.Errorf("a user without the policy: %q", got)
	}
	if got, _ := reader.talk("/login", "=name=reader", "=password="); got != "!done" {
		t.Errorf("login: %q", got)
	}
	if got, _ := reader.talk("/queue/tree/remove", "=.id="+upload); got != "!trap =message=not enough permissions (9)\n!done" {
		t.Errorf("a write by a reader: %q", got)
	}
	fails := dialAPI(t, e)
	for range maxLogins - 1 {
		if got, _ := fails.talk("/login", "=name=x", "=password=x"); !strings.HasPrefix(got, "!trap") {
			t.Errorf("a failure: %q", got)
		}
	}
	full := dialAPI(t, e)
	if got, err := full.talk("/login", "=name=reader", "=password="); err == nil {
		t.Errorf("a third session: %q", got)
	}
	if got, _ := fails.talk("/login", "=name=x", "=password=x"); got != "!fatal too many commands before login" {
		t.Errorf("the last failure: %q", got)
	}
	if n := s.Counts().API; n.Refused != 6 || n.Logins != 1 {
		t.Errorf("refused %d, logins %d; want 6 and 1", n.Refused, n.Logins)
	}
}

func TestAPITags(t *testing.T) {
	t.Parallel()
	set := func(tag, limit string) []byte {
		return appendSentence(nil, "/queue/tree/set", "=.id="+download, "=max-limit="+limit, ".tag="+tag)
	}
	printed := func(tag string) []byte {
		return appendSentence(nil, "/queue/tree/print", "=.proplist=name", ".tag="+tag)
	}
	for _, tc := range []struct {
		name   string
		faults []Fault
		send   []byte
		want   string
	}{
		{"in one write", nil, append(set("1", "1M"), set("2", "2M")...), "!done .tag=1\n!done .tag=2"},
		{
			"a slow one is overtaken",
			[]Fault{{Kind: Delay, Delay: 50 * time.Millisecond, Count: 1}},
			append(set("1", "1M"), set("2", "2M")...), "!done .tag=2\n!done .tag=1",
		},
		{
			"interleaved",
			[]Fault{{Kind: Interleave}},
			append(printed("1"), printed("2")...),
			"!re =name=WAN-Download-1 .tag=2\n!re =name=WAN-Download-1 .tag=1\n!re =name=WAN-Upload-1 .tag=2\n!re =name=WAN-Upload-1 .tag=1\n!done .tag=2\n!done .tag=1",
		},
		{
			"nothing to interleave with",
			[]Fault{{Kind: Interleave, Count: 1}},
			append(set("1", "1M"), set("2", "2M")...), "!done .tag=2\n!done .tag=1",
		},
		{
			"cancelled",
			[]Fault{{Kind: Delay, Delay: time.Hour}},
			append(set("1", "1M"), appendSentence(nil, "/cancel", "=tag=1", ".tag=2")...),
			"!trap =category=2 =message=interrupted .tag=1\n!done .tag=1\n!done .tag=2",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, e := startAPI(t, usual(newClock()))
			c := entered(t, e)
			for _, f := range tc.faults {
				s.Inject(f)
			}
			if _, err := c.Write(tc.send); err != nil {
				t.Fatal(err)
			}
			got, err := c.read(2)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestAPITooManyTags(t *testing.T) {
	t.Parallel()
	s, e := startAPI(t, usual(newClock()))
	c := entered(t, e)
	s.Inject(Fault{Kind: Delay, Delay: time.Hour})
	var b []byte
	for i := range maxTags + 1 {
		b = appendSentence(b, "/system/identity/print", fmt.Sprintf(".tag=%d", i))
	}
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	if got, err := c.read(1); err == nil {
		t.Errorf("answered %q", got)
	}
}

func TestAPIFaults(t *testing.T) {
	t.Parallel()
	set := []string{"/queue/tree/set", "=.id=" + download, "=max-limit=1000000"}
	names := []string{"/queue/tree/print", "=.proplist=name", "?name"}
	const untouched, applied = 100_000_000, 1_000_000
	const silence, broken = "(silence)", "(broken)"
	for _, tc := range []struct {
		name  string
		fault Fault
		words []string
		want  string
		limit int64
	}{
		{"delay", Fault{Kind: Delay, Delay: time.Millisecond}, set, "!done", applied},
		{"late", Fault{Kind: Late, Delay: time.Millisecond}, set, "!done", applied},
		{"hang", Fault{Kind: Hang}, set, silence, untouched},
		{"mute", Fault{Kind: Mute}, set, silence, applied},
		{"half open", Fault{Kind: HalfOpen}, set, silence, applied},
		{"close", Fault{Kind: Close}, set, broken, untouched},
		{"reset", Fault{Kind: Reset}, set, broken, untouched},
		{"lost reply", Fault{Kind: LostReply}, set, broken, applied},
		{"cut", Fault{Kind: Cut}, set, broken, applied},
		{"cut and reset", Fault{Kind: CutReset}, set, broken, applied},
		{"reboot before", Fault{Kind: Reboot}, set, broken, untouched},
		{"reboot after", Fault{Kind: RebootRun}, set, broken, applied},
		{"drip", Fault{Kind: Drip}, set, "!done", applied},
		{"one shot", Fault{Kind: OneShot}, set, "!done", applied},
		{"ignore", Fault{Kind: Ignore}, set, "!done", untouched},
		{"refuse", Fault{Kind: Refuse}, set, "!trap =category=4 =message=failure: refused\n!done", untouched},
		{"applied all the same", Fault{Kind: Applied, Text: "failure: oops"}, set, "!trap =category=4 =message=failure: oops\n!done", applied},
		{"partial", Fault{Kind: Partial}, names, "!re =name=WAN-Download-1\n!trap =category=4 =message=interrupted\n!done", untouched},
		{"empty", Fault{Kind: Empty}, names, "!empty\n!done", untouched},
		{"fatal", Fault{Kind: Fatal, Text: "out of memory"}, set, "!fatal out of memory", untouched},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s, e := startAPI(t, usual(newClock()))
			c := entered(t, e)
			c.wait = 200 * time.Millisecond
			remove := s.Inject(tc.fault)
			got, err := c.talk(tc.words...)
			switch {
			case errors.Is(err, os.ErrDeadlineExceeded):
				got = silence
			case err != nil:
				got = broken
			}
			if got != tc.want {
				t.Errorf("got %q %v, want %q", got, err, tc.want)
			}
			if q, _ := s.Queue(download); q.Limit != tc.limit {
				t.Errorf("limit %d, want %d", q.Limit, tc.limit)
			}
			remove()
			if got, err := entered(t, e).talk("/system/identity/print"); err != nil || got != "!re =name=MikroTik\n!done" {
				t.Errorf("afterwards: %q %v", got, err)
			}
		})
	}
}

func TestAPIFaultsBeforeTheLogin(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		fault Fault
		want  string
	}{
		{"never answered", Fault{Kind: Hang, Command: Login}, "(silence)"},
		{"slow greeting", Fault{Kind: Delay, Command: Connect, Delay: time.Millisecond}, "!done"},
		{"refused connection", Fault{Kind: Refuse, Command: Connect}, "(broken)"},
		{"full", Fault{Kind: Full, Command: Connect}, "(broken)"},
		{"wrong password", Fault{Kind: Refuse, Command: Login}, "!trap =message=invalid user name or password (6)\n!done"},
		{"fatal", Fault{Kind: Fatal, Command: Login, Text: "go away"}, "!fatal go away"},
	} {
		s, e := startAPI(t, usual(newClock()))
		s.Inject(tc.fault)
		got := ""
		conn, err := net.Dial("tcp", e.Addr)
		if err == nil {
			c := &apiClient{conn, bufio.NewReader(conn), 200 * time.Millisecond}
			got, err = c.talk("/login", "=name="+testUser, "=password="+testPassword)
			_ = conn.Close()
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			got = "(silence)"
		case err != nil:
			got = "(broken)"
		}
		if got != tc.want {
			t.Errorf("%s: %q %v, want %q", tc.name, got, err, tc.want)
		}
	}
}
