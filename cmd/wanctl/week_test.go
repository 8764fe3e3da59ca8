package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"wanctl/cycle"
	"wanctl/store"
	"wanctl/store/storetest"
)

// TestWeek builds a recording of a week at 20 Hz through the store's own writer,
// asks it for the whole report in every way there is, checks that the answers
// agree, and prints how they compare. The recording is made at WANCTL_WEEK, and
// found there the next time; it takes 1.3 GB. WANCTL_WEEK_DAYS makes it another
// length. Beside it, in years.db, may lie the hours that TestYearsOfHours of the
// store has made.
//
//	make bench-week
func TestWeek(t *testing.T) {
	db := os.Getenv("WANCTL_WEEK")
	if db == "" {
		t.Skip("set WANCTL_WEEK to where the recording is to be, or use make bench-week")
	}
	days, err := strconv.ParseFloat(os.Getenv("WANCTL_WEEK_DAYS"), 64)
	if err != nil {
		days = 7
	}
	w := &week{t: t, db: db, log: filepath.Join(filepath.Dir(db), "profile.log"), years: filepath.Join(filepath.Dir(db), "years.db")}
	w.length = time.Duration(days * 24 * float64(time.Hour)).Truncate(time.Minute)
	w.program = filepath.Join(t.TempDir(), "wanctl")
	build := exec.Command("go", "build", "-o", w.program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := os.Stat(w.log); err != nil { // made last
		w.build()
	}
	w.compare()
	t.Logf("the recording stays in %s for the next time: remove it when it is not needed", filepath.Dir(db))
}

type week struct {
	t       *testing.T
	db      string
	log     string // the end of the same as text
	years   string // five years of hours
	program string
	length  time.Duration
}

// weekBegin is when the recording begins: not with a minute, so that there are
// edges.
var weekBegin = time.Date(2026, 1, 5, 0, 0, 17, 0, time.UTC)

// logLength is how much of the end the text log has: a week would be 7 GB.
const logLength = 2 * time.Hour

func (w *week) end() time.Time { return weekBegin.Add(w.length) }

// build records the week as fast as the writer takes it.
func (w *week) build() {
	began := time.Now()
	cfg := store.DefaultConfig()
	if err := os.MkdirAll(filepath.Dir(w.db), 0o755); err != nil {
		w.t.Fatal(err)
	}
	for _, name := range []string{w.db, w.db + "-wal", w.db + "-shm"} { // of a build that was broken off
		_ = os.Remove(name)
	}
	cfg.Path, cfg.Runtime, cfg.FlushInterval, cfg.MaxSize = w.db, w.t.TempDir(), time.Minute, 1<<40
	cfg.KeepCycles, cfg.KeepMinutes, cfg.KeepHours = math.MaxInt64, math.MaxInt64, math.MaxInt64
	writer := store.NewWriter(cfg, nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- writer.Run(ctx) }()
	f, err := os.Create(w.log + ".part")
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	text := bufio.NewWriterSize(f, 1<<20)
	s := storetest.NewSampler("wan1", weekBegin, 7)
	n := int64(w.length / s.Info.Budget)
	for i := range n {
		if i%500 == 0 {
			for writer.Health().Waiting > 6000 {
				time.Sleep(time.Millisecond)
			}
		}
		c := s.Next()
		writer.Record(c)
		if !c.Start.Before(w.end().Add(-logLength)) {
			logLines(text, c)
		}
	}
	cancel()
	if err := <-done; err != nil {
		w.t.Fatal(err)
	}
	if err := errors.Join(text.Flush(), os.Rename(f.Name(), w.log)); err != nil {
		w.t.Fatal(err)
	}
	fi, err := os.Stat(w.db)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Logf("built %d cycles, %d timings in %v: %d bytes, %.1f per timing", n, 9*n, time.Since(began).Round(time.Second), fi.Size(), float64(fi.Size())/float64(9*n))
}

// logLines writes what a program without a recorder would log, in microseconds.
func logLines(text *bufio.Writer, c *cycle.Cycle) {
	for i := range c.Spans {
		fmt.Fprintf(text, "%s %s%s: %.3fms\n", c.Start.Format("2006-01-02 15:04:05,000"), c.Spans[i].Label, c.Spans[i].Target, cycle.Millis(c.Spans[i].Duration))
	}
	fmt.Fprintf(text, "%s %s: %.3fms\n", c.Start.Format("2006-01-02 15:04:05,000"), c.Run.Daemon.Label(cycle.Total), cycle.Millis(c.Total))
}

// answer is what one way of asking gave, and took.
type answer struct {
	took   time.Duration
	cpu    time.Duration
	memory int64 // bytes, at most
	text   []byte
}

// ask runs a program; the quickest of several runs counts.
func (w *week) ask(runs int, name string, args ...string) (best answer) {
	w.t.Helper()
	for i := range runs {
		cmd := exec.Command(name, args...)
		var out, bad bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &bad
		began := time.Now()
		err := cmd.Start()
		var peak int64
		if err == nil {
			peak = watchMemory(cmd.Process.Pid)
			err = cmd.Wait()
		}
		if err != nil {
			w.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, bad.String())
		}
		a := answer{time.Since(began), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), max(peak, best.memory), out.Bytes()}
		if i > 0 && best.took < a.took {
			best.memory = a.memory
			continue
		}
		best = a
	}
	return best
}

// watchMemory returns the most that a process had in memory, looked at until it
// ends. What the kernel tells of an ended one counts its parent's memory too.
func watchMemory(pid int) (most int64) {
	for {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		_, after, ok := strings.Cut(string(b), "\nVmHWM:")
		if err != nil || !ok { // a zombie has no memory
			return most
		}
		if kb, err := strconv.ParseInt(strings.Fields(after)[0], 10, 64); err == nil {
			most = kb << 10
		}
		time.Sleep(time.Millisecond)
	}
}

// analyze asks our own program for the report of a recording's last stretch.
func (w *week) analyze(runs int, db string, end time.Time, length time.Duration, args ...string) answer {
	return w.ask(runs, w.program, append([]string{
		"analyze", "--db", db, "--format", "json",
		"--since", end.Add(-length).Format(time.RFC3339), "--until", end.Format(time.RFC3339),
	}, args...)...)
}

// show prints a row of the table.
func (w *week) show(what string, a, ours answer, asked string) {
	fmt.Printf("| %s | %s | %.3f s | %.2f s | %d MB | %.1f |\n", what, asked, a.took.Seconds(), a.cpu.Seconds(), a.memory>>20, a.took.Seconds()/ours.took.Seconds())
}

func (w *week) compare() {
	fmt.Println("| way | asked | took | CPU | memory | times ours |\n|---|---|---|---|---|---|")
	ours := w.analyze(5, w.db, w.end(), w.length, "--exact")
	spans := spansOf(w.t, ours.text)
	if got, want := spans["autorate_cycle_total"].Count, int64(w.length/(50*time.Millisecond)); got != want {
		w.t.Fatalf("%s holds %d cycles of %d: remove %s and make it anew", w.db, got, want, filepath.Dir(w.db))
	}
	w.show(fmt.Sprintf("wanctl analyze --exact, %v", w.length), ours, ours, "0.5 s, 60 MB")
	w.show("the same of 1 h", w.analyze(9, w.db, w.end(), time.Hour, "--exact"), ours, "0.020 s")
	if _, err := os.Stat(w.years); err == nil {
		years := w.analyze(5, w.years, time.Now(), 100*365*24*time.Hour)
		w.show(fmt.Sprintf("the same of %d hours", spansOf(w.t, years.text)["autorate_cycle_total"].Count/72_000), years, ours, "0.5 s")
	}
	beside := w.analyze(3, w.db, w.end(), logLength)
	script := w.ask(1, "awk", awk, w.log)
	w.show(fmt.Sprintf("awk over a text log, %v", logLength), script, beside, "")
	w.agree("awk", script.text, spansOf(w.t, beside.text), true)
	rows := w.analyze(1, w.db, w.end(), w.length, "--from", "rows")
	w.show("wanctl analyze --from rows", rows, ours, "the same report")
	if !bytes.Equal(rows.text, ours.text) {
		w.t.Errorf("rows say\n%s\nminutes say\n%s", rows.text, ours.text)
	}
	shell := w.ask(1, "sqlite3", "-readonly", w.db, `SELECT label || target, count(*), min(duration_us), max(duration_us), sum(duration_us) FROM spans
		WHERE unix_us >= `+strconv.FormatInt(weekBegin.UnixMicro(), 10)+` AND unix_us < `+strconv.FormatInt(w.end().UnixMicro(), 10)+` GROUP BY 1 ORDER BY 1`)
	w.show("sqlite3 shell, without quantiles", shell, ours, "")
	w.agree("sqlite3", shell.text, spans, false)
}

// awk is the plain script: it sorts all durations of a label for its quantiles.
const awk = `{ l = $3; sub(/:$/, "", l); us = int($4 * 1000 + 0.5); v[l, n[l]++] = us; s[l] += us
	if (n[l] == 1 || us < lo[l]) lo[l] = us; if (us > hi[l]) hi[l] = us; c[l, us]++ }
END { for (l in n) { seen = 0; want = int((n[l] * 99 + 99) / 100); for (us = lo[l]; us <= hi[l]; us++) { seen += c[l, us]; if (seen >= want) break }
	printf "%s|%d|%d|%d|%.0f|%d\n", l, n[l], lo[l], hi[l], s[l], us } }`

// reportSpan is what is compared of a label.
type reportSpan struct {
	Label  string  `json:"label"`
	Target string  `json:"target"`
	Count  int64   `json:"count"`
	Min    float64 `json:"min_ms"`
	Max    float64 `json:"max_ms"`
	Avg    float64 `json:"avg_ms"`
	P50    float64 `json:"p50_ms"`
	P95    float64 `json:"p95_ms"`
	P99    float64 `json:"p99_ms"`
	Share  float64 `json:"critical_share"`
}

func spansOf(t *testing.T, text []byte) map[string]reportSpan {
	t.Helper()
	var report struct {
		Loops []struct {
			Spans []reportSpan `json:"spans"`
		} `json:"loops"`
	}
	if err := json.Unmarshal(text, &report); err != nil || len(report.Loops) != 1 {
		t.Fatalf("%v\n%.2000s", err, text)
	}
	m := map[string]reportSpan{}
	for _, s := range report.Loops[0].Spans {
		m[s.Label+s.Target] = s
	}
	return m
}

// agree compares lines of label, count, min, max, sum and maybe p99 with ours.
func (w *week) agree(who string, text []byte, ours map[string]reportSpan, quantile bool) {
	w.t.Helper()
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != len(ours) {
		w.t.Errorf("%s knows %d labels, we %d", who, len(lines), len(ours))
	}
	for _, line := range lines {
		fields := strings.Split(line, "|")
		s, ok := ours[fields[0]]
		var v [5]float64
		for i := range fields[1:] {
			v[i], _ = strconv.ParseFloat(fields[i+1], 64)
		}
		near := func(a, b float64) bool { return math.Abs(a-b) < 0.0006 }
		if !ok || int64(v[0]) != s.Count || !near(v[1]/1000, s.Min) || !near(v[2]/1000, s.Max) || !near(v[3]/v[0]/1000, s.Avg) || quantile && !near(v[4]/1000, s.P99) {
			w.t.Errorf("%s says %s, we %+v", who, line, s)
		}
	}
}
