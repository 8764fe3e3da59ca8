package simulator

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// DefaultVersion is the RouterOS that is simulated unless another is asked for.
const DefaultVersion = "7.18.2"

// Config is the router at its start.
type Config struct {
	Version string // e.g. "7.18.2", "6.48.6"; what the transports know follows from it
	Users   []User // none: admin without a password, as RouterOS ships
	Queues  []Queue
	Rules   []Rule
	// QueueTypes are further queue types, of kind cake (sfq before 7.1); those
	// that queues use are there anyway.
	QueueTypes []string
	Interfaces []string // further parents a queue may have; those in use are there anyway

	Uptime      time.Duration // at the start
	MaxSessions int           // of each transport at a time; 0: 20, as RouterOS since 7.16
	Wrap32      bool          // packets and drops wrap at 2^32
	Grouped     bool          // the console prints counters in groups of digits: 1 234 567
	AlwaysID    bool          // a .proplist need not ask for .id to get it
	RESTTimeout time.Duration // when a REST request is cut; 0: 60 s, as on the router
	BootTime    time.Duration // how long a reboot by command takes
	SHA1        bool          // SSH proves itself by "ssh-rsa" alone, as old v6 does

	Now  func() time.Time // the router's clock; nil: time.Now
	Seed uint64           // of faults that strike by chance
	Log  *slog.Logger     // the router's own log, at debug; nil: nothing
}

// Queue is an item of /queue/tree.
type Queue struct {
	Name, Parent, Comment string // Parent "": global
	Type                  string // queue type, "": default-small
	Limit                 int64  // max-limit, bit/s; 0: unlimited
	Load                  Load   // what is offered to it
	ID                    string // e.g. "*1000000" or "*0"; "": the next
	Disabled              bool
	Counters              Counters // what it has counted already
}

// Rule is an item of /ip/firewall/mangle.
type Rule struct {
	Comment  string
	Chain    string // "": prerouting
	Action   string // "": mark-routing
	Disabled bool   // false: never written, so the router does not show it
	ID       string
}

// Check tells what is wrong with the configuration.
func (c Config) Check() error {
	if _, err := parseVersion(cmp.Or(c.Version, DefaultVersion)); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, q := range c.Queues {
		switch {
		case q.Name == "":
			return fmt.Errorf("a queue without a name")
		case seen[q.Name]:
			return fmt.Errorf("queue %q is there twice", q.Name)
		case q.Limit < 0:
			return fmt.Errorf("queue %q: limit %d is negative", q.Name, q.Limit)
		}
		seen[q.Name] = true
		if err := checkID(q.ID); err != nil {
			return fmt.Errorf("queue %q: %w", q.Name, err)
		}
	}
	for _, u := range c.Users {
		for _, key := range u.Keys {
			if _, _, _, _, err := ssh.ParseAuthorizedKey([]byte(key)); err != nil {
				return fmt.Errorf("user %q: a line that is no public key (use that of a file such as id_ed25519.pub)", u.Name)
			}
		}
	}
	for _, r := range c.Rules {
		if err := checkID(r.ID); err != nil {
			return fmt.Errorf("rule %q: %w", r.Comment, err)
		}
	}
	return nil
}

func checkID(id string) error {
	if id == "" {
		return nil
	}
	hex, star := strings.CutPrefix(id, "*")
	if _, err := strconv.ParseUint(hex, 16, 32); !star || err != nil {
		return fmt.Errorf("%q is no id (use e.g. *1A)", id)
	}
	return nil
}

// Simulator is a router that can be reached.
type Simulator struct {
	config Config
	router *router
	faults faults
	log    *slog.Logger
	keys   keys
	done   chan struct{} // closed by Close

	mu      sync.Mutex
	doors   []*door
	conns   map[*conn]struct{}
	closing bool
	work    sync.WaitGroup
}

// New returns a router that no one can reach yet. It panics on a configuration
// that [Config.Check] refuses.
func New(c Config) *Simulator {
	if err := c.Check(); err != nil {
		panic("simulator: " + err.Error())
	}
	c.Version = cmp.Or(c.Version, DefaultVersion)
	c.MaxSessions = cmp.Or(c.MaxSessions, 20)
	c.RESTTimeout = cmp.Or(c.RESTTimeout, 60*time.Second)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if len(c.Users) == 0 {
		c.Users = []User{{Name: "admin"}}
	}
	s := &Simulator{config: c, router: newRouter(c), log: c.Log, done: make(chan struct{}), conns: map[*conn]struct{}{}}
	s.faults.rand = rand.New(rand.NewPCG(c.Seed, 0x9e3779b97f4a7c15))
	return s
}

// newRouter makes the state behind the transports.
func newRouter(c Config) *router {
	r := &router{
		now: c.Now, release: c.Version, users: c.Users, interfaces: c.Interfaces, began: c.Now(), debug: c.Log,
		wrap32: c.Wrap32, grouped: c.Grouped, alwaysID: c.AlwaysID,
	}
	r.version, _ = parseVersion(c.Version) // Check has seen it
	r.booted = r.began.Add(-c.Uptime)
	r.doors = map[Transport]*Traffic{REST: {}, API: {}, SSH: {}}
	r.buildMenus()
	for _, t := range c.QueueTypes {
		r.needType(t)
	}
	for _, q := range c.Queues {
		r.addQueue(q)
	}
	for _, rule := range c.Rules {
		r.addRule(rule)
	}
	return r
}

// needType sees to it that a queue type is there.
func (r *router) needType(name string) {
	types := r.menus["/queue/type"]
	if name == "" || types.byName(name) != nil {
		return
	}
	kind := "cake"
	if !r.version.atLeast(7, 1, 0) {
		kind = "sfq"
	}
	types.add(&item{values: map[string]string{"name": name, "kind": kind}})
}

// addQueue makes a queue without asking for policies or counting a write.
func (r *router) addQueue(q Queue) {
	r.needType(q.Type)
	if q.Parent != "" && q.Parent != "global" && !slices.Contains(r.interfaces, q.Parent) {
		r.interfaces = append(r.interfaces, q.Parent)
	}
	m := r.menus["/queue/tree"]
	i := &item{values: map[string]string{}, flow: &flow{load: q.Load, limit: q.Limit, count: q.Counters}}
	for _, p := range m.properties {
		if !p.sparse && p.form != counter {
			i.values[p.name] = p.initial
		}
	}
	given := map[string]string{
		"name": q.Name, "parent": q.Parent, "queue": q.Type, "comment": q.Comment,
		"max-limit": strconv.FormatInt(q.Limit, 10), "disabled": strconv.FormatBool(q.Disabled),
	}
	for name, v := range given {
		if v != "" {
			i.values[name] = v
		}
	}
	m.addAs(i, q.ID)
}

// addRule makes a mangle rule likewise.
func (r *router) addRule(rule Rule) {
	i := &item{values: map[string]string{
		"chain": cmp.Or(rule.Chain, "prerouting"), "action": cmp.Or(rule.Action, "mark-routing"),
		"comment": rule.Comment, "log": "false", "log-prefix": "", "invalid": "false", "dynamic": "false",
	}}
	if i.values["action"] == "mark-routing" {
		i.values["new-routing-mark"], i.values["passthrough"] = "to-alternate", "true"
	}
	if rule.Disabled {
		i.values["disabled"] = "true"
	}
	r.menus["/ip/firewall/mangle"].addAs(i, rule.ID)
}

// addAs adds an item under an id of its own; "" stands for the next.
func (m *menu) addAs(i *item, id string) {
	if id == "" {
		m.add(i)
		return
	}
	n, _ := strconv.ParseUint(strings.TrimPrefix(id, "*"), 16, 32) // checked before
	i.id = uint32(n)
	m.next = max(m.next, i.id+1)
	m.items = append(m.items, i)
}

// begin counts a piece of work that Close waits for; false once Close was called.
func (s *Simulator) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.work.Add(1)
	return true
}

// Close ends all sessions and servers, and waits for them.
func (s *Simulator) Close() error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return nil
	}
	s.closing = true
	close(s.done)
	doors := slices.Clone(s.doors)
	s.mu.Unlock()
	s.hangUp(true)
	for _, d := range doors {
		if d.stop != nil {
			d.stop()
		}
	}
	s.work.Wait()
	for _, d := range doors {
		d.free()
	}
	return nil
}

// sleep waits for d; false if the simulator or the session ended first.
func (s *Simulator) sleep(d time.Duration, gone <-chan struct{}) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-gone:
	case <-s.done:
	}
	return false
}

// Inject puts a fault in force until remove is called. Faults strike in the
// order they were put in force. It panics on a fault that could never strike.
func (s *Simulator) Inject(f Fault) (remove func()) {
	if err := f.check(); err != nil {
		panic("simulator: " + err.Error())
	}
	return s.faults.inject(f)
}

var _ io.Closer = (*Simulator)(nil)
