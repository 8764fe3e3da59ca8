package routeros

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"wanctl/cycle"
)

// Only returns the configuration with one of its transports alone, which is reached
// as it would be among the others.
func (c Config) Only(transport string) Config {
	only := c
	only.Transport, only.Fallback = transport, nil
	switch port := cycle.Known(c.port(transport)); transport {
	case API:
		only.APIPort, only.TLS = port, cycle.Known(c.tls(API))
	case REST:
		only.RESTPort, only.TLS = port, cycle.Known(c.tls(REST))
	}
	return only
}

// Secure tells whether the preferred transport is encrypted.
func (c *Config) Secure() bool { return c.Transport == SSH || c.tls(c.Transport) }

// Certificate is what a transport over TLS shows of itself.
type Certificate struct {
	*x509.Certificate
	Fingerprint string // SHA-256, as router.tls_fingerprint takes it
}

// Certificate connects to the preferred transport and returns the certificate that
// is shown there, trusted or not. Nothing is said to the router, and nobody logs in.
// It ends by the context's deadline or Timeout, whichever is first.
func (c *Config) Certificate(ctx context.Context) (Certificate, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	var shown *x509.Certificate
	t := &tls.Config{ServerName: c.Host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}
	t.VerifyConnection = func(cs tls.ConnectionState) error {
		shown = cs.PeerCertificates[0]
		return nil
	}
	conn, err := connect(ctx, c.Address(), t)
	if err != nil {
		return Certificate{}, err
	}
	_ = conn.Close()
	sum := sha256.Sum256(shown.Raw)
	return Certificate{shown, hex.EncodeToString(sum[:])}, nil
}

func (c *Config) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, cmp.Or(c.Timeout, DefaultConfig().Timeout))
}

// HostKey is what the SSH transport shows of itself.
type HostKey struct {
	Fingerprint string // "SHA256:...", as RouterOS and ssh-keygen show it
	KnownHosts  string // the line for a file of known hosts
}

// HostKey connects by SSH and returns the host key that is shown there, known or
// not. Nobody logs in. It ends as Certificate does.
func (c *Config) HostKey(ctx context.Context) (k HostKey, err error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	address := c.address(SSH)
	conn, err := connect(ctx, address, nil)
	if err != nil {
		return k, err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer conn.Close()
	seen := errors.New("seen")
	_, _, _, err = ssh.NewClientConn(conn, address, &ssh.ClientConfig{
		User: c.User,
		// Those of old v6 routers, too: what is known is checked by its own kind.
		HostKeyAlgorithms: []string{ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA},
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			k = HostKey{ssh.FingerprintSHA256(key), knownhosts.Line([]string{knownhosts.Normalize(address)}, key)}
			return seen
		},
	})
	if k.Fingerprint == "" {
		return k, fmt.Errorf("SSH: %w", err)
	}
	return k, nil
}

// Fault is what is wrong with a router, as far as an error tells.
type Fault uint8

// The faults, by what has to be done about them.
const (
	Unreachable  Fault = iota // nothing answers, or something else than the router
	Impostor                  // what answers is not known to be the router: see its certificate or host key
	LoginRefused              // user or password is wrong, or a policy is missing
	Answered                  // the router answered, and what was asked for is not there or not allowed
)

// FaultOf returns what an error of a Client's stands for.
func FaultOf(err error) Fault {
	var login *loginError
	switch {
	case impostor(err):
		return Impostor
	case errors.As(err, &login):
		return LoginRefused
	case answered(err):
		return Answered
	}
	return Unreachable
}

// Transports returns the transports in use, the preferred one first.
func (c *Config) Transports() []string { return slices.Concat([]string{c.Transport}, c.Fallback) }
