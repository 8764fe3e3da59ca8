package routeros

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	mikrotik "github.com/go-routeros/routeros/v3"
	"github.com/go-routeros/routeros/v3/proto"
)

// apiSession speaks the binary API over one connection. Every command carries a
// tag; one goroutine reads all replies and hands them to whoever waits for them.
//
// Note: of the library we take the words, the sentences and the login. Its
// client either allows one command at a time or, asynchronous, registers a tag
// only after the command is on its way and loses replies that are quicker; and
// neither can put two commands into one packet.
type apiSession struct {
	conn net.Conn
	quoter
	trips *atomic.Int64

	writing sync.Mutex
	words   bytes.Buffer // what is about to be sent
	writer  proto.Writer // into words

	mu      sync.Mutex
	calls   map[string]*apiCall // by tag
	lastTag int64
	err     error         // why the session is at its end
	gone    chan struct{} // closed when the reader has ended
}

// apiCall is a command that waits for its reply.
type apiCall struct {
	rows []row
	size int
	err  error // what !trap said
	done chan struct{}
}

// dialAPI connects and logs in.
func dialAPI(ctx context.Context, cfg *Config, t *tls.Config, counts *counts) (*apiSession, error) {
	conn, err := connect(ctx, cfg.address(API), t)
	if err != nil {
		return nil, err
	}
	s := &apiSession{
		conn: &wordGuard{Conn: conn}, quoter: quoter{cfg.Password}, trips: &counts.roundTrips,
		calls: map[string]*apiCall{}, gone: make(chan struct{}),
	}
	s.writer = proto.NewWriter(&s.words)
	counts.logins.Add(1)
	if err := s.login(ctx, cfg); err != nil {
		_ = conn.Close()
		return nil, err
	}
	go s.read(proto.NewReader(s.conn))
	return s, nil
}

// login logs in, by the password itself or, before RouterOS 6.43, by challenge.
func (s *apiSession) login(ctx context.Context, cfg *Config) error {
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(time.Unix(1, 0)) })
	client, err := mikrotik.NewClient(s.conn)
	if err != nil {
		return err
	}
	client.SetLogHandler(slog.DiscardHandler) // it would print the password
	s.trips.Add(1)
	err = client.LoginContext(ctx, cfg.User, cfg.Password.Reveal())
	if !stop() {
		return fmt.Errorf("login: %w", context.Cause(ctx))
	}
	if device := (*mikrotik.DeviceError)(nil); errors.As(err, &device) {
		return &loginError{errors.New(s.quote(device.Sentence.Map["message"]))}
	}
	if err != nil {
		return fmt.Errorf("login: %s", s.quote(err.Error()))
	}
	return nil
}

// close ends the session and waits for its reader.
func (s *apiSession) close() {
	s.fail(net.ErrClosed)
	<-s.gone
}

// fail ends the session; the first reason counts.
func (s *apiSession) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	for tag, call := range s.calls {
		delete(s.calls, tag)
		call.err = s.err
		close(call.done)
	}
	_ = s.conn.Close()
}

// read hands the replies out until the connection ends.
func (s *apiSession) read(r proto.Reader) {
	defer close(s.gone)
	for {
		sentence, err := r.ReadSentence()
		if err == nil {
			err = s.take(sentence)
		}
		if err != nil { // also a !fatal, whose reason the library takes for a malformed word
			s.fail(fmt.Errorf("read reply: %w", s.plain(err)))
			return
		}
	}
}

// plain keeps network errors, and puts others, which may quote the router, into
// safe words.
func (s *apiSession) plain(err error) error {
	var n net.Error
	if errors.As(err, &n) || len(err.Error()) < maxQuote && s.quote(err.Error()) == err.Error() {
		return err
	}
	return errors.New(s.quote(err.Error()))
}

// take hands one sentence to the call it belongs to.
func (s *apiSession) take(sentence *proto.Sentence) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	call := s.calls[sentence.Tag]
	switch sentence.Word {
	case "", "!empty":
		return nil
	case "!fatal":
		return errors.New("the router ended the session")
	case "!re", "!trap", "!done":
	default:
		return fmt.Errorf("unknown reply %q", s.quote(sentence.Word))
	}
	if call == nil {
		return fmt.Errorf("%s for a command that was not sent", sentence.Word)
	}
	switch sentence.Word {
	case "!re":
		for _, p := range sentence.List {
			call.size += len(p.Key) + len(p.Value)
		}
		if call.size += len("!re"); call.size > maxReply {
			return errTooLong
		}
		call.rows = append(call.rows, sentence.Map)
	case "!trap":
		text := s.quote(sentence.Map["message"])
		if call.err == nil {
			call.err = &answerError{text: text, missing: strings.HasPrefix(text, "no such item")}
		}
	case "!done":
		delete(s.calls, sentence.Tag)
		close(call.done)
	}
	return nil
}

// run sends commands in one packet and waits for all of their replies.
func (s *apiSession) run(ctx context.Context, commands ...[]string) ([]*apiCall, error) {
	tags, calls, err := s.register(len(commands))
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { s.fail(context.Cause(ctx)) })
	defer stop()
	if err := s.send(tags, commands); err != nil {
		s.fail(err)
	}
	s.trips.Add(1)
	for _, call := range calls {
		<-call.done // fail closes it, too
		if call.err != nil && !answered(call.err) {
			return nil, call.err
		}
	}
	return calls, nil
}

// register makes room for the replies before anything is sent.
func (s *apiSession) register(n int) (tags []string, calls []*apiCall, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errLost, s.err)
	}
	for range n {
		s.lastTag++
		tag, call := strconv.FormatInt(s.lastTag, 10), &apiCall{done: make(chan struct{})}
		s.calls[tag] = call
		tags, calls = append(tags, tag), append(calls, call)
	}
	return tags, calls, nil
}

func (s *apiSession) send(tags []string, commands [][]string) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.words.Reset()
	for i, words := range commands {
		s.writer.BeginSentence()
		for _, w := range words {
			s.writer.WriteWord(w)
		}
		s.writer.WriteWord(".tag=" + tags[i])
		if err := s.writer.EndSentence(); err != nil {
			return err
		}
	}
	_, err := s.conn.Write(s.words.Bytes())
	return err
}

func (s *apiSession) fetch(ctx context.Context, q query) ([]row, error) {
	words := []string{path(q.menu) + "/print", "=.proplist=" + strings.Join(q.props, ",")}
	for _, v := range q.values {
		words = append(words, "?"+q.key+"="+v)
	}
	for i := 1; i < len(q.values); i++ {
		words = append(words, "?#|")
	}
	calls, err := s.run(ctx, words)
	if err != nil {
		return nil, err
	}
	return calls[0].rows, calls[0].err
}

func (s *apiSession) apply(ctx context.Context, changes []change) error {
	commands := make([][]string, len(changes))
	for i, c := range changes {
		commands[i] = []string{path(c.menu) + "/set", "=.id=" + c.value}
		for _, p := range c.set {
			commands[i] = append(commands[i], "="+p.name+"="+p.value)
		}
	}
	calls, err := s.run(ctx, commands...)
	if err != nil {
		return err
	}
	for i, call := range calls {
		if call.err != nil {
			return fmt.Errorf("set %s %s: %w", changes[i].menu, changes[i].value, call.err)
		}
	}
	return nil
}

// wordGuard passes on what the router sends, and ends with an error at a word
// that no honest router sends: the library would make room for whatever length
// it is told.
type wordGuard struct {
	net.Conn
	skip int // bytes of the current word to come
	size int // its length so far, while more bytes of it are to come
	more int // how many
}

// maxWord bounds one word of the API; the longest value there is, a script's
// source, is shorter.
const maxWord = 1 << 20

func (g *wordGuard) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	for b := p[:n]; len(b) > 0; {
		if g.skip > 0 {
			k := min(g.skip, len(b))
			b, g.skip = b[k:], g.skip-k
			continue
		}
		if !g.length(b[0]) {
			return 0, fmt.Errorf("reply is not of the API: a word of length byte %#x", b[0])
		}
		b = b[1:]
	}
	return n, err
}

// length takes a byte of a word's length; ok is false if that is out of bounds.
func (g *wordGuard) length(b byte) (ok bool) {
	switch {
	case g.more > 0:
		g.size, g.more = g.size<<8|int(b), g.more-1
	case b < 0x80:
		g.size = int(b)
	case b < 0xC0:
		g.size, g.more = int(b&^0xC0), 1
	case b < 0xE0:
		g.size, g.more = int(b&^0xE0), 2
	case b < 0xF0:
		g.size, g.more = int(b&^0xF0), 3
	case b < 0xF8:
		g.size, g.more = 0, 4
	default:
		return false
	}
	if g.size > maxWord {
		return false
	}
	if g.more == 0 {
		g.skip, g.size = g.size, 0
	}
	return true
}
