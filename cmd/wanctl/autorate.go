package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/urfave/cli/v2"

	"wanctl/configs"
	"wanctl/cycle"
	"wanctl/cycle/autorate"
	"wanctl/cycle/state"
)

func (p *program) autorateCommand() *cli.Command {
	return &cli.Command{
		Name: "autorate", Usage: "the daemon that moves the limits of the CAKE queues, one loop per WAN",
		Flags: daemonFlags(&cli.StringSliceFlag{Name: "config", TakesFile: true, Usage: "a WAN's configuration; once for each WAN"}),
		Action: func(c *cli.Context) error {
			opts, err := p.daemonOptions(c)
			if err != nil {
				return err
			}
			paths := c.StringSlice("config")
			if len(paths) == 0 {
				return misuse("autorate wants --config FILE, once for each WAN")
			}
			wans, err := p.loadWANs(paths, opts)
			if err != nil {
				return err
			}
			if opts.check {
				for _, wan := range wans {
					fmt.Fprint(p.stdout, wan.Describe())
				}
				return nil
			}
			return p.autorate(c.Context, wans, opts)
		},
	}
}

// loadWANs reads the configurations, puts the options into them, and tells
// everything that is wrong with any of them.
func (p *program) loadWANs(paths []string, opts daemonOptions) ([]*configs.Autorate, error) {
	var wans []*configs.Autorate
	var all configs.Findings
	for _, path := range paths {
		wan, findings := configs.LoadAutorate(path, p.getenv)
		all = append(all, findings...)
		if wan != nil {
			opts.apply(&wan.Daemon.Interval, &wan.Recorder)
			wans = append(wans, wan)
		}
	}
	return wans, p.tell(append(all, configs.Conflicts(wans...)...), opts.check)
}

// autorate runs the daemon.
func (p *program) autorate(ctx context.Context, wans []*configs.Autorate, opts daemonOptions) error {
	book := p.newLogbook(opts.debug)
	defer book.Close()
	h, err := newHouse(opts, book.logger("wanctl", configs.Logging{}))
	if err != nil {
		return err
	}
	defer h.Close()
	for _, wan := range wans {
		if err := h.addAutorate(ctx, wan, book.logger(wan.Daemon.WAN, wan.Logging, wan.Router.Password)); err != nil {
			return fmt.Errorf("%s: %w", wan.Path, err)
		}
	}
	return h.run(ctx)
}

// addAutorate puts a WAN's loop into the house.
func (h *house) addAutorate(ctx context.Context, wan *configs.Autorate, log *slog.Logger) error {
	if !wan.Daemon.Enabled {
		return errors.New("continuous_monitoring.enabled is false: this WAN is not to be controlled (set it to true, or leave the file out)")
	}
	config := wan.Daemon
	if err := h.lock(config.LockFile); err != nil {
		return err
	}
	router, err := h.router(wan.Router, log)
	if err != nil {
		return err
	}
	writer := h.recorder(wan.Recorder)
	daemon := autorate.New(config, h.prober, router, state.NewSaver(state.File{Path: config.StateFile()}), h.opts.dryRun, log)
	run := h.newRun(ctx, cycle.Autorate, config.WAN, config.Interval, router)
	run.Reflectors = config.Reflectors()
	run.Config, run.State = wan.JSON(), daemon.Restore()
	// An echo may take its whole time, and so may the write that follows it.
	h.add(run, max(config.Interval, config.PingTimeout+wan.Router.Patience()), daemon, writer, log, watched{router: router, health: wan.Health, metrics: wan.Metrics})
	return nil
}
