package simulator

import (
	"encoding/hex"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOneRouterBehindAllDoors(t *testing.T) {
	t.Parallel()
	s := start(t, usual(newClock()))
	rest, err := s.ServeREST("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	api, err := s.ServeAPI("127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	shell, err := s.ServeSSH("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	web, words := newRESTClient(t, rest), entered(t, api)
	console, err := dialSSH(t, shell, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	shown := func(limit string) {
		t.Helper()
		if _, body := web.must(t, "GET", "/queue/tree/"+upload+"?.proplist=max-limit", ""); body != `{"max-limit":"`+limit+`"}` {
			t.Errorf("REST shows %s, want %s", body, limit)
		}
		if got, _ := words.talk("/queue/tree/print", "=.proplist=max-limit", "?name="+upload); got != "!re =max-limit="+limit+"\n!done" {
			t.Errorf("API shows %s, want %s", got, limit)
		}
		want := "max-limit=" + strings.TrimSuffix(limit, "000000") + "M"
		if got, _ := run(console, `/queue tree print where name="WAN-Upload-1"`); !strings.Contains(got, want) {
			t.Errorf("the console shows %s, want %s", got, want)
		}
	}
	shown("20000000")
	web.must(t, "PATCH", "/queue/tree/"+upload, `{"max-limit":"7000000"}`)
	shown("7000000")
	if got, _ := words.talk("/queue/tree/set", "=.id=*1000001", "=max-limit=8M"); got != "!done" {
		t.Error(got)
	}
	shown("8000000")
	if got, err := run(console, `/queue tree set [find name="WAN-Upload-1"] max-limit=9000000`); got != "" || err != nil {
		t.Error(got, err)
	}
	shown("9000000")
	n := s.Counts()
	if n.Writes != 3 || n.Logins() != 3 || n.Requests() != 15 {
		t.Errorf("writes %d, logins %d, requests %d; want 3, 3, 15", n.Writes, n.Logins(), n.Requests())
	}
}

func TestARebootShutsTheDoors(t *testing.T) {
	t.Parallel()
	k := newClock()
	cfg := usual(k)
	cfg.Uptime = time.Hour
	s, e := startAPI(t, cfg)
	c := entered(t, e)
	k.pass(time.Second)
	if _, err := c.talk("/queue/tree/set", "=.id="+download, "=max-limit=1M"); err != nil {
		t.Fatal(err)
	}
	s.Reboot(300 * time.Millisecond)
	if got, err := c.talk("/system/identity/print"); err == nil {
		t.Errorf("the old connection answers %q", got)
	}
	if _, err := net.Dial("tcp", e.Addr); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("while it is down: %v", err)
	}
	deadline := time.Now().Add(5 * time.Second)
	for {
		raw, err := net.Dial("tcp", e.Addr)
		if err == nil {
			_ = raw.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it is not up again")
		}
	}
	c = entered(t, e)
	got, err := c.talk("/system/resource/print", "=.proplist=uptime,write-sect-since-reboot,write-sect-total")
	if want := "!re =uptime=0s =write-sect-since-reboot=0 =write-sect-total=1\n!done"; err != nil || got != want {
		t.Errorf("%q %v, want %q", got, err, want)
	}
	if q, _ := s.Queue(download); q.Limit != 1_000_000 || q.Counters != (Counters{}) {
		t.Errorf("the queue after the reboot: %+v", q)
	}
}

// While the router is down its port is nobody else's: another program with it would
// answer in the router's place, and the router could not come back.
func TestARebootKeepsThePort(t *testing.T) {
	t.Parallel()
	s, e := startAPI(t, usual(newClock()))
	_, other := startAPI(t, usual(newClock()))
	taker := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: e.Port()}}
	s.Reboot(time.Minute)
	if c, err := taker.Dial("tcp", other.Addr); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("while it is down: %v %v", c, err)
	}
	s.Reboot(10 * time.Millisecond)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		c, err := net.Dial("tcp", e.Addr)
		if err == nil {
			_ = c.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("it is not up again")
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	c, err := taker.Dial("tcp", other.Addr)
	if err != nil {
		t.Fatalf("after its end: %v", err)
	}
	_ = c.Close()
}

func TestARebootByCommand(t *testing.T) {
	t.Parallel()
	k := newClock()
	s, e := startAPI(t, usual(k))
	k.pass(time.Minute)
	if got, err := entered(t, e).talk("/system/reboot"); err == nil {
		t.Errorf("answered %q", got)
	}
	if out, err := s.Console(":put [/system resource get uptime]"); err != nil || out != "0s\r\n" {
		t.Errorf("uptime %q %v", out, err)
	}
}

func TestQueuesThatComeAndGo(t *testing.T) {
	t.Parallel()
	s := start(t, usual(newClock()))
	console := func(line string) string {
		t.Helper()
		out, err := s.Console(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		return strings.TrimSuffix(out, "\r\n")
	}
	console("/queue tree remove WAN-Upload-1")
	if _, ok := s.Queue(upload); ok {
		t.Error("a removed queue is still there")
	}
	if err := s.AddQueue(Queue{Name: "stranger"}); err != nil {
		t.Fatal(err)
	}
	if got := console(":put [/queue tree find name=stranger]"); got != "*1000001" {
		t.Errorf("the new queue is %s, want the old one's id", got)
	}
	if err := s.AddQueue(Queue{Name: upload, ID: "*0", Limit: 5}); err != nil {
		t.Fatal(err)
	}
	if q, _ := s.Queue(upload); q.ID != "*0" || q.Limit != 5 {
		t.Errorf("made anew: %+v", q)
	}
	console(`/queue tree set *0 name="WAN \"up\" \$=? ü"`)
	if _, ok := s.Queue(`WAN "up" $=? ü`); !ok {
		t.Error("a renamed queue is not there")
	}
	if got := console(`:put [/queue tree get [find name="WAN \"up\" \$=? ü"] name]`); got != `WAN "up" $=? ü` {
		t.Errorf("its name is %s", got)
	}
	if err := s.AddRule(Rule{Comment: ruleComment}); err != nil {
		t.Fatal(err)
	}
	if got := console(`:put [:len [/ip firewall mangle find comment="ADAPTIVE: Steer latency-sensitive to WAN2"]]`); got != "2" {
		t.Errorf("%s rules of one comment, want 2", got)
	}
}

func TestTestsCanTurnTheTraffic(t *testing.T) {
	t.Parallel()
	k := newClock()
	s := start(t, usual(k))
	k.pass(time.Second)
	if !s.SetLoad(upload, Constant(40_000_000)) || !s.SetCounters(upload, Counters{Bytes: 1, Packets: 2, Dropped: 3}) {
		t.Fatal("the queue is not there")
	}
	k.pass(time.Second)
	// 5 MB come, 2.5 MB leave at 20 Mbit/s, 125 kB wait.
	if q, _ := s.Queue(upload); q.Counters != (Counters{2_500_001, 2002, 1903}) || q.QueuedPackets != 100 {
		t.Errorf("%+v", q)
	}
	if s.SetLoad("none", nil) || s.SetCounters("none", Counters{}) || s.SetStuck("none", true) {
		t.Error("a queue that is not there was changed")
	}
}

func TestThousandsOfRows(t *testing.T) {
	t.Parallel()
	cfg := usual(newClock())
	for range 5000 {
		cfg.Rules = append(cfg.Rules, Rule{Comment: "one of many"})
	}
	_, e := startAPI(t, cfg)
	got, err := entered(t, e).talk("/ip/firewall/mangle/print", "=.proplist=.id", "?comment=one of many")
	if err != nil || strings.Count(got, "!re") != 5000 {
		t.Errorf("%d rows, %v", strings.Count(got, "!re"), err)
	}
}

func TestTheLogIsBounded(t *testing.T) {
	t.Parallel()
	s, e := startAPI(t, usual(newClock()))
	c := entered(t, e)
	for range maxLog + 10 {
		if got, err := c.talk("/login", "=name="+testUser, "=password="+testPassword); err != nil || got != "!done" {
			t.Fatal(got, err)
		}
	}
	if n := len(s.Log()); n != maxLog {
		t.Errorf("%d lines, want %d", n, maxLog)
	}
	if got, _ := c.talk("/log/print", "=count-only="); got != "!done =ret=1000" {
		t.Errorf("the router says %q", got)
	}
	if n := s.Counts(); n.LogLines != 2*maxLog+21 || n.API.Logins != maxLog+11 {
		t.Errorf("lines %d, logins %d", n.LogLines, n.API.Logins)
	}
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]version{
		"7.18.2": {7, 18, 2}, "7.18.2 (stable)": {7, 18, 2}, "6.48": {6, 48, 0}, "7.20rc1": {7, 20, 0}, "7": {7, 0, 0},
	} {
		if got, err := parseVersion(text); err != nil || got != want {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"", "seven", "5.26", "7.x"} {
		if got, err := parseVersion(text); err == nil {
			t.Errorf("%q is taken as %v", text, got)
		}
	}
	for _, tc := range []struct {
		version string
		words   []string
		want    string
	}{
		{"7.17", []string{"/queue/tree/print", "?name=none"}, "!done"},
		{"7.18", []string{"/queue/tree/print", "?name=none"}, "!empty\n!done"},
		{"6.30", []string{"/queue/tree/set", "=.id=none"}, "!trap =category=0 =message=no such item (4)\n!done"},
		{"6.48.6", []string{"/queue/tree/set", "=.id=" + upload, "=max-limit=5G"}, "!trap =category=1 =message=value of max-limit out of range (0..4294967295)\n!done"},
		{"7.18", []string{"/queue/tree/set", "=.id=" + upload, "=max-limit=5G"}, "!done"},
		{"7.18", []string{"/queue/type/print", "=.proplist=kind", "?name=cake-up-wan1"}, "!re =kind=cake\n!done"},
		{"6.48.6", []string{"/queue/type/print", "=.proplist=kind", "?name=cake-up-wan1"}, "!re =kind=sfq\n!done"},
	} {
		cfg := usual(newClock())
		cfg.Version = tc.version
		_, e := startAPI(t, cfg)
		c := dialAPI(t, e)
		if got, _ := c.talk("/login"); strings.HasPrefix(got, "!done =ret=") { // the old way
			challenge, err := hex.DecodeString(got[len("!done =ret="):])
			if err != nil {
				t.Fatal(err)
			}
			if got, _ := c.talk("/login", "=name="+testUser, "=response="+md5Response(testPassword, challenge)); got != "!done" {
				t.Fatalf("%s: login %q", tc.version, got)
			}
		} else if got, _ := c.talk("/login", "=name="+testUser, "=password="+testPassword); got != "!done" {
			t.Fatalf("%s: login %q", tc.version, got)
		}
		if got, err := c.talk(tc.words...); err != nil || got != tc.want {
			t.Errorf("%s %v: %q %v, want %q", tc.version, tc.words, got, err, tc.want)
		}
	}
}

func TestQueries(t *testing.T) {
	t.Parallel()
	w := row{{"name", "a"}, {"limit", "30"}, {"disabled", "false"}}
	for _, tc := range []struct {
		query string
		want  bool
		bad   bool
	}{
		{"", true, false},
		{"name=a", true, false},
		{"=name=a", true, false},
		{"name=b", false, false},
		{"name", true, false},
		{"none", false, false},
		{"-none", true, false},
		{"-name", false, false},
		{">limit=4", true, false},
		{"<limit=4", false, false},
		{">limit=30", false, false},
		{"name=a limit=30", true, false},
		{"name=a limit=31", false, false},
		{"name=b name=a #|", true, false},
		{"name=b name=a #&", false, false},
		{"name=b #!", true, false},
		{"name=b name=a limit=30 #&|", true, false},
		{"name=b name=a #1 #|&", false, false},
		{"name=a #. #&", true, false},
		{"#|", false, true},
		{"name=a #&", false, true},
		{"name=a #9", false, true},
		{"name=a #x", false, true},
	} {
		got, err := match(w, strings.Fields(tc.query))
		if (err != nil) != tc.bad {
			t.Errorf("%q: %v", tc.query, err)
		}
		if !tc.bad && got != tc.want {
			t.Errorf("%q: %v, want %v", tc.query, got, tc.want)
		}
	}
}

func FuzzQuery(f *testing.F) {
	f.Add("name=a\nname=b\n#|!&.1")
	f.Fuzz(func(t *testing.T, query string) {
		words := strings.Split(query, "\n")
		a, errA := match(row{{"name", "a"}}, words)
		b, errB := match(row{{"name", "a"}}, append(words, "name=a"))
		if errA == nil && (errB != nil || a != b) {
			t.Errorf("%q and what is true beside it: %v, %v", query, a, b)
		}
	})
}

func TestConfigurationsThatCannotBe(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]Config{
		"a queue without a name":                 {Queues: []Queue{{}}},
		`queue "a" is there twice`:               {Queues: []Queue{{Name: "a"}, {Name: "a"}}},
		`queue "a": limit -1 is negative`:        {Queues: []Queue{{Name: "a", Limit: -1}}},
		`queue "a": "7" is no id (use e.g. *1A)`: {Queues: []Queue{{Name: "a", ID: "7"}}},
		`rule "a": "*X" is no id (use e.g. *1A)`: {Rules: []Rule{{Comment: "a", ID: "*X"}}},
		`user "a": a line that is no public key (use that of a file such as id_ed25519.pub)`: {Users: []User{{Name: "a", Keys: []string{"x"}}}},
		`RouterOS "4.0" is not simulated (6 and 7 are)`:                                      {Version: "4.0"},
	} {
		err := cfg.Check()
		if err == nil || !cmp.Equal(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
