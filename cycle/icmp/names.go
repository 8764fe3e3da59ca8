package icmp

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// How long an answer of the name service is used, how soon a failed lookup is
// repeated, how long one may take, and how many names are remembered.
const (
	refreshAfter  = 5 * time.Minute
	retryAfter    = 5 * time.Second
	lookupTimeout = 5 * time.Second
	maxNames      = 64
)

// names knows the addresses of reflectors given by name. A name is looked up in
// the background, and again every few minutes; an address that was once known is
// used until another is, whatever becomes of the name service.
type names struct {
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	usable func(netip.Addr) bool
	log    *slog.Logger

	ctx    context.Context // of the lookups; ends with close
	cancel context.CancelFunc
	wg     sync.WaitGroup
	mu     sync.Mutex
	byName map[string]*name
}

// name is what is known about one.
type name struct {
	addr  netip.Addr // invalid until the first answer
	err   error      // of the last lookup
	asked time.Time  // when it ended
	used  time.Time
	ready chan struct{} // closed when the lookup under way ends; nil without one
}

func newNames(usable func(netip.Addr) bool, log *slog.Logger) *names {
	resolver := &net.Resolver{PreferGo: true} // it heeds the context
	n := &names{usable: usable, log: log, byName: map[string]*name{}}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	n.lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
		return resolver.LookupNetIP(ctx, "ip", host)
	}
	return n
}

// address returns a host's address. Where nothing is known yet it returns a
// channel to wait on, before asking again.
func (n *names) address(host string) (addr netip.Addr, wait <-chan struct{}, err error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Unmap(), nil, nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	h := n.byName[host]
	if h == nil {
		n.makeRoom()
		h = new(name)
		n.byName[host] = h
	}
	h.used = now
	due := refreshAfter
	if h.err != nil {
		due = retryAfter
	}
	if h.ready == nil && (h.asked.IsZero() || now.Sub(h.asked) >= due) {
		n.ask(host, h)
	}
	switch {
	case h.addr.IsValid():
		return h.addr, nil, nil
	case h.err != nil:
		return addr, nil, h.err
	}
	return addr, h.ready, nil
}

// await is address for whoever can wait.
func (n *names) await(ctx context.Context, host string) (netip.Addr, error) {
	addr, wait, err := n.address(host)
	if wait == nil {
		return addr, err
	}
	select {
	case <-wait:
	case <-ctx.Done():
		return addr, fmt.Errorf("look up %q: %w", host, ctx.Err())
	}
	addr, wait, err = n.address(host)
	if wait != nil { // it was forgotten in between, to make room
		err = fmt.Errorf("look up %q: too many names at once", host)
	}
	return addr, err
}

// makeRoom forgets the name that was not used for the longest time.
func (n *names) makeRoom() {
	if len(n.byName) < maxNames {
		return
	}
	oldest := ""
	for host, h := range n.byName {
		if oldest == "" || h.used.Before(n.byName[oldest].used) {
			oldest = host
		}
	}
	delete(n.byName, oldest)
}

// ask looks a name up in the background.
func (n *names) ask(host string, h *name) {
	if n.ctx.Err() != nil {
		h.err = net.ErrClosed
		return
	}
	ready := make(chan struct{})
	h.ready = ready
	n.wg.Go(func() {
		ctx, cancel := context.WithTimeout(n.ctx, lookupTimeout)
		addrs, err := n.lookup(ctx, host)
		cancel()
		n.mu.Lock()
		defer n.mu.Unlock()
		n.learn(host, h, addrs, err)
		h.asked, h.ready = time.Now(), nil
		close(ready)
	})
}

// learn takes the answer to a lookup in. An address still valid is kept: another
// of the same name may be farther away, and would look like congestion.
func (n *names) learn(host string, h *name, addrs []netip.Addr, err error) {
	var usable []netip.Addr
	for _, a := range addrs {
		if a = a.Unmap(); n.usable(a) {
			usable = append(usable, a)
		}
	}
	switch {
	case err != nil:
		err = fmt.Errorf("look up %q: %w", host, err)
	case len(usable) == 0:
		err = fmt.Errorf("look up %q: no address of a kind that can be probed", host)
	case !slices.Contains(usable, h.addr):
		h.addr = usable[0]
		n.log.Info("reflector resolved", "reflector", host, "address", h.addr.String())
	}
	if err != nil && h.err == nil && n.ctx.Err() == nil {
		n.log.Warn("reflector not resolved", "reflector", host, "error", err, "old_address_used", h.addr.IsValid())
	}
	h.err = err
}

// close ends the lookups under way and waits for them.
func (n *names) close() {
	n.mu.Lock()
	n.cancel() // under the lock: no lookup begins after
	n.mu.Unlock()
	n.wg.Wait()
}
