package site

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/netutil"

	"wanctl/analyze"
	"wanctl/analyze/report"
	"wanctl/cycle"
)

// Config says what is shown, to whom, and how much of it at once.
type Config struct {
	Databases []string // the recordings, as they were named
	Open      func(ctx context.Context, path string) (Recording, error)
	Zone      *time.Location // of times read and shown
	Version   string         // of the program

	Hosts []string     // names the site goes by, beside localhost and the address it listens on
	Token cycle.Secret // who asks must show it; "": nobody must
	TLS   bool         // it is served by TLS

	MaxWindow time.Duration // the longest window; 0: DefaultMaxWindow
	Patience  time.Duration // the longest that an answer may take; 0: DefaultPatience

	Log *slog.Logger
	Now func() time.Time // nil: time.Now
}

// Where a Config says nothing.
const (
	DefaultMaxWindow = 31 * 24 * time.Hour
	DefaultPatience  = time.Minute
)

// How many may ask at once: one is answered, so that a core at least is always
// free of us, and a few wait.
const (
	maxWaiting  = 8
	waitingTime = 10 * time.Second
	maxCarrying = 2               // downloads; they wait for their clients most of the time
	remembered  = 5 * time.Second // that an answer serves others who ask the same
	maxAnswers  = 16
	maxConns    = 128
)

// Site is the http.Handler of the live page.
type Site struct {
	config   Config
	sessions *sessions // nil: without a token
	handler  http.Handler
	streams  chan struct{} // a place for each live page
	ending   chan struct{} // closed when live pages are to go
	carrying *gate         // downloads

	pulses   desk[time.Time]
	analyses desk[*analyze.Analysis]
	pictures desk[*picture]
}

// New returns the site that the configuration describes.
func New(config Config) *Site {
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Zone == nil {
		config.Zone = time.UTC
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.MaxWindow == 0 {
		config.MaxWindow = DefaultMaxWindow
	}
	if config.Patience == 0 {
		config.Patience = DefaultPatience
	}
	working := newGate(1, maxWaiting, waitingTime)
	s := &Site{
		config: config, streams: make(chan struct{}, maxStreams), ending: make(chan struct{}),
		carrying: newGate(maxCarrying, maxWaiting, waitingTime),
		pulses:   desk[time.Time]{gate: newGate(1, maxWaiting, waitingTime), patience: waitingTime, keep: pulse / 2, most: maxAnswers},
		analyses: desk[*analyze.Analysis]{gate: working, patience: config.Patience, keep: remembered, most: maxAnswers},
		pictures: desk[*picture]{gate: working, patience: config.Patience, keep: remembered, most: maxAnswers},
	}
	if config.Token != "" {
		s.sessions = newSessions(config.Token, config.TLS, config.Now)
	}
	hosts := map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true}
	for _, h := range config.Hosts {
		hosts[strings.ToLower(strings.TrimSuffix(h, "."))] = true
	}
	s.handler = &guard{hosts: hosts, sessions: s.sessions, next: s.routes()}
	return s
}

// ServeHTTP implements http.Handler.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func (s *Site) now() time.Time { return s.config.Now() }

// shown is how report lays out what we hand on.
func (s *Site) shown() report.Options {
	return report.Options{Databases: s.config.Databases, Zone: s.config.Zone}
}

// farewell is how long requests under way have to end once the program is to.
const farewell = 3 * time.Second

// Serve answers on the listener until the context ends: then live pages are let
// go, what is under way is given a moment, and nothing of it is left behind. It
// is called once.
func (s *Site) Serve(ctx context.Context, l net.Listener) error {
	living, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	srv := &http.Server{
		Handler:           s,
		BaseContext:       func(net.Listener) context.Context { return living },
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		// From the request on; writing extends it: see patient. There is no
		// ReadTimeout: it would end live pages too.
		WriteTimeout: s.config.Patience + waitingTime + writePatience,
		ErrorLog:     slog.NewLogLogger(s.config.Log.Handler(), slog.LevelDebug),
	}
	srv.RegisterOnShutdown(func() { close(s.ending) })
	served := make(chan error, 1)
	go func() { served <- srv.Serve(netutil.LimitListener(l, maxConns)) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	leaving, done := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer done()
	err := srv.Shutdown(leaving)
	cancel()
	if err != nil { // somebody takes his time
		err = srv.Close()
	}
	<-served
	s.pulses.working.Wait()
	s.analyses.working.Wait()
	s.pictures.working.Wait()
	return err
}
