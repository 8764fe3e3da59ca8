package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"

	"wanctl/cycle"
	"wanctl/cycle/logfile"
	"wanctl/store"
)

// importCommand brings other programs' logs into a recording.
func (p *program) importCommand() *cli.Command {
	return &cli.Command{
		Name:      "import",
		Usage:     "reads the logs of the Python program, or of cake-autorate, into the recording",
		ArgsUsage: "FILE ... | -",
		Description: "Files may be plain or gzip, rotated sets in any order; - is standard input.\n" +
			"Importing a file again, renamed, compressed or grown, adds only what is new in it.",
		Flags: []cli.Flag{
			dbFlag(), configFlag(),
			&cli.StringFlag{Name: "tz", Usage: "time zone that the log's local times were written in, e.g. Europe/Berlin (default: local)"},
			&cli.StringFlag{Name: "format", Value: string(logfile.Auto), Usage: "auto, wanctl or cake-autorate"},
			&cli.StringFlag{Name: "wan", Usage: "the WAN's name, where the log tells none"},
			&cli.DurationFlag{Name: "interval", Usage: "the daemons' cycle interval, to count missed slots and overruns (default: unknown)"},
		},
		Action: p.importLogs,
	}
}

func (p *program) importLogs(c *cli.Context) error {
	inputs, all, err := p.logInputs(c.Context, c.Args().Slice())
	if err != nil {
		return err
	}
	opts, err := importOptions(c)
	if err != nil {
		return err
	}
	cfg, err := p.recorderConfig(c)
	if err != nil {
		return err
	}
	progress, stop := p.importProgress(all)
	var stats logfile.Stats
	var done store.Imported
	// The recording is touched only once there is something to put into it.
	cycles, some, err := begun(logfile.Read(c.Context, inputs, opts, &stats))
	if some {
		done, err = store.Import(c.Context, cfg, cycles, func(int64) { progress(stats.Bytes) })
	}
	stop()
	p.badLines(&stats)
	if err != nil {
		if done.Cycles > 0 {
			err = fmt.Errorf("%w\nimported before that: %s; import again once it is put right, and only the rest is added", err, count(done.Cycles, "cycle"))
		}
		return err
	}
	if stats.Cycles == 0 {
		return nothingImported(&stats, c.Args().Slice())
	}
	p.imported(cfg.Path, done, &stats)
	return nil
}

// begun returns the same cycles, after it has seen whether there are some or
// the first thing to come is an error.
func begun(cycles iter.Seq2[*cycle.Cycle, error]) (same iter.Seq2[*cycle.Cycle, error], some bool, err error) {
	next, stop := iter.Pull2(cycles)
	first, err, some := next()
	if err != nil || !some {
		stop()
		return nil, false, err
	}
	return func(yield func(*cycle.Cycle, error) bool) {
		defer stop()
		for c, err, ok := first, error(nil), true; ok && yield(c, err); {
			c, err, ok = next()
		}
	}, true, nil
}

// wanName is what a WAN may be called.
var wanName = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

func importOptions(c *cli.Context) (opts logfile.Options, err error) {
	opts = logfile.Options{
		Format: logfile.Format(c.String("format")), WAN: c.String("wan"), Interval: c.Duration("interval"), Trusted: c.String("tz") != "",
	}
	switch opts.Format {
	case logfile.Auto, logfile.Wanctl, logfile.CakeAutorate:
	default:
		return opts, misuse("--format %q is none (use auto, wanctl or cake-autorate)", opts.Format)
	}
	if opts.WAN != "" && !wanName.MatchString(opts.WAN) {
		return opts, misuse("--wan %q: a name has letters, digits, dots, hyphens and underscores", opts.WAN)
	}
	if c.IsSet("interval") && (opts.Interval < time.Millisecond || opts.Interval > 24*time.Hour) {
		return opts, misuse("--interval wants 1ms to 24h")
	}
	opts.Zone, err = zone(c)
	return opts, err
}

// logInputs returns the logs that the arguments name, and their bytes in all; -1
// where those are not known.
func (p *program) logInputs(ctx context.Context, args []string) (inputs []logfile.Input, all int64, err error) {
	if len(args) == 0 {
		return nil, 0, misuse("import wants the log's name, or - for standard input")
	}
	for i, name := range args {
		if strings.HasPrefix(name, "-") && name != "-" {
			return nil, 0, misuse("import: %s stands after a file's name: put the flags first (or write ./%s)", name, name)
		}
		for _, other := range args[:i] {
			if other == name {
				return nil, 0, misuse("import: %s is given twice", name)
			}
		}
		if name == "-" {
			all = -1
			inputs = append(inputs, logfile.Input{Name: "standard input", Once: true, Open: func() (io.ReadCloser, error) { return untilDone(ctx, p.stdin), nil }})
			continue
		}
		info, err := os.Stat(name)
		switch {
		case err != nil:
			return nil, 0, err
		case info.IsDir():
			return nil, 0, fmt.Errorf("%s is a folder: name the logs in it", name)
		case !info.Mode().IsRegular():
			return nil, 0, fmt.Errorf("%s is no file: pipe it in, as in: wanctl import - < %s", name, shellWord(name))
		case all >= 0:
			all += info.Size()
		}
		inputs = append(inputs, logfile.Input{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(name) }})
	}
	return inputs, all, nil
}

// importProgress shows how much was read, on a terminal.
func (p *program) importProgress(all int64) (progress func(n int64), stop func()) {
	if !isTerminal(p.stderr) {
		return func(int64) {}, func() {}
	}
	bar := progressbar.NewOptions64(all, progressbar.OptionSetWriter(p.stderr), progressbar.OptionSetDescription("importing"),
		progressbar.OptionShowBytes(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	return func(n int64) { _ = bar.Set64(n) }, func() { _ = bar.Finish() }
}

// badLines tells how many lines could not be read, and the first of them.
func (p *program) badLines(s *logfile.Stats) {
	if s.Bad == 0 {
		return
	}
	fmt.Fprintf(p.stderr, "wanctl: %s could not be read and %s left out:\n", count(s.Bad, "line"), wasWere(s.Bad))
	for _, b := range s.First {
		fmt.Fprintf(p.stderr, "  %s\n", b)
	}
	if more := s.Bad - int64(len(s.First)); more > 0 {
		fmt.Fprintf(p.stderr, "  and %s more\n", humanize.Comma(more))
	}
}

func wasWere(n int64) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// nothingImported explains logs without a cycle.
func nothingImported(s *logfile.Stats, args []string) error {
	names := strings.Join(args, ", ")
	if !s.Known {
		return fmt.Errorf("%s: none of %s is from a log of wanctl or cake-autorate", names, count(s.Lines, "line"))
	}
	return errors.New(names + ": no cycle is told in " + count(s.Lines, "line") +
		" (the Python program tells them with --debug, in its debug log; cake-autorate with output_processing_stats=1)")
}

// imported is the summary.
func (p *program) imported(path string, done store.Imported, s *logfile.Stats) {
	fmt.Fprintf(p.stdout, "%s: %s with %s read; %s new", path, count(s.Cycles, "cycle"), count(s.Timings, "timing"), humanize.Comma(done.Cycles))
	if done.Known > 0 {
		fmt.Fprintf(p.stdout, ", %s on record already", humanize.Comma(done.Known))
	}
	fmt.Fprintf(p.stdout, " (%s)\n", count(s.Lines, "line"))
	if s.Loose > 0 {
		fmt.Fprintf(p.stdout, "%s left out: they belong to no cycle that ended\n", count(s.Loose, "timing"))
	}
	if done.Cycles > 0 {
		since, until := done.Since.UTC().Truncate(time.Second), done.Until.UTC().Truncate(time.Second).Add(time.Second)
		fmt.Fprintf(p.stdout, "See it: wanctl analyze --db %s --since %s --until %s\n", shellWord(path), since.Format(time.RFC3339), until.Format(time.RFC3339))
	}
}
