package routeros

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"wanctl/cycle"
)

// The waits before a transport that failed is tried again. They double from the
// first to the last, and are stretched by up to a quarter so that several
// daemons do not knock at once.
const (
	firstWait      = time.Second
	lastWait       = 24 * time.Second // stretched, 30 s at most
	firstLoginWait = time.Minute      // after a refused login, or a peer that may not be the router
	lastLoginWait  = 5 * time.Minute
)

// link is one transport: it connects when it has to, keeps the session, and
// drops it when it broke.
type link struct {
	name    string
	address string
	dial    func(context.Context) (session, error)
	greet   func(context.Context, session) error // first question of a session
	log     *slog.Logger
	quoter

	dialing chan struct{}               // holds one token, for whoever connects
	timer   atomic.Pointer[cycle.Timer] // of the cycle that connects

	mu       sync.Mutex
	session  *lease
	closed   bool
	lost     time.Time // when a connection last broke
	losses   int       // with less than steady in between
	failures int       // in a row
	retry    time.Time // not tried before
	last     error     // what failed then
}

// lease is a session and those who use it. A retired one is closed when the last
// of them is done.
type lease struct {
	session
	users   int
	retired bool
}

func newLink(name, address string, log *slog.Logger) *link {
	return &link{name: name, address: address, log: log.With("transport", name), dialing: make(chan struct{}, 1)}
}

// A lost connection is replaced at once, unless several were lost in a row with
// less than steady in between: the router logs every login.
const (
	steady     = 10 * time.Second
	freeLosses = 3
)

// persistent is how many failures in a row are worth a second line in the log.
const persistent = 3

// errLost reports that a session was found dead before anything was sent.
var errLost = errors.New("connection lost")

// unreachable reports that nothing was sent.
type unreachable struct{ err error }

func (e *unreachable) Error() string { return e.err.Error() }
func (e *unreachable) Unwrap() error { return e.err }

// do runs an operation on the session, connecting first if need be. A session
// that had been in use and turns out to be dead is replaced and the operation
// run again, if it may be or was not sent.
func (l *link) do(ctx context.Context, again bool, op func(session) error) error {
	for {
		s, fresh, err := l.acquire(ctx)
		if err != nil {
			return &unreachable{fmt.Errorf("%s %s: %w", l.name, l.address, err)}
		}
		err = l.guard(op(s))
		l.release(s, err, fresh)
		if err == nil {
			return nil
		}
		if fresh || !again && !errors.Is(err, errLost) || answered(err) || ctx.Err() != nil {
			return fmt.Errorf("%s %s: %w", l.name, l.address, err)
		}
	}
}

// acquire returns the session, and whether it is a new one.
func (l *link) acquire(ctx context.Context) (s *lease, fresh bool, err error) {
	if s = l.current(); s != nil {
		return s, false, nil
	}
	if err := l.claim(ctx); err != nil {
		return nil, false, err
	}
	defer func() { <-l.dialing }()
	if s = l.current(); s != nil { // somebody else connected meanwhile
		return s, false, nil
	}
	if err := l.waiting(); err != nil {
		return nil, false, err
	}
	watch := cycle.TimerFrom(ctx).StartTarget(cycle.Other, "login "+l.name)
	opened, err := l.open(ctx)
	err = l.guard(err)
	watch.Stop(cycle.OutcomeOf(err))
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && l.closed {
		opened.close()
		err = errClosed
	}
	if err != nil {
		l.failed(err)
		return nil, false, err
	}
	if l.losses <= freeLosses || l.failures > persistent {
		l.log.Info("connected to the router", "address", l.address)
	}
	l.session = &lease{session: opened, users: 1}
	return l.session, true, nil
}

// claim takes the token to connect. A cycle that waits for the login of another, such as
// that of a reading which outlasted its own, times it too.
func (l *link) claim(ctx context.Context) error {
	timer := cycle.TimerFrom(ctx)
	select {
	case l.dialing <- struct{}{}:
		l.timer.Store(timer)
		return nil
	default:
	}
	watch := cycle.Stopwatch{}
	if l.timer.Load() != timer {
		watch = timer.StartTarget(cycle.Other, "login "+l.name)
	}
	select {
	case l.dialing <- struct{}{}:
		watch.Stop(cycle.OK)
		l.timer.Store(timer)
		return nil
	case <-ctx.Done():
		err := context.Cause(ctx)
		watch.Stop(cycle.OutcomeOf(err))
		return err
	}
}

// open connects, logs in and greets.
func (l *link) open(ctx context.Context) (session, error) {
	s, err := l.dial(ctx)
	if err != nil {
		return nil, err
	}
	if err := l.greet(ctx, s); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// current returns the session there is, if any.
func (l *link) current() *lease {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session != nil {
		l.session.users++
	}
	return l.session
}

// waiting returns an error as long as the link is not to be tried.
func (l *link) waiting() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if wait := time.Until(l.retry); wait > 0 {
		return fmt.Errorf("not tried again for %v after: %w", max(wait.Round(100*time.Millisecond), 100*time.Millisecond), l.last)
	}
	return nil
}

// failed notes a failure, and when to try again. The caller holds mu.
func (l *link) failed(err error) {
	first, last := firstWait, lastWait
	var login *loginError
	if errors.As(err, &login) || impostor(err) {
		first, last = firstLoginWait, lastLoginWait
	}
	wait := min(first<<min(l.failures, 10), last)
	wait += rand.N(wait/4 + 1)
	quiet := time.Since(l.lost) < steady // the loss was logged, or is one of many
	if l.failures == 0 && !quiet || l.failures == persistent || last == lastLoginWait {
		l.log.Warn("cannot reach the router", "address", l.address, "error", err, "retry_s", wait.Seconds())
	}
	l.failures++
	l.last, l.retry = err, time.Now().Add(wait)
}

// release gives the session back. One that broke is closed at once, also for
// others who use it: it has lost its place in the conversation.
func (l *link) release(s *lease, err error, fresh bool) {
	broken := err != nil && !answered(err)
	l.mu.Lock()
	s.users--
	if !broken {
		l.failures = 0
	} else if l.session == s {
		l.session = nil
		if time.Since(l.lost) > steady {
			l.losses = 0
		}
		l.losses++
		if fresh || l.losses > freeLosses { // it connects, and yet it does not work
			l.failed(err)
		} else {
			l.log.Warn("connection to the router lost", "address", l.address, "error", err)
		}
		l.lost = time.Now()
	}
	idle := s.retired && s.users == 0
	l.mu.Unlock()
	if broken || idle {
		s.close()
	}
}

// retire takes the session out of use; it is closed when nobody uses it.
func (l *link) retire() {
	l.mu.Lock()
	s := l.session
	l.session = nil
	idle := s != nil && s.users == 0
	if s != nil {
		s.retired = true
	}
	l.mu.Unlock()
	if idle {
		s.close()
	}
}

// close ends the session for good.
func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.retire()
}

// connected tells whether there is a session.
func (l *link) connected() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.session != nil
}
