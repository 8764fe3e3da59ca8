package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"

	"wanctl/configs"
	"wanctl/cycle"
	"wanctl/cycle/autorate"
	"wanctl/cycle/steering"
)

// law is a daemon's control law as replay drives it.
type law interface {
	Columns() []string
	Row(in json.RawMessage) error
	AppendOut(b []byte) []byte
	Begin(state string) error
	Follow(d *cycle.Decision)
	Cycle(d *cycle.Decision) cycle.Decision
}

var (
	_ law = (*autorate.Replay)(nil)
	_ law = (*steering.Replay)(nil)
)

func (p *program) replayCommand() *cli.Command {
	return &cli.Command{
		Name:  "replay",
		Usage: "runs a recorded series through the control law, offline",
		Description: "With --input: JSON Lines, an object per cycle with the RTT that was measured, {\"rtt\":25.1} or {\"in\":{\"rtt\":25.1}}.\n" +
			"With --db: the recorded cycles of one loop. With a --config other than theirs it tells what\n" +
			"would have been decided differently; without --config each run is replayed under its own.",
		Flags: slices.Concat(windowFlags(), loopFlags(), []cli.Flag{
			dbFlag(), outputFlag(),
			&cli.StringFlag{Name: "config", TakesFile: true, Usage: "the configuration, of autorate or steering"},
			&cli.StringFlag{Name: "input", TakesFile: true, Usage: "the series, JSON Lines; - is standard input"},
			&cli.StringFlag{Name: "format", Value: "table", Usage: "table (with --db a summary), jsonl or csv"},
			&cli.IntFlag{Name: "differences", Value: 10, Usage: "with --db: how many differing cycles the summary shows"},
		}),
		Action: p.replay,
	}
}

func (p *program) replay(c *cli.Context) error {
	switch format := c.String("format"); format {
	case "table", "jsonl", "csv":
	default:
		return misuse("--format %q is none (use table, jsonl or csv)", format)
	}
	if !c.IsSet("input") {
		return p.replayRecorded(c)
	}
	for _, f := range []string{"db", "since", "until", "tz", "wan", "daemon", "differences"} {
		if c.IsSet(f) {
			return misuse("--input and --%s contradict each other: a series is replayed whole", f)
		}
	}
	if c.String("config") == "" {
		return misuse("replay --input wants --config FILE: the law's numbers are in it")
	}
	daemon, _, law, err := p.loadLaw(c.String("config"))
	if err != nil {
		return err
	}
	if a, ok := law.(*autorate.Replay); ok {
		a.ShowRTT = c.String("format") != "jsonl"
	}
	in, done, err := p.series(c)
	if err != nil {
		return err
	}
	defer done()
	err = p.output(c, func(out io.Writer) error {
		rows := newRows(out, c.String("format"), append([]string{"i"}, law.Columns()...))
		return replaySeries(in, c.String("input"), daemon, law, rows)
	})
	if ended := context.Cause(c.Context); err != nil && ended != nil {
		return fmt.Errorf("read series: %w", ended) // it cuts a line in two, which is not the series' fault
	}
	return err
}

// loadLaw returns the law that a configuration stands for, and whose it is. What
// is said of the router decides nothing here, so its variables need not be set.
func (p *program) loadLaw(path string) (daemon cycle.Daemon, wan string, l law, err error) {
	if daemon, err = configs.Kind(path); err != nil {
		return "", "", nil, err
	}
	var findings configs.Findings
	if daemon == cycle.Steering {
		var s *configs.Steering
		if s, findings = configs.LoadSteering(path, p.getenv); s != nil {
			wan, l = s.Daemon.WAN, steering.NewReplay(s.Daemon)
		}
	} else {
		var a *configs.Autorate
		if a, findings = configs.LoadAutorate(path, p.getenv); a != nil {
			wan, l = a.Daemon.WAN, autorate.NewReplay(a.Daemon)
		}
	}
	return daemon, wan, l, p.tell(slices.DeleteFunc(findings.ForStart(), func(f configs.Finding) bool {
		return f.Warning || f.Unset && strings.HasPrefix(f.Key, "router.")
	}), true)
}

// series opens --input, which may be a pipe, and shows on a terminal how much of it
// is done. It can be read until the program is to end.
func (p *program) series(c *cli.Context) (in io.Reader, done func(), err error) {
	path := c.String("input")
	if path == "-" {
		r := untilDone(c.Context, p.stdin)
		return r, func() { r.Close() }, nil
	}
	f, err := opened(c.Context, path, os.O_RDONLY)
	if err != nil {
		return nil, nil, fmt.Errorf("read series: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = errors.New("is a folder")
	}
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("read series %s: %w", path, err)
	}
	r := untilDone(c.Context, f)
	if !p.watches(c) || !info.Mode().IsRegular() {
		return r, func() { r.Close(); f.Close() }, nil
	}
	bar := progressbar.NewOptions64(info.Size(), progressbar.OptionSetWriter(p.stderr), progressbar.OptionSetDescription("replay"),
		progressbar.OptionShowBytes(true), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	return io.TeeReader(r, bar), func() { _ = bar.Finish(); r.Close(); f.Close() }, nil
}

// watches tells whether somebody looks on while the answer goes elsewhere.
func (p *program) watches(c *cli.Context) bool {
	return isTerminal(p.stderr) && (c.String("output") != "" || !isTerminal(p.stdout))
}

// maxLine bounds a line of a series, in bytes: a row with a state file in it has
// some ten thousand.
const maxLine = 4 << 20

// replaySeries runs a series through the law, a line at a time.
func replaySeries(in io.Reader, name string, daemon cycle.Daemon, l law, rows *rows) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 1<<16), maxLine)
	number, done := 0, int64(0)
	where := func(err error) error { return fmt.Errorf("%s:%d: %w", name, number, err) }
	var out []byte
	for lines.Scan() {
		number++
		line := bytes.TrimSpace(lines.Bytes())
		if number == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		if len(line) == 0 {
			continue
		}
		row, err := inputOf(line)
		if err != nil {
			return where(err)
		}
		if row == nil {
			if err := header(line, number == 1, daemon); err != nil {
				return where(err)
			}
			continue
		}
		if err := l.Row(row); err != nil {
			return where(err)
		}
		out = l.AppendOut(out[:0])
		if err := rows.put(out, done); err != nil {
			return err
		}
		done++
	}
	number++
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return where(fmt.Errorf("longer than %d bytes: is this JSON Lines, one object per cycle?", maxLine))
	} else if err != nil {
		return fmt.Errorf("read series: %w", err)
	}
	if done == 0 {
		return fmt.Errorf("%s holds no cycle", name)
	}
	return rows.flush()
}

// inputOf returns the input object of a line: what is under "in", or the line
// itself if it has an input's keys; nil if it is neither.
func inputOf(line []byte) (in json.RawMessage, err error) {
	itself := false
	err = members(line, func(key, value []byte) bool {
		switch string(key) {
		case "in":
			in = value
		case "rtt", "hosts", "cake":
			itself = true
		}
		return true
	})
	switch {
	case err != nil:
		return nil, err
	case in != nil:
		return in, nil
	case itself:
		return line, nil
	}
	return nil, nil
}

// header accepts a first line that is no cycle, unless it says that the series
// is another daemon's.
func header(line []byte, first bool, daemon cycle.Daemon) error {
	if !first {
		return errors.New(`no input: neither "in" nor "rtt" is in it`)
	}
	var h struct {
		Area string `json:"area"`
	}
	if err := json.Unmarshal(line, &h); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if h.Area != "" && h.Area != string(daemon) {
		return fmt.Errorf("the series is of %s, the configuration of %s", h.Area, daemon)
	}
	return nil
}
