package logfile

import (
	"context"
	"fmt"
	"io"
	"iter"
	"time"

	"wanctl/cycle"
)

// Format is a kind of log.
type Format string

// The formats. Auto tells them apart line by line.
const (
	Auto         Format = "auto"
	Wanctl       Format = "wanctl"
	CakeAutorate Format = "cake-autorate"
)

// Options say how to read logs.
type Options struct {
	Format Format // "" is Auto

	// Zone is where local times were written; nil is time.Local. Trusted says
	// that it was named on purpose: then a local time that occurred twice,
	// because clocks were set back, is told apart by its place in the log.
	// Otherwise it is an error.
	Zone    *time.Location
	Trusted bool

	WAN      string        // the name where the log tells none
	Interval time.Duration // the daemons' interval; 0: unknown, and no slot counts as missed
}

// Stats tell what became of the lines.
type Stats struct {
	Lines   int64
	Bytes   int64 // read from the inputs, before decompression
	Cycles  int64
	Timings int64 // spans, probes and totals of the cycles
	Loose   int64 // timings of cycles that never ended
	Bad     int64 // lines that should tell something and cannot be read
	Known   bool  // whether any line was a log's
	First   []BadLine
}

// maxFirst is how many of the bad lines are kept.
const maxFirst = 10

// BadLine is a line that cannot be read.
type BadLine struct {
	File  string
	Line  int64
	Wrong string
}

// String returns "file:line: what is wrong".
func (b BadLine) String() string { return fmt.Sprintf("%s:%d: %s", b.File, b.Line, b.Wrong) }

// Input is one log. Open is called twice, unless Once is set: to see where the
// log belongs among the others, and to read it.
type Input struct {
	Name string
	Open func() (io.ReadCloser, error)
	Once bool // a stream, such as standard input
}

// Read reads the logs, in the order of their first lines' times, and yields their
// cycles. The cycle is reused between iterations; its Run is not. An error ends
// the reading. stats, which must not be nil, is filled on the way and complete
// when the reading has ended.
func Read(ctx context.Context, inputs []Input, opts Options, stats *Stats) iter.Seq2[*cycle.Cycle, error] {
	if opts.Zone == nil {
		opts.Zone = time.Local
	}
	return func(yield func(*cycle.Cycle, error) bool) {
		r := &reader{opts: opts, stats: stats, yield: yield, streams: map[key]*stream{}, speaks: map[string]cycle.Daemon{}, names: map[string]string{}}
		logs, err := inOrder(inputs, opts.Zone)
		defer func() {
			for _, l := range logs {
				l.close()
			}
		}()
		for _, l := range logs {
			if err != nil {
				break
			}
			err = r.file(ctx, l)
		}
		for _, s := range r.streams {
			stats.Loose += int64(len(s.cycle.Spans))
		}
		if err != nil && err != errEnough {
			yield(nil, err)
		}
	}
}

// reader is one reading of a set of logs.
type reader struct {
	opts    Options
	stats   *Stats
	yield   func(*cycle.Cycle, error) bool
	streams map[key]*stream
	speaks  map[string]cycle.Daemon // who was last heard under a name
	names   map[string]string       // texts that outlive their line

	log   *log // being read
	clock clock
	data  columns // of cake-autorate's DATA records in this file
	first string  // the file's first line that is a log's
}

// errEnough ends the reading because nobody wants more.
var errEnough = fmt.Errorf("enough")

// file reads one log.
func (r *reader) file(ctx context.Context, l *log) error {
	if err := l.open(); err != nil {
		return err
	}
	defer l.close()
	r.log, r.data, r.first = l, columns{}, ""
	r.clock = clock{zone: r.opts.Zone, trusted: r.opts.Trusted}
	for _, s := range r.streams {
		s.leave()
	}
	for {
		line, err := l.next()
		if err == io.EOF {
			return nil
		}
		if err == errLong {
			r.bad("a line of more than %d bytes", maxLine)
			continue
		}
		if err != nil {
			return err
		}
		if l.line%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		r.stats.Lines++
		r.stats.Bytes += l.taken()
		if err := r.take(line); err != nil {
			return err
		}
	}
}

// take takes one line in. Only a reader that must stop is an error.
func (r *reader) take(line string) error {
	if line == "" {
		return nil
	}
	wanctl := r.opts.Format != CakeAutorate
	switch c := line[0]; {
	case c == '{' && wanctl:
		return r.json(line)
	case '0' <= c && c <= '9' && wanctl:
		return r.text(line)
	case 'A' <= c && c <= 'Z' && r.opts.Format != Wanctl:
		return r.cake(line)
	}
	return nil // the rest of a record that covers several lines
}

// bad counts a line that cannot be read and keeps the first ones.
func (r *reader) bad(format string, args ...any) {
	r.stats.Bad++
	if len(r.stats.First) < maxFirst {
		r.stats.First = append(r.stats.First, BadLine{r.log.name, r.log.line, fmt.Sprintf(format, args...)})
	}
}

// known notes that a line is a log's.
func (r *reader) known(line string) {
	r.stats.Known = true
	if r.first == "" {
		r.first = line
	}
}

// maxNames bounds the texts kept: names of WANs, reflectors and labels are few.
const maxNames = 4096

// keep returns a text that does not hold on to its whole line.
func (r *reader) keep(s string) string {
	if kept, ok := r.names[s]; ok {
		return kept
	}
	kept := string([]byte(s))
	if len(r.names) < maxNames {
		r.names[kept] = kept
	}
	return kept
}
