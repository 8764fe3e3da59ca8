package routeros

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"wanctl/cycle"
)

// restLanes is how many requests may be in flight at once: the queues and the
// rule are read side by side.
const restLanes = 2

// restSession speaks to the router's REST service over keep-alive connections,
// at most restLanes. The router logs a login for each connection, and a lost one
// may mean a reboot: once one is lost, so is the session.
type restSession struct {
	client   *http.Client
	base     string // e.g. https://192.168.1.1:443/rest
	user     string
	password cycle.Secret
	quoter
	trips *atomic.Int64

	mu    sync.Mutex
	lanes []net.Conn
	lost  bool
}

// newREST returns a session that connects when it is first asked something.
func newREST(cfg *Config, t *tls.Config, counts *counts) *restSession {
	s := &restSession{
		user: cfg.User, password: cfg.Password, quoter: quoter{cfg.Password}, trips: &counts.roundTrips,
	}
	dial := func(ctx context.Context, _, address string) (net.Conn, error) {
		if s.isLost() {
			return nil, errLost
		}
		conn, err := connect(ctx, address, t)
		if err != nil {
			return nil, err
		}
		counts.logins.Add(1)
		return s.open(conn)
	}
	transport := &http.Transport{
		DisableCompression: true, MaxConnsPerHost: restLanes, MaxIdleConnsPerHost: restLanes,
		DialContext: dial, DialTLSContext: dial,
	}
	s.client = &http.Client{
		Transport: transport,
		// Whoever redirects would be sent the password.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	scheme := "http"
	if t != nil {
		scheme = "https"
	}
	s.base = scheme + "://" + cfg.address(REST) + "/rest"
	return s
}

// lane is one of a session's connections. Closing it, which the HTTP client does
// as soon as the router has, loses the session.
type lane struct {
	net.Conn
	session *restSession
}

func (l *lane) Close() error {
	l.session.mu.Lock()
	l.session.lost = true
	l.session.mu.Unlock()
	return l.Conn.Close()
}

// open makes a connection one of the session's.
func (s *restSession) open(conn net.Conn) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost {
		_ = conn.Close()
		return nil, errLost
	}
	s.lanes = append(s.lanes, conn)
	return &lane{conn, s}, nil
}

func (s *restSession) isLost() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost
}

func (s *restSession) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = true
	for _, conn := range s.lanes {
		_ = conn.Close()
	}
	s.lanes = nil
}

func (s *restSession) fetch(ctx context.Context, q query) ([]row, error) {
	at := path(q.menu)
	switch {
	case q.key == ".id" && len(q.values) == 1:
		rows, err := s.do(ctx, http.MethodGet, at+"/"+url.PathEscape(q.values[0])+"?"+props(q.props), nil)
		var a *answerError
		if errors.As(err, &a) && a.missing {
			return nil, nil
		}
		return rows, err
	case len(q.values) == 0:
		return s.do(ctx, http.MethodGet, at+"?"+props(q.props), nil)
	case len(q.values) == 1:
		return s.do(ctx, http.MethodGet, at+"?"+escape(q.key)+"="+escape(q.values[0])+"&"+props(q.props), nil)
	}
	var words []string
	for _, v := range q.values {
		words = append(words, q.key+"="+v)
	}
	for range q.values[1:] {
		words = append(words, "#|")
	}
	body, err := json.Marshal(map[string][]string{".proplist": q.props, ".query": words})
	if err != nil {
		return nil, err
	}
	return s.do(ctx, http.MethodPost, at+"/print", body)
}

func props(names []string) string { return ".proplist=" + escape(strings.Join(names, ",")) }

// escape percent-encodes a query's value; a blank as %20, since a plus sign is
// not sure to be read as one.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// apply sends one request for each change, one after the other: requests that
// write side by side were seen to be dropped.
func (s *restSession) apply(ctx context.Context, changes []change) error {
	for i, c := range changes {
		values := map[string]string{}
		for _, p := range c.set {
			values[p.name] = p.value
		}
		body, err := json.Marshal(values)
		if err != nil {
			return err
		}
		rows, err := s.do(ctx, http.MethodPatch, path(c.menu)+"/"+url.PathEscape(c.value), body)
		if i > 0 && errors.Is(err, errLost) {
			err = io.ErrUnexpectedEOF // something was sent
		}
		if err != nil {
			return fmt.Errorf("set %s %s: %w", c.menu, c.value, err)
		}
		if err := c.shownBy(rows); err != nil {
			return err
		}
	}
	return nil
}

// shownBy checks a change against the item that the router says it changed.
func (c change) shownBy(rows []row) error {
	if len(rows) != 1 || !rows[0].shows(property{c.key, c.value}) {
		return answerf("set %s %s: the router answered with another item", c.menu, c.value)
	}
	for _, p := range c.set {
		if !rows[0].shows(p) {
			return answerf("set %s %s: %s is %q after it was set to %q", c.menu, c.value, p.name, rows[0][p.name], p.value)
		}
	}
	return nil
}

// do makes one request and reads its whole reply, so that the connection can be
// used again.
func (s *restSession) do(ctx context.Context, method, at string, body []byte) ([]row, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.base+at, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(s.user, s.password.Reveal())
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	s.trips.Add(1)
	resp, err := s.client.Do(req)
	if err != nil {
		var u *url.Error // it repeats the address, which the link names already
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, err
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(resp.Body, maxReply+1))
	if err != nil {
		return nil, fmt.Errorf("read reply: %w", err)
	}
	if len(reply) > maxReply {
		return nil, errTooLong
	}
	if resp.StatusCode/100 != 2 {
		return nil, s.refused(resp.StatusCode, reply)
	}
	rows, err := decodeREST(reply)
	if err != nil {
		return nil, answerf("reply is no list of items: %v: %s", err, s.quote(string(reply)))
	}
	return rows, nil
}

// refused turns a status and its body into an error.
func (s *restSession) refused(status int, reply []byte) error {
	text := fmt.Sprintf("%d %s", status, http.StatusText(status))
	rows, err := decodeREST(reply)
	if err != nil && status == http.StatusBadRequest && strings.HasPrefix(s.base, "http:") {
		text += ", and not in RouterOS's words: if the port speaks TLS, set router.tls: true"
	}
	if err == nil && len(rows) == 1 {
		for _, key := range []string{"message", "detail"} {
			if v := rows[0][key]; v != "" && !strings.Contains(text, v) {
				text += ": " + s.quote(v)
			}
		}
	}
	switch status {
	case http.StatusUnauthorized:
		return &loginError{errors.New(text)}
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return errors.New(text)
	}
	return &answerError{text: text, missing: status == http.StatusNotFound || strings.Contains(text, "no such item")}
}

// decodeREST reads a reply: a list of items, or a single one. Values are text
// nearly everywhere; plain numbers and booleans are taken as written, whatever
// else is taken as absent.
func decodeREST(reply []byte) ([]row, error) {
	var items []map[string]json.RawMessage
	text := bytes.TrimSpace(escapeControls(reply))
	var err error
	if bytes.HasPrefix(text, []byte("[")) {
		err = json.Unmarshal(text, &items)
	} else {
		items = make([]map[string]json.RawMessage, 1)
		err = json.Unmarshal(text, &items[0])
	}
	if err != nil {
		return nil, err
	}
	rows := make([]row, len(items))
	for i, item := range items {
		if item == nil {
			return nil, errors.New("an item is null")
		}
		rows[i] = make(row, len(item))
		for k, raw := range item {
			var v string
			switch raw[0] {
			case '"':
				if err := json.Unmarshal(raw, &v); err != nil {
					return nil, err
				}
			case '{', '[', 'n':
				continue
			default:
				v = string(raw)
			}
			rows[i][k] = v
		}
	}
	return rows, nil
}

// escapeControls puts right what RouterOS is known to get wrong: control bytes
// inside strings.
func escapeControls(b []byte) []byte {
	if !bytes.ContainsFunc(b, func(r rune) bool { return r < ' ' }) {
		return b
	}
	out := make([]byte, 0, len(b)+16)
	inside, escaped := false, false
	for _, c := range b {
		switch {
		case inside && c < ' ':
			if escaped { // a backslash before a raw control byte stands for itself
				out = append(out, '\\')
			}
			out = fmt.Appendf(out, `\u%04x`, c)
			escaped = false
			continue
		case escaped:
			escaped = false
		case inside && c == '\\':
			escaped = true
		case c == '"':
			inside = !inside
		}
		out = append(out, c)
	}
	return out
}
