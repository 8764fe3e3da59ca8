package endpoint

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// book is a log that tests read.
type book struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (b *book) count(text string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Count(b.String(), text)
}

func newBook() (*book, *slog.Logger) {
	b := new(book)
	return b, slog.New(slog.NewTextHandler(b, nil))
}

// pipes is a listener whose connections are made by dial.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (l *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipes) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// dial returns the client's end of a new connection; ok is false while the
// server takes none.
func (l *pipes) dial() (c net.Conn, ok bool) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, true
	case <-time.After(time.Second):
		client.Close()
		return nil, false
	}
}

// get sends a request over a connection and returns the answer's status and body.
func get(t *testing.T, c net.Conn, method, path string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://daemon"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Write(c); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// serving runs a server of pages over pipes for the length of a bubble.
func serving(t *testing.T, log *slog.Logger, pages map[string]http.HandlerFunc) (l *pipes, stop func()) {
	l = newPipes()
	s := New("daemon:80", log)
	s.listen = func(context.Context, string) (net.Listener, error) { return l, nil }
	for pattern, page := range pages {
		s.Handle(pattern, page)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	return l, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func hello(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }

func TestServesItsPages(t *testing.T) {
	t.Parallel()
	_, log := newBook()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	s := New(address, log)
	s.Handle("GET /health", http.HandlerFunc(hello))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, tc := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/health", 200},
		{"HEAD", "/health", 200},
		{"POST", "/health", 405},
		{"GET", "/elsewhere", 404},
	} {
		var answer *http.Response
		for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) { // until it listens
			r, _ := http.NewRequestWithContext(t.Context(), tc.method, "http://"+address+tc.path, nil)
			if answer, err = client.Do(r); err == nil || time.Now().After(end) {
				break
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != tc.status || answer.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: %s, %v", tc.method, tc.path, answer.Status, answer.Header)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestTakenPortIsToldOnceAndTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		book, log := newBook()
		free, again := newPipes(), newPipes()
		s := New("127.0.0.1:9101", log)
		s.Handle("/", http.HandlerFunc(hello))
		begun, tries := time.Now(), []time.Duration(nil)
		s.listen = func(context.Context, string) (net.Listener, error) {
			switch tries = append(tries, time.Since(begun)); {
			case len(tries) <= 8:
				return nil, errors.New("address already in use")
			case len(tries) == 9:
				return free, nil
			}
			return again, nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Run(ctx) }()
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := tries[len(tries)-1] - tries[len(tries)-2]; len(tries) != 9 || tries[1] != firstRetry || got != lastRetry {
			t.Errorf("tried at %v", tries)
		}
		if n := book.count("cannot serve here"); n != 1 {
			t.Errorf("told %d times\n%s", n, book)
		}
		c, _ := free.dial()
		if status, body := get(t, c, "GET", "/"); status != 200 || body != "hello" {
			t.Errorf("once the port is free: %d %q", status, body)
		}
		c.Close()
		// A listener that fails is replaced.
		free.Close()
		time.Sleep(firstRetry + time.Second)
		c, ok := again.dial()
		if !ok {
			t.Fatal("a lost listener is not replaced")
		}
		c.Close()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestPanicIsOneFailedRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		book, log := newBook()
		l, stop := serving(t, log, map[string]http.HandlerFunc{
			"/": hello, "/bad": func(http.ResponseWriter, *http.Request) { panic("no such luck") },
			"/aborted": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		})
		c, _ := l.dial()
		for range 3 {
			if status, _ := get(t, c, "GET", "/bad"); status != 500 {
				t.Errorf("a panic answers %d", status)
			}
		}
		if n := book.count("no such luck"); n != 1 {
			t.Errorf("told %d times\n%s", n, book)
		}
		if status, body := get(t, c, "GET", "/"); status != 200 || body != "hello" {
			t.Errorf("after a panic: %d %q", status, body)
		}
		io.WriteString(c, "GET /aborted HTTP/1.1\r\nHost: daemon\r\n\r\n")
		if _, err := c.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("an aborted answer: %v", err)
		}
		stop()
	})
}

func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, log := newBook()
		l, stop := serving(t, log, map[string]http.HandlerFunc{"/": hello})
		var silent []net.Conn
		for range maxConnections {
			c, ok := l.dial()
			if !ok {
				t.Fatalf("connection %d is refused", len(silent)+1)
			}
			silent = append(silent, c)
		}
		if _, ok := l.dial(); ok {
			t.Error("one too many is taken")
		}
		time.Sleep(headerTimeout) // they said nothing, and have to go
		c, ok := l.dial()
		if !ok {
			t.Fatal("silent connections are kept")
		}
		if status, _ := get(t, c, "GET", "/"); status != 200 {
			t.Errorf("status %d", status)
		}
		for _, s := range append(silent, c) {
			s.Close()
		}
		stop()
	})
}

func TestEndDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, log := newBook()
		begun := make(chan struct{})
		l, stop := serving(t, log, map[string]http.HandlerFunc{
			"/slow": func(_ http.ResponseWriter, r *http.Request) { close(begun); <-r.Context().Done() },
		})
		c, _ := l.dial()
		go io.WriteString(c, "GET /slow HTTP/1.1\r\nHost: daemon\r\n\r\n")
		<-begun
		at := time.Now()
		stop()
		if took := time.Since(at); took != closeTimeout {
			t.Errorf("the end took %v, want %v", took, closeTimeout)
		}
		c.Close()
	})
}

func TestHostsThatOthersReachAreWarnedOf(t *testing.T) {
	t.Parallel()
	for host, warned := range map[string]bool{
		"127.0.0.1": false, "127.8.9.1": false, "::1": false, "::ffff:127.0.0.1": false, "localhost": false,
		"0.0.0.0": true, "::": true, "192.168.1.2": true, "box.lan": true,
	} {
		config := Default(9100)
		c := Section{&config, "metrics", "metrics"}
		if c.Host = host; len(c.Problems()) > 0 {
			t.Errorf("%s: a section that is off has problems", host)
		}
		c.Enabled = true
		ps := c.Problems()
		if (len(ps) == 1) != warned || warned && (!ps[0].Warning || ps[0].Key != "metrics.host") {
			t.Errorf("%s: %+v, want a warning: %v", host, ps, warned)
		}
	}
	six := Default(9101)
	if six.Host = "::1"; six.Address() != "[::1]:9101" {
		t.Errorf("address %s", six.Address())
	}
}
