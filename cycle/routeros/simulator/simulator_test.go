package simulator

import (
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a router's time that a test moves on by hand.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 1, 9, 15, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

const (
	testUser     = "wanctl"
	testPassword = "s3cret $\\\"=?"
	download     = "WAN-Download-1"
	upload       = "WAN-Upload-1"
	ruleComment  = "ADAPTIVE: Steer latency-sensitive to WAN2"
)

// usual is a router with the two queues and the rule of one WAN.
func usual(c *clock) Config {
	return Config{
		Now:   c.now,
		Users: []User{{Name: testUser, Password: testPassword}},
		Queues: []Queue{
			{Name: download, Parent: "bridge1", Type: "cake-down-wan1", Limit: 100_000_000, Load: Constant(80_000_000)},
			{Name: upload, Parent: "ether1", Type: "cake-up-wan1", Limit: 20_000_000, Load: Constant(8_000_000)},
		},
		Rules: []Rule{{Comment: "other rule"}, {Comment: ruleComment, Disabled: true}},
	}
}

// start returns a running simulator that ends with the test.
func start(t testing.TB, c Config) *Simulator {
	t.Helper()
	s := New(c)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}
