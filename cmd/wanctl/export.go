package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"

	"wanctl/analyze"
	"wanctl/analyze/report"
	"wanctl/cycle"
)

// exportCommand is the recording, row by row.
func (p *program) exportCommand() *cli.Command {
	return &cli.Command{
		Name:  "export",
		Usage: "the recorded cycles as CSV, JSON Lines or a trace, for spreadsheets, scripts and Perfetto",
		Flags: slices.Concat(windowFlags(), loopFlags(), []cli.Flag{
			dbFlag(), configFlag(), outputFlag(),
			&cli.StringFlag{Name: "table", Value: "spans", Usage: "spans (a row per timing) or cycles (a row per cycle, with its decision)"},
			&cli.StringFlag{Name: "format", Value: "csv", Usage: "csv, jsonl or trace (Chrome's trace events, for ui.perfetto.dev)"},
			&cli.StringFlag{Name: "delimiter", Usage: "between the columns of CSV, one character or \"tab\" (default: a comma, or a semicolon with --decimal-comma)"},
			&cli.BoolFlag{Name: "decimal-comma", Usage: "12,5 rather than 12.5, for European spreadsheets"},
			&cli.Int64Flag{Name: "max-rows", Usage: "split --output into numbered files of so many rows, the header included (a spreadsheet holds 1048576)"},
		}),
		Action: p.export,
	}
}

func (p *program) export(c *cli.Context) error {
	w, loc, err := p.window(c)
	if err != nil {
		return err
	}
	o, err := p.analyzeOptions(c)
	if err != nil {
		return err
	}
	rows, err := exportRows(c, loc)
	if err != nil {
		return err
	}
	rs, err := p.recordings(c)
	if err != nil {
		return err
	}
	defer rs.Close()
	cycles, stop := p.watched(c, w, rs.cycles(c.Context, w, o))
	defer stop()
	switch n := c.Int64("max-rows"); {
	case rows == nil:
		err = p.output(c, func(out io.Writer) error { return report.Trace(out, cycles) })
	case n > 0:
		err = exportNumbered(c.String("output"), n, rows, cycles)
	default:
		err = p.output(c, func(out io.Writer) error { return rows.Write(out, cycles) })
	}
	if errors.Is(err, report.ErrNothing) {
		return rs.nothing(c.Context, w, o, loc)
	}
	if err != nil {
		return err
	}
	return p.short(c, rs, w, o)
}

// short says what the rows lack.
func (p *program) short(c *cli.Context, rs *recordings, w cycle.Window, o analyze.Options) error {
	warnings, err := analyze.Short(c.Context, w, o, rs.sources()...)
	if err != nil {
		return rs.wrap(err)
	}
	for _, warning := range warnings {
		fmt.Fprintln(p.stderr, "wanctl: warning:", warning)
	}
	return nil
}

// exportRows reads the flags that lay the rows out; nil is a trace.
func exportRows(c *cli.Context, loc *time.Location) (*report.Rows, error) {
	rows, err := report.NewRows(c.String("table"))
	if err != nil {
		return nil, misuse("--table: %v", err)
	}
	rows.Zone, rows.DecimalComma = loc, c.Bool("decimal-comma")
	csv := false
	switch format := c.String("format"); format {
	case "csv":
		csv = true
	case "jsonl":
		rows.JSON = true
	case "trace":
		if c.IsSet("table") {
			return nil, misuse("--format trace has no --table: it shows everything")
		}
		rows = nil
	default:
		return nil, misuse("--format %q is none (use csv, jsonl or trace)", format)
	}
	if !csv && (c.IsSet("delimiter") || c.IsSet("decimal-comma")) {
		return nil, misuse("--delimiter and --decimal-comma are for --format csv")
	}
	switch n := c.Int64("max-rows"); {
	case !c.IsSet("max-rows"):
	case n < 2:
		return nil, misuse("--max-rows %d: a file takes 2 rows at least, the header and one more", n)
	case rows == nil:
		return nil, misuse("--max-rows is for csv and jsonl: a trace is one whole")
	case c.String("output") == "":
		return nil, misuse("--max-rows wants --output: rows.csv becomes rows-001.csv, rows-002.csv, ...")
	}
	if d := c.String("delimiter"); d != "" {
		if rows.Delimiter, err = delimiter(d); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

func delimiter(s string) (rune, error) {
	if s == "tab" || s == `\t` {
		return '\t', nil
	}
	r, size := utf8.DecodeRuneInString(s)
	if size != len(s) || r == utf8.RuneError || strings.ContainsRune("\"\r\n.-:0123456789", r) {
		return 0, misuse("--delimiter %q: one character that is no digit, quote or part of a number (such as ';')", s)
	}
	return r, nil
}

// cycles yields the cycles of all files, by time.
func (rs *recordings) cycles(ctx context.Context, w cycle.Window, o analyze.Options) iter.Seq2[*cycle.Cycle, error] {
	return func(yield func(*cycle.Cycle, error) bool) {
		for c, err := range analyze.Cycles(ctx, w, o, rs.sources()...) {
			if err != nil {
				err = rs.wrap(err)
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// watched passes cycles on and shows on a terminal how far in the window they
// are, unless that is where they are written to.
func (p *program) watched(c *cli.Context, w cycle.Window, cycles iter.Seq2[*cycle.Cycle, error]) (iter.Seq2[*cycle.Cycle, error], func()) {
	if !isTerminal(p.stderr) || c.String("output") == "" && isTerminal(p.stdout) {
		return cycles, func() {}
	}
	const steps = 1000
	bar := progressbar.NewOptions(steps, progressbar.OptionSetWriter(p.stderr), progressbar.OptionSetDescription(c.Command.Name),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true))
	length := w.Until.Sub(w.Since)
	at := 0
	return func(yield func(*cycle.Cycle, error) bool) {
		for c, err := range cycles {
			if err == nil {
				if now := int(c.Start.Sub(w.Since).Seconds() / length.Seconds() * steps); now > at {
					at = now
					_ = bar.Set(at) // only looks
				}
			}
			if !yield(c, err) {
				return
			}
		}
	}, func() { _ = bar.Finish() }
}
