package doctor

import (
	"context"
	"fmt"
	"net"
	"slices"

	"wanctl/cycle"
)

// use is a port and whose it is.
type use struct {
	*subject
	listener
}

// portTasks try each port once, however many configurations name it.
func (e *Examiner) portTasks(subjects []*subject) (tasks []task) {
	var tried []use
	for _, s := range subjects {
		for _, l := range s.listeners {
			u := use{s, l}
			if i := slices.IndexFunc(tried, u.overlaps); i >= 0 {
				tasks = append(tasks, task{s.name, l.section, fileTime, func(context.Context) []Check { return u.beside(tried[i]) }})
				continue
			}
			tried = append(tried, u)
			tasks = append(tasks, task{s.name, l.section, fileTime, e.of(s, func(s *subject) []Check { return e.port(s, l) })})
		}
	}
	return tasks
}

// overlaps tells whether two services could not have their ports at the same time.
func (u use) overlaps(other use) bool {
	if u.port != other.port {
		return false
	}
	a, b := net.ParseIP(u.host), net.ParseIP(other.host)
	if a == nil || b == nil { // a name: localhost
		return u.host == other.host || isLoopback(u.host) && isLoopback(other.host)
	}
	return a.Equal(b) || a.IsUnspecified() || b.IsUnspecified()
}

// beside tells what becomes of a port that another section, or another configuration,
// names first. One process serves all its pages at one address.
func (u use) beside(first use) []Check {
	address, theirs := net.JoinHostPort(u.host, u.port), net.JoinHostPort(first.host, first.port)
	todo := fmt.Sprintf("give %s.port a number of its own", u.section)
	switch {
	case address != theirs:
		return []Check{{Warn, u.name, u.section, fmt.Sprintf("%s and %s, %s of %s, may not be had together", address, theirs, first.section, first.path), todo}}
	case u.path == first.path:
		return []Check{{OK, u.name, u.section, fmt.Sprintf("%s serves %s too", address, first.section), ""}}
	case u.daemon == cycle.Autorate && first.daemon == cycle.Autorate:
		return []Check{{Warn, u.name, u.section, fmt.Sprintf("%s is %s of %s too: fine in one process, not as two services", address, first.section, first.path), todo + " for services"}}
	}
	return []Check{{Warn, u.name, u.section, fmt.Sprintf("%s is %s of %s too: whichever starts second does not get it", address, first.section, first.path), todo}}
}

// port tells whether a port that the daemon will listen at is free, by listening
// there for a moment.
func (e *Examiner) port(s *subject, l listener) []Check {
	address := net.JoinHostPort(l.host, l.port)
	open, err := net.Listen("tcp", address)
	if err != nil {
		if pid := e.Holder(s.lock); pid != 0 {
			return []Check{{OK, s.name, l.section, fmt.Sprintf("%s is taken, by the daemon that runs (process %d) as it seems", address, pid), ""}}
		}
		return []Check{{Fail, s.name, l.section, err.Error(), fmt.Sprintf("give %s.port a free one (ss -ltnp shows who has it)", l.section)}}
	}
	_ = open.Close()
	if isLoopback(l.host) {
		return []Check{{OK, s.name, l.section, address + " is free", ""}}
	}
	return []Check{{Warn, s.name, l.section, address + " is free, and can be reached from other machines", fmt.Sprintf("%s.host: 127.0.0.1, unless a firewall decides who may", l.section)}}
}

// isLoopback tells whether a host is this machine as itself alone sees it.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
