package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/urfave/cli/v2"

	"wanctl/configs"
	"wanctl/cycle"
	"wanctl/cycle/routeros"
	"wanctl/cycle/state"
	"wanctl/cycle/steering"
)

func (p *program) steeringCommand() *cli.Command {
	return &cli.Command{
		Name: "steering", Usage: "the daemon that sends latency-sensitive traffic to the other WAN while the first is congested",
		Flags: daemonFlags(
			&cli.StringFlag{Name: "config", TakesFile: true, Usage: "the configuration"},
			&cli.BoolFlag{Name: "reset", Usage: "turn the rule off, forget the state, and exit"},
		),
		Action: func(c *cli.Context) error {
			opts, err := p.daemonOptions(c)
			if err != nil {
				return err
			}
			path := c.String("config")
			if path == "" {
				return misuse("steering wants --config FILE")
			}
			if c.Bool("reset") && opts.check {
				return misuse("--check touches nothing, --reset does: give one of them")
			}
			config, err := p.loadSteering(path, opts)
			if err != nil {
				return err
			}
			if opts.check {
				_, err := fmt.Fprint(p.stdout, config.Describe())
				return err
			}
			return p.steering(c.Context, config, opts, c.Bool("reset"))
		},
	}
}

// loadSteering reads the configuration, puts the options into it, and tells
// everything that is wrong with it.
func (p *program) loadSteering(path string, opts daemonOptions) (*configs.Steering, error) {
	config, findings := configs.LoadSteering(path, p.getenv)
	if config != nil {
		opts.apply(&config.Daemon.Interval, &config.Recorder)
	}
	return config, p.tell(findings, opts.check)
}

// steering runs the daemon, or resets it.
func (p *program) steering(ctx context.Context, config *configs.Steering, opts daemonOptions, reset bool) error {
	book := p.newLogbook(opts.debug)
	defer book.Close()
	log := book.logger(config.Daemon.WAN, config.Logging, config.Router.Password)
	if reset {
		return p.resetSteering(ctx, config, opts, log)
	}
	h, err := newHouse(opts, log)
	if err != nil {
		return err
	}
	defer h.Close()
	if err := h.addSteering(ctx, config, log); err != nil {
		return fmt.Errorf("%s: %w", config.Path, err)
	}
	return h.run(ctx)
}

// resetDeadline bounds --reset: a login and some requests to a router that may
// be slow.
const resetDeadline = 30 * time.Second

// resetSteering turns the rule off and forgets the state.
func (p *program) resetSteering(ctx context.Context, config *configs.Steering, opts daemonOptions, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, resetDeadline)
	defer cancel()
	if !opts.dryRun {
		lock, err := lockDaemon(config.Daemon.LockFile)
		if err != nil {
			return err
		}
		defer lock.Close()
	}
	router, err := routeros.New(config.Router, log)
	if err != nil {
		return fmt.Errorf("%s: %w", config.Path, err)
	}
	defer router.Close()
	daemon := steering.New(config.Daemon, nil, router, steeringState(config.Daemon), opts.dryRun, log)
	daemon.Restore()
	if err := daemon.Reset(ctx); err != nil {
		return err
	}
	if !opts.dryRun {
		fmt.Fprintf(p.stdout, "the rule %q is off, %s is fresh\n", config.Daemon.RuleComment, config.Daemon.StateFile)
	}
	return nil
}

func steeringState(c steering.Config) *state.Saver {
	return state.NewSaver(state.File{Path: c.StateFile, Backup: true, Lock: true})
}

// addSteering puts the steering loop into the house.
func (h *house) addSteering(ctx context.Context, s *configs.Steering, log *slog.Logger) error {
	config := s.Daemon
	if err := h.lock(config.LockFile); err != nil {
		return err
	}
	router, err := h.router(s.Router, log)
	if err != nil {
		return err
	}
	writer := h.recorder(s.Recorder)
	daemon := steering.New(config, h.prober, router, steeringState(config), h.opts.dryRun, log)
	run := h.newRun(ctx, cycle.Steering, config.WAN, config.Interval, router)
	run.Reflectors = config.Reflectors()
	run.Config, run.State = s.JSON(), daemon.Restore()
	// Three tries may follow each other, and a switch may follow them.
	h.add(run, max(config.Interval, min(config.PingTotal, 3*config.PingTimeout+time.Second)+s.Router.Patience()), daemon, writer, log,
		watched{router: router, health: s.Health, metrics: s.Metrics, steering: s})
	return nil
}
