package simulator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// keys are what the router proves itself with.
type keys struct {
	mu      sync.Mutex
	cert    *tls.Certificate
	hostKey ssh.Signer
}

// certificate returns the self-signed certificate, made on first use.
func (k *keys) certificate() (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.cert == nil {
		cert, err := selfSigned()
		if err != nil {
			return nil, fmt.Errorf("make a certificate: %w", err)
		}
		k.cert = cert
	}
	return k.cert, nil
}

// selfSigned makes a certificate for loopback. It may sign itself and nothing
// else, so that it can be put into a CA file.
func selfSigned() (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "router"},
		DNSNames:     []string{"localhost", "router"},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:    now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA:        true, BasicConstraintsValid: true, MaxPathLenZero: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// tlsConfig offers the certificate of the moment.
func (s *Simulator) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.keys.certificate() },
	}
}

// secured fills in what to trust about a TLS endpoint.
func (s *Simulator) secured(e Endpoint) (Endpoint, error) {
	cert, err := s.keys.certificate()
	if err != nil {
		return e, err
	}
	sum := sha256.Sum256(cert.Certificate[0])
	e.TLS, e.Fingerprint = true, hex.EncodeToString(sum[:])
	e.PEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]})
	return e, nil
}

// ChangeCertificate gives the router a new certificate; connections that are
// open stay so.
func (s *Simulator) ChangeCertificate() error {
	cert, err := selfSigned()
	if err != nil {
		return fmt.Errorf("make a certificate: %w", err)
	}
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	s.keys.cert = cert
	return nil
}
