package site

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// guard stands before every route: it decides who may ask at all, and sets what
// every answer says to the browser.
type guard struct {
	hosts    map[string]bool // names this site goes by, in lower case
	sessions *sessions       // nil: everybody may ask
	next     http.Handler
}

// The paths that hold nothing recorded: a page to log in needs them.
const (
	loginPath  = "/login"
	assetsPath = "/assets/"
	iconPath   = "/favicon.svg"
)

// ServeHTTP implements http.Handler.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	harden(w.Header())
	if err := g.admit(r); err != nil {
		deny(w, r, err)
		return
	}
	g.next.ServeHTTP(w, r)
}

// deny answers in the manner that suits who asked.
func deny(w http.ResponseWriter, r *http.Request, why *refusal) {
	switch {
	case why.status == http.StatusUnauthorized && isPage(r):
		http.Redirect(w, r, loginPath+"?next="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
	case strings.HasPrefix(r.URL.Path, "/api/"):
		why.json(w)
	default:
		why.text(w)
	}
}

// isPage tells whether a browser wants to show what it asks for.
func isPage(r *http.Request) bool {
	return r.URL.Path == "/" && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// harden sets the headers that every answer has. The policy allows nothing from
// elsewhere; a page adds the nonce of its own script and style.
//
// Sources: Content Security Policy Level 3 (W3C); Fetch, "Cross-Origin-Resource-
// Policy header" (WHATWG).
func harden(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "same-origin") // with no-referrer a form would send no origin
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
}

// allowPage lets a page use its own script and style, talk to this site, and
// nothing else.
func allowPage(h http.Header, nonce string) {
	h.Set("Content-Security-Policy", fmt.Sprintf("default-src 'none'; script-src 'nonce-%[1]s'; style-src 'nonce-%[1]s'; "+
		"img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'", nonce))
}

// admit decides whether a request is answered.
func (g *guard) admit(r *http.Request) *refusal {
	forbid := func(status int, format string, args ...any) *refusal {
		return &refusal{status: status, err: fmt.Errorf(format, args...)}
	}
	if !g.knows(r) {
		// Another name may have been pointed at this address, to let the page of
		// that name read what is here (DNS rebinding).
		return forbid(http.StatusForbidden, "this site does not go by the name %.100q: open it by its address, or start wanctl serve with --host NAME", r.Host)
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead && (r.Method != http.MethodPost || r.URL.Path != loginPath) {
		return forbid(http.StatusMethodNotAllowed, "this site is only read: use GET or HEAD")
	}
	if fromElsewhere(r) {
		return forbid(http.StatusForbidden, "pages of other sites may link to this one, but not ask it")
	}
	if g.sessions != nil && !isOpen(r.URL.Path) && !g.sessions.admits(r) {
		return forbid(http.StatusUnauthorized, "this site wants its token: log in at %s, or send it as Authorization: Bearer", loginPath)
	}
	return nil
}

func isOpen(path string) bool {
	return path == loginPath || path == iconPath || strings.HasPrefix(path, assetsPath)
}

// knows tells whether the request is for a name of this site, or for the very
// address it came in by. The port is not looked at: a tunnel has another.
func (g *guard) knows(r *http.Request) bool {
	host := hostOf(r.Host)
	if g.hosts[host] {
		return true
	}
	asked, err := netip.ParseAddr(host)
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if err != nil || !ok {
		return false
	}
	at, err := netip.ParseAddrPort(local.String())
	return err == nil && at.Addr().Unmap().WithZone("") == asked.Unmap()
}

// hostOf returns the host of a Host header, without its port, in lower case and
// without the dot that a full name may end with.
func hostOf(header string) string {
	host, _, err := net.SplitHostPort(header)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(header, "["), "]")
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// fromElsewhere tells whether another site's page asks, other than by a link that
// a person follows. Such a page could not read the answer, but make us work.
func fromElsewhere(r *http.Request) bool {
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		return err != nil || u.Host != r.Host
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return false
	}
	return r.Method != http.MethodGet || r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
}

// writePatience is how long a client may take to accept what is written at once.
const writePatience = 20 * time.Second

// patient extends the connection's deadline before every write: a client that
// takes nothing for long is dropped.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
}

func newPatient(w http.ResponseWriter) *patient {
	return &patient{w, http.NewResponseController(w)}
}

// Write implements io.Writer.
func (p *patient) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(writePatience)) // a recorder in a test has none
	return p.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (p *patient) Unwrap() http.ResponseWriter { return p.ResponseWriter }
