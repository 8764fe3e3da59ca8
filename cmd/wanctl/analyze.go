package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/renameio/v2"
	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"wanctl/analyze"
	"wanctl/analyze/report"
	"wanctl/analyze/report/page"
	"wanctl/cycle"
	"wanctl/store"
)

// analyzeCommand is the report.
func (p *program) analyzeCommand() *cli.Command {
	return &cli.Command{
		Name:  "analyze",
		Usage: "where the time of the cycles goes: counts, quantiles, shares, the bottleneck",
		Description: "--format html --output report.html writes a page to look at: one file that needs nothing from elsewhere, with latency, " +
			"zones, RTT and rates over time, heat maps, distributions, the reflectors side by side and the slowest cycles.",
		Flags: slices.Concat(windowFlags(), loopFlags(), []cli.Flag{
			dbFlag(), configFlag(), outputFlag(),
			&cli.StringFlag{Name: "format", Value: "text", Usage: "text, json, csv, markdown, or html: a page to look at"},
			&cli.StringFlag{Name: "from", Value: "minutes", Usage: "minutes, or rows: a cross-check that reads every cycle"},
			&cli.BoolFlag{Name: "exact", Usage: "refuse a window whose quantiles are not exact"},
			&cli.BoolFlag{Name: "verbose", Usage: "confidence intervals, and every doubt"},
			&cli.StringFlag{Name: "by", Usage: "split the report: " + strings.Join(analyze.Groupings, ", ")},
			&cli.StringFlag{Name: "histogram", Usage: "draw the distribution of a label, a part (total, rtt, ...) or a reflector"},
			&cli.BoolFlag{Name: "trend", Usage: "draw how each label went over the window"},
			&cli.StringFlag{Name: "what-if", Usage: "what other intervals would do, e.g. 50ms,100ms,250ms"},
			&cli.StringSliceFlag{Name: "fail-if", Usage: "exit 1 if this is so, e.g. 'autorate total.p99 > 50ms'; may be given several times"},
		}),
		Action: p.analyze,
	}
}

// loopFlags choose among the loops of a recording.
func loopFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "wan", Usage: "only this WAN"},
		&cli.StringFlag{Name: "daemon", Usage: "only autorate, or only steering"},
	}
}

func outputFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "output", TakesFile: true, Usage: "write to this file instead, all of it or nothing",
		Action: func(_ *cli.Context, path string) error { return refuseFolder(path) }, // before any work
	}
}

// refuseFolder keeps a folder from being taken for a file to write to.
func refuseFolder(path string) error {
	if about, err := os.Stat(path); err == nil && about.IsDir() {
		return fmt.Errorf("write %s: is a directory (--output names a file in it)", path)
	}
	return nil
}

// analyzeOptions reads the flags that choose what is answered.
func (p *program) analyzeOptions(c *cli.Context) (o analyze.Options, err error) {
	o = analyze.Options{Exact: c.Bool("exact"), WAN: c.String("wan"), Daemon: cycle.Daemon(c.String("daemon")), Now: p.now()}
	switch o.Daemon {
	case "", cycle.Autorate, cycle.Steering:
	default:
		return o, misuse("--daemon %q is none (use autorate or steering)", o.Daemon)
	}
	switch from := c.String("from"); from {
	case "", "minutes":
	case "rows":
		o.Rows = true
	default:
		return o, misuse("--from %q is none (use minutes or rows)", from)
	}
	return o, nil
}

// layouts are the formats of the report.
var layouts = map[string]func(io.Writer, *analyze.Analysis, report.Options) error{
	"text": report.Text, "json": report.JSON, "csv": report.CSV, "markdown": report.Markdown,
}

func (p *program) analyze(c *cli.Context) error {
	w, loc, err := p.window(c)
	if err != nil {
		return err
	}
	o, err := p.analyzeOptions(c)
	if err != nil {
		return err
	}
	format := c.String("format")
	layout := layouts[format]
	if layout == nil && format != "html" {
		return misuse("--format %q is none (use text, json, csv, markdown or html)", format)
	}
	if format == "html" && c.String("output") == "" && isTerminal(p.stdout) {
		return misuse("a page is nothing for a terminal: give --output report.html and open that")
	}
	conditions, err := parseAll(c.StringSlice("fail-if"), analyze.ParseCondition)
	if err != nil {
		return err
	}
	extra, err := askedFor(c)
	if err != nil {
		return err
	}
	rs, err := p.recordings(c)
	if err != nil {
		return err
	}
	defer rs.Close()
	if format == "html" {
		a, err := p.page(c, rs, w, o, loc)
		if err != nil {
			return err
		}
		return cameTrue(conditions, func(c analyze.Condition) (bool, string, error) { return c.Met(a) })
	}
	a, err := rs.analyze(c.Context, w, o, loc)
	if err != nil {
		return err
	}
	shown := p.reportOptions(c, rs, loc)
	if err := p.output(c, func(out io.Writer) error {
		if extra != nil {
			return extra(c.Context, out, &question{recordings: rs, window: w, options: o, answer: a, shown: shown})
		}
		return layout(out, a, shown)
	}); err != nil {
		return err
	}
	return cameTrue(conditions, func(c analyze.Condition) (bool, string, error) { return c.Met(a) })
}

// page writes the report as a page, and returns the analysis that it shows.
func (p *program) page(c *cli.Context, rs *recordings, w cycle.Window, o analyze.Options, loc *time.Location) (*analyze.Analysis, error) {
	content, err := page.Gather(c.Context, w, o, rs.sources()...)
	if err != nil {
		return nil, rs.wrap(err)
	}
	if len(content.Analysis.Loops) == 0 {
		return nil, rs.nothing(c.Context, w, o, loc)
	}
	return content.Analysis, p.output(c, func(out io.Writer) error {
		return page.Write(out, content, page.Options{Databases: rs.paths, Zone: loc, Now: p.now(), Version: thisBuild().Version})
	})
}

func (p *program) reportOptions(c *cli.Context, rs *recordings, loc *time.Location) report.Options {
	o := report.Options{Databases: rs.paths, Zone: loc, Verbose: c.Bool("verbose")}
	if f, ok := p.stdout.(*os.File); ok && isTerminal(f) && c.String("output") == "" {
		o.Width, _, _ = term.GetSize(int(f.Fd())) // unknown is 0: as wide as it takes
	}
	return o
}

// output hands the chosen place to write to: the file of --output, which appears
// whole or not at all, or the program's own output.
func (p *program) output(c *cli.Context, write func(io.Writer) error) error {
	path := c.String("output")
	if path == "" {
		b := bufio.NewWriter(p.stdout)
		if err := write(b); err != nil {
			return err
		}
		return b.Flush()
	}
	return writeFile(c.Context, path, write)
}

// writeFile writes a file that appears whole or not at all. What is no file, such
// as /dev/null or a pipe, is written to and not replaced.
func writeFile(ctx context.Context, path string, write func(io.Writer) error) error {
	if err := refuseFolder(path); err != nil {
		return err
	}
	if about, err := os.Stat(path); err == nil && !about.Mode().IsRegular() {
		return writeThrough(ctx, path, write)
	}
	f, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = f.Cleanup() }() // does nothing once the file is in place
	b := bufio.NewWriter(f)
	if err := write(b); err != nil {
		return err
	}
	if err := errors.Join(b.Flush(), f.CloseAtomicallyReplace()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// writeThrough writes to a device or a pipe, whose reader may keep it waiting.
func writeThrough(ctx context.Context, path string, write func(io.Writer) error) error {
	f, err := opened(ctx, path, os.O_WRONLY)
	if err != nil {
		return fmt.Errorf("write: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = f.SetWriteDeadline(time.Now()) })() // a device has none
	b := bufio.NewWriter(f)
	if err := write(b); err != nil {
		_ = f.Close()
		return err
	}
	return errors.Join(b.Flush(), f.Close())
}

// recordings are the files that a verb reads, open.
type recordings struct {
	paths   []string
	readers []*store.Reader
}

// recordings opens the files that the flags name.
func (p *program) recordings(c *cli.Context) (*recordings, error) {
	paths, err := p.databases(c)
	if err != nil {
		return nil, err
	}
	return openRecordings(c.Context, paths...)
}

func openRecordings(ctx context.Context, paths ...string) (*recordings, error) {
	rs := new(recordings)
	for _, path := range paths {
		r, err := store.OpenReader(ctx, path)
		if err != nil {
			rs.Close()
			return nil, err
		}
		rs.paths, rs.readers = append(rs.paths, path), append(rs.readers, r)
	}
	return rs, nil
}

// Close closes the files.
func (rs *recordings) Close() {
	for _, r := range rs.readers {
		_ = r.Close() // it only read
	}
}

// sources are the files as analyze reads them.
func (rs *recordings) sources() []analyze.Source {
	ss := make([]analyze.Source, len(rs.readers))
	for i, r := range rs.readers {
		ss[i] = r
	}
	return ss
}

// analyze answers for a window; one without any cycle is an error.
func (rs *recordings) analyze(ctx context.Context, w cycle.Window, o analyze.Options, loc *time.Location) (*analyze.Analysis, error) {
	a, err := analyze.Analyze(ctx, w, o, rs.sources()...)
	if err != nil {
		return nil, rs.wrap(err)
	}
	if len(a.Loops) == 0 {
		return nil, rs.nothing(ctx, w, o, loc)
	}
	return a, nil
}

// wrap says what to do about an error where something can be done.
func (rs *recordings) wrap(err error) error {
	var inexact *analyze.InexactError
	if errors.As(err, &inexact) {
		return fmt.Errorf("%w: use --since %s, or leave out --exact", err, inexact.Oldest.Format(time.RFC3339))
	}
	return fmt.Errorf("read %s: %w", strings.Join(rs.paths, ", "), err)
}

// nothing says that nothing was recorded in a window, and when something was.
func (rs *recordings) nothing(ctx context.Context, w cycle.Window, o analyze.Options, loc *time.Location) error {
	var newest time.Time
	for _, r := range rs.readers {
		t, err := r.Newest(ctx)
		if err != nil {
			return rs.wrap(err)
		}
		if t.After(newest) {
			newest = t
		}
	}
	return report.Nothing(w, o, newest, report.Options{Databases: rs.paths, Zone: loc})
}

// moment shows a time in a zone.
func moment(t time.Time, loc *time.Location) string {
	return t.In(loc).Format("2006-01-02 15:04:05 MST")
}
