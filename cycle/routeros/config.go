package routeros

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"wanctl/cycle"
)

// The transports a router is reached by.
const (
	API  = "api"  // the binary API, 8728 or, with TLS, 8729
	REST = "rest" // HTTP, 80 or, with TLS, 443
	SSH  = "ssh"  // console commands, 22
)

// Config says how the router is reached, and how its flash is spared.
type Config struct {
	Transport string   // API, REST or SSH
	Fallback  []string // transports to turn to while the preferred one is down, in order

	Host     string
	TLS      cycle.Maybe[bool]
	Port     cycle.Maybe[int] // of REST, or of the API where that is the transport
	APIPort  cycle.Maybe[int]
	RESTPort cycle.Maybe[int]
	SSHPort  int

	User       string
	Password   cycle.Secret
	SSHKey     string // file; without one SSH logs in with the password
	KnownHosts string // file; "" for the user's, then the system's

	VerifyTLS   bool   // against the system's authorities
	CAFile      string // against these instead
	Fingerprint string // SHA-256 of the certificate, hex with or without colons; needs no authority

	Timeout          time.Duration // of one operation, connecting included
	MinWriteInterval time.Duration // between writes of limits
	MaxWritesPer10s  int           // writes of limits; 0: no bound
}

// DefaultConfig returns the defaults of the keys that have one.
func DefaultConfig() Config {
	return Config{Transport: SSH, SSHPort: 22, Timeout: 15 * time.Second}
}

// Settings implements cycle.Configurable.
func (c *Config) Settings() []cycle.Setting {
	const port = "[1, 65535]"
	return []cycle.Setting{
		{
			Key: "router.transport", Into: &c.Transport, Range: "api|rest|ssh",
			Doc: "How the router is reached: the binary API (the fastest), REST (RouterOS 7.1 and later), or SSH.",
		},
		{
			Key: "router.fallback", Into: &c.Fallback, Default: "none",
			Doc: "Transports (api, rest, ssh) to turn to, in this order, while the preferred one is down. " +
				"The preferred one is tried again after 30 s, doubling to 300 s, beside the running cycles.",
		},
		{Key: "router.host", Into: &c.Host, Required: true, Range: cycle.Host, Doc: "The router's name or address."},
		{
			Key: "router.tls", Into: &c.TLS, Default: "true for REST on port 443 and the API on port 8729, else false",
			Doc: "Whether REST and the API are spoken over TLS.",
		},
		{
			Key: "router.port", Into: &c.Port, Range: port, Default: "443 for REST, 8728 for the API",
			Doc: "The REST port or, with transport api, the API's. SSH has ssh_port.",
		},
		{
			Key: "router.api_port", Into: &c.APIPort, Range: port, Default: "8728, with tls 8729",
			Doc: "The API's port, where port is not it.",
		},
		{
			Key: "router.rest_port", Into: &c.RESTPort, Range: port, Default: "443, with tls false 80",
			Doc: "The REST port, where port is not it.",
		},
		{Key: "router.ssh_port", Into: &c.SSHPort, Range: port, Doc: "The SSH port."},
		{Key: "router.user", Into: &c.User, Required: true, Range: cycle.RouterName, Doc: "The user to log in as."},
		{
			Key: "router.password", Into: &c.Password,
			Doc: "The user's password for REST and the API, and for SSH where there is no ssh_key. " +
				"Write ${ROUTER_PASSWORD} and set that variable rather than the password itself.",
		},
		{
			Key: "router.ssh_key", Into: &c.SSHKey, Range: cycle.Path,
			Doc: "The file of the private key that SSH logs in with. Not needed by REST and the API.",
		},
		{
			Key: "router.known_hosts", Into: &c.KnownHosts, Range: cycle.Path, Default: "~/.ssh/known_hosts, else /etc/ssh/ssh_known_hosts",
			Doc: "The file that holds the router's SSH host key.",
		},
		{
			Key: "router.verify_ssl", Into: &c.VerifyTLS,
			Doc: "Whether the router's certificate must be signed by an authority the system trusts and bear the host's name.",
		},
		{
			Key: "router.ca_file", Into: &c.CAFile, Range: cycle.Path,
			Doc: "PEM certificates to trust instead of the system's; the router's certificate must be signed by one of them and bear the host's name.",
		},
		{
			Key: "router.tls_fingerprint", Into: &c.Fingerprint,
			Doc: "SHA-256 fingerprint of the router's certificate, 64 hex digits with or without colons. It alone is trusted then, self-signed or not.",
		},
		{
			Key: "router.min_write_interval", Into: &c.MinWriteInterval, Unit: "s", Range: "[0, 3600]",
			Doc: "Least time between two writes of limits, to spare the router's flash; what comes sooner is held back.",
		},
		{
			Key: "router.max_writes_per_10s", Into: &c.MaxWritesPer10s, Range: "[0, 10000]",
			Doc: "Most writes of limits in any 10 s; more are held back, with a warning. 0 sets no bound.",
		},
		{
			Key: "timeouts.ssh_command", Into: &c.Timeout, Unit: "s", Range: "(0, 300]",
			Doc: "Longest any one operation on the router may take, over whichever transport. A cycle waits for 5 s at most.",
		},
	}
}

// Problems implements cycle.Configurable.
func (c *Config) Problems() (ps []cycle.Problem) {
	wrong := func(key, allowed, format string, args ...any) {
		ps = append(ps, cycle.Problem{Key: key, Wrong: fmt.Sprintf(format, args...), Allowed: allowed})
	}
	warn := func(key, allowed, format string, args ...any) {
		ps = append(ps, cycle.Problem{Key: key, Wrong: fmt.Sprintf(format, args...), Allowed: allowed, Warning: true})
	}
	if n := len(c.Password.Reveal()); n > 0 && n < cycle.ShortestHidden {
		warn("router.password", fmt.Sprintf("%d characters or more", cycle.ShortestHidden), "is so short that it cannot be kept out of what others say: it is in half of all words")
	}
	for i, name := range c.Fallback {
		switch {
		case !slices.Contains([]string{API, REST, SSH}, name):
			wrong("router.fallback", "api, rest, ssh", "there is no transport %q", name)
		case name == c.Transport || slices.Contains(c.Fallback[:i], name):
			wrong("router.fallback", "each transport once", "%q is named twice", name)
		}
	}
	if c.uses(SSH) && c.SSHKey == "" && c.Password == "" {
		wrong("router.ssh_key", "the path of a private key, or router.password", "SSH needs a key or a password")
	}
	if c.Transport == SSH && !c.uses(REST) && c.Port.Known && c.Port.Value != c.SSHPort && c.Port.Value != 443 {
		warn("router.port", "router.ssh_port", "this is the REST port; SSH goes to port %d", c.SSHPort)
	}
	if !c.uses(REST) && !c.uses(API) {
		return ps
	}
	if c.Password == "" {
		warn("router.password", "e.g. ${ROUTER_PASSWORD}", "the router is reached without a password")
	}
	if c.uses(REST) && strings.Contains(c.User, ":") {
		wrong("router.user", "a name without colons", "REST cannot log in as %q", c.User)
	}
	if _, err := c.pin(); err != nil {
		wrong("router.tls_fingerprint", "64 hex digits", "%v", err)
	}
	for _, name := range []string{REST, API} {
		switch tls := c.tls(name); {
		case !c.uses(name):
		case !tls && !c.loopback():
			warn("router.tls", "true", "the password goes to the router in clear (%s on port %d)", name, c.port(name))
		case tls && !c.VerifyTLS && c.CAFile == "" && c.Fingerprint == "":
			warn("router.verify_ssl", "true, or router.tls_fingerprint or router.ca_file",
				"anyone on the way can pose as the router and read the password (%s)", name)
		}
	}
	return ps
}

// uses tells whether a transport may be used.
func (c *Config) uses(transport string) bool {
	return c.Transport == transport || slices.Contains(c.Fallback, transport)
}

// said returns the port that the configuration gives a transport, if any. Plain
// router.port is the REST port of the Python program's files; with transport
// api it is the API's.
func (c *Config) said(transport string) cycle.Maybe[int] {
	own, port := c.APIPort, c.Port
	switch transport {
	case SSH:
		return cycle.Known(c.SSHPort)
	case REST:
		own = c.RESTPort
		if c.Transport == API {
			port.Known = false
		}
	case API:
		port.Known = port.Known && c.Transport == API
	}
	if own.Known {
		return own
	}
	return port
}

// tls tells whether a transport is spoken over TLS.
func (c *Config) tls(transport string) bool {
	usual := map[string]int{REST: 443, API: 8728}[transport]
	port := c.said(transport).Or(usual)
	return transport != SSH && c.TLS.Or(port == 443 && transport == REST || port == 8729 && transport == API)
}

// port returns the port of a transport.
func (c *Config) port(transport string) int {
	usual := map[string]map[bool]int{REST: {true: 443, false: 80}, API: {true: 8729, false: 8728}}
	return c.said(transport).Or(usual[transport][c.tls(transport)])
}

// address returns where a transport is reached, as host:port.
func (c *Config) address(transport string) string {
	return net.JoinHostPort(c.Host, strconv.Itoa(c.port(transport)))
}

func (c *Config) loopback() bool {
	ip := net.ParseIP(c.Host)
	return c.Host == "localhost" || ip != nil && ip.IsLoopback()
}

// pin returns the certificate's fingerprint; nil if none is set.
func (c *Config) pin() ([]byte, error) {
	if c.Fingerprint == "" {
		return nil, nil
	}
	sum, err := hex.DecodeString(strings.ReplaceAll(c.Fingerprint, ":", ""))
	if err != nil || len(sum) != sha256.Size {
		return nil, fmt.Errorf("%q is no SHA-256 fingerprint", c.Fingerprint)
	}
	return sum, nil
}

// Patience is for how long a cycle waits for the router, which is one operation's time
// but no more than maxPatience: the loop has to go on measuring.
func (c *Config) Patience() time.Duration { return min(c.Timeout, maxPatience) }

// maxPatience is enough for a slow router to log somebody in over SSH, or to take two
// limits over REST, one after the other.
const maxPatience = 5 * time.Second

// Address returns where the preferred transport is reached, as host:port.
func (c *Config) Address() string { return c.address(c.Transport) }

// Needs tells whether the transports in use need a key of the file at all: with an
// ssh_key and SSH alone there is no need of a password.
func (c *Config) Needs(key string) bool {
	switch key {
	case "router.password":
		return c.uses(REST) || c.uses(API) || c.SSHKey == ""
	case "router.ssh_key":
		return c.uses(SSH)
	}
	return true
}
