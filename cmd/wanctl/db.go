package main

import (
	"fmt"
	"math"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"

	"wanctl/configs"
	"wanctl/cycle"
	"wanctl/store"
)

func (p *program) dbCommand() *cli.Command {
	flags := func() []cli.Flag { return []cli.Flag{dbFlag(), configFlag()} }
	return &cli.Command{
		Name: "db", Usage: "the recording: what is in it, whether it is whole, its bounds",
		Subcommands: []*cli.Command{
			{
				Name: "info", Usage: "size, rows, span of time, drops, and how long the present settings and rate will last",
				Flags: flags(), Action: p.dbInfo,
			},
			{
				Name: "check", Usage: "integrity, and whether the minutes tell of exactly the cycles on record",
				Flags: flags(), Action: p.dbCheck,
			},
			{
				Name: "prune", Usage: "enforce the bounds of --config (or the defaults) now",
				Flags:  append(flags(), &cli.Int64Flag{Name: "max-size", Usage: "bytes, instead of the configuration's recorder.max_size"}),
				Action: p.dbPrune,
			},
		},
	}
}

// recorderConfig returns what --config says of the recorder, else the defaults;
// the file is that of the other flags either way.
func (p *program) recorderConfig(c *cli.Context) (cfg store.Config, err error) {
	cfg = store.DefaultConfig()
	if path := configPath(c); path != "" {
		if cfg, err = p.readRecorder(path); err != nil {
			return cfg, err
		}
	}
	cfg.Path, err = p.database(c)
	return cfg, err
}

func (p *program) readRecorder(path string) (store.Config, error) {
	kind, err := configs.Kind(path)
	if err != nil {
		return store.Config{}, err
	}
	if kind == cycle.Steering {
		s, findings := configs.LoadSteering(path, p.getenv)
		if s == nil {
			return store.Config{}, findings.Errors().Err()
		}
		return s.Recorder, nil
	}
	a, findings := configs.LoadAutorate(path, p.getenv)
	if a == nil {
		return store.Config{}, findings.Errors().Err()
	}
	return a.Recorder, nil
}

func (p *program) dbInfo(c *cli.Context) error {
	cfg, err := p.recorderConfig(c)
	if err != nil {
		return err
	}
	r, err := store.OpenReader(c.Context, cfg.Path)
	if err != nil {
		return err
	}
	defer r.Close()
	info, err := r.Info(c.Context)
	if err != nil {
		return err
	}
	outlook, err := r.Outlook(c.Context, cfg, &info)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) {
		fmt.Fprintf(t, "%s\t"+format+"\n", append([]any{name}, args...)...)
	}
	line("file", "%s (schema %d)", info.Path, info.Version)
	line("size", "%s: database %s (%s of it free), WAL %s, shared memory %s; bound %s", size(info.Size()), size(info.Database),
		size(info.Free), size(info.WAL), size(info.Shared), size(cfg.MaxSize))
	line("cycles", "%s%s", humanize.Comma(info.Cycles), since(info.CyclesSince))
	line("minutes", "%s rows, exact%s", humanize.Comma(info.Minutes), since(info.ExactSince))
	line("hours", "%s rows, good to 0.5 %%", humanize.Comma(info.Hours))
	if !info.Newest.IsZero() {
		line("time", "%s to %s", shown(info.Since), shown(info.Newest))
	}
	for _, l := range info.Loops {
		line("loop", "%s %s: interval %v, %s", l.Daemon, l.WAN, l.Budget, count(l.Runs, "start"))
	}
	if info.Dropped > 0 {
		line("dropped", "%s, last %s", count(info.Dropped, "cycle"), shown(info.DroppedLast))
	} else {
		line("dropped", "none")
	}
	showOutlook(line, &outlook)
	return t.Flush()
}

// showOutlook tells how the present rate and the settings go together.
func showOutlook(line func(name, format string, args ...any), o *store.Outlook) {
	if o.CyclesPerDay == 0 {
		line("lasts", "too little is recorded yet to tell how long the settings will last")
		return
	}
	line("rate", "%s cycles a day; a day takes %s while its cycles are kept", humanize.Comma(int64(math.Round(o.CyclesPerDay))), size(int64(o.BytesPerDay)))
	if o.WrittenPerDay > 0 {
		line("written", "%s a day to storage", size(o.WrittenPerDay))
	}
	bounded := ""
	if o.Bounded {
		bounded = " (recorder.max_size is what bounds it)"
	}
	line("lasts", "cycles are kept %s, minutes %s%s", days(o.Cycles), days(o.Minutes), bounded)
}

func (p *program) dbCheck(c *cli.Context) error {
	path, err := p.database(c)
	if err != nil {
		return err
	}
	r, err := store.OpenReader(c.Context, path)
	if err != nil {
		return err
	}
	defer r.Close()
	var progress func(done, all int64)
	if isTerminal(p.stderr) {
		bar := progressbar.NewOptions64(-1, progressbar.OptionSetWriter(p.stderr), progressbar.OptionSetDescription("checking minutes"),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
		defer func() { _ = bar.Finish() }()
		progress = func(done, all int64) {
			bar.ChangeMax64(all)
			_ = bar.Set64(done)
		}
	}
	findings, err := r.Check(c.Context, progress)
	if err != nil {
		return err
	}
	if len(findings) > 0 {
		return fmt.Errorf("%s is not whole:\n  %s\nWhat can be read, export can save; move the file away and the daemons begin a new one", path, strings.Join(findings, "\n  "))
	}
	fmt.Fprintf(p.stdout, "%s is whole: the minutes tell of exactly its cycles\n", path)
	return nil
}

func (p *program) dbPrune(c *cli.Context) error {
	cfg, err := p.recorderConfig(c)
	if err != nil {
		return err
	}
	if c.IsSet("max-size") {
		if cfg.MaxSize = c.Int64("max-size"); cfg.MaxSize < minMaxSize {
			return misuse("--max-size wants %d or more", minMaxSize)
		}
	}
	done, err := store.Prune(c.Context, cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%s: %s gone, %s, %s; %s before, %s now\n", cfg.Path, count(done.Cycles, "cycle"),
		change(done.Minutes, "minute row", "gone"), change(done.Hours, "hour row", "more"), size(done.Before), size(done.After))
	return nil
}

// minMaxSize is the least of recorder.max_size.
const minMaxSize = 4 << 20

func size(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// count puts a number before a noun.
func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return humanize.Comma(n) + " " + noun + "s"
}

// change tells of rows that are more, or gone where n is below zero.
func change(n int64, noun, word string) string {
	if n < 0 {
		n, word = -n, map[string]string{"gone": "more", "more": "gone"}[word]
	}
	return count(n, noun) + " " + word
}

func shown(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }

func since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ", since " + shown(t)
}

// days shows a length of time in days, or in hours below two of them.
func days(d time.Duration) string {
	if d < 48*time.Hour {
		return fmt.Sprintf("%.1f hours", d.Hours())
	}
	return fmt.Sprintf("%.1f days", d.Hours()/24)
}
