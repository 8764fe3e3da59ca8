package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"wanctl/configs"
	"wanctl/cycle"
	"wanctl/cycle/routeros"
)

// setupPatience bounds everything that is tried on the router or the line.
const setupPatience = 6 * time.Second

// limited is the context of one try.
func (s *setup) limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(s.ctx, setupPatience)
}

// isName checks the name of a WAN as the loader does.
func isName(text string) error {
	if strings.EqualFold(text, string(cycle.Steering)) { // whose files would be the other daemon's
		return errors.New("that is the steering daemon's name; a WAN wants another, such as wan1")
	}
	return configs.Refused(cycle.Autorate, "wan_name", text)
}

func (s *setup) askName() (err error) {
	s.wan, err = s.ask(inquiry{
		text: "Name of the WAN", usual: s.wan, check: isName,
		help: "It names the WAN in logs, reports and files, and the queue types cake-down-NAME and cake-up-NAME on the router.",
	})
	return err
}

func (s *setup) askRouter() error {
	host, err := s.ask(inquiry{
		text: "Router, a name or an address", usual: s.router.Host,
		help: "The MikroTik router's address on your network; usually the default gateway.",
		check: func(text string) error {
			return configs.Refused(cycle.Autorate, "router.host", text)
		},
	})
	if err != nil {
		return err
	}
	transport, err := s.choose("How to reach it", []string{routeros.REST, routeros.API, routeros.SSH}, s.router.Transport,
		"rest: RouterOS 7.1 and later, its service www-ssl. api: the binary API, the fastest, api-ssl. ssh: any version, slower.\n"+
			"On the router: /ip service print shows which services are on.")
	if err != nil {
		return err
	}
	cfg := s.router
	cfg.Host, cfg.Transport, cfg.Fingerprint, cfg.TLS = host, transport, "", cycle.Maybe[bool]{}
	if transport != routeros.SSH {
		secure, err := s.yes("Encrypted (TLS)", true, "Without it the password goes over the network in clear. TLS wants a certificate on the router,\n"+
			"self-signed will do: /certificate add name=www common-name=router; /certificate sign www; /ip service set www-ssl certificate=www disabled=no")
		if err != nil {
			return err
		}
		cfg.TLS = cycle.Known(secure)
	}
	cfg.Port, cfg.APIPort, cfg.RESTPort = cycle.Maybe[int]{}, cycle.Maybe[int]{}, cycle.Maybe[int]{}
	_, usual, _ := net.SplitHostPort(cfg.Address())
	_, err = s.ask(inquiry{text: "Port", usual: usual, help: "As /ip service print shows it for this service.", check: func(text string) error {
		port, err := strconv.Atoi(text)
		if err != nil || port < 1 || port > 65535 {
			return errors.New("a port is a number from 1 to 65535")
		}
		switch transport {
		case routeros.SSH:
			cfg.SSHPort = port
		case routeros.API:
			cfg.APIPort = cycle.Known(port)
		default:
			cfg.RESTPort = cycle.Known(port)
		}
		ctx, cancel := s.limited()
		defer cancel()
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", cfg.Address())
		if err != nil {
			return fmt.Errorf("nothing answers at %s: %w\nIs the service on, and does the router's firewall let this host in? Another port, or < to go back", cfg.Address(), err)
		}
		return conn.Close()
	}})
	if err == nil {
		s.router = cfg
	}
	return err
}

// askTrust shows the certificate or host key, which is pinned with the user's yes.
func (s *setup) askTrust() error {
	s.knownHosts = ""
	ctx, cancel := s.limited()
	defer cancel()
	if s.router.Transport == routeros.SSH {
		key, err := s.router.HostKey(ctx)
		if err != nil {
			s.say("That does not speak SSH: %v", err)
			return errBack
		}
		s.say("The router shows the host key %s", key.Fingerprint)
		return s.trusted("Is that the router's? It is pinned then", "Compare with the router: /ip ssh export-host-key, or the fingerprint of an earlier login.", func() {
			s.knownHosts, s.router.KnownHosts = key.KnownHosts, s.path("known_hosts")
		})
	}
	if !s.router.Secure() {
		return nil
	}
	cert, err := s.router.Certificate(ctx)
	if err != nil {
		s.say("That does not speak TLS: %v\nThe service wants a certificate on the router; or go on without TLS.", err)
		return errBack
	}
	s.say("The router shows a certificate for %q, good until %s, of SHA-256 fingerprint\n  %s", cert.Subject.CommonName, cert.NotAfter.Format(time.DateOnly), cert.Fingerprint)
	return s.trusted("Is that the router's? It is pinned then", "Compare with the router: /certificate print detail shows the fingerprint.", func() {
		s.router.Fingerprint = cert.Fingerprint
	})
}

func (s *setup) trusted(text, help string, pin func()) error {
	ok, err := s.yes(text, true, help)
	if err != nil {
		return err
	}
	if !ok {
		s.say("Then something else answers there. Back to the router.")
		return errBack
	}
	pin()
	return nil
}

// askLogin asks for user and password, or key, until the router takes them.
func (s *setup) askLogin() error {
	for {
		user, err := s.ask(inquiry{text: "User on the router", usual: s.router.User, check: isUser, help: fmt.Sprintf(
			"Make one with the least rights: /user group add name=wanctl policy=%s\n/user add name=wanctl group=wanctl password=...", strings.Join(routeros.Policies(s.router.Transport), ","))})
		if err != nil {
			return err
		}
		cfg := s.router
		cfg.User, cfg.Password = user, ""
		if cfg.Transport == routeros.SSH {
			if cfg.SSHKey, err = s.ask(inquiry{
				text: "Private key file (empty: log in with a password)", usual: cfg.SSHKey, optional: true,
				help: "An unencrypted key whose public half the router has: /user ssh-keys import", check: func(text string) error {
					path, err := filepath.Abs(text) // services run elsewhere
					if err == nil {
						_, err = os.Stat(path)
					}
					return errors.Join(err, configs.Refused(cycle.Autorate, "router.ssh_key", path))
				},
			}); err != nil {
				return err
			}
			if cfg.SSHKey != "" {
				if cfg.SSHKey, err = filepath.Abs(cfg.SSHKey); err != nil {
					return err
				}
			}
		}
		if cfg.Transport != routeros.SSH || cfg.SSHKey == "" {
			password, err := s.ask(inquiry{text: "Password", secret: true, help: "It goes into " + s.path("secrets") + ", which only root can read; the configuration refers to it."})
			if errors.Is(err, errBack) {
				continue
			}
			if err != nil {
				return err
			}
			if !utf8.ValidString(password) || strings.ContainsFunc(password, func(r rune) bool { return r < ' ' }) {
				s.say("A password in UTF-8 without control characters is needed.")
				continue
			}
			cfg.Password = cycle.Secret(password)
		}
		if err := s.login(cfg); err != nil {
			s.say("%v\nOnce more, or < to go back.", err)
			continue
		}
		return nil
	}
}

func isUser(text string) error { return configs.Refused(cycle.Autorate, "router.user", text) }

// login tries the answers, and reads what the router has to choose from.
func (s *setup) login(cfg routeros.Config) error {
	s.hangUp()
	probe := cfg
	if s.knownHosts != "" {
		file, err := os.CreateTemp("", "wanctl-setup-") // holds no secret
		if err != nil {
			return err
		}
		defer os.Remove(file.Name())
		_, err = fmt.Fprintln(file, s.knownHosts)
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
		probe.KnownHosts = file.Name()
	}
	client, err := routeros.New(probe, nil)
	if err != nil {
		return err
	}
	ctx, cancel := s.limited()
	defer cancel()
	res, err := client.Resource(ctx)
	if err == nil {
		s.queues, err = client.ListQueues(ctx)
	}
	if err != nil {
		_ = client.Close()
		return err
	}
	s.router, s.client = cfg, client
	s.say("Logged in: %s %s, up %v.", res.Board, res.Version, res.Uptime)
	if rights, err := client.Rights(ctx, cfg.User); err != nil {
		s.say("Whether this user may write is not known: %v", err)
	} else if missing := rights.Missing(routeros.Policies(cfg.Transport)...); len(missing) > 0 {
		s.say("This user lacks %s, without which no limit can be set. On the router: /user group set %s policy=%s",
			strings.Join(missing, ", "), rights.Group, strings.Join(routeros.Policies(cfg.Transport), ","))
	}
	return nil
}

// gateway returns the address of the default gateway, where a router most likely
// is; "192.168.88.1", which RouterOS has out of the box, if there is none.
func gateway(routes string) string {
	const usual = "192.168.88.1"
	f, err := os.Open(filepath.Clean(routes))
	if err != nil {
		return usual
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return usual
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line) // interface, destination, gateway, ...
		if len(fields) < 3 || fields[1] != "00000000" {
			continue
		}
		if n, err := strconv.ParseUint(fields[2], 16, 32); err == nil && n != 0 {
			return net.IPv4(byte(n), byte(n>>8), byte(n>>16), byte(n>>24)).String()
		}
	}
	return usual
}
