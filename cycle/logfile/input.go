package logfile

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// maxLine bounds a line. Router replies are the longest that real logs hold.
const maxLine = 256 << 10

// errLong reports a line beyond maxLine; the reader stands after it.
var errLong = errors.New("line too long")

// log is an input and where it is read.
type log struct {
	Input
	name  string
	first time.Time // of its first line that tells one; zero if none does
	line  int64     // number of the line that was read last

	raw    *counter
	zip    *gzip.Reader
	lines  *bufio.Reader
	closer io.Closer
	told   int64
}

// counter counts what is read from an input.
type counter struct {
	io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	return n, err
}

// inOrder looks into every log and returns them in the order of their times, so
// that a rotated set may be given in any.
func inOrder(inputs []Input, zone *time.Location) ([]*log, error) {
	var logs []*log
	for _, in := range inputs {
		l := &log{Input: in, name: in.Name}
		logs = append(logs, l)
		if err := l.look(zone); err != nil {
			return logs, err
		}
	}
	slices.SortStableFunc(logs, func(a, b *log) int { return a.first.Compare(b.first) })
	return logs, nil
}

// look finds the time of a log's first line, in its first maxLine bytes.
func (l *log) look(zone *time.Location) error {
	if err := l.open(); err != nil {
		return err
	}
	head, err := l.lines.Peek(maxLine)
	if err != nil && err != io.EOF {
		return l.explain(err)
	}
	c := clock{zone: zone, trusted: true}
	for line := range strings.Lines(string(head)) {
		if t, ok := c.glance(line); ok {
			l.first = t
			break
		}
	}
	if !l.Once {
		l.close()
	}
	return nil
}

// open opens the log, unless it is open, and undoes its compression.
func (l *log) open() error {
	if l.lines != nil {
		return nil
	}
	f, err := l.Open()
	if err != nil {
		return err
	}
	l.closer = f
	l.raw = &counter{Reader: f}
	l.line, l.told = 0, 0
	l.lines = bufio.NewReaderSize(l.raw, maxLine)
	if magic, err := l.lines.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		if l.zip, err = gzip.NewReader(l.lines); err != nil {
			return l.explain(err)
		}
		l.lines = bufio.NewReaderSize(l.zip, maxLine)
	}
	return nil
}

func (l *log) close() {
	if l.closer != nil {
		_ = l.closer.Close()
	}
	l.lines, l.closer = nil, nil
}

// next returns the next line, without its end.
func (l *log) next() (string, error) {
	b, err := l.lines.ReadSlice('\n')
	if len(b) > 0 {
		l.line++
	}
	if err == bufio.ErrBufferFull {
		for err == bufio.ErrBufferFull {
			_, err = l.lines.ReadSlice('\n')
		}
		if err == nil || err == io.EOF {
			return "", errLong
		}
	}
	switch {
	case err == io.EOF && len(b) > 0, err == nil:
		return strings.TrimRight(string(b), "\r\n"), nil
	case err == io.EOF:
		return "", err
	}
	return "", l.explain(err)
}

// taken returns how many more bytes of the input were read since it was last asked.
func (l *log) taken() int64 {
	n := l.raw.n - l.told
	l.told = l.raw.n
	return n
}

// explain puts the log's name, and what is likely, to an error.
func (l *log) explain(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, gzip.ErrHeader) {
		return fmt.Errorf("%s: after line %d the compressed file is cut off or damaged: %w", l.name, l.line, err)
	}
	return fmt.Errorf("%s: %w", l.name, err)
}
