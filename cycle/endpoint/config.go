package endpoint

import (
	"net"
	"net/netip"
	"strconv"

	"wanctl/cycle"
)

// Config says where pages are served.
type Config struct {
	Enabled bool
	Host    string
	Port    int
}

// Default returns what holds where a file sets nothing: nothing is served.
func Default(port int) Config { return Config{Host: "127.0.0.1", Port: port} }

// Address returns where the pages are served, e.g. "127.0.0.1:9101".
func (c Config) Address() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }

// Section is a Config as one section of a configuration file.
type Section struct {
	*Config
	Name   string // e.g. "metrics"
	Serves string // what is served there, for the documentation: it ends the sentence "Serve ..."
}

var _ cycle.Configurable = Section{}

// Settings implements cycle.Configurable.
func (s Section) Settings() []cycle.Setting {
	return []cycle.Setting{
		{Key: s.Name + ".enabled", Into: &s.Enabled, Doc: "Serve " + s.Serves + "."},
		{
			Key: s.Name + ".host", Into: &s.Host, Range: cycle.Host,
			Doc: "The address to listen on. Anything but loopback lets others on the network read it, and is warned of.",
		},
		{
			Key: s.Name + ".port", Into: &s.Port, Range: "[1, 65535]",
			Doc: "The port to listen on: one of its own for each daemon on a machine. One that is taken stops nothing: it is tried again until it is free.",
		},
	}
}

// Problems implements cycle.Configurable.
func (s Section) Problems() (ps []cycle.Problem) {
	if s.Enabled && !isLoopback(s.Host) {
		ps = append(ps, cycle.Problem{
			Key: s.Name + ".host", Wrong: strconv.Quote(s.Host) + " is not loopback: whoever reaches it can read what is served there",
			Allowed: "127.0.0.1, unless a firewall keeps others out", Warning: true,
		})
	}
	return ps
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
