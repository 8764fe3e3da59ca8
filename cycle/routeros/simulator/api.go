package simulator

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"net"
	"strings"
	"sync"
	"time"
)

const (
	// maxTags is how many tagged commands RouterOS bears in flight; beyond it
	// resets were reported.
	maxTags = 25
	// maxLogins is how many refused logins a connection gets.
	maxLogins = 5
	// maxHeld is how long an interleaved reply waits for its companion.
	maxHeld = 50 * time.Millisecond
)

// ServeAPI serves the binary API, as api does, or api-ssl.
func (s *Simulator) ServeAPI(addr string, secure bool) (e Endpoint, err error) {
	d := &door{transport: API, addr: addr}
	if secure {
		if e, err = s.secured(e); err != nil {
			return e, err
		}
	}
	d.serve = func(l net.Listener) {
		for {
			raw, err := l.Accept()
			if err != nil {
				return
			}
			c, stream := raw.(*conn), raw
			if secure {
				stream = tls.Server(raw, s.tlsConfig())
			}
			if s.begin() {
				go newTalk(c, stream).run()
			}
		}
	}
	err = s.open(d)
	e.Transport, e.Addr = API, d.addr
	return e, err
}

// talk is one API connection.
type talk struct {
	*conn
	stream    net.Conn // the connection, or TLS over it
	challenge []byte
	refused   int

	write    sync.Mutex
	held     chan []byte // takes the reply that a held one waits for
	inFlight map[string]chan struct{}
}

func newTalk(c *conn, stream net.Conn) *talk {
	return &talk{conn: c, stream: stream, inFlight: map[string]chan struct{}{}}
}

// run reads sentences until the connection ends.
func (t *talk) run() {
	defer t.sim.work.Done()
	defer func() { _ = t.Close() }()
	r := bufio.NewReader(t.stream)
	for {
		words, err := readSentence(r)
		if err != nil || !t.hear(parseSentence(words)) {
			return
		}
	}
}

// request is a sentence taken apart.
type request struct {
	command string
	tag     string
	strange string // a word that is none of the API's
	call    call
}

// parseSentence takes a sentence apart. A word is split only at its second
// equals sign: whatever follows is the value.
func parseSentence(words []string) (q request) {
	q.command = words[0]
	at := strings.LastIndexByte(q.command, '/')
	q.call.menu, q.call.verb = q.command[:max(at, 0)], q.command[at+1:]
	for _, w := range words[1:] {
		switch {
		case strings.HasPrefix(w, "="):
			name, value, _ := strings.Cut(w[1:], "=")
			switch name {
			case ".proplist":
				q.call.proplist = strings.Split(value, ",")
			case "numbers":
				q.call.args = append(q.call.args, field{".id", value})
			default:
				q.call.args = append(q.call.args, field{name, value})
			}
		case strings.HasPrefix(w, "?"):
			q.call.query = append(q.call.query, w[1:])
		case strings.HasPrefix(w, ".tag="):
			q.tag = w[len(".tag="):]
		default:
			q.strange = w
		}
	}
	return q
}

// hear answers a request; false ends the connection.
func (t *talk) hear(q request) bool {
	switch {
	case q.command == "/login":
		return t.login(q)
	case q.command == "/quit":
		return t.fatal("session terminated on request")
	case t.who() == nil:
		return t.fatal("not logged in")
	case q.command == "/cancel":
		return t.cancel(q)
	}
	q.call.session = t.who()
	p := t.sim.faults.strike(API, q.call.command())
	if f := p.of(Fatal); f != nil {
		return t.fatal(trapOf(f, "internal error").Message)
	}
	if q.strange != "" {
		t.sim.router.mu.Lock()
		t.sim.router.strange("unknown word: %s %s", q.command, q.strange)
		t.sim.router.mu.Unlock()
	}
	if q.tag == "" || p.wait(Late)+p.wait(Delay) == 0 {
		res, err, answer := t.obey(q.call, p)
		return t.finish(q, p, res, err, answer, t.aftermath)
	}
	return t.later(q, p)
}

// later answers a tagged request while others go on. Only what is to take
// effect late does so out of order.
func (t *talk) later(q request, p plan) bool {
	cancelled := make(chan struct{})
	t.write.Lock()
	t.inFlight[q.tag] = cancelled
	many := len(t.inFlight) > maxTags
	t.write.Unlock()
	if many {
		t.reset()
		return false
	}
	obey := func() (result, error, bool) { return t.obey(q.call, p) }
	if p.of(Late) == nil {
		res, err, answer := t.obey(q.call, p)
		obey = func() (result, error, bool) { return res, err, answer }
	}
	if !t.sim.begin() {
		return false
	}
	go func() {
		defer t.sim.work.Done()
		res, err, answer := obey()
		t.finish(q, p, res, err, answer, func(p plan) bool {
			if !t.sim.sleep(p.wait(Delay), cancelled) {
				return false
			}
			return t.aftermath(p.without(Delay))
		})
		t.write.Lock()
		defer t.write.Unlock()
		if t.inFlight[q.tag] == cancelled {
			delete(t.inFlight, q.tag)
		}
	}()
	return true
}

// cancel interrupts a command that is on its way.
func (t *talk) cancel(q request) bool {
	tag, _ := q.call.arg("tag")
	t.write.Lock()
	on, ok := t.inFlight[tag]
	delete(t.inFlight, tag)
	t.write.Unlock()
	var b []byte
	if ok {
		close(on)
		b = reply(b, tag, result{}, &Trap{Category: interrupted, Message: "interrupted"}, false)
	}
	return t.send(reply(b, q.tag, result{}, nil, false), nil)
}

// finish sends the reply to a request, if there is to be one.
func (t *talk) finish(q request, p plan, res result, err error, answer bool, aftermath func(plan) bool) bool {
	if !answer || !aftermath(p) {
		return t.open()
	}
	list := q.call.verb == "print" || q.call.verb == "getall"
	b := reply(nil, q.tag, res, err, list && t.sim.router.version.atLeast(7, 18, 0))
	if q.tag != "" && p.of(Interleave) != nil {
		return t.interleave(b)
	}
	return t.send(b, p)
}

// open tells whether the connection is worth reading on.
func (t *talk) open() bool {
	select {
	case <-t.gone:
		return false
	default:
		return true
	}
}

// send writes a reply; false if the connection is at its end.
func (t *talk) send(b []byte, p plan) bool {
	t.write.Lock()
	defer t.write.Unlock()
	return t.deliver(t.stream, b, p) == nil && t.open()
}

// interleave holds a reply back until the next is there, and mixes the two, the
// later first. Without a next one it goes out alone.
func (t *talk) interleave(b []byte) bool {
	t.write.Lock()
	defer t.write.Unlock()
	if next := t.held; next != nil {
		t.held = nil
		next <- b
		return true
	}
	if !t.sim.begin() {
		return false
	}
	next := make(chan []byte, 1)
	t.held = next
	go func() {
		defer t.sim.work.Done()
		alone := time.NewTimer(maxHeld)
		defer alone.Stop()
		select {
		case second := <-next:
			t.send(mix(split(second), split(b)), nil)
			return
		case <-alone.C:
		case <-t.gone:
		}
		t.write.Lock()
		if t.held == next {
			t.held = nil
		} else {
			b = append(b, <-next...)
		}
		t.write.Unlock()
		t.send(b, nil)
	}()
	return true
}

// mix takes sentences from both replies in turn.
func mix(a, b [][]byte) (mixed []byte) {
	for i := range max(len(a), len(b)) {
		for _, sentences := range [][][]byte{a, b} {
			if i < len(sentences) {
				mixed = append(mixed, sentences[i]...)
			}
		}
	}
	return mixed
}

// split divides a reply into its sentences.
func split(b []byte) (sentences [][]byte) {
	r := bufio.NewReader(bytes.NewReader(b))
	for {
		words, err := readSentence(r)
		if err != nil {
			return sentences
		}
		sentences = append(sentences, appendSentence(nil, words...))
	}
}

// fatal says why, in a bare word, and ends the connection.
func (t *talk) fatal(reason string) bool {
	t.send(appendSentence(nil, "!fatal", reason), nil)
	return false
}

// reply writes what a command gave: rows, an error, and the end.
func reply(b []byte, tag string, res result, err error, empty bool) []byte {
	end := func(words ...string) []string {
		if tag != "" {
			words = append(words, ".tag="+tag)
		}
		return words
	}
	for _, w := range res.rows {
		words := []string{"!re"}
		for _, f := range w {
			words = append(words, "="+f.name+"="+f.value)
		}
		b = appendSentence(b, end(words...)...)
	}
	if t, ok := err.(*Trap); ok {
		words := []string{"!trap"}
		if t.Category >= 0 {
			words = append(words, "=category="+string(rune('0'+t.Category)))
		}
		return appendSentence(appendSentence(b, end(append(words, "=message="+t.Message)...)...), end("!done")...)
	}
	if empty && len(res.rows) == 0 && res.ret == "" {
		b = appendSentence(b, end("!empty")...)
	}
	done := []string{"!done"}
	if res.ret != "" {
		done = append(done, "=ret="+res.ret)
	}
	return appendSentence(b, end(done...)...)
}

// login answers a login in the form that the version knows: the password in
// one sentence since 6.43; before 6.45.1 a challenge and its MD5 response.
func (t *talk) login(q request) bool {
	v := t.sim.router.version
	name, _ := q.call.arg("name")
	password, plain := q.call.arg("password")
	response, answered := q.call.arg("response")
	p := t.sim.faults.strike(API, Login)
	if !t.survives(p) {
		return t.open()
	}
	if f := p.of(Fatal); f != nil {
		return t.fatal(trapOf(f, "internal error").Message)
	}
	refused, old := p.of(Refuse) != nil, !v.atLeast(6, 45, 1)
	proves := func(u User) bool { return !refused && plain && u.Password == password }
	switch {
	case old && answered && t.challenge != nil:
		challenge := t.challenge
		t.challenge = nil
		proves = func(u User) bool { return !refused && strings.EqualFold(response, md5Response(u.Password, challenge)) }
	case old && (!plain || !v.atLeast(6, 43, 0)):
		t.challenge = make([]byte, 16)
		_, _ = rand.Read(t.challenge)
		return t.send(reply(nil, q.tag, result{ret: hex.EncodeToString(t.challenge)}, nil, false), nil)
	}
	if t.conn.login(name, proves) {
		return t.send(reply(nil, q.tag, result{}, nil, false), nil)
	}
	if t.refused++; t.refused >= maxLogins {
		return t.fatal("too many commands before login")
	}
	message := "invalid user name or password (6)"
	if !v.atLeast(6, 43, 0) {
		message = "cannot log in"
	}
	return t.send(reply(nil, q.tag, result{}, &Trap{Category: uncategoric, Message: message}, false), nil)
}

// md5Response is what a client that knows the password answers to a challenge.
func md5Response(password string, challenge []byte) string {
	sum := md5.Sum(append(append([]byte{0}, password...), challenge...))
	return "00" + hex.EncodeToString(sum[:])
}
