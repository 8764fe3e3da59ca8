package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"wanctl/analyze"
	"wanctl/analyze/report/site"
	"wanctl/configs"
	"wanctl/cycle"
	"wanctl/store"
)

// defaultListen is where the page is, unless it is said otherwise.
const defaultListen = "127.0.0.1:9102"

// serveCommand is the report as a live page.
func (p *program) serveCommand() *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "the report as a live local web page, with its JSON, CSV and traces",
		Flags: []cli.Flag{
			dbFlag(), configFlag(), tzFlag(),
			&cli.StringFlag{Name: "listen", Value: defaultListen, Usage: "serve here (where nothing is said and the usual place is taken, at a free port of 127.0.0.1); what is not loopback wants a token or TLS"},
			&cli.StringSliceFlag{Name: "host", Usage: "a name that browsers open the page by, beside localhost and the address (repeatable)"},
			&cli.StringFlag{Name: "token", EnvVars: []string{"WANCTL_TOKEN"}, DefaultText: "none", Usage: "who asks must show this; others on this machine can read a command line, so better by the environment or --token-file"},
			&cli.StringFlag{Name: "token-file", TakesFile: true, Usage: "the token is the first line of this file"},
			&cli.StringFlag{Name: "tls-cert", TakesFile: true, Usage: "serve by TLS with this certificate (PEM, its chain after it); read anew when it changes"},
			&cli.StringFlag{Name: "tls-key", TakesFile: true, Usage: "the certificate's key (PEM)"},
			&cli.StringFlag{Name: "max-window", Value: "31d", Usage: "refuse to answer for more than this at once"},
			&cli.DurationFlag{Name: "timeout", Value: site.DefaultPatience, Usage: "give an answer up after so long"},
			&cli.BoolFlag{Name: "debug", Usage: "log what goes wrong with single connections"},
		},
		Action: p.serve,
	}
}

func (p *program) serve(c *cli.Context) error {
	config, err := p.siteConfig(c)
	if err != nil {
		return err
	}
	certificate, err := tlsConfig(c)
	if err != nil {
		return err
	}
	config.TLS = certificate != nil
	host, err := checkListen(c.Context, c.String("listen"), config.Token != "" || config.TLS)
	if err != nil {
		return err
	}
	config.Hosts = append(config.Hosts, host)
	rs, err := openRecordings(c.Context, config.Databases...)
	if err != nil {
		return err
	}
	rs.Close() // each answer opens them anew
	book := p.newLogbook(c.Bool("debug"))
	defer book.Close()
	config.Log = book.logger("wanctl", configs.Logging{}, config.Token)
	if err := giveWay(); err != nil {
		config.Log.Warn("this program could not be made to give way to the daemons", "error", err)
	}
	l, why, err := openPage(c.String("listen"), c.IsSet("listen"))
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "The report is at %s (%send with Ctrl-C)\n", address(l, config.TLS), why)
	if config.TLS {
		l = tls.NewListener(l, certificate)
	}
	return site.New(config).Serve(c.Context, l)
}

// openPage opens what the page is served at. Steering's health page has the same usual
// port: where it is taken and nobody asked for it, any that is free on this machine's
// loopback does, and why tells it.
func openPage(listen string, given bool) (l net.Listener, why string, err error) {
	l, err = net.Listen("tcp", listen)
	if errors.Is(err, syscall.EADDRINUSE) && !given {
		why = listen + " is taken, as steering's health takes it; --listen chooses another; "
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return nil, "", fmt.Errorf("serve: %w: give another --listen, or end what is there", err)
	}
	return l, why, nil
}

// siteConfig reads what is shown, and to whom.
func (p *program) siteConfig(c *cli.Context) (config site.Config, err error) {
	config = site.Config{
		Hosts: c.StringSlice("host"), Patience: c.Duration("timeout"), Version: thisBuild().Version, Now: p.now,
		Open: func(ctx context.Context, path string) (site.Recording, error) { return store.OpenReader(ctx, path) },
	}
	if config.Zone, err = zone(c); err != nil {
		return config, err
	}
	if config.Patience < time.Second || config.Patience > time.Hour {
		return config, misuse("--timeout %v is out of range (1s to 1h)", config.Patience)
	}
	if config.MaxWindow, err = analyze.ParseStretch(c.String("max-window")); err != nil {
		return config, misuse("--max-window: %v", err)
	}
	if config.MaxWindow < time.Minute {
		return config, misuse("--max-window %s is less than a minute", c.String("max-window"))
	}
	for _, h := range config.Hosts {
		if h == "" || strings.ContainsAny(h, ":/@ ") {
			return config, misuse("--host %q is no name (use e.g. router.lan, without port)", h)
		}
	}
	if config.Token, err = tokenOf(c); err != nil {
		return config, err
	}
	config.Databases, err = p.databases(c)
	return config, err
}

// maxTokenFile bounds what is read of a token's file, in bytes.
const maxTokenFile = 4 << 10

// tokenOf reads the token from where it is given; "" for none. No error repeats it.
func tokenOf(c *cli.Context) (cycle.Secret, error) {
	token, from := c.String("token"), "--token"
	if path := c.String("token-file"); path != "" {
		if token != "" {
			return "", misuse("--token (or $WANCTL_TOKEN) and --token-file contradict each other")
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("--token-file: %w", err)
		}
		line, _, _ := strings.Cut(string(text[:min(len(text), maxTokenFile)]), "\n")
		token, from = strings.TrimSpace(line), "--token-file "+path
		if token == "" {
			return "", fmt.Errorf("--token-file %s: its first line is empty", path)
		}
	} else if c.IsSet("token") && token == "" {
		return "", misuse("--token is empty")
	}
	if token != "" && len(token) < site.MinToken {
		return "", misuse("%s: the token is shorter than %d characters: it could be guessed (make one with: openssl rand -hex 16)", from, site.MinToken)
	}
	return cycle.Secret(token), nil
}

// checkListen refuses to show the world what is recorded; a name that stands for
// loopback alone is fine. It returns the host that the address names, which is one
// of the names that the page goes by; where that is every address of the machine,
// the machine's own name.
func checkListen(ctx context.Context, listen string, guarded bool) (host string, err error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || port == "" {
		return "", misuse("--listen %q is no address (use e.g. %s)", listen, defaultListen)
	}
	if guarded {
		return orHostname(host), nil
	}
	var ips []netip.Addr
	if host != "" {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		if ips, err = net.DefaultResolver.LookupNetIP(ctx, "ip", host); err != nil {
			return "", fmt.Errorf("--listen %s: %w", listen, err)
		}
	}
	if len(ips) == 0 || slices.ContainsFunc(ips, func(ip netip.Addr) bool { return !ip.Unmap().IsLoopback() }) {
		return "", misuse("--listen %s is not loopback: everybody who reaches this machine could read the recordings; "+
			"give --token-file, or --tls-cert and --tls-key, or reach %s by ssh -L", listen, defaultListen)
	}
	return host, nil
}

// tlsConfig returns how TLS is spoken; nil where it is not asked for.
func tlsConfig(c *cli.Context) (*tls.Config, error) {
	cert, key := c.String("tls-cert"), c.String("tls-key")
	if cert == "" && key == "" {
		return nil, nil
	}
	if cert == "" || key == "" {
		return nil, misuse("--tls-cert and --tls-key belong together")
	}
	r := &renewed{cert: cert, key: key}
	if _, err := r.get(nil); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: r.get, NextProtos: []string{"http/1.1"}}, nil
}

// address is where a browser finds the page.
func address(l net.Listener, tls bool) string {
	scheme := "http"
	if tls {
		scheme = "https"
	}
	host, port, _ := net.SplitHostPort(l.Addr().String())
	return fmt.Sprintf("%s://%s/", scheme, net.JoinHostPort(orHostname(host), port))
}

// orHostname is the machine's name in place of a host that stands for all of its
// addresses.
func orHostname(host string) string {
	if ip, err := netip.ParseAddr(host); host != "" && (err != nil || !ip.IsUnspecified()) {
		return host
	}
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

// giveWay makes this process the one that waits when others want the processor:
// half of the cores at most, at a low priority.
func giveWay() error {
	runtime.GOMAXPROCS(max(1, runtime.NumCPU()/2))
	return lowerPriority()
}
