package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"wanctl/configs"
	"wanctl/cycle"
)

// logFormatVariable chooses the log's form: "json" for one object a line, else text.
const logFormatVariable = "WANCTL_LOG_FORMAT"

// logbook is where a program's log lines go: stderr and the files of each logger.
// Whoever logs formats the line and leaves it with the outputs; each output writes
// in a goroutine of its own, so that a full disk or a hung file holds up no cycle.
type logbook struct {
	json   bool
	debug  bool
	stderr *logOutput

	mu    sync.Mutex
	files map[string]*logOutput // by path; nil where one cannot be written
}

// newLogbook returns the program's logbook, in the form the environment asks for.
// Close ends it.
func (p *program) newLogbook(debug bool) *logbook {
	form, _ := p.getenv(logFormatVariable)
	return newLogbook(p.stderr, debug, form == "json")
}

// newLogbook returns a logbook that writes to stderr: lines at info and above,
// with debug every line.
func newLogbook(stderr io.Writer, debug, json bool) *logbook {
	b := &logbook{json: json, debug: debug, files: map[string]*logOutput{}}
	b.stderr = newLogOutput(writerTarget{stderr}, lineFormat{json: json, logger: "wanctl", zone: time.Local}.dropped, nil)
	return b
}

// logger returns the logger of a WAN. Beside stderr its lines go to the main log
// at info and above and, with debug, to the debug log; where one of them cannot
// be written there is one warning, and the others go on. Names may be empty. The
// text of a secret is taken out of every line, as conceal tells.
func (b *logbook) logger(wan string, files configs.Logging, secrets ...cycle.Secret) *slog.Logger {
	h := &logHandler{book: b, line: lineFormat{json: b.json, logger: wan, zone: time.Local}, outputs: []leveled{{b.stderr, b.level()}}}
	for _, s := range secrets {
		h.line.conceal(s)
	}
	log := slog.New(h)
	paths := []struct {
		path  string
		level slog.Level
	}{{files.MainLog, slog.LevelInfo}, {files.DebugLog, slog.LevelDebug}}
	for _, p := range paths {
		if p.path == "" || p.level == slog.LevelDebug && !b.debug {
			continue
		}
		out, err := b.file(p.path, files, h)
		if err != nil {
			log.Warn("the log cannot be written; stderr has it alone", "error", err)
		}
		if out != nil {
			h.outputs = append(h.outputs, leveled{out, p.level})
		}
	}
	return log
}

func (b *logbook) level() slog.Level {
	if b.debug {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// file returns the output for a path, which several loggers may share. The logger
// that came first tells its troubles to stderr, and how long it may grow. The error
// is told once.
func (b *logbook) file(path string, files configs.Logging, h *logHandler) (*logOutput, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if out, known := b.files[path]; known {
		return out, nil
	}
	target, err := openLogFile(path, files.MaxSize, files.Keep)
	if err != nil {
		b.files[path] = nil
		return nil, err
	}
	toStderr := slog.New(&logHandler{book: b, line: h.line, outputs: []leveled{{b.stderr, slog.LevelWarn}}})
	b.files[path] = newLogOutput(target, h.line.dropped, func(err error) { toStderr.Warn("the log cannot be written", "path", path, "error", err) })
	return b.files[path], nil
}

// logPatience is how long the end of the program waits for its last log lines.
const logPatience = 2 * time.Second

// Close writes what is left, waiting for at most logPatience, and reports what could
// not be written. What is logged after is lost.
func (b *logbook) Close() error {
	b.mu.Lock()
	var files []*logOutput
	for _, out := range b.files {
		if out != nil {
			files = append(files, out)
		}
	}
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), logPatience)
	defer cancel()
	var errs []error
	for _, out := range append(files, b.stderr) { // stderr last: the others may complain to it
		errs = append(errs, out.close(ctx))
	}
	return errors.Join(errs...)
}

// leveled is an output with the level its lines begin at.
type leveled struct {
	*logOutput
	level slog.Level
}

// logHandler is a slog.Handler over a logbook.
type logHandler struct {
	book    *logbook
	line    lineFormat
	outputs []leveled
	group   string // what attributes' keys begin with
	attrs   []keyed
}

var _ slog.Handler = (*logHandler)(nil)

// Enabled implements slog.Handler.
func (h *logHandler) Enabled(_ context.Context, level slog.Level) bool {
	return slices.ContainsFunc(h.outputs, func(out leveled) bool { return level >= out.level })
}

// Handle implements slog.Handler. It does not wait for any output.
func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	attrs := h.attrs[:len(h.attrs):len(h.attrs)]
	r.Attrs(func(a slog.Attr) bool {
		attrs = h.line.flatten(attrs, h.group, a)
		return true
	})
	line := h.line.format(r, attrs)
	for _, out := range h.outputs {
		if r.Level >= out.level {
			out.add(line)
		}
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	with := *h
	with.attrs = slices.Clip(h.attrs)
	for _, a := range attrs {
		with.attrs = h.line.flatten(with.attrs, h.group, a)
	}
	return &with
}

// WithGroup implements slog.Handler.
func (h *logHandler) WithGroup(name string) slog.Handler {
	with := *h
	if name != "" {
		with.group = h.group + name + "."
	}
	return &with
}
