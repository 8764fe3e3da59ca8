package simulator

import (
	"cmp"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// version is a RouterOS version.
type version [3]int

// parseVersion reads "6.48.6" or "7.18.2 (stable)". What it does not say is 0.
func parseVersion(s string) (v version, err error) {
	number, _, _ := strings.Cut(s, " ")
	parts := strings.Split(number, ".")
	for i := range min(len(parts), len(v)) {
		digits := parts[i]
		if end := strings.IndexFunc(digits, func(c rune) bool { return c < '0' || c > '9' }); end > 0 {
			digits = digits[:end] // 7.18rc1
		}
		if v[i], err = strconv.Atoi(digits); err != nil {
			return v, fmt.Errorf("%q is no RouterOS version (use e.g. 7.18.2 or 6.48.6)", s)
		}
	}
	if v[0] < 6 {
		return v, fmt.Errorf("RouterOS %q is not simulated (6 and 7 are)", s)
	}
	return v, nil
}

func (v version) atLeast(major, minor, patch int) bool {
	return slices.Compare(v[:], []int{major, minor, patch}) >= 0
}

// router is the one state behind the transports.
type router struct {
	mu         sync.Mutex
	now        func() time.Time
	version    version
	release    string // as it was given
	interfaces []string
	users      []User
	wrap32     bool
	grouped    bool
	alwaysID   bool
	menus      map[string]*menu
	began      time.Time     // when the simulator started: the loads' zero
	booted     time.Time     // when the router last did
	settled    time.Duration // since began: until when the traffic has flown
	sectors    int64         // flash sectors written since the boot
	sectorsAll int64         // and ever
	writes     int64
	doors      map[Transport]*Traffic
	log        []logLine
	logged     int64
	unknown    []string
	reboot     bool // a session has asked for it
	debug      *slog.Logger
}

// logLine is a line of the router's own log.
type logLine struct {
	id     int64
	at     time.Time
	topics string
	text   string
}

// maxLog is how many lines RouterOS keeps in memory by default.
const maxLog = 1000

// note writes a line into the router's log.
func (r *router) note(topics, format string, args ...any) {
	r.logged++
	line := logLine{r.logged, r.now(), topics, fmt.Sprintf(format, args...)}
	r.debug.Debug("router log", "topics", line.topics, "text", line.text)
	r.log = append(r.log, line)
	if len(r.log) > maxLog {
		r.log = slices.Delete(r.log, 0, len(r.log)-maxLog)
	}
}

// settle lets the traffic flow until now.
func (r *router) settle() {
	to := r.now().Sub(r.began)
	if to <= r.settled {
		return
	}
	for _, i := range r.menus["/queue/tree"].items {
		i.flow.advance(r.settled, to)
	}
	r.settled = to
}

// wrote counts items whose change went to flash.
func (r *router) wrote(items int) {
	r.writes += int64(items)
	r.sectors += int64(items)
	r.sectorsAll += int64(items)
}

// User may log in.
type User struct {
	Name, Password string
	// Policies the user has, of RouterOS's names (read, write, api, rest-api,
	// ssh, reboot, ...); none: all of them.
	Policies []string
	Keys     []string // public keys for SSH, as lines of an authorized_keys file
}

// session is a user who has logged in.
type session struct {
	user User
	by   Transport
	from string
}

func (s *session) may(policy string) bool {
	return len(s.user.Policies) == 0 || slices.Contains(s.user.Policies, policy)
}

// policyOf is the policy that a verb needs.
func policyOf(verb string) string {
	switch verb {
	case "print", "get", "getall", "find":
		return "read"
	case "reboot", "shutdown":
		return "reboot"
	}
	return "write"
}

// doorPolicies are what a user needs to log in by a transport.
var doorPolicies = map[Transport][]string{
	REST: {"rest-api", "api"}, API: {"api"}, SSH: {"ssh"},
}

// user returns the user of a name who may log in by a transport and proves it.
func (r *router) user(by Transport, name string, proves func(User) bool) (User, bool) {
	for _, u := range r.users {
		if u.Name != name || !proves(u) {
			continue
		}
		s := session{user: u}
		return u, !slices.ContainsFunc(doorPolicies[by], func(p string) bool { return !s.may(p) })
	}
	return User{}, false
}

// login lets a user in, or notes that it was refused.
func (r *router) login(by Transport, name, from string, proves func(User) bool) (*session, bool) {
	u, ok := r.user(by, name, proves)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !ok {
		r.doors[by].Refused++
		r.note("system,error,critical", "login failure for user %s from %s via %s", name, from, viaOf(by))
		return nil, false
	}
	r.doors[by].Logins++
	r.note("system,info,account", "user %s logged in from %s via %s", name, from, viaOf(by))
	return &session{user: u, by: by, from: from}, true
}

// logout notes that a user has left.
func (r *router) logout(s *session) {
	if s == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note("system,info,account", "user %s logged out from %s via %s", s.user.Name, s.from, viaOf(s.by))
}

func viaOf(t Transport) string {
	if t == REST {
		return "rest-api"
	}
	return string(t)
}

// restart is a reboot: the uptime and all counters begin anew, the
// configuration stays.
func (r *router) restart() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settle()
	r.reboot = false
	r.booted = r.now()
	r.sectors = 0
	r.log = nil
	for _, i := range r.menus["/queue/tree"].items {
		i.flow.reset()
		i.flow.backlog = 0
	}
	r.note("system,info", "router rebooted")
}

// uptime is how long the router has been up.
func (r *router) uptime() time.Duration { return r.now().Sub(r.booted) }

// boardOf tells what hardware the router says it is.
func boardOf(v version) string {
	return cmp.Or(map[int]string{6: "RB750Gr3"}[v[0]], "RB5009UG+S+")
}
