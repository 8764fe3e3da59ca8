package endpoint

import (
	"net"
	"net/netip"
	"strconv"

	"wanctl/cycle"
)

// Config says where pages are served. It is one section of a configuration file.
type Config struct {
	Enabled bool
	Host    string
	Port    int

	section string // e.g. "metrics"
	serves  string // for the documentation
}

var _ cycle.Configurable = (*Config)(nil)

// Default returns what holds where a file sets nothing: nothing is served. serves
// ends the sentence "Serve ...".
func Default(section string, port int, serves string) Config {
	return Config{Host: "127.0.0.1", Port: port, section: section, serves: serves}
}

// Address returns where the pages are served, e.g. "127.0.0.1:9101".
func (c *Config) Address() string { return net.JoinHostPort(c.Host, strconv.Itoa(c.Port)) }

// Settings implements cycle.Configurable.
func (c *Config) Settings() []cycle.Setting {
	return []cycle.Setting{
		{Key: c.section + ".enabled", Into: &c.Enabled, Doc: "Serve " + c.serves + "."},
		{
			Key: c.section + ".host", Into: &c.Host, Range: cycle.Host,
			Doc: "The address to listen on. Anything but loopback lets others on the network read it, and is warned of.",
		},
		{
			Key: c.section + ".port", Into: &c.Port, Range: "[1, 65535]",
			Doc: "The port to listen on: one of its own for each daemon on a machine. One that is taken stops nothing: it is tried again until it is free.",
		},
	}
}

// Problems implements cycle.Configurable.
func (c *Config) Problems() (ps []cycle.Problem) {
	if c.Enabled && !isLoopback(c.Host) {
		ps = append(ps, cycle.Problem{
			Key: c.section + ".host", Wrong: strconv.Quote(c.Host) + " is not loopback: whoever reaches it can read what is served there",
			Allowed: "127.0.0.1, unless a firewall keeps others out", Warning: true,
		})
	}
	return ps
}

func isLoopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}
