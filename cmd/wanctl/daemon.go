package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"wanctl/configs"
	"wanctl/store"
)

// daemonFlags are the flags that both daemons take.
func daemonFlags(more ...cli.Flag) []cli.Flag {
	return append([]cli.Flag{
		&cli.BoolFlag{Name: "check", Usage: "validate the configuration, say what was understood, touch nothing else"},
		&cli.BoolFlag{Name: "dry-run", Usage: "do everything, but write nothing to the router"},
		&cli.BoolFlag{Name: "oneshot", Usage: "run one cycle; exit 1 if it failed, or never reached the router"},
		&cli.Int64Flag{Name: "cycles", Usage: "stop after so many cycles"},
		&cli.DurationFlag{Name: "interval", Usage: "the cycle interval, instead of the configuration's (20ms and more)"},
		&cli.StringFlag{Name: "db", TakesFile: true, Usage: "record into this file, whatever recorder.enabled says (default: $WANCTL_DB, else recorder.path)"},
		&cli.BoolFlag{Name: "no-record", Usage: "record nothing"},
		&cli.BoolFlag{Name: "debug", Usage: "log every span"},
	}, more...)
}

// daemonOptions are the flags' values.
type daemonOptions struct {
	check, dryRun, noRecord, debug bool
	oneshot                        bool
	cycles                         int64
	interval                       time.Duration
	db                             string
	usualDB                        string // $WANCTL_DB
}

// minInterval is the shortest cycle interval: below it the clock reads and the
// scheduler of a small box are no longer small beside the cycle.
const minInterval = 20 * time.Millisecond

func (p *program) daemonOptions(c *cli.Context) (o daemonOptions, err error) {
	o = daemonOptions{
		check: c.Bool("check"), dryRun: c.Bool("dry-run"), noRecord: c.Bool("no-record"), debug: c.Bool("debug"),
		oneshot: c.Bool("oneshot"), cycles: c.Int64("cycles"), interval: c.Duration("interval"), db: c.String("db"),
	}
	switch {
	case c.IsSet("cycles") && o.cycles < 1:
		return o, misuse("--cycles wants 1 or more")
	case c.IsSet("cycles") && o.oneshot:
		return o, misuse("--oneshot and --cycles contradict each other")
	case c.IsSet("interval") && o.interval < minInterval:
		return o, misuse("--interval wants %v or more", minInterval)
	case c.IsSet("db") && o.db == "":
		return o, misuse("--db wants the name of a file")
	case o.noRecord && c.IsSet("db"):
		return o, misuse("--no-record and --db contradict each other")
	}
	if o.oneshot {
		o.cycles = 1
	}
	o.usualDB, _ = p.getenv("WANCTL_DB")
	return o, nil
}

// apply puts the options into what was read of a configuration, before anybody is
// told of it or goes by it. --db records; $WANCTL_DB says only where.
func (o daemonOptions) apply(interval *time.Duration, recorder *store.Config) {
	if o.interval > 0 {
		*interval = o.interval
	}
	switch {
	case o.noRecord:
		recorder.Enabled = false
	case o.db != "":
		recorder.Enabled, recorder.Path = true, o.db
	case o.usualDB != "":
		recorder.Path = o.usualDB
	}
}

// tell shows what was found in a configuration: warnings go to stderr, errors
// are returned. A variable that is not set is an error when a daemon starts, and
// a warning when the configuration is only checked.
func (p *program) tell(findings configs.Findings, check bool) error {
	if !check {
		findings = findings.ForStart()
	}
	for _, f := range findings.Warnings() {
		fmt.Fprintf(p.stderr, "warning: %v\n", f)
	}
	if errs := findings.Errors(); len(errs) > 0 {
		return fmt.Errorf("the configuration cannot be used\n%w", errs.Err())
	}
	return nil
}
