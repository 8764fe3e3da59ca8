package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/configs"
	"wanctl/cycle"
	"wanctl/cycle/golden"
)

// tray is a stderr that can be made to hang and to fail.
type tray struct {
	mu   sync.Mutex
	text bytes.Buffer
	err  error
	room int // bytes it takes before err
}

func (t *tray) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		n, _ := t.text.Write(p[:min(len(p), t.room)])
		t.room -= n
		return n, t.err
	}
	return t.text.Write(p)
}

func (t *tray) fail(err error, room int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err, t.room = err, room
}

func (t *tray) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// stopped is a moment of the log's golden files.
var stopped = time.Date(2026, 1, 9, 15, 4, 5, 123_999_999, time.FixedZone("", 3600))

// goldenLines are records of every kind, as lines.
func goldenLines(asJSON bool) string {
	f := lineFormat{json: asJSON, logger: "wan1", zone: stopped.Location()}
	f.conceal("hunter/2\"x")
	h := &logHandler{line: f}
	out := new(strings.Builder)
	write := func(h *logHandler, level slog.Level, message string, attrs ...slog.Attr) {
		r := slog.NewRecord(stopped, level, message, 0)
		r.AddAttrs(attrs...)
		all := h.attrs
		r.Attrs(func(a slog.Attr) bool { all = h.line.flatten(all, h.group, a); return true })
		out.Write(h.line.format(r, all))
	}
	write(h, slog.LevelDebug, "autorate_cycle_total: 83.8ms", cycle.Values(slog.String("label", "autorate_cycle_total"), slog.Float64("duration_ms", 83.75)))
	write(h, slog.LevelInfo, "wan1: [GREEN/GREEN] RTT=25.5ms", cycle.Values(slog.Float64("rtt_ms", 25.5)))
	write(h, slog.LevelWarn, "router cannot be reached", slog.String("transport", "rest"), slog.Any("error", errors.New("dial tcp: connection refused")))
	write(h, slog.LevelError, "cycle panicked", slog.String("stack", "a\n\tb\x1b[31m"), slog.Bool("again", true), slog.Int("n", -1), slog.Uint64("u", 1<<63))
	write(h, slog.LevelError+4, "line\nbreak \x00 \xff é \u202e \U0001F600", slog.String("empty", ""), slog.String("quote", `say "a\b"`), slog.Float64("nan", math.NaN()))
	write(h, slog.LevelInfo, "secrets", slog.Any("key", cycle.Secret("hunter/2")), slog.String("Password", "open"), slog.Any("error", fmt.Errorf("login with %q refused, url /%s", `hunter/2"x`, "hunter%2F2%22x")))
	write(h, slog.LevelInfo, "reserved keys", slog.String("level", "mine"), slog.String("message", "mine"), slog.Int("n", 1), slog.Int("n", 2))
	with := h.WithGroup("router").WithAttrs([]slog.Attr{slog.String("host", "gw"), cycle.Values(slog.Int("told", 1))}).(*logHandler)
	write(with, slog.LevelInfo, "groups", slog.Group("request", slog.Duration("took", 1500*time.Microsecond), slog.Time("at", stopped)), slog.String("", "no key"))
	write(h, slog.LevelInfo, "panics", slog.Any("error", panics{}))
	write(h, slog.LevelInfo, strings.Repeat("é", maxLogText), slog.String("long", strings.Repeat("x", maxLogText+1)))
	return out.String()
}

type panics struct{}

func (panics) Error() string { panic("no text") }

func TestLogLines(t *testing.T) {
	t.Parallel()
	for file, asJSON := range map[string]bool{"lines.txt": false, "lines.jsonl": true} {
		got := goldenLines(asJSON)
		golden.Equal(t, filepath.Join("testdata", "log", file), got)
		if strings.Contains(got, "hunter") {
			t.Error("a secret is in the log")
		}
		for line := range strings.Lines(got) {
			if len(line) > maxLogLine+8*maxLogText {
				t.Errorf("a line of %d bytes", len(line))
			}
			if strings.ContainsAny(strings.TrimSuffix(line, "\n"), "\n\x00\x1b\t") {
				t.Errorf("control characters in %q", line)
			}
			if asJSON && !json.Valid([]byte(line)) {
				t.Errorf("no JSON: %s", line)
			}
		}
	}
}

// TestASecretThatIsAWordOfOursIsNotMarked: replaced, it could be told from what is
// around it.
func TestASecretThatIsAWordOfOursIsNotMarked(t *testing.T) {
	t.Parallel()
	line := func(asJSON bool, secrets ...cycle.Secret) string {
		f := lineFormat{json: asJSON, logger: "wan1", zone: time.UTC}
		for _, s := range secrets {
			f.conceal(s)
		}
		r := slog.NewRecord(stopped, slog.LevelWarn, "cannot reach the router, twice", 0)
		return string(f.format(r, []keyed{{"error", slog.StringValue("rest h:443: login refused: invalid user name or password (6)")}}))
	}
	for _, asJSON := range []bool{false, true} {
		for _, s := range []cycle.Secret{"pass", "password", "refused", "router", "cannot", "error", "wan1"} {
			if got, want := line(asJSON, s), line(asJSON); got != want {
				t.Errorf("%s: %s", s.Reveal(), got)
			}
		}
	}
}

func TestLogLineIsBounded(t *testing.T) {
	t.Parallel()
	for _, asJSON := range []bool{false, true} {
		f := lineFormat{json: asJSON, zone: time.UTC}
		var attrs []keyed
		for i := range 1000 {
			attrs = append(attrs, keyed{fmt.Sprint("k", i), slog.StringValue(strings.Repeat("\x01", 2*maxLogText))})
		}
		line := f.format(slog.NewRecord(stopped, slog.LevelInfo, "long", 0), attrs)
		if most := maxLogLine + 7*maxLogText; len(line) > most {
			t.Errorf("json %v: %d bytes, want at most %d", asJSON, len(line), most)
		}
		if asJSON && !json.Valid(line) {
			t.Error("no JSON")
		}
	}
}

// withoutTimes takes the time, which is real here, off the lines.
func withoutTimes(text string) string {
	b := new(strings.Builder)
	for line := range strings.Lines(text) {
		_, rest, _ := strings.Cut(line, " [")
		b.WriteString("[" + rest)
	}
	return b.String()
}

func TestLogGoesToItsFiles(t *testing.T) {
	t.Parallel()
	for _, debug := range []bool{false, true} {
		dir, stderr := t.TempDir(), new(tray)
		files := configs.Logging{MainLog: filepath.Join(dir, "main.log"), DebugLog: filepath.Join(dir, "debug.log")}
		book := newLogbook(stderr, debug, false)
		one, other := book.logger("wan1", files), book.logger("wan2", files)
		one.Debug("d")
		one.Info("i", "n", 1)
		other.Warn("w")
		if err := book.Close(); err != nil {
			t.Error(err)
		}
		infos := "[wan1] [INFO] i n=1\n[wan2] [WARNING] w\n"
		all := "[wan1] [DEBUG] d\n" + infos
		want := map[string]string{"main.log": infos}
		if debug {
			want["debug.log"] = all
		} else {
			all = infos
		}
		if diff := cmp.Diff(all, withoutTimes(stderr.String())); diff != "" {
			t.Errorf("stderr, debug %v (-want +got):\n%s", debug, diff)
		}
		for _, name := range []string{"main.log", "debug.log"} {
			got, err := os.ReadFile(filepath.Join(dir, name))
			if (err == nil) != (want[name] != "") {
				t.Errorf("%s, debug %v: %v", name, debug, err)
			}
			if diff := cmp.Diff(want[name], withoutTimes(string(got))); diff != "" {
				t.Errorf("%s, debug %v (-want +got):\n%s", name, debug, diff)
			}
		}
	}
}

func TestLogThatCannotBeWrittenIsToldOnce(t *testing.T) {
	t.Parallel()
	stderr := new(tray)
	files := configs.Logging{MainLog: filepath.Join(t.TempDir(), "none", "main.log")}
	book := newLogbook(stderr, false, false)
	book.logger("wan1", files).Info("one")
	book.logger("wan2", files).Info("two")
	if err := book.Close(); err != nil {
		t.Error(err)
	}
	want := fmt.Sprintf("[wan1] [WARNING] the log cannot be written; stderr has it alone error=\"open %s: no such file or directory\"\n[wan1] [INFO] one\n[wan2] [INFO] two\n", files.MainLog)
	if diff := cmp.Diff(want, withoutTimes(stderr.String())); diff != "" {
		t.Errorf("stderr (-want +got):\n%s", diff)
	}
}

// TestFullDiskCostsLinesAndSaysSo lets writes fail in the middle of a line, and then
// work again.
func TestFullDiskCostsLinesAndSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stderr := new(tray)
		book := newLogbook(stderr, false, false)
		log := book.logger("wan1", configs.Logging{})
		log.Info("one")
		synctest.Wait()
		stderr.fail(errors.New("no space left on device"), 10)
		for _, text := range []string{"two", "three", "four"} {
			log.Info(text)
			synctest.Wait()
		}
		stderr.fail(nil, 0)
		log.Info("five")
		log.Info("six")
		synctest.Wait()
		want := "2000-01-01 00:00:00,000 [wan1] [INFO] one\n" +
			"2000-01-01\n" +
			"2000-01-01 00:00:00,000 [wanctl] [WARNING] log lines were dropped here dropped=3\n" +
			"2000-01-01 00:00:00,000 [wan1] [INFO] five\n" +
			"2000-01-01 00:00:00,000 [wan1] [INFO] six\n"
		if diff := cmp.Diff(want, localless(stderr.String())); diff != "" {
			t.Errorf("stderr (-want +got):\n%s", diff)
		}
		if err := book.Close(); err != nil {
			t.Error(err)
		}
	})
}

// localless puts midnight UTC for the local time it is somewhere.
func localless(text string) string {
	began := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).Local()
	return strings.ReplaceAll(text, began.Format("2006-01-02 15:04:05,000"), "2000-01-01 00:00:00,000")
}

// hung is a stderr that takes nothing until it is let go.
type hung struct {
	tray
	release chan struct{}
}

func (h *hung) Write(p []byte) (int, error) {
	<-h.release
	return h.tray.Write(p)
}

// TestHungLogHoldsUpNobody logs far more than the queue holds to an output that
// takes nothing: no time passes, memory stays bounded, what is lost is counted.
func TestHungLogHoldsUpNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stderr := &hung{release: make(chan struct{})}
		book := newLogbook(stderr, false, false)
		log := book.logger("wan1", configs.Logging{})
		began := time.Now()
		const lines = 5000
		for range lines {
			log.Info(strings.Repeat("x", 1000))
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("logging waited for %v", took)
		}
		if size := book.stderr.size; size > maxLogQueue {
			t.Errorf("%d bytes wait, want at most %d", size, maxLogQueue)
		}
		if err := book.Close(); err == nil || time.Since(began) != logPatience {
			t.Errorf("closed after %v: %v", time.Since(began), err)
		} else if want := fmt.Sprintf("%d log lines were not written to stderr", lines); err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
		close(stderr.release)
		synctest.Wait()
		var written, dropped int
		for line := range strings.Lines(stderr.String()) {
			if _, count, ok := strings.Cut(line, "dropped="); ok {
				n := 0
				fmt.Sscan(count, &n)
				dropped += n
			} else {
				written++
			}
		}
		if written+dropped != lines || dropped == 0 {
			t.Errorf("%d written and %d told of as dropped, of %d", written, dropped, lines)
		}
	})
}

// TestLinesOfManyAreWhole logs from several goroutines into one file.
func TestLinesOfManyAreWhole(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "main.log")
	book := newLogbook(new(tray), false, true)
	var wg sync.WaitGroup
	const writers, each = 8, 200
	for w := range writers {
		log := book.logger(fmt.Sprint("wan", w), configs.Logging{MainLog: path}).With("writer", w)
		wg.Go(func() {
			for i := range each {
				log.Info("line", "i", i, "pad", strings.Repeat("x", i))
			}
		})
	}
	wg.Wait()
	if err := book.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]int{}
	for line := range strings.Lines(string(text)) {
		var v struct{ Writer, I int }
		if err := json.Unmarshal([]byte(line), &v); err != nil || v.I != seen[v.Writer] {
			t.Fatalf("%v: %s", err, line)
		}
		seen[v.Writer]++
	}
	for w := range writers {
		if seen[w] != each {
			t.Errorf("writer %d has %d lines, want %d", w, seen[w], each)
		}
	}
}

func BenchmarkLog(b *testing.B) {
	for name, asJSON := range map[string]bool{"text": false, "json": true} {
		b.Run(name, func(b *testing.B) {
			book := newLogbook(new(tray), true, asJSON)
			defer book.Close()
			log := book.logger("wan1", configs.Logging{}, "correct horse")
			b.ReportAllocs()
			for b.Loop() {
				log.LogAttrs(b.Context(), slog.LevelDebug, "autorate_cycle_total: 83.8ms",
					cycle.Values(slog.String("label", "autorate_cycle_total"), slog.Float64("duration_ms", 83.75)))
			}
		})
	}
}
