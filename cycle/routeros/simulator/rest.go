package simulator

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxBody bounds a request's body.
const maxBody = 1 << 20

// ServeREST serves REST over HTTPS, as www-ssl does.
func (s *Simulator) ServeREST(addr string) (Endpoint, error) { return s.serveREST(addr, true) }

// ServeRESTPlain serves REST over plain HTTP, as www does since 7.9.
func (s *Simulator) ServeRESTPlain(addr string) (Endpoint, error) { return s.serveREST(addr, false) }

type connKey struct{}

func (s *Simulator) serveREST(addr string, secure bool) (e Endpoint, err error) {
	d := &door{transport: REST, addr: addr}
	wrap := func(l net.Listener) net.Listener { return l }
	if secure {
		if e, err = s.secured(e); err != nil {
			return e, err
		}
		wrap = func(l net.Listener) net.Listener { return tls.NewListener(l, s.tlsConfig()) }
	}
	s.serveHTTP(d, &http.Server{
		Handler:           http.HandlerFunc(s.rest),
		ErrorLog:          log.New(io.Discard, "", 0),
		ReadHeaderTimeout: time.Minute,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if t, ok := c.(*tls.Conn); ok {
				c = t.NetConn()
			}
			return context.WithValue(ctx, connKey{}, c)
		},
	}, wrap)
	err = s.open(d)
	e.Transport, e.Addr = REST, d.addr
	return e, err
}

// answer is an HTTP reply in the making.
type answer struct {
	status int
	kind   string // content type
	body   []byte
}

// rest answers one HTTP request.
func (s *Simulator) rest(w http.ResponseWriter, q *http.Request) {
	c, ok := q.Context().Value(connKey{}).(*conn)
	if !ok || !s.begin() {
		return
	}
	defer s.work.Done()
	a, p, answered := s.respond(c, q)
	if !answered || p.spoils() {
		s.hijack(c, w, a, p, answered)
		return
	}
	w.Header().Set("Content-Type", a.kind)
	w.Header().Set("Cache-Control", "no-cache")
	if a.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Basic realm="RouterOS"`)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// hijack takes the connection away from the HTTP server, to write the reply by
// hand or not at all.
func (s *Simulator) hijack(c *conn, w http.ResponseWriter, a answer, p plan, answered bool) {
	h, ok := w.(http.Hijacker)
	if !ok {
		return
	}
	stream, _, err := h.Hijack()
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }()
	if answered {
		var b bytes.Buffer
		fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", a.status, http.StatusText(a.status), a.kind, len(a.body))
		b.Write(a.body)
		if c.deliver(stream, b.Bytes(), p) != nil {
			return
		}
	}
	if c.frozen.Load() {
		_, _ = io.Copy(io.Discard, c) // until the client gives up
	}
}

// respond works out the reply. Without one the connection has been dealt with.
func (s *Simulator) respond(c *conn, q *http.Request) (a answer, p plan, answered bool) {
	if !strings.HasPrefix(q.URL.Path, "/rest/") || !s.router.version.atLeast(7, 1, 0) {
		return page(http.StatusNotFound, "Not Found"), nil, true
	}
	if allowed, answered := s.authorize(c, q); !allowed {
		return problem(http.StatusUnauthorized, ""), nil, answered
	}
	if q.Method == http.MethodHead {
		return problem(http.StatusNotImplemented, ""), nil, true
	}
	k, single, err := s.router.restCall(q)
	if err != nil {
		s.router.count(REST, func(t *Traffic) { t.Requests++; t.Failed++ })
		return problemOf(err), s.faults.strike(REST, q.URL.Path), true
	}
	k.session = c.who()
	p = s.faults.strike(REST, k.command())
	if limit := s.config.RESTTimeout; p.wait(Delay)+p.wait(Late) > limit {
		answered = s.sleep(limit, c.gone)
		return problem(http.StatusBadRequest, "Session closed"), p, answered
	}
	res, err, answered := c.carry(k, p)
	if !answered {
		return a, p, false
	}
	return s.express(q, k, p, res, err, single), p, true
}

// authorize checks the credentials of a request. The first of a connection is
// the login; the router logs one for each connection, not for each request.
func (s *Simulator) authorize(c *conn, q *http.Request) (allowed, answered bool) {
	name, password, given := q.BasicAuth()
	if was := c.who(); was != nil && given && was.user.Name == name && was.user.Password == password {
		return true, true
	}
	p := s.faults.strike(REST, Login)
	if !c.survives(p) {
		return false, false
	}
	return c.login(name, func(u User) bool { return given && u.Password == password && p.of(Refuse) == nil }), true
}

// restCall reads a request as a command. single tells that one object is wanted
// rather than a list.
func (r *router) restCall(q *http.Request) (k call, single bool, err error) {
	var path []string
	for seg := range strings.SplitSeq(strings.Trim(strings.TrimPrefix(q.URL.EscapedPath(), "/rest"), "/"), "/") {
		if seg, err = url.PathUnescape(seg); err != nil {
			return k, false, &Trap{Message: "bad path"}
		}
		path = append(path, seg)
	}
	if q.Method == http.MethodPost {
		if k, err = r.restPost(path, q); k.verb == "print" {
			return k, false, err
		}
		return k, true, err
	}
	rest := path
	var m *menu
	for n := len(path); n > 0 && m == nil; n-- {
		m, rest = r.menus["/"+strings.Join(path[:n], "/")], path[n:]
	}
	if m == nil || len(rest) > 1 {
		r.unknownPath(q)
		return k, false, notAcceptable(path[len(path)-1])
	}
	k.menu = m.path
	if len(rest) == 1 {
		k.args = append(k.args, field{".id", rest[0]})
		if !r.exists(m, rest[0]) {
			return k, true, errNotFound
		}
	}
	return r.restVerb(k, m, q, len(rest) == 1)
}

// restVerb chooses the command that a method stands for.
func (r *router) restVerb(k call, m *menu, q *http.Request, one bool) (call, bool, error) {
	var err error
	switch {
	case q.Method == http.MethodGet:
		k.verb = "print"
		err = r.restQuery(&k, m, q.URL.RawQuery)
		return k, one || m.single, err
	case q.Method == http.MethodPut && !one:
		k.verb = "add"
	case q.Method == http.MethodPatch && one:
		k.verb = "set"
	case q.Method == http.MethodDelete && one:
		k.verb = "remove"
		return k, true, nil
	default:
		return k, false, notAcceptable(strings.ToLower(q.Method))
	}
	args, err := readBody(q)
	k.args = append(k.args, args...)
	return k, true, err
}

// restPost reads a POST, which names the command itself.
func (r *router) restPost(path []string, q *http.Request) (k call, err error) {
	last := len(path) - 1
	k = call{menu: "/" + strings.Join(path[:last], "/"), verb: path[last]}
	args, err := readBody(q)
	for _, a := range args {
		switch a.name {
		case ".proplist":
			k.proplist = strings.Split(a.value, ",")
		case ".query":
			k.query = strings.Split(a.value, listSeparator)
		default:
			k.args = append(k.args, a)
		}
	}
	return k, err
}

// restQuery reads a GET's parameters: tests for equality that must all hold.
//
// Note: a plus sign stays one. Filters whose blanks were sent as "+" are known
// to find nothing on routers.
func (r *router) restQuery(k *call, m *menu, raw string) error {
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, errName := url.PathUnescape(name)
		value, errValue := url.PathUnescape(value)
		switch {
		case errName != nil || errValue != nil:
			return &Trap{Message: "bad query"}
		case name == ".proplist":
			k.proplist = strings.Split(value, ",")
		case name == ".id" || m.show != nil || m.property(name) != nil:
			k.query = append(k.query, "="+name+"="+value)
		default:
			r.mu.Lock()
			r.strange("unknown property in a query: %s %s", m.path, name)
			r.mu.Unlock()
			k.query = append(k.query, "="+name+"="+value)
		}
	}
	return nil
}

// exists tells whether a menu has the item that a path names.
func (r *router) exists(m *menu, ref string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	rows, err := r.rowsOf(m, ref)
	return err == nil && len(rows) == 1
}

func (r *router) unknownPath(q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.strange("unknown path: %s %s", q.Method, q.URL.Path)
}
