package simulator

import (
	"slices"
	"strconv"
)

// Traffic counts what came through one transport's door.
type Traffic struct {
	Connections int64 // accepted by the system, let in or not
	Logins      int64
	Refused     int64 // logins
	Requests    int64 // commands after the login
	Failed      int64 // of them, answered with an error
}

// Counts is what happened to the router so far.
type Counts struct {
	REST, API, SSH Traffic
	Writes         int64 // items set, added, removed, enabled or disabled: each wears the flash
	LogLines       int64 // of the router's own log
}

// Logins returns the logins by all transports.
func (c Counts) Logins() int64 { return c.REST.Logins + c.API.Logins + c.SSH.Logins }

// Requests returns the commands by all transports.
func (c Counts) Requests() int64 { return c.REST.Requests + c.API.Requests + c.SSH.Requests }

// Counts returns what happened so far.
func (s *Simulator) Counts() Counts {
	r := s.router
	r.mu.Lock()
	defer r.mu.Unlock()
	return Counts{REST: *r.doors[REST], API: *r.doors[API], SSH: *r.doors[SSH], Writes: r.writes, LogLines: r.logged}
}

// Unknown lists the commands, parameters and properties that somebody used and
// the simulator does not know, in the order of their first use.
func (s *Simulator) Unknown() []string {
	s.router.mu.Lock()
	defer s.router.mu.Unlock()
	return slices.Clone(s.router.unknown)
}

// count adds to a door's counters.
func (r *router) count(t Transport, add func(*Traffic)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	add(r.doors[t])
}

// wantsReboot tells, once, whether a command asked for a reboot.
func (r *router) wantsReboot() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	wants := r.reboot
	r.reboot = false
	return wants
}

// QueueState is a queue at a moment.
type QueueState struct {
	ID, Name, Type             string
	Limit                      int64 // bit/s
	QueuedBytes, QueuedPackets uint64
	Counters
}

// Queue returns the queue of a name, and whether there is one.
func (s *Simulator) Queue(name string) (QueueState, bool) {
	r := s.router
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settle()
	i := r.menus["/queue/tree"].byName(name)
	if i == nil {
		return QueueState{}, false
	}
	q := QueueState{ID: i.ref(), Name: name, Type: i.values["queue"], Counters: i.flow.count}
	q.Limit, _ = strconv.ParseInt(i.values["max-limit"], 10, 64)
	q.QueuedBytes, q.QueuedPackets = i.flow.queued()
	q.Packets, q.Dropped = r.wrapped(q.Packets), r.wrapped(q.Dropped)
	return q, true
}

// Rule returns whether the first mangle rule of a comment is on, and whether
// there is one.
func (s *Simulator) Rule(comment string) (on, ok bool) {
	r := s.router
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, i := range r.menus["/ip/firewall/mangle"].items {
		if i.values["comment"] == comment {
			return i.values["disabled"] != "true", true
		}
	}
	return false, false
}

// SetLoad changes what is offered to a queue from now on; false if it is not there.
func (s *Simulator) SetLoad(name string, l Load) bool {
	return s.alter(name, func(f *flow) { f.load = l })
}

// SetCounters changes what a queue has counted; false if it is not there.
func (s *Simulator) SetCounters(name string, c Counters) bool {
	return s.alter(name, func(f *flow) { f.reset(); f.count = c })
}

// SetStuck stops a queue's counters, or lets them go on; false if it is not there.
func (s *Simulator) SetStuck(name string, stuck bool) bool {
	return s.alter(name, func(f *flow) { f.stuck = stuck })
}

func (s *Simulator) alter(name string, change func(*flow)) bool {
	r := s.router
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settle()
	i := r.menus["/queue/tree"].byName(name)
	if i == nil {
		return false
	}
	change(i.flow)
	return true
}

// AddQueue makes a queue, as if it had been there before; no write is counted.
// Unless it names an id, it gets that of the queue removed last.
func (s *Simulator) AddQueue(q Queue) error {
	if err := (Config{Queues: []Queue{q}}).Check(); err != nil {
		return err
	}
	s.router.mu.Lock()
	defer s.router.mu.Unlock()
	s.router.settle()
	s.router.addQueue(q)
	return nil
}

// AddRule makes a mangle rule, likewise.
func (s *Simulator) AddRule(rule Rule) error {
	if err := (Config{Rules: []Rule{rule}}).Check(); err != nil {
		return err
	}
	s.router.mu.Lock()
	defer s.router.mu.Unlock()
	s.router.addRule(rule)
	return nil
}

// Log returns the lines of the router's own log, oldest first.
func (s *Simulator) Log() (lines []string) {
	s.router.mu.Lock()
	defer s.router.mu.Unlock()
	for _, l := range s.router.log {
		lines = append(lines, l.topics+" "+l.text)
	}
	return lines
}
