package routeros

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
)

// tlsConfig returns how the router's certificate is checked: against the pinned
// fingerprint, the authorities of a file or of the system, or not at all.
func (c *Config) tlsConfig() (*tls.Config, error) {
	t := &tls.Config{ServerName: c.Host, MinVersion: tls.VersionTLS12}
	pin, err := c.pin()
	if err != nil {
		return nil, fmt.Errorf("router.tls_fingerprint: %w", err)
	}
	switch {
	case pin != nil:
		t.InsecureSkipVerify = true // the fingerprint says it all
		t.VerifyConnection = func(cs tls.ConnectionState) error {
			if sum := sha256.Sum256(cs.PeerCertificates[0].Raw); subtle.ConstantTimeCompare(sum[:], pin) != 1 {
				return &certificateError{fmt.Errorf("certificate has fingerprint %x, not that of router.tls_fingerprint", sum)}
			}
			return nil
		}
	case c.CAFile != "":
		pem, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("router.ca_file: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("router.ca_file: no certificate in %q", c.CAFile)
		}
	default:
		t.InsecureSkipVerify = !c.VerifyTLS
	}
	return t, nil
}

// certificateError reports that whoever answers is not known to be the router.
// Only the owner can put that right, so it is not tried again soon.
type certificateError struct{ err error }

func (e *certificateError) Error() string { return e.err.Error() }
func (e *certificateError) Unwrap() error { return e.err }

// impostor tells whether the peer failed to prove who it is.
func impostor(err error) bool {
	var own *certificateError
	var verify *tls.CertificateVerificationError
	return errors.As(err, &own) || errors.As(err, &verify)
}

// connect opens a TCP connection to a transport, with TLS if t is not nil.
func connect(ctx context.Context, address string, t *tls.Config) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil || t == nil {
		return conn, err
	}
	secure := tls.Client(conn, t)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return secure, nil
}
