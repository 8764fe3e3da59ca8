package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var siteAddress = regexp.MustCompile(`https?://[^/ ]+`)

// fetch asks the site whose output is in a file: fetch OUTPUT PATH ANSWER STATUS
// [HEADER: VALUE ...] puts the answer's body into a file and fails if the status is
// another. Host is a header as others are.
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: fetch OUTPUT PATH ANSWER STATUS [HEADER:VALUE ...]")
	}
	base := ""
	for deadline := time.Now().Add(10 * time.Second); base == ""; time.Sleep(20 * time.Millisecond) {
		text, _ := os.ReadFile(ts.MkAbs(args[0])) // it is not there at once
		base = siteAddress.FindString(string(text))
		if base == "" && time.Now().After(deadline) {
			ts.Fatalf("no address in %s: %s", args[0], text)
		}
	}
	r, err := http.NewRequest(http.MethodGet, base+args[1], nil)
	ts.Check(err)
	for _, header := range args[4:] {
		name, value, _ := strings.Cut(header, ":")
		if r.Header.Set(name, strings.TrimSpace(value)); name == "Host" {
			r.Host = strings.TrimSpace(value)
		}
	}
	client := &http.Client{
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true, DisableCompression: true,
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) { // names need not resolve here
				_, port, err := net.SplitHostPort(addr)
				if err != nil {
					return nil, err
				}
				return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       5 * time.Minute, // the server gives way to whatever else is tested
	}
	answer, err := client.Do(r)
	ts.Check(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), body, 0o600))
	if got := fmt.Sprint(answer.StatusCode); got != args[3] {
		ts.Fatalf("%s is answered %s, want %s\n%s", args[1], got, args[3], body)
	}
}

// certificate makes a certificate for localhost: certificate CERT KEY.
func certificate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: certificate CERT KEY")
	}
	ts.Check(makeCertificate(ts.MkAbs(args[0]), ts.MkAbs(args[1]), "localhost"))
}

func makeCertificate(cert, key, name string) error {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, k.Public(), k)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return err
	}
	if err := os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return err
	}
	return os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600)
}

func TestACertificateIsReadAnewWhenItChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	r := &renewed{cert: cert, key: key}
	if _, err := r.get(nil); err == nil || !strings.Contains(err.Error(), "--tls-cert "+cert) {
		t.Fatalf("without files: %v", err)
	}
	written := time.Now().Add(-time.Hour)
	write := func(name string) {
		t.Helper()
		if err := makeCertificate(cert, key, name); err != nil {
			t.Fatal(err)
		}
		written = written.Add(time.Minute)
		for _, path := range []string{cert, key} {
			if err := os.Chtimes(path, written, written); err != nil {
				t.Fatal(err)
			}
		}
	}
	named := func() string {
		t.Helper()
		c, err := r.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return c.Leaf.Subject.CommonName
	}
	write("old")
	if got := named(); got != "old" {
		t.Errorf("got %q", got)
	}
	write("new")
	if got := named(); got != "new" {
		t.Errorf("got %q", got)
	}
	// Half of a renewal: the key is another's.
	if err := makeCertificate(filepath.Join(dir, "x"), key, "x"); err != nil {
		t.Fatal(err)
	}
	if got := named(); got != "new" {
		t.Errorf("half-way through it is %q", got)
	}
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	if got := named(); got != "new" {
		t.Errorf("while it is away it is %q", got)
	}
}

func TestWhereItMayListen(t *testing.T) {
	t.Parallel()
	machine, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		listen  string
		guarded bool
		host    string
		wrong   string
	}{
		{"127.0.0.1:9102", false, "127.0.0.1", ""},
		{"127.0.0.2:0", false, "127.0.0.2", ""},
		{"[::1]:9102", false, "::1", ""},
		{"localhost:9102", false, "localhost", ""},
		{"0.0.0.0:9102", false, "", "is not loopback"},
		{":9102", false, "", "is not loopback"},
		{"[::]:9102", false, "", "is not loopback"},
		{"192.0.2.7:9102", false, "", "give --token-file, or --tls-cert and --tls-key, or reach 127.0.0.1:9102 by ssh -L"},
		{"0.0.0.0:9102", true, machine, ""},
		{"[::]:9102", true, machine, ""},
		{":9102", true, machine, ""},
		{"192.0.2.7:9102", true, "192.0.2.7", ""},
		{"router.lan:9102", true, "router.lan", ""},
		{"9102", true, "", "is no address"},
		{"localhost", false, "", "is no address"},
		{"localhost:", false, "", "is no address"},
	} {
		host, err := checkListen(t.Context(), tc.listen, tc.guarded)
		if (err != nil) != (tc.wrong != "") || err != nil && !strings.Contains(err.Error(), tc.wrong) || host != tc.host && err == nil {
			t.Errorf("%s, guarded %v: %q, %v", tc.listen, tc.guarded, host, err)
		}
	}
}

func TestTheAddressIsOneToOpen(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]string{"127.0.0.1:0": `^http://127\.0\.0\.1:\d+/$`, "0.0.0.0:0": `^http://[^:0]+:\d+/$`, "[::1]:0": `^http://\[::1\]:\d+/$`} {
		l, err := net.Listen("tcp", listen)
		if err != nil {
			t.Skip(err) // no IPv6 here
		}
		defer l.Close()
		if got := address(l, false); !regexp.MustCompile(want).MatchString(got) {
			t.Errorf("%s is %s", listen, got)
		}
	}
}

func TestThePageFindsAFreePortUnlessOneWasAskedFor(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	usual := taken.Addr().String()
	if l, _, err := openPage(usual, true); err == nil || !strings.Contains(err.Error(), "address already in use: give another --listen") {
		t.Errorf("asked for: %v, %v", l, err)
	}
	l, why, err := openPage(usual, false)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if host, _, _ := net.SplitHostPort(l.Addr().String()); host != "127.0.0.1" || l.Addr().String() == usual || !strings.HasPrefix(why, usual+" is taken") {
		t.Errorf("%v, %q", l.Addr(), why)
	}
	if l, _, err := openPage("192.0.2.7:0", false); err == nil || strings.Contains(err.Error(), "in use") {
		t.Errorf("an address that is not ours: %v, %v", l, err)
	}
	free, why, err := openPage("127.0.0.1:0", false)
	if err != nil || why != "" {
		t.Fatalf("%q, %v", why, err)
	}
	_ = free.Close()
}
