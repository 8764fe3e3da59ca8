package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"wanctl/cycle"
	"wanctl/cycle/endpoint"
	"wanctl/cycle/routeros/simulator"
	"wanctl/store"
)

// freePort returns a port on loopback that nobody has at this moment.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// demoHouse is a house with the demo's autorate in it, whose router is the demo's;
// pages says where its pages are.
func demoHouse(t *testing.T, opts daemonOptions, health, metrics endpoint.Config) (*house, *simulator.Simulator) {
	t.Helper()
	dir := t.TempDir()
	router, end, err := demoRouter()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { router.Close() })
	path, _, err := writeDemoFiles(dir, end)
	if err != nil {
		t.Fatal(err)
	}
	p := &program{stderr: io.Discard, getenv: func(string) (string, bool) { return demoPassword, true }}
	opts.db = filepath.Join(dir, "profile.db")
	wans, err := p.loadWANs([]string{path}, opts)
	if err != nil {
		t.Fatal(err)
	}
	wans[0].Health, wans[0].Metrics = health, metrics
	wans[0].Recorder.Runtime = dir
	log := slog.New(slog.DiscardHandler)
	h, err := newHouse(opts, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	if err := h.addAutorate(t.Context(), wans[0], log); err != nil {
		t.Fatal(err)
	}
	return h, router
}

// recorded returns the cycles of a file.
func recorded(t *testing.T, path string) (cycles []*cycle.Cycle) {
	t.Helper()
	r, err := store.OpenReader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for c, err := range r.Cycles(t.Context(), cycle.Window{Since: time.Unix(0, 0), Until: time.Now().Add(time.Hour)}) {
		if err != nil {
			t.Fatal(err)
		}
		own := *c
		own.Spans = append([]cycle.Span(nil), c.Spans...)
		cycles = append(cycles, &own)
	}
	return cycles
}

// samples reads metrics in Prometheus's text form, by their names and labels.
func samples(t *testing.T, text string) map[string]float64 {
	t.Helper()
	all := map[string]float64{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all[name] = v
	}
	return all
}

// TestMetricsEqualTheRecording runs some cycles and compares what Prometheus would
// be told with what is in the file.
func TestMetricsEqualTheRecording(t *testing.T) {
	t.Parallel()
	h, _ := demoHouse(t, daemonOptions{cycles: 50, interval: 20 * time.Millisecond}, endpoint.Config{}, endpoint.Config{})
	page := h.metricsPage()
	if err := h.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	page.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	got := samples(t, answer.Body.String())

	want := map[string]float64{}
	cycles := recorded(t, h.opts.db)
	add := func(label cycle.Label, target string, d time.Duration) {
		labels := fmt.Sprintf(`{daemon="autorate",label="%s",target="%s",wan="wan1"}`, label, target)
		want["wanctl_span_duration_seconds_count"+labels]++
		want["wanctl_span_duration_seconds_sum"+labels] += d.Seconds()
	}
	for _, c := range cycles {
		want[fmt.Sprintf(`wanctl_cycles_total{daemon="autorate",outcome="%s",wan="wan1"}`, c.Outcome)]++
		want[`wanctl_cycle_missed_slots_total{daemon="autorate",wan="wan1"}`] += float64(c.Missed)
		want[`wanctl_cycle_lateness_seconds_count{daemon="autorate",wan="wan1"}`]++
		want[`wanctl_cycle_lateness_seconds_sum{daemon="autorate",wan="wan1"}`] += c.Late.Seconds()
		want[`wanctl_cycle_overruns_total{daemon="autorate",wan="wan1"}`] += map[bool]float64{true: 1}[c.Overrun()]
		if c.Decision.Write != cycle.NotWritten {
			want[fmt.Sprintf(`wanctl_router_writes_total{daemon="autorate",fate="%s",wan="wan1"}`, c.Decision.Write)]++
		}
		add(cycle.Autorate.Label(cycle.Total), "", c.Total)
		for _, s := range c.Spans {
			if s.Part != cycle.Other && (s.Part != cycle.Probe || s.Outcome == cycle.OK) {
				add(s.Label, s.Target, s.Duration)
			}
		}
	}
	last := cycles[len(cycles)-1].Decision
	want[`wanctl_rtt_seconds{daemon="autorate",wan="wan1"}`] = last.RTT.Value / 1000
	want[`wanctl_rtt_baseline_seconds{daemon="autorate",wan="wan1"}`] = last.Baseline.Value / 1000
	want[`wanctl_zone{daemon="autorate",direction="download",wan="wan1"}`] = float64(last.Download.Zone)
	want[`wanctl_rate_limit_bits_per_second{daemon="autorate",direction="upload",wan="wan1"}`] = float64(last.Upload.Rate.Value)
	want[`wanctl_router_connected{daemon="autorate",transport="rest",wan="wan1"}`] = 1
	want[fmt.Sprintf(`wanctl_recorder_cycles_total{path="%s"}`, h.opts.db)] = 50
	if len(cycles) != 50 || len(want) < 25 {
		t.Fatalf("%d cycles, %d metrics to compare", len(cycles), len(want))
	}
	for name, v := range want {
		// The file has whole microseconds.
		if g, ok := got[name]; !ok || math.Abs(g-v) > 50e-6 {
			t.Errorf("%s is %v, %v are on record", name, g, v)
		}
	}
}

// get asks for a page; what is decoded is left in to.
func get(t *testing.T, url string, to any) (status int, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil {
		err = json.Unmarshal(text, to)
	}
	return answer.StatusCode, err
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !so(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// TestDaemonIsWatched runs the daemon as a service: systemd hears of it, /health is
// 200, and 503 when the router is gone, while the cycles go on.
func TestDaemonIsWatched(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	systemd, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer systemd.Close()
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "30000000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	heard := func() string {
		b := make([]byte, 1000)
		_ = systemd.SetReadDeadline(time.Now().Add(30 * time.Second))
		n, err := systemd.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}

	at := endpoint.Config{Enabled: true, Host: "127.0.0.1", Port: freePort(t)}
	h, router := demoHouse(t, daemonOptions{}, at, at)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- h.run(ctx) }()
	if first := heard(); !strings.HasPrefix(first, "READY=1\nWATCHDOG=1\nSTATUS=wan1: GREEN/GREEN, 250/20 Mbit/s, ") {
		t.Errorf("systemd heard %q first", first)
	}
	var page struct {
		Status    string
		Reasons   []string
		Reachable bool `json:"router_reachable"`
		WANs      []struct{ Name string }
		Cycle     []struct{ Cycles int }
	}
	eventually(t, "healthy", func() bool {
		status, err := get(t, "http://"+at.Address()+"/health", &page)
		return err == nil && status == 200 && page.Status == "healthy" && page.Reachable && page.WANs[0].Name == "wan1"
	})
	before := page.Cycle[0].Cycles
	router.Close()
	eventually(t, "degraded", func() bool {
		status, err := get(t, "http://"+at.Address()+"/", &page)
		return err == nil && status == 503 && page.Status == "degraded" && !page.Reachable && len(page.Reasons) == 1
	})
	if page.Cycle[0].Cycles <= before {
		t.Error("the cycles stopped")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for heardLast := ""; ; {
		if heardLast = heard(); strings.HasPrefix(heardLast, "STOPPING=1\n") {
			break
		}
	}
	if _, err := net.Dial("tcp", at.Address()); err == nil {
		t.Error("the server lives on")
	}
}
