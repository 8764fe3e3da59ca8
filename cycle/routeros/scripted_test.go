package routeros

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

var quiet = slog.New(slog.DiscardHandler)

// scripted is a session that answers as it is told.
type scripted struct {
	onFetch func(query) ([]row, error)
	onApply func([]change) error

	mu     sync.Mutex
	closed int
}

func (s *scripted) fetch(_ context.Context, q query) ([]row, error) { return s.onFetch(q) }
func (s *scripted) apply(_ context.Context, cs []change) error      { return s.onApply(cs) }

func (s *scripted) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed++
}

func (s *scripted) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed > 0
}

// upFor is the answer of a router that has been up for so long.
func upFor(d time.Duration) []row { return []row{{"uptime": fmt.Sprintf("%ds", int(d.Seconds()))}} }

// greeting is a session that answers the first question and nothing else.
func greeting() *scripted {
	return &scripted{
		onFetch: func(query) ([]row, error) { return upFor(time.Hour), nil },
		onApply: func([]change) error { return nil },
	}
}

// clientOf returns a client with one link, to a session that is there already.
func clientOf(s session) *Client {
	return clientWith(func(context.Context) (session, error) { return s, nil })
}

// clientWith returns a client with a link for each way to connect.
func clientWith(dials ...func(context.Context) (session, error)) *Client {
	c := newClient(Config{Host: "router", Timeout: 2 * time.Second}, new(counts), quiet)
	for i, dial := range dials {
		l := newLink(fmt.Sprintf("link%d", i), "address", quiet)
		l.dial, l.greet = dial, c.greet
		c.links = append(c.links, l)
	}
	return c
}
