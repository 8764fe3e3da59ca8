package routeros

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"wanctl/cycle"
)

// Client reads and sets what the loops need of one router. Its methods may be
// called from several goroutines at once; each ends by its context's deadline or
// Config.Timeout, whichever is first.
type Client struct {
	failover
	log   *slog.Logger
	flash flash

	writing chan struct{} // holds one token, for whoever sets limits

	mu     sync.Mutex
	seen   uptime
	last   map[string]reading // by queue
	wanted map[string]*wanted // by queue
	rules  map[string]rule    // by the comment asked for
}

// Status is how the client is doing.
type Status struct {
	Transport   string // in use
	Connected   bool
	Answered    bool // at least once
	Logins      int64
	RoundTrips  int64
	Writes      int64 // sent to the router
	Fallbacks   int64 // changes to a less preferred transport
	LastError   string
	LastErrorAt time.Time
}

// counts is what all transports count together.
type counts struct {
	logins, roundTrips, writes, fallbacks atomic.Int64
	answered                              atomic.Bool

	mu     sync.Mutex
	last   error
	lastAt time.Time
}

func (c *counts) failed(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last, c.lastAt = err, time.Now()
}

// New returns a client for the router. It reads the files that the configuration
// names, and touches no network.
func New(cfg Config, log *slog.Logger) (*Client, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultConfig().Timeout
	}
	count := new(counts)
	c := newClient(cfg, count, log)
	for _, name := range slices.Concat([]string{cfg.Transport}, cfg.Fallback) {
		l, err := c.transport(&cfg, name, count)
		if err != nil {
			return nil, err
		}
		c.links = append(c.links, l)
	}
	return c, nil
}

// newClient returns a client without links.
func newClient(cfg Config, count *counts, log *slog.Logger) *Client {
	log = log.With("router", cfg.Host)
	c := &Client{
		log:     log,
		flash:   flash{interval: cfg.MinWriteInterval, most: cfg.MaxWritesPer10s, log: log},
		writing: make(chan struct{}, 1),
		last:    map[string]reading{}, wanted: map[string]*wanted{}, rules: map[string]rule{},
	}
	c.limit, c.failover.log, c.count, c.probe = cfg.Timeout, log, count, c.greet
	c.quoter = quoter{cfg.Password}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// transport returns the link of one transport.
func (c *Client) transport(cfg *Config, name string, count *counts) (*link, error) {
	var t *tls.Config
	var key ssh.Signer
	var err error
	if cfg.tls(name) {
		if t, err = cfg.tlsConfig(); err != nil {
			return nil, err
		}
	}
	if name == SSH {
		if key, err = cfg.signer(); err != nil {
			return nil, err
		}
	}
	l := newLink(name, cfg.address(name), c.log)
	l.greet, l.quoter = c.greet, quoter{cfg.Password}
	switch name {
	case API:
		l.dial = func(ctx context.Context) (session, error) { return dialed(dialAPI(ctx, cfg, t, count)) }
	case REST:
		l.dial = func(context.Context) (session, error) { return newREST(cfg, t, count), nil }
	case SSH:
		l.dial = func(ctx context.Context) (session, error) { return dialed(dialSSH(ctx, cfg, key, count)) }
	default:
		return nil, fmt.Errorf("router.transport: there is no transport %q", name)
	}
	return l, nil
}

// dialed keeps a nil session from becoming an interface that is not.
func dialed[S session](s S, err error) (session, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// greet is the first question of a session: has the router started anew?
func (c *Client) greet(ctx context.Context, s session) error {
	res, err := getResource(ctx, s)
	if err == nil {
		c.met(res)
	}
	return err
}

// met notes the router's uptime. One that started anew counts from zero, and may
// have given its items other ids.
func (c *Client) met(res Resource) {
	now := uptime{res.Uptime, time.Now()}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen.rebooted(now) {
		c.log.Warn("the router has rebooted", "uptime_s", res.Uptime.Seconds())
		clear(c.last)
		clear(c.rules)
		for _, w := range c.wanted {
			w.tried = false
		}
	}
	c.seen = now
}

// Resource returns what the router tells of itself.
func (c *Client) Resource(ctx context.Context) (res Resource, err error) {
	err = c.do(ctx, false, func(s session) error {
		res, err = getResource(ctx, s)
		return err
	})
	if err == nil {
		c.met(res)
	}
	return res, err
}

// fetch asks for items over the transport in use.
func (c *Client) fetch(ctx context.Context, q query) (rows []row, err error) {
	err = c.do(ctx, false, func(s session) error {
		rows, err = s.fetch(ctx, q)
		return err
	})
	return rows, err
}

// Queues reads queues in one round trip, and returns them in the order of their
// names. One that is missing, or that the router tells too little of, is an
// error.
func (c *Client) Queues(ctx context.Context, names ...string) ([]cycle.Queue, error) {
	if err := checkNames(names); err != nil {
		return nil, err
	}
	asked := time.Now()
	rows, err := c.fetch(ctx, query{menu: queueTree, props: queueProps, key: "name", values: names})
	if err != nil {
		return nil, fmt.Errorf("read queues: %w", err)
	}
	readings, err := byName(rows, names)
	if err != nil {
		return nil, fmt.Errorf("read queues: %w", c.remember(err))
	}
	queues := c.counted(ctx, readings)
	c.keep(ctx, readings, asked)
	return queues, nil
}

// queueName is what a queue may be called.
var queueName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func checkNames(names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("no queue was named")
	}
	for i, name := range names {
		if !queueName.MatchString(name) {
			return fmt.Errorf("%q is no name of a queue (letters, digits, dots, dashes, underscores; at most 64)", name)
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("queue %q was named twice", name)
		}
	}
	return nil
}

// counted turns readings into queues, with how far the counters moved.
func (c *Client) counted(ctx context.Context, readings []reading) []cycle.Queue {
	if c.wrapped(readings) {
		// Only the uptime tells a counter that went round from one that began anew.
		if _, err := c.Resource(ctx); err != nil {
			c.mu.Lock()
			clear(c.last)
			c.mu.Unlock()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	queues := make([]cycle.Queue, len(readings))
	for i, r := range readings {
		queues[i] = r.queue()
		if last, ok := c.last[r.name]; ok {
			queues[i].Counted, _ = r.since(last)
		}
		c.last[r.name] = r
	}
	return queues
}

// wrapped tells whether a counter seems to have gone round.
func (c *Client) wrapped(readings []reading) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(readings, func(r reading) bool {
		last, ok := c.last[r.name]
		_, wrapped := r.since(last)
		return ok && wrapped
	})
}

// Status returns how the client is doing.
func (c *Client) Status() Status {
	l := c.current()
	s := Status{
		Transport: l.name, Connected: l.connected(), Answered: c.count.answered.Load(), Logins: c.count.logins.Load(), RoundTrips: c.count.roundTrips.Load(),
		Writes: c.count.writes.Load(), Fallbacks: c.count.fallbacks.Load(),
	}
	c.count.mu.Lock()
	defer c.count.mu.Unlock()
	if c.count.last != nil {
		s.LastError, s.LastErrorAt = c.count.last.Error(), c.count.lastAt
	}
	return s
}

// Close ends the sessions, and whatever runs in the background.
func (c *Client) Close() error {
	c.close()
	return nil
}
