// Package endpoint serves a daemon's pages over HTTP, such as its health and its
// metrics, and never at the daemon's cost: connections, requests and waits are
// bounded, a panic is one failed request, and a port that is taken is a line in
// the log.
package endpoint

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"wanctl/cycle"
)

// Bounds of a server. Its clients are a scraper, a monitor and somebody with curl.
const (
	maxConnections = 16
	maxHeader      = 8 << 10 // bytes
	maxBody        = 1 << 10 // nobody has to send one
	headerTimeout  = 5 * time.Second
	requestTimeout = 10 * time.Second // reading one, and answering it
	idleTimeout    = 30 * time.Second
	closeTimeout   = 2 * time.Second // for answers that are under way at the end
)

// The waits before a port that is taken is tried again. They double.
const (
	firstRetry = 5 * time.Second
	lastRetry  = 2 * time.Minute
)

// Server serves pages at one address.
type Server struct {
	address string
	pages   *http.ServeMux
	log     *slog.Logger
	panics  *cycle.Throttle

	listen func(ctx context.Context, address string) (net.Listener, error)
}

// New returns a Server for an address such as "127.0.0.1:9101". It listens only
// once it runs.
func New(address string, log *slog.Logger) *Server {
	s := &Server{address: address, pages: http.NewServeMux(), log: log, panics: cycle.NewThrottle(0)}
	s.listen = func(ctx context.Context, address string) (net.Listener, error) {
		return new(net.ListenConfig).Listen(ctx, "tcp", address)
	}
	return s
}

// String names the server, e.g. "endpoint 127.0.0.1:9101".
func (s *Server) String() string { return "endpoint " + s.address }

// Handle serves a page at a pattern of http.ServeMux. It is called before Run.
func (s *Server) Handle(pattern string, page http.Handler) { s.pages.Handle(pattern, page) }

// Run serves until the context ends, and returns nil. An address that cannot be
// had is told once and tried again; so is one that was lost.
func (s *Server) Run(ctx context.Context) error {
	told := false
	for wait := firstRetry; ctx.Err() == nil; {
		l, err := s.listen(ctx, s.address)
		if err == nil {
			s.log.Info("serving", "address", s.address)
			told, wait = false, firstRetry
			err = s.serve(ctx, netutil.LimitListener(l, maxConnections))
		}
		if ctx.Err() != nil {
			break
		}
		if !told {
			told = true
			s.log.Warn("cannot serve here; the daemon goes on and tries again (another daemon on the port? give each its own)",
				"address", s.address, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, lastRetry)
	}
	return nil
}

// serve answers requests until the context ends or the listener fails.
func (s *Server) serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           http.MaxBytesHandler(s.guarded(), maxBody),
		MaxHeaderBytes:    maxHeader,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      requestTimeout,
		IdleTimeout:       idleTimeout,
		// What clients do wrong is no news.
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if server.Shutdown(closing) != nil {
		_ = server.Close() // somebody would not be answered
	}
	if err == nil {
		err = <-ended
	}
	return err
}

// guarded keeps a panic of a page from ending more than its request.
func (s *Server) guarded() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		err := cycle.Guard(func() error {
			s.pages.ServeHTTP(w, r)
			return nil
		})
		var p *cycle.PanicError
		if !errors.As(err, &p) {
			return
		}
		if p.Value == http.ErrAbortHandler {
			panic(p.Value) // how a handler drops a connection
		}
		if unsaid, ok := s.panics.Say("panic", time.Now()); ok {
			s.log.Error("a page panicked; its request alone failed", "path", r.URL.Path, "error", err, "stack", string(p.Stack), unsaid)
		}
		http.Error(w, "this page failed; the log tells why", http.StatusInternalServerError)
	})
}
