package site

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

func TestWhoMayAsk(t *testing.T) {
	t.Parallel()
	config := of(recorded(t))
	config.Hosts = []string{"Router.lan"}
	s := New(config)
	host := func(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }
	cameInBy := func(addr string) func(*http.Request) {
		return func(r *http.Request) {
			a, err := net.ResolveTCPAddr("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			*r = *r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(a)))
		}
	}
	method := func(m string) func(*http.Request) { return func(r *http.Request) { r.Method = m } }
	fetched := func(site, mode, dest string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", site)
			r.Header.Set("Sec-Fetch-Mode", mode)
			r.Header.Set("Sec-Fetch-Dest", dest)
		}
	}
	both := func(edits ...func(*http.Request)) func(*http.Request) {
		return func(r *http.Request) {
			for _, e := range edits {
				e(r)
			}
		}
	}
	for _, tc := range []struct {
		name string
		edit func(*http.Request)
		want int
	}{
		{"localhost with a port", host("localhost:9102"), 200},
		{"localhost without", host("localhost"), 200},
		{"a tunnel's port", host("localhost:8080"), 200},
		{"in capitals, with the dot of a full name", host("LOCALHOST.:9102"), 200},
		{"127.0.0.1", host("127.0.0.1:9102"), 200},
		{"::1", host("[::1]:9102"), 200},
		{"::1 without a port", host("[::1]"), 200},
		{"a name it was given", host("router.lan:9102"), 200},
		{"the address it came in by", both(host("192.0.2.7:9102"), cameInBy("192.0.2.7:9102")), 200},
		{"the address it came in by, as IPv6 has it", both(host("192.0.2.7"), cameInBy("[::ffff:192.0.2.7]:9102")), 200},
		{"another address", both(host("192.0.2.8:9102"), cameInBy("192.0.2.7:9102")), 403},
		{"another name, as in DNS rebinding", both(host("evil.example:9102"), cameInBy("127.0.0.1:9102")), 403},
		{"a name that begins like ours", host("localhost.evil.example"), 403},
		{"no name", host(""), 403},
		{"HEAD", method(http.MethodHead), 200},
		{"POST", method(http.MethodPost), 405},
		{"PUT", method(http.MethodPut), 405},
		{"DELETE", method(http.MethodDelete), 405},
		{"OPTIONS", method(http.MethodOptions), 405},
		{"a method of its own", method("BREW"), 405},
		{"the same origin", with("Origin", "http://localhost:9102"), 200},
		{"another origin", with("Origin", "http://evil.example"), 403},
		{"the same host at another port", with("Origin", "http://localhost:1"), 403},
		{"no origin to speak of", with("Origin", "null"), 403},
		{"an address that was typed", fetched("none", "navigate", "document"), 200},
		{"a script of ours", fetched("same-origin", "cors", "empty"), 200},
		{"a link of another site", fetched("cross-site", "navigate", "document"), 200},
		{"a frame of another site", fetched("cross-site", "navigate", "iframe"), 403},
		{"a picture of another site", fetched("cross-site", "no-cors", "image"), 403},
		{"a script of another site", fetched("cross-site", "cors", "empty"), 403},
		{"a neighbour's script", fetched("same-site", "cors", "empty"), 403},
	} {
		for _, address := range []string{"/?" + brief, "/api/analysis?" + brief} {
			if got := ask(s, address, tc.edit); got.Code != tc.want {
				t.Errorf("%s: %s is answered %d, want %d\n%.300s", tc.name, address, got.Code, tc.want, got.Body)
			}
		}
	}
}

const secret = "a token of twenty and more"

func guarded(t *testing.T, now func() time.Time) *Site {
	t.Helper()
	config := of(recorded(t))
	config.Token, config.Now = secret, now
	return New(config)
}

func TestTheTokenIsAskedFor(t *testing.T) {
	t.Parallel()
	s := guarded(t, nil)
	for _, tc := range []struct {
		name, authorization string
		want                int
	}{
		{"nothing", "", 401},
		{"the token", "Bearer " + secret, 200},
		{"the token, in small letters", "bearer " + secret, 200},
		{"a part of it", "Bearer " + secret[:len(secret)-1], 401},
		{"more than it", "Bearer " + secret + "x", 401},
		{"nothing but the scheme", "Bearer ", 401},
		{"another scheme", "Basic " + secret, 401},
	} {
		for _, path := range []string{"/", "/events", "/report.html", "/summary.csv", "/spans.csv", "/cycles.csv", "/trace.json", "/api/analysis", "/nowhere"} {
			want := tc.want
			if want == 200 && path == "/nowhere" {
				want = 404
			}
			if want == 200 && path == "/events" {
				continue // does not end by itself
			}
			got := ask(s, path+"?"+brief, with("Authorization", tc.authorization))
			if got.Code != want {
				t.Errorf("%s: %s is answered %d, want %d", tc.name, path, got.Code, want)
			}
			if want == 401 && got.Header().Get("WWW-Authenticate") == "" {
				t.Errorf("%s: %s does not say how to authenticate", tc.name, path)
			}
			tellsNoSecret(t, got)
		}
	}
	if got := ask(s, "/?token="+url.QueryEscape(secret)); got.Code != 401 {
		t.Errorf("a token in the address is answered %d", got.Code)
	}
	// What a page to log in is made of is there for everybody, and nothing else.
	for path := range assets {
		if got := ask(s, path); got.Code != 200 {
			t.Errorf("%s is answered %d", path, got.Code)
		}
	}
	if got := ask(s, "/assets/../api/analysis?"+brief); got.Code == 200 {
		t.Error("a path through the assets leads past the token")
	}
}

func tellsNoSecret(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if strings.Contains(w.Body.String(), secret) {
		t.Errorf("an answer repeats the token: %s", w.Body)
	}
	for name, values := range w.Header() {
		if v := strings.Join(values, " "); strings.Contains(v, secret) || strings.Contains(v, url.QueryEscape(secret)) {
			t.Errorf("a header repeats the token: %s: %s", name, v)
		}
	}
}

// logIn sends the form.
func logIn(s *Site, address, token string, edits ...func(*http.Request)) *httptest.ResponseRecorder {
	return ask(s, address, append([]func(*http.Request){func(r *http.Request) {
		body := httptest.NewRequest(http.MethodPost, address, strings.NewReader(url.Values{"token": {token}}.Encode()))
		body.Host = r.Host
		body.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		body.Header.Set("Origin", "http://"+r.Host)
		*r = *body
	}}, edits...)...)
}

func TestLoggingIn(t *testing.T) {
	t.Parallel()
	now := fourteen
	s := guarded(t, func() time.Time { return now })

	sent := ask(s, "/?"+brief, with("Accept", "text/html"))
	to, err := url.Parse(sent.Header().Get("Location"))
	if sent.Code != http.StatusSeeOther || err != nil || to.Path != "/login" || to.Query().Get("next") != "/?"+brief {
		t.Fatalf("a browser is sent to %q by %d", sent.Header().Get("Location"), sent.Code)
	}
	form := ask(s, to.String())
	if form.Code != 200 || !strings.Contains(form.Body.String(), `type="password"`) {
		t.Fatalf("%d\n%s", form.Code, form.Body)
	}
	for _, token := range []string{"", "not the token, but as long"} {
		wrong := logIn(s, to.String(), token)
		if wrong.Code != http.StatusForbidden || len(wrong.Result().Cookies()) > 0 || !strings.Contains(wrong.Body.String(), "not the token") {
			t.Errorf("%q is answered %d", token, wrong.Code)
		}
	}
	if other := logIn(s, to.String(), secret, with("Origin", "http://evil.example")); other.Code != http.StatusForbidden {
		t.Errorf("another site's form is answered %d", other.Code)
	}
	if long := logIn(s, to.String(), strings.Repeat("x", 1<<20)); long.Code != http.StatusForbidden {
		t.Errorf("a token without end is answered %d", long.Code)
	}

	in := logIn(s, to.String(), secret)
	tellsNoSecret(t, in)
	if in.Code != http.StatusSeeOther || in.Header().Get("Location") != "/?"+brief {
		t.Fatalf("the token leads to %q by %d", in.Header().Get("Location"), in.Code)
	}
	cookies := in.Result().Cookies()
	if len(cookies) != 1 {
		t.Fatalf("%d cookies", len(cookies))
	}
	c := cookies[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.MaxAge <= 0 || c.Secure {
		t.Errorf("the cookie is %v", c)
	}
	cookie := func(value string) func(*http.Request) { return with("Cookie", c.Name+"="+value) }
	if got := ask(s, "/?"+brief, cookie(c.Value)); got.Code != 200 {
		t.Errorf("the cookie is answered %d", got.Code)
	}
	for _, value := range []string{"", "x", secret, c.Value[:len(c.Value)-2] + "AA", c.Value + "A", strings.ToLower(c.Value)} {
		if got := ask(s, "/?"+brief, cookie(value)); got.Code != http.StatusUnauthorized {
			t.Errorf("the cookie %q is answered %d", value, got.Code)
		}
	}
	if got := ask(guarded(t, s.config.Now), "/?"+brief, cookie(c.Value)); got.Code != http.StatusUnauthorized {
		t.Errorf("the cookie of another process is answered %d", got.Code)
	}
	now = now.Add(sessionLength)
	if got := ask(s, "/?"+brief, cookie(c.Value)); got.Code != http.StatusUnauthorized {
		t.Errorf("a cookie that has expired is answered %d", got.Code)
	}
}

func TestALoginLeadsToThisSiteAlone(t *testing.T) {
	t.Parallel()
	s := guarded(t, nil)
	for next, want := range map[string]string{
		"": "/", "/": "/", "/?since=2h": "/?since=2h", "//evil.example": "/", "http://evil.example/": "/", "/\\evil.example": "/", "/login": "/", "javascript:alert(1)": "/",
	} {
		if got := logIn(s, "/login?next="+url.QueryEscape(next), secret).Header().Get("Location"); got != want {
			t.Errorf("%q leads to %q, want %q", next, got, want)
		}
	}
}

func TestACookieOfTLSTravelsByTLS(t *testing.T) {
	t.Parallel()
	config := of()
	config.Token, config.TLS = secret, true
	if cs := logIn(New(config), "/login", secret).Result().Cookies(); len(cs) != 1 || !cs[0].Secure {
		t.Errorf("%v", cs)
	}
}

func TestWithoutATokenThereIsNoLogin(t *testing.T) {
	t.Parallel()
	if got := ask(New(of()), "/login"); got.Code != http.StatusNotFound {
		t.Errorf("answered %d", got.Code)
	}
}

// TestEveryAnswerIsHardened looks at an answer of every kind: its headers, and that
// nothing in it could run or be shown but what has the nonce.
func TestEveryAnswerIsHardened(t *testing.T) {
	t.Parallel()
	open, closed := New(of(recorded(t))), guarded(t, nil)
	missing := New(of("/nonexistent/profile.db"))
	nonces := map[string]bool{}
	pages := 0
	for name, got := range map[string]*httptest.ResponseRecorder{
		"page":            ask(open, "/?"+brief),
		"page again":      ask(open, "/?"+brief),
		"nothing":         ask(open, "/?since=1h"),
		"misread":         ask(open, "/?since=<script>alert(1)</script>"),
		"injected":        ask(open, "/?"+brief+"&label=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&wan=%3Cimg%20src=x%20onerror=alert(1)%3E"),
		"injected label":  ask(open, "/?"+brief+"&label=%22%3E%3Cscript%3Ealert(1)%3C/script%3E"),
		"unknown":         ask(open, "/?"+brief+"&%3Cscript%3E=1"),
		"no file":         ask(missing, "/?"+brief),
		"no file, JSON":   ask(missing, "/api/analysis?"+brief),
		"JSON":            ask(open, "/api/analysis?"+brief),
		"JSON, misread":   ask(open, "/api/analysis?since=x"),
		"rows":            ask(open, "/spans.csv?"+brief),
		"summary":         ask(open, "/summary.csv?"+brief),
		"trace":           ask(open, "/trace.json?"+brief),
		"rows of nothing": ask(open, "/spans.csv?since=1h"),
		"icon":            ask(open, "/favicon.svg"),
		"asset":           ask(open, assetLinks["site_js"]),
		"no asset":        ask(open, "/assets/x.js"),
		"nowhere":         ask(open, "/etc/passwd"),
		"a detour":        ask(open, "//evil.example/.."),
		"method":          ask(open, "/", func(r *http.Request) { r.Method = http.MethodPut }),
		"host":            ask(open, "/", func(r *http.Request) { r.Host = "<script>" }),
		"login":           ask(closed, "/login?next=%22%3E%3Cscript%3E"),
		"login, wrong":    logIn(closed, "/login", "wrong"),
		"login, right":    logIn(closed, "/login", secret),
		"no token":        ask(closed, "/api/analysis"),
		"no token, page":  ask(closed, "/", with("Accept", "text/html")),
	} {
		h := got.Header()
		policy := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'", "form-action"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy %q lacks %s", name, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe") || strings.Contains(policy, "*") || strings.Contains(policy, "http") {
			t.Errorf("%s: the policy is %q", name, policy)
		}
		for key, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Access-Control-Allow-Origin": "",
		} {
			if h.Get(key) != want {
				t.Errorf("%s: %s is %q, want %q", name, key, h.Get(key), want)
			}
		}
		if !strings.HasPrefix(h.Get("Content-Type"), "text/html") {
			continue
		}
		if got.Code == http.StatusSeeOther || got.Code == http.StatusTemporaryRedirect || got.Code == http.StatusMovedPermanently {
			continue // net/http's, a link
		}
		pages++
		nonce := nonceOf(policy)
		if nonce == "" || nonces[nonce] {
			t.Errorf("%s: the nonce %q is none, or used before", name, nonce)
		}
		nonces[nonce] = true
		checkMarkup(t, name, got.Body.String(), nonce)
	}
	if pages < 9 {
		t.Errorf("only %d pages were looked at", pages)
	}
}

func nonceOf(policy string) string {
	_, after, _ := strings.Cut(policy, "script-src 'nonce-")
	nonce, _, _ := strings.Cut(after, "'")
	return nonce
}

// checkMarkup looks for what the policy would refuse.
func checkMarkup(t *testing.T, name, text, nonce string) {
	t.Helper()
	z := html.NewTokenizer(strings.NewReader(text))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.StartTagToken, html.SelfClosingTagToken:
		default:
			continue
		}
		tag := z.Token()
		attributes := map[string]string{}
		for _, a := range tag.Attr {
			attributes[a.Key] = a.Val
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
				t.Errorf("%s: <%s> has the attribute %s", name, tag.Data, a.Key)
			}
			if (a.Key == "src" || a.Key == "href" || a.Key == "action") && !strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "#") {
				t.Errorf("%s: <%s> leads to %s", name, tag.Data, a.Val)
			}
		}
		stylesheet := tag.Data == "link" && attributes["rel"] == "stylesheet"
		if (tag.Data == "script" || tag.Data == "style" || stylesheet) && attributes["nonce"] != nonce {
			t.Errorf("%s: <%s> has the nonce %q, want %q", name, tag.Data, attributes["nonce"], nonce)
		}
	}
}
