package routeros

import (
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// flash spares the router's flash, which takes a bounded number of writes: it
// says when one has to wait.
type flash struct {
	interval time.Duration // at least, between two writes
	most     int           // writes in any window; 0: no bound
	log      *slog.Logger

	mu      sync.Mutex
	recent  []time.Time // the last writes, as many as there may be in a window; the last one in any case
	holding bool
}

const flashWindow = 10 * time.Second

// HeldError reports a write that was held back to spare the router's flash.
type HeldError struct {
	For    time.Duration // until it may be tried again
	Reason string
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("write held back for %v to spare the router's flash: %s", e.For.Round(time.Millisecond), e.Reason)
}

// Held tells that the write was decided, and not sent.
func (e *HeldError) Held() bool { return true }

// permit returns a *HeldError if a write at this moment has to wait.
func (f *flash) permit(now time.Time) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.recent); n > 0 && now.Sub(f.recent[n-1]) < f.interval {
		return &HeldError{f.interval - now.Sub(f.recent[n-1]), fmt.Sprintf("router.min_write_interval is %v", f.interval)}
	}
	if n := len(f.recent) - f.most; f.most > 0 && n >= 0 && now.Sub(f.recent[n]) < flashWindow {
		if !f.holding {
			f.log.Warn("holding back writes to spare the router's flash", "most_per_10s", f.most)
		}
		f.holding = true
		return &HeldError{flashWindow - now.Sub(f.recent[n]), fmt.Sprintf("router.max_writes_per_10s is %d", f.most)}
	}
	f.holding = false
	return nil
}

// wrote counts a write.
func (f *flash) wrote(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.recent = append(f.recent, now)
	if n := len(f.recent) - max(f.most, 1); n > 0 {
		f.recent = slices.Delete(f.recent, 0, n)
	}
}
