package routeros

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// The waits before a preferred transport is tried again while a fallback is in
// use.
const (
	firstProbe = 30 * time.Second
	lastProbe  = 300 * time.Second
)

// failover chooses among the links. It stays with the one that works; those
// that are preferred to it are probed beside the running cycles.
type failover struct {
	links []*link // the preferred first
	probe func(context.Context, session) error
	limit time.Duration // of one operation
	log   *slog.Logger
	count *counts
	quoter

	ctx    context.Context // of the probing
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	active  int
	probing bool
	closed  bool
}

var errClosed = errors.New("the router client is closed")

// do runs an operation over the transport in use or, if that is down, over the
// next. A write goes on to the next only if it was not sent.
func (f *failover) do(ctx context.Context, write bool, op func(session) error) error {
	ctx, cancel := context.WithTimeout(ctx, f.limit)
	defer cancel()
	order, err := f.order()
	if err != nil {
		return err
	}
	var errs []error
	for _, l := range order {
		err := l.do(ctx, !write, op)
		if err == nil || answered(err) {
			f.count.answered.Store(true)
			f.use(l)
			if err != nil {
				return f.remember(err)
			}
			return nil
		}
		errs = append(errs, err)
		var unsent *unreachable
		if ctx.Err() != nil || write && !errors.As(err, &unsent) {
			break
		}
	}
	return f.remember(join(errs))
}

// join makes one line of several errors.
func join(errs []error) error {
	err := errs[0]
	for _, e := range errs[1:] {
		err = fmt.Errorf("%w; %w", err, e)
	}
	return err
}

func (f *failover) remember(err error) error {
	err = f.guard(err)
	f.count.failed(err)
	return err
}

// order returns the links as they are to be tried: the one in use, then the
// others by preference.
func (f *failover) order() ([]*link, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, errClosed
	}
	order := slices.Clone(f.links)
	active := order[f.active]
	return slices.Insert(slices.Delete(order, f.active, f.active+1), 0, active), nil
}

// use makes a link the one in use, and sees to the way back.
func (f *failover) use(l *link) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i := slices.Index(f.links, l)
	if i == f.active || f.closed {
		return
	}
	left := f.links[f.active]
	f.active = i
	if i == 0 {
		f.log.Info("back on the preferred transport", "transport", l.name, "from", left.name)
		left.retire()
		return
	}
	f.log.Warn("fell back to another transport", "transport", l.name, "from", left.name)
	f.count.fallbacks.Add(1)
	if !f.probing {
		f.probing = true
		f.work.Go(f.wayBack)
	}
}

// wayBack probes the preferred links until the first of them is in use.
func (f *failover) wayBack() {
	for wait := firstProbe; ; wait = min(2*wait, lastProbe) {
		select {
		case <-f.ctx.Done():
			return
		case <-time.After(wait):
		}
		for _, l := range f.better() {
			ctx, cancel := context.WithTimeout(f.ctx, f.limit)
			err := l.do(ctx, true, func(s session) error { return f.probe(ctx, s) })
			cancel()
			if err == nil {
				f.use(l)
				break
			}
		}
		if f.settled() {
			return
		}
	}
}

// better returns the links that are preferred to the one in use.
func (f *failover) better() []*link {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.links[:f.active])
}

// settled tells whether there is nothing left to probe.
func (f *failover) settled() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.probing = f.active != 0
	return !f.probing
}

// current returns the link in use.
func (f *failover) current() *link {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.links[f.active]
}

// close ends the probing and all sessions.
func (f *failover) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.cancel()
	f.work.Wait()
	for _, l := range f.links {
		l.close()
	}
}
