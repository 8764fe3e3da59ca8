package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"wanctl/cycle/routeros/simulator"
)

// Where the simulated router is, and what it has, unless it is said otherwise:
// what the example configurations speak of.
const (
	simulatedAPI  = "127.0.0.1:8728"
	simulatedREST = "127.0.0.1:8443"
	simulatedSSH  = "127.0.0.1:2222"
	simulatedRule = "ADAPTIVE: steer latency-sensitive to wan2"
)

var simulatedQueues = []string{"WAN-Download-1=500M", "WAN-Upload-1=50M"}

func (p *program) simulateCommand() *cli.Command {
	return &cli.Command{
		Name: "simulate", Usage: "a RouterOS simulator on loopback, for trying configurations and for tests",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "api", Usage: "serve the binary API here (with none of --api, --rest and --ssh all three are served: " + simulatedAPI + ", " + simulatedREST + ", " + simulatedSSH + ")"},
			&cli.StringFlag{Name: "rest", Usage: "serve REST here"},
			&cli.StringFlag{Name: "ssh", Usage: "serve SSH here"},
			&cli.BoolFlag{Name: "api-tls", Usage: "the API over TLS, as api-ssl"},
			&cli.BoolFlag{Name: "rest-plain", Usage: "REST over plain HTTP, as www"},
			&cli.BoolFlag{Name: "anywhere", Usage: "allow addresses that are not loopback"},
			&cli.StringFlag{Name: "user", Value: "wanctl", EnvVars: []string{"ROUTER_USER"}, Usage: "who may log in"},
			&cli.StringFlag{Name: "password", EnvVars: []string{"ROUTER_PASSWORD"}, DefaultText: "none", Usage: "with which password; others on this machine can read a command line, so better by the environment"},
			&cli.StringFlag{Name: "ssh-key", TakesFile: true, Usage: "a file of public keys (id_ed25519.pub) that may log in by SSH"},
			&cli.StringFlag{Name: "version-string", Value: simulator.DefaultVersion, Usage: "the RouterOS version, 6.x or 7.x"},
			&cli.StringSliceFlag{Name: "queue", Usage: "a queue NAME[=LIMIT], e.g. WAN-Download-1=500M (repeatable; default: those of the example configuration)"},
			&cli.StringSliceFlag{Name: "rule", Usage: "the comment of a mangle rule, at first disabled (repeatable; default: that of the example configuration)"},
			&cli.StringSliceFlag{Name: "wan", Value: cli.NewStringSlice("wan1"), Usage: "there are queue types cake-down-WAN and cake-up-WAN (repeatable)"},
			&cli.StringSliceFlag{Name: "offered-load", Usage: "what the world offers to the queues, [QUEUE=]RATE[:TIME,RATE:TIME...], e.g. 80M or WAN-Download-1=90M:5s,600M:2s (repeatable; default: 80 % of the limit)"},
			&cli.DurationFlag{Name: "delay", Usage: "every command takes so much longer"},
			&cli.StringSliceFlag{Name: "fault", Usage: "what goes wrong, KIND[:WORD,...], e.g. lost-reply:/queue/tree/set,count=1 (repeatable; see docs/simulator.md)"},
			&cli.Uint64Flag{Name: "seed", Usage: "of faults that strike by chance"},
			&cli.DurationFlag{Name: "for", Usage: "end after so long (default: at a signal)"},
			&cli.BoolFlag{Name: "debug", Usage: "show the router's own log"},
		},
		Action: func(c *cli.Context) error {
			cfg, faults, err := p.simulated(c)
			if err != nil {
				return err
			}
			doors, err := doorsOf(c)
			if err != nil {
				return err
			}
			router := simulator.New(cfg)
			for _, f := range faults {
				router.Inject(f)
			}
			err = p.simulate(c, router, doors)
			if closing := router.Close(); err == nil {
				err = closing
			}
			return err
		},
	}
}

// simulated reads the router that the flags describe, and its faults.
func (p *program) simulated(c *cli.Context) (cfg simulator.Config, faults []simulator.Fault, err error) {
	user := simulator.User{Name: c.String("user"), Password: c.String("password")}
	if path := c.String("ssh-key"); path != "" {
		keys, err := os.ReadFile(path)
		if err != nil {
			return cfg, nil, err
		}
		user.Keys = strings.Split(strings.TrimSpace(string(keys)), "\n")
	}
	cfg = simulator.Config{Version: c.String("version-string"), Seed: c.Uint64("seed"), Users: []simulator.User{user}}
	if c.Bool("debug") {
		cfg.Log = slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if cfg.Queues, err = simulatedQueuesOf(c); err != nil {
		return cfg, nil, err
	}
	for _, comment := range orDefault(c.StringSlice("rule"), simulatedRule) {
		cfg.Rules = append(cfg.Rules, simulator.Rule{Comment: comment, Disabled: true})
	}
	for _, wan := range c.StringSlice("wan") {
		wan = strings.ToLower(wan)
		cfg.QueueTypes = append(cfg.QueueTypes, "cake-down-"+wan, "cake-up-"+wan)
	}
	if d := c.Duration("delay"); d < 0 {
		return cfg, nil, misuse("--delay %v is negative", d)
	} else if d > 0 {
		faults = append(faults, simulator.Fault{Kind: simulator.Delay, Delay: d})
	}
	for _, text := range c.StringSlice("fault") {
		f, err := simulator.ParseFault(text)
		if err != nil {
			return cfg, nil, misuse("--fault: %v", err)
		}
		faults = append(faults, f)
	}
	if err := cfg.Check(); err != nil {
		return cfg, nil, misuse("%v", err)
	}
	return cfg, faults, nil
}

func orDefault(given []string, otherwise ...string) []string {
	if len(given) > 0 {
		return given
	}
	return otherwise
}

// simulatedQueuesOf reads the queues and what is offered to them.
func simulatedQueuesOf(c *cli.Context) (queues []simulator.Queue, err error) {
	for _, text := range orDefault(c.StringSlice("queue"), simulatedQueues...) {
		q := simulator.Queue{Name: text}
		if at := strings.LastIndexByte(text, '='); at >= 0 {
			var ok bool
			if q.Limit, ok = simulator.ParseRate(text[at+1:]); !ok {
				return nil, misuse("--queue %q: %q is no rate (use e.g. 500M)", text, text[at+1:])
			}
			q.Name = text[:at]
		}
		q.Load = simulator.Constant(q.Limit / 10 * 8)
		queues = append(queues, q)
	}
	for _, text := range c.StringSlice("offered-load") {
		name, rates := "", text
		if at := strings.LastIndexByte(text, '='); at >= 0 {
			name, rates = text[:at], text[at+1:]
		}
		load, err := simulator.ParseLoad(rates)
		if err != nil {
			return nil, misuse("--offered-load: %v", err)
		}
		meant := false
		for i := range queues {
			if name == "" || queues[i].Name == name {
				queues[i].Load, meant = load, true
			}
		}
		if !meant {
			return nil, misuse("--offered-load %q: there is no queue %q", text, name)
		}
	}
	return queues, nil
}

// simulatedDoor is one of the transports that are asked for, and its address.
type simulatedDoor struct{ name, addr string }

// doorsOf reads which transports are asked for, and refuses to serve the world.
func doorsOf(c *cli.Context) (doors []simulatedDoor, err error) {
	for _, d := range []simulatedDoor{{"api", simulatedAPI}, {"rest", simulatedREST}, {"ssh", simulatedSSH}} {
		if !c.IsSet("api") && !c.IsSet("rest") && !c.IsSet("ssh") {
			doors = append(doors, d)
		} else if addr := c.String(d.name); addr != "" {
			doors = append(doors, simulatedDoor{d.name, addr})
		}
	}
	if len(doors) == 0 {
		return nil, misuse("nothing to serve: give --api, --rest or --ssh an address such as %s", simulatedREST)
	}
	for _, d := range doors {
		host, _, err := net.SplitHostPort(d.addr)
		if err != nil {
			return nil, misuse("--%s %q is no address (use e.g. %s)", d.name, d.addr, simulatedREST)
		}
		ip := net.ParseIP(host)
		if loopback := host == "localhost" || ip != nil && ip.IsLoopback(); !loopback && !c.Bool("anywhere") {
			return nil, misuse("--%s %q is not loopback: others could reach the simulator (--anywhere allows it)", d.name, d.addr)
		}
	}
	if d := c.Duration("for"); d < 0 {
		return nil, misuse("--for %v is negative", d)
	}
	return doors, nil
}

// simulate serves until a signal or the end of --for, and tells what happened.
func (p *program) simulate(c *cli.Context, router *simulator.Simulator, doors []simulatedDoor) error {
	fmt.Fprintf(p.stdout, "RouterOS %s, simulated. For the configuration:\n", c.String("version-string"))
	for _, d := range doors {
		e, err := openDoor(router, d, c)
		if err != nil {
			return err
		}
		p.tellEndpoint(c, e)
	}
	ctx := c.Context
	if d := c.Duration("for"); d > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d)
		defer cancel()
	}
	fmt.Fprintln(p.stdout, "\nServing; end with Ctrl-C.")
	begun := time.Now()
	<-ctx.Done()
	p.tellCounts(router, time.Since(begun))
	return nil
}

// openDoor serves one transport.
func openDoor(router *simulator.Simulator, d simulatedDoor, c *cli.Context) (simulator.Endpoint, error) {
	switch {
	case d.name == "api":
		return router.ServeAPI(d.addr, c.Bool("api-tls"))
	case d.name == "ssh":
		return router.ServeSSH(d.addr)
	case c.Bool("rest-plain"):
		return router.ServeRESTPlain(d.addr)
	}
	return router.ServeREST(d.addr)
}

// tellEndpoint prints the keys that a configuration wants to reach a transport.
// The password is not among them.
func (p *program) tellEndpoint(c *cli.Context, e simulator.Endpoint) {
	host, port, _ := net.SplitHostPort(e.Addr)
	if e.Transport == simulator.SSH {
		fmt.Fprintf(p.stdout, "\n# %s, host key %s; a line for the file of known_hosts:\n# %s\n", e.Transport, e.Fingerprint, e.KnownHosts)
	} else {
		fmt.Fprintf(p.stdout, "\n# %s\n", e.Transport)
	}
	fmt.Fprintf(p.stdout, "router:\n  transport: %s\n  host: %q\n  %s_port: %s\n  user: %s\n  password: \"${ROUTER_PASSWORD}\"\n",
		e.Transport, host, e.Transport, port, c.String("user"))
	switch {
	case e.TLS:
		fmt.Fprintf(p.stdout, "  tls: true\n  tls_fingerprint: %q\n", e.Fingerprint)
	case e.Transport == simulator.SSH:
		fmt.Fprintln(p.stdout, "  known_hosts: known_hosts")
	default:
		fmt.Fprintln(p.stdout, "  tls: false")
	}
}

// tellCounts prints what happened at the router.
func (p *program) tellCounts(router *simulator.Simulator, lasted time.Duration) {
	n := router.Counts()
	fmt.Fprintf(p.stdout, "\nAfter %v:\n", lasted.Round(100*time.Millisecond))
	for _, d := range []struct {
		name string
		simulator.Traffic
	}{{"api", n.API}, {"rest", n.REST}, {"ssh", n.SSH}} {
		if d.Connections > 0 {
			fmt.Fprintf(p.stdout, "%-5s connections %d, logins %d, refused %d, commands %d, failed %d\n", d.name, d.Connections, d.Logins, d.Refused, d.Requests, d.Failed)
		}
	}
	fmt.Fprintf(p.stdout, "writes to flash %d, lines in the router's log %d\n", n.Writes, n.LogLines)
	for _, u := range router.Unknown() {
		fmt.Fprintf(p.stderr, "wanctl: the simulator does not know what was asked: %s\n", u)
	}
}
