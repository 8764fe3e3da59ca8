package routeros_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"wanctl/cycle"
	"wanctl/cycle/routeros"
	"wanctl/cycle/routeros/simulator"
)

// TestOldTLSIsRefused puts a peer before the client that speaks no TLS later than a
// version: below 1.2 not a byte of the login is sent.
func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		version uint16
		refused bool
	}{
		"1.0": {tls.VersionTLS10, true}, "1.1": {tls.VersionTLS11, true}, "1.2": {tls.VersionTLS12, false}, "1.3": {tls.VersionTLS13, false},
	} {
		for _, transport := range []string{routeros.REST, routeros.API} {
			t.Run(transport+" "+name, func(t *testing.T) {
				t.Parallel()
				address, said := speaker(t, tc.version)
				port := cycle.Known(address.Port)
				cfg := routeros.Config{
					Transport: transport, Host: "127.0.0.1", APIPort: port, RESTPort: port, TLS: cycle.Known(true), User: user, Password: password, Timeout: 10 * time.Second,
				}
				client := must(routeros.New(cfg, nil))(t)
				defer client.Close()
				if _, err := client.Resource(t.Context()); err == nil {
					t.Error("a peer that hangs up was taken for a router")
				}
				if got := <-said; (got == 0) != tc.refused {
					t.Errorf("%d bytes were sent to a peer of TLS %s", got, name)
				}
			})
		}
	}
}

// speaker serves one TLS connection of a version, and tells how many bytes it was
// sent inside.
func speaker(t *testing.T, version uint16) (*net.TCPAddr, <-chan int) {
	t.Helper()
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der := must(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))(t)
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	t.Cleanup(func() { _ = l.Close() })
	said := make(chan int, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			said <- 0
			return
		}
		defer conn.Close()
		secure := tls.Server(conn, &tls.Config{
			MinVersion: tls.VersionTLS10, MaxVersion: version, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		})
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		n, err := secure.Read(make([]byte, 1024))
		if err != nil && !errors.Is(err, io.EOF) {
			n = 0
		}
		said <- n
	}()
	return l.Addr().(*net.TCPAddr), said
}

// TestPlainHTTPToAPortOfTLS is what a port other than 443 makes of a configuration
// of the Python program's, whose router does speak TLS there.
func TestPlainHTTPToAPortOfTLS(t *testing.T) {
	t.Parallel()
	sim := simulator.New(router())
	defer sim.Close()
	at := must(sim.ServeREST("127.0.0.1:0"))(t)
	cfg := routeros.Config{Transport: routeros.REST, Host: "127.0.0.1", Port: cycle.Known(at.Port()), User: user, Password: password, Timeout: 10 * time.Second}
	client := must(routeros.New(cfg, nil))(t)
	defer client.Close()
	if _, err := client.Resource(t.Context()); err == nil || !strings.Contains(err.Error(), "router.tls: true") {
		t.Errorf("error %v, want one that tells the way out", err)
	}
}
