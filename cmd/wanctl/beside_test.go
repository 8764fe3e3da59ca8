package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"wanctl/analyze"
	"wanctl/cycle"
	"wanctl/store"
	"wanctl/store/storetest"
)

// TestServeBesideDaemons measures what the daemons of a demo feel of a page that is
// asked all the time: their lateness in periods of WANCTL_BESIDE with askers and
// without, in turn. The askers want windows of the recording that TestWeek leaves in
// WANCTL_WEEK_DIR, or of an hour made up here.
//
//	WANCTL_BESIDE=20s go test ./cmd/wanctl -run TestServeBesideDaemons -v -timeout 10m
func TestServeBesideDaemons(t *testing.T) {
	length, err := time.ParseDuration(os.Getenv("WANCTL_BESIDE"))
	if err != nil {
		t.Skip("set WANCTL_BESIDE to the length of a period, such as 20s")
	}
	b := &beside{t: t, length: length, program: filepath.Join(t.TempDir(), "wanctl"), own: filepath.Join(t.TempDir(), "own.db")}
	if out, err := exec.Command("go", "build", "-o", b.program, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b.history()
	if err := lowerPriority(); err != nil { // the browsers are elsewhere
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	const rounds = 3
	demo := exec.CommandContext(ctx, "nice", "-n", fmt.Sprint(-niceness), b.program, "demo", "--db", b.own, "--for", (2*rounds*length + 5*time.Second).String())
	demo.Stdout, demo.Stderr = io.Discard, os.Stderr
	if err := demo.Start(); err != nil {
		t.Fatal(err)
	}
	serve := b.serve(ctx)
	defer func() { cancel(); _ = serve.Wait() }()
	for i := range 2 * rounds {
		p := &period{asked: i%2 == 1, since: time.Now()}
		if p.asked {
			b.ask(p)
		} else {
			time.Sleep(length)
		}
		p.until = time.Now()
		b.periods = append(b.periods, p)
	}
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", serve.Process.Pid))
	t.Logf("the server: %s", regexp.MustCompile(`VmHWM:.*`).Find(status))
	if err := demo.Wait(); err != nil {
		t.Fatal(err)
	}
	b.tell()
}

type beside struct {
	t       *testing.T
	length  time.Duration
	program string
	own     string // what the demo records into
	old     string // what is asked for
	end     time.Time
	base    string
	periods []*period
}

// period is a stretch of time with askers or without.
type period struct {
	asked        bool
	since, until time.Time
	answers      atomic.Int64
	refused      atomic.Int64
	slowest      atomic.Int64
}

// history finds the recording that is asked for, or makes it up.
func (b *beside) history() {
	b.old = filepath.Join(os.Getenv("WANCTL_WEEK_DIR"), "week.db")
	if _, err := os.Stat(b.old); os.Getenv("WANCTL_WEEK_DIR") == "" || err != nil {
		b.old = filepath.Join(b.t.TempDir(), "hour.db")
		s := storetest.NewSampler("wan1", weekBegin, 7)
		s.Info.Source = "test"
		cfg := store.DefaultConfig()
		cfg.Path = b.old
		if _, err := store.Import(b.t.Context(), cfg, func(yield func(*cycle.Cycle, error) bool) {
			for range 72000 {
				if !yield(s.Next(), nil) {
					return
				}
			}
		}, nil); err != nil {
			b.t.Fatal(err)
		}
	}
	r, err := store.OpenReader(b.t.Context(), b.old)
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Close()
	if b.end, err = r.Newest(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// serve starts the server over both recordings, once there are two.
func (b *beside) serve(ctx context.Context) *exec.Cmd {
	for {
		if r, err := store.OpenReader(ctx, b.own); err == nil {
			_ = r.Close()
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	serve := exec.CommandContext(ctx, b.program, "serve", "--db", b.own, "--db", b.old, "--listen", "127.0.0.1:0")
	serve.Cancel = func() error { return serve.Process.Signal(os.Interrupt) }
	serve.Stderr = os.Stderr
	out, err := serve.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := serve.Start(); err != nil {
		b.t.Fatal(err)
	}
	line := make([]byte, 200)
	n, err := out.Read(line)
	if b.base = siteAddress.FindString(string(line[:n])); b.base == "" {
		b.t.Fatalf("%q, %v", line[:n], err)
	}
	return serve
}

// ask has four askers ask for pages all the time, each for a window that nobody has
// asked for yet, one download rows, and one listen.
func (b *beside) ask(p *period) {
	ctx, cancel := context.WithTimeout(b.t.Context(), b.length)
	defer cancel()
	var askers sync.WaitGroup
	get := func(path string) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+path, nil)
		if err != nil {
			b.t.Error(err)
			return
		}
		began := time.Now()
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return // the time is over
		}
		defer answer.Body.Close()
		if _, err := io.Copy(io.Discard, answer.Body); err != nil {
			return
		}
		switch answer.StatusCode {
		case http.StatusOK:
			p.answers.Add(1)
			p.slowest.Store(max(p.slowest.Load(), int64(time.Since(began))))
		case http.StatusServiceUnavailable:
			p.refused.Add(1)
		default:
			b.t.Errorf("%s is answered %s", path, answer.Status)
		}
	}
	var n atomic.Int64
	window := func() string {
		until := b.end.Add(-time.Duration(n.Add(1)) * time.Second)
		return fmt.Sprintf("?since=%s&until=%s", until.Add(-24*time.Hour).UTC().Format(time.RFC3339), until.UTC().Format(time.RFC3339))
	}
	for range 4 {
		askers.Go(func() {
			for ctx.Err() == nil {
				get("/" + window())
			}
		})
	}
	askers.Go(func() {
		for ctx.Err() == nil {
			get("/cycles.csv" + window())
		}
	})
	askers.Go(func() { get("/events") })
	askers.Wait()
	http.DefaultClient.CloseIdleConnections()
}

// tell shows how late the daemon's cycles were in each period.
func (b *beside) tell() {
	r, err := store.OpenReader(b.t.Context(), b.own)
	if err != nil {
		b.t.Fatal(err)
	}
	defer r.Close()
	text := new(bytes.Buffer)
	for _, p := range b.periods {
		a, err := analyze.Analyze(b.t.Context(), cycle.Window{Since: p.since, Until: p.until}, analyze.Options{Daemon: cycle.Autorate}, r)
		if err != nil {
			b.t.Fatal(err)
		}
		if len(a.Loops) != 1 {
			b.t.Fatalf("%d loops", len(a.Loops))
		}
		l := &a.Loops[0]
		fmt.Fprintf(text, "asked %-5v %4d cycles, late p50 %8v p95 %8v p99 %8v max %8v, missed %d, overruns %d; %d answers, %d refused, slowest %v\n", p.asked, l.Cycles,
			l.Lateness.P50.Value, l.Lateness.P95.Value, l.Lateness.P99.Value, l.Lateness.Max, l.Missed, l.Overruns,
			p.answers.Load(), p.refused.Load(), time.Duration(p.slowest.Load()).Round(time.Millisecond))
	}
	b.t.Logf("autorate every 50 ms beside the server:\n%s", strings.TrimSpace(text.String()))
}
