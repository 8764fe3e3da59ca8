package simulator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// restClient talks REST the way net/http does, and trusts one certificate.
type restClient struct {
	http.Client
	base, user, password string
}

func newRESTClient(t testing.TB, e Endpoint) *restClient {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(e.PEM)
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	t.Cleanup(tr.CloseIdleConnections)
	scheme := "http://"
	if e.TLS {
		scheme = "https://"
	}
	return &restClient{http.Client{Transport: tr, Timeout: 5 * time.Second}, scheme + e.Addr + "/rest", testUser, testPassword}
}

func (c *restClient) do(t testing.TB, method, path, body string) (int, string, error) {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), method, c.base+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.SetBasicAuth(c.user, c.password)
	r, err := c.Do(q)
	if err != nil {
		return 0, "", err
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	return r.StatusCode, string(b), err
}

// must is do for a request that is answered.
func (c *restClient) must(t testing.TB, method, path, body string) (int, string) {
	t.Helper()
	status, reply, err := c.do(t, method, path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return status, reply
}

func startREST(t testing.TB, cfg Config) (*Simulator, *restClient) {
	t.Helper()
	s := start(t, cfg)
	e, err := s.ServeREST("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return s, newRESTClient(t, e)
}

func TestRESTAnswersAsTheStatusTableSays(t *testing.T) {
	t.Parallel()
	_, c := startREST(t, usual(newClock()))
	const down = `{".id":"*1000000","bucket-size":"0.1","burst-limit":"0","burst-threshold":"0","burst-time":"0s","bytes":"0","disabled":"false","dropped":"0","invalid":"false","limit-at":"0","max-limit":"100000000","name":"WAN-Download-1","packet-mark":"no-mark","packet-rate":"0","packets":"0","parent":"bridge1","priority":"8","queue":"cake-down-wan1","queued-bytes":"0","queued-packets":"0","rate":"0"}`
	const steer = `{".id":"*2","action":"mark-routing","bytes":"0","chain":"prerouting","comment":"ADAPTIVE: Steer latency-sensitive to WAN2","disabled":"true","dynamic":"false","invalid":"false","log":"false","log-prefix":"","new-routing-mark":"to-alternate","packets":"0","passthrough":"true"}`
	for _, tc := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"by name", "GET", "/queue/tree/WAN-Download-1", "", 200, down},
		{"by id", "GET", "/queue/tree/*1000000", "", 200, down},
		{"by escaped id", "GET", "/queue/tree/%2A1000000", "", 200, down},
		{"filter and proplist", "GET", "/queue/tree?name=WAN-Upload-1&.proplist=.id,name,max-limit", "", 200, `[{".id":"*1000001","max-limit":"20000000","name":"WAN-Upload-1"}]`},
		{"filters are anded", "GET", "/queue/tree?name=WAN-Upload-1&parent=bridge1", "", 200, `[]`},
		{"both at once", "POST", "/queue/tree/print", `{".proplist":["name","max-limit"],".query":["name=WAN-Download-1","name=WAN-Upload-1","#|"]}`, 200, `[{"max-limit":"100000000","name":"WAN-Download-1"},{"max-limit":"20000000","name":"WAN-Upload-1"}]`},
		{"comment, escaped", "GET", "/ip/firewall/mangle?comment=ADAPTIVE%3A%20Steer%20latency-sensitive%20to%20WAN2", "", 200, "[" + steer + "]"},
		{"comment, blanks as plus", "GET", "/ip/firewall/mangle?comment=ADAPTIVE%3A+Steer+latency-sensitive+to+WAN2", "", 200, `[]`},
		{"rules have no name", "GET", "/ip/firewall/mangle/other%20rule", "", 404, `{"error":404,"message":"Not Found"}`},
		{"never written is absent", "GET", "/ip/firewall/mangle/*1?.proplist=.id,disabled,comment", "", 200, `{".id":"*1","comment":"other rule"}`},
		{"unknown id", "GET", "/queue/tree/*77", "", 404, `{"error":404,"message":"Not Found"}`},
		{"unknown id in a command", "POST", "/queue/tree/set", `{".id":"*77","max-limit":"1"}`, 400, `{"detail":"no such item","error":400,"message":"Bad Request"}`},
		{"unknown parameter", "PATCH", "/queue/tree/WAN-Upload-1", `{"max-limitt":"1"}`, 400, `{"detail":"unknown parameter max-limitt","error":400,"message":"Bad Request"}`},
		{"bad value", "PATCH", "/queue/tree/WAN-Upload-1", `{"max-limit":"fast"}`, 400, `{"detail":"invalid value for argument max-limit","error":400,"message":"Bad Request"}`},
		{"bad queue type", "PATCH", "/queue/tree/WAN-Upload-1", `{"queue":"cake-none"}`, 400, `{"detail":"input does not match any value of queue","error":400,"message":"Bad Request"}`},
		{"unknown command", "POST", "/queue/tree/polish", `{}`, 406, `{"detail":"no such command or directory (polish)","error":406,"message":"Not Acceptable"}`},
		{"unknown place", "GET", "/queue/forest", "", 406, `{"detail":"no such command or directory (forest)","error":406,"message":"Not Acceptable"}`},
		{"bad body", "PATCH", "/queue/tree/WAN-Upload-1", `{"max-limit":`, 400, `{"detail":"invalid JSON","error":400,"message":"Bad Request"}`},
		{"head", "HEAD", "/queue/tree", "", 501, ""},
		{"single", "GET", "/system/identity", "", 200, `{"name":"MikroTik"}`},
	} {
		status, body := c.must(t, tc.method, tc.path, tc.body)
		if status != tc.status {
			t.Errorf("%s: status %d, want %d (%s)", tc.name, status, tc.status, body)
		}
		if diff := cmp.Diff(tc.want, body); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestRESTWritesCountAndShow(t *testing.T) {
	t.Parallel()
	s, c := startREST(t, usual(newClock()))
	status, body := c.must(t, "PATCH", "/queue/tree/*1000000", `{"queue":"cake-down-wan1","max-limit":"50M"}`)
	if status != 200 || !strings.Contains(body, `"max-limit":"50000000"`) {
		t.Fatalf("set: %d %s", status, body)
	}
	if status, body = c.must(t, "POST", "/ip/firewall/mangle/enable", `{".id":"*2"}`); status != 200 || body != "[]" {
		t.Fatalf("enable: %d %s", status, body)
	}
	if status, body = c.must(t, "PUT", "/queue/tree", `{"name":"third","parent":"global"}`); status != 201 || !strings.Contains(body, `".id":"*1000002"`) {
		t.Fatalf("add: %d %s", status, body)
	}
	if status, body = c.must(t, "DELETE", "/queue/tree/third", ""); status != 204 || body != "" {
		t.Fatalf("remove: %d %s", status, body)
	}
	if q, _ := s.Queue(download); q.Limit != 50_000_000 {
		t.Errorf("limit %d, want 50000000", q.Limit)
	}
	if on, ok := s.Rule(ruleComment); !on || !ok {
		t.Errorf("rule on=%v there=%v, want both", on, ok)
	}
	want := Counts{REST: Traffic{Connections: 1, Logins: 1, Requests: 4}, Writes: 4, LogLines: 1}
	if diff := cmp.Diff(want, s.Counts()); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if u := s.Unknown(); len(u) != 0 {
		t.Errorf("unknown: %q", u)
	}
}

func TestRESTCountersFollowTheLoad(t *testing.T) {
	t.Parallel()
	k := newClock()
	_, c := startREST(t, usual(k))
	k.pass(time.Second)
	read := func() map[string]string {
		_, body := c.must(t, "GET", "/queue/tree/"+download, "")
		var o map[string]string
		if err := json.Unmarshal([]byte(body), &o); err != nil {
			t.Fatal(err)
		}
		return o
	}
	if o := read(); o["bytes"] != "10000000" || o["packets"] != "8000" || o["dropped"] != "0" || o["rate"] != "80000000" {
		t.Errorf("below the limit: %v", o)
	}
	c.must(t, "PATCH", "/queue/tree/"+download, `{"max-limit":"40000000"}`)
	k.pass(time.Second)
	if o := read(); o["bytes"] != "15000000" || o["dropped"] != "3800" || o["queued-packets"] != "200" || o["rate"] != "40000000" {
		t.Errorf("above the limit: %v", o)
	}
}

func TestRESTRefusesLogins(t *testing.T) {
	t.Parallel()
	cfg := usual(newClock())
	cfg.Users = append(cfg.Users, User{Name: "api-only", Password: "x", Policies: []string{"read", "write", "api"}},
		User{Name: "reader", Password: "x", Policies: []string{"read", "api", "rest-api"}})
	s, c := startREST(t, cfg)
	const refused = `{"error":401,"message":"Unauthorized"}`
	for _, tc := range []struct {
		user, password, method, path string
		status                       int
		want                         string
	}{
		{testUser, "wrong", "GET", "/system/identity", 401, refused},
		{"nobody", testPassword, "GET", "/system/identity", 401, refused},
		{"api-only", "x", "GET", "/system/identity", 401, refused},
		{"reader", "x", "GET", "/system/identity", 200, `{"name":"MikroTik"}`},
		{"reader", "x", "DELETE", "/queue/tree/" + upload, 500, `{"detail":"not enough permissions (9)","error":500,"message":"Internal Server Error"}`},
	} {
		c.user, c.password = tc.user, tc.password
		status, body := c.must(t, tc.method, tc.path, "")
		if status != tc.status || body != tc.want {
			t.Errorf("%s %s: %d %s, want %d %s", tc.user, tc.path, status, body, tc.status, tc.want)
		}
	}
	if n := s.Counts().REST; n.Refused != 3 || n.Logins != 1 {
		t.Errorf("refused %d logins %d, want 3 and 1", n.Refused, n.Logins)
	}
	if log := strings.Join(s.Log(), "\n"); strings.Contains(log, testPassword) || !strings.Contains(log, "login failure for user nobody from 127.0.0.1 via rest-api") {
		t.Errorf("log: %s", log)
	}
}

func TestRESTIsFarFromV6(t *testing.T) {
	t.Parallel()
	cfg := usual(newClock())
	cfg.Version = "6.48.6"
	_, c := startREST(t, cfg)
	if status, body := c.must(t, "GET", "/system/resource", ""); status != 404 || !strings.Contains(body, "<html>") {
		t.Errorf("%d %s, want an HTML page", status, body)
	}
}

func TestRESTCertificateIsWhatTheEndpointSays(t *testing.T) {
	t.Parallel()
	s := start(t, usual(newClock()))
	e, err := s.ServeREST("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fingerprint := func() string {
		c, err := tls.Dial("tcp", e.Addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		sum := sha256.Sum256(c.ConnectionState().PeerCertificates[0].Raw)
		return hex.EncodeToString(sum[:])
	}
	if got := fingerprint(); got != e.Fingerprint {
		t.Errorf("fingerprint %s, want %s", got, e.Fingerprint)
	}
	if err := s.ChangeCertificate(); err != nil {
		t.Fatal(err)
	}
	if got := fingerprint(); got == e.Fingerprint {
		t.Error("the certificate has not changed")
	}
}

func TestRESTFaults(t *testing.T) {
	t.Parallel()
	get := func(t *testing.T, c *restClient) (int, string, error) {
		return c.do(t, "GET", "/queue/tree/"+download, "")
	}
	broken := func(t *testing.T, status int, body string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("answered %d %q, want a broken connection", status, body)
		}
	}
	invalid := func(t *testing.T, status int, body string, err error) {
		t.Helper()
		if err != nil || status != 200 || json.Valid([]byte(body)) {
			t.Errorf("%d %q %v, want invalid JSON", status, body, err)
		}
	}
	silent := func(t *testing.T, _ int, body string, err error) {
		t.Helper()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q %v, want silence", body, err)
		}
	}
	says := func(want int, text string) func(*testing.T, int, string, error) {
		return func(t *testing.T, status int, body string, err error) {
			t.Helper()
			if err != nil || status != want || !strings.Contains(body, text) {
				t.Errorf("%d %q %v, want %d with %q", status, body, err, want, text)
			}
		}
	}
	for _, tc := range []struct {
		name  string
		fault Fault
		check func(*testing.T, int, string, error)
	}{
		{"delay", Fault{Kind: Delay, Delay: time.Millisecond}, says(200, download)},
		{"hang", Fault{Kind: Hang}, silent},
		{"mute", Fault{Kind: Mute}, silent},
		{"half open", Fault{Kind: HalfOpen}, silent},
		{"close", Fault{Kind: Close}, broken},
		{"reset", Fault{Kind: Reset}, broken},
		{"lost reply", Fault{Kind: LostReply}, broken},
		{"cut", Fault{Kind: Cut}, broken},
		{"cut and reset", Fault{Kind: CutReset}, broken},
		{"garbage", Fault{Kind: Garbage}, broken},
		{"drip", Fault{Kind: Drip}, says(200, download)},
		{"one shot", Fault{Kind: OneShot}, says(200, download)},
		{"refuse", Fault{Kind: Refuse, Text: "failure: busy"}, says(400, "failure: busy")},
		{"refuse with a status", Fault{Kind: Refuse, Status: 503}, says(503, "Service Unavailable")},
		{"truncate", Fault{Kind: Truncate}, invalid},
		{"control bytes", Fault{Kind: Control}, invalid},
		{"html", Fault{Kind: HTML}, says(502, "<html>")},
		{"wrong object", Fault{Kind: Wrong}, says(200, `"board-name"`)},
		{"numbers", Fault{Kind: Numbers}, says(200, `"max-limit":100000000,`)},
		{"refused connection", Fault{Kind: Refuse, Command: Connect}, broken},
		{"slow TLS", Fault{Kind: Delay, Command: Connect, Delay: time.Millisecond}, says(200, download)},
		{"cut by the router", Fault{Kind: Delay, Delay: time.Hour}, says(400, "Session closed")},
		{"comment filter", Fault{Kind: Empty}, says(200, download)}, // no filter, no effect
		{"silent connection", Fault{Kind: Hang, Command: Connect}, silent},
		{"full", Fault{Kind: Full, Command: Connect}, broken},
		{"wrong password", Fault{Kind: Refuse, Command: Login}, says(401, "Unauthorized")},
		{"reboot", Fault{Kind: Reboot}, broken},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cfg := usual(newClock())
			cfg.RESTTimeout = 100 * time.Millisecond
			s, c := startREST(t, cfg)
			c.Timeout = 250 * time.Millisecond
			remove := s.Inject(tc.fault)
			status, body, err := get(t, c)
			tc.check(t, status, body, err)
			remove()
			c.Timeout = 5 * time.Second
			c.CloseIdleConnections()
			if status, body, err := get(t, c); err != nil || status != 200 || !json.Valid([]byte(body)) {
				t.Errorf("afterwards: %d %q %v", status, body, err)
			}
		})
	}
}

func TestRESTInClear(t *testing.T) {
	t.Parallel()
	s := start(t, usual(newClock()))
	e, err := s.ServeRESTPlain("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if e.TLS || e.Fingerprint != "" || e.Port() == 0 {
		t.Errorf("endpoint %+v", e)
	}
	if status, body := newRESTClient(t, e).must(t, "GET", "/user/*1", ""); status != 200 || body != `{".id":"*1","disabled":"false","group":"full","name":"wanctl"}` {
		t.Errorf("%d %s", status, body)
	}
}

func TestRESTKnobs(t *testing.T) {
	t.Parallel()
	cfg := usual(newClock())
	cfg.AlwaysID = true
	s, c := startREST(t, cfg)
	const path = "/ip/firewall/mangle?.proplist=comment&comment=other%20rule"
	if _, body := c.must(t, "GET", path, ""); body != `[{".id":"*1","comment":"other rule"}]` {
		t.Errorf("always an id: %s", body)
	}
	s.Inject(Fault{Kind: Empty, Command: "/ip/firewall/mangle/print"})
	if _, body := c.must(t, "GET", path, ""); body != `[]` {
		t.Errorf("a filter that finds nothing: %s", body)
	}
	if _, body := c.must(t, "GET", "/ip/firewall/mangle?.proplist=.id", ""); body != `[{".id":"*1"},{".id":"*2"}]` {
		t.Errorf("the whole list: %s", body)
	}
}

func TestRESTNonUTF8CommentsGoOutAsTheyAre(t *testing.T) {
	t.Parallel()
	s, c := startREST(t, usual(newClock()))
	if err := s.AddRule(Rule{Comment: "caf\xe9 \"$\\=\t"}); err != nil {
		t.Fatal(err)
	}
	_, body := c.must(t, "GET", "/ip/firewall/mangle/*3?.proplist=comment", "")
	if want := []byte("{\"comment\":\"caf\xe9 \\\"$\\\\=\\u0009\"}"); !bytes.Equal([]byte(body), want) {
		t.Errorf("got %q, want %q", body, want)
	}
}
