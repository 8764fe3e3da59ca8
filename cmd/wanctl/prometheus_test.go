package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"wanctl/cycle"
	"wanctl/cycle/endpoint"
)

// prometheus is a real one that scrapes a daemon.
type prometheus struct{ address string }

// newPrometheus starts a Prometheus that scrapes every second; native tells whether
// it takes native histograms.
func newPrometheus(t *testing.T, target string, native bool) prometheus {
	t.Helper()
	path, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("prometheus is not installed (Debian: prometheus)")
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	text := fmt.Sprintf("global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n- job_name: wanctl\n  static_configs:\n  - targets: [%q]\n", target)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	p := prometheus{fmt.Sprintf("127.0.0.1:%d", freePort(t))}
	args := []string{"--config.file=" + config, "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.listen-address=" + p.address}
	if native {
		args = append(args, "--enable-feature=native-histograms")
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd, out := exec.CommandContext(ctx, path, args...), new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("prometheus says:\n%s", out)
		}
	})
	return p
}

// ask returns the values of a query at a moment, by one of their labels.
func (p prometheus) ask(t *testing.T, query, label string, at time.Time) map[string]float64 {
	t.Helper()
	var answer struct {
		Status string
		Data   struct {
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	params := url.Values{"query": {query}, "time": {strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64)}}
	if _, err := get(t, "http://"+p.address+"/api/v1/query?"+params.Encode(), &answer); err != nil || answer.Status != "success" {
		return nil // not up yet
	}
	values := map[string]float64{}
	for _, r := range answer.Data.Result {
		v, err := strconv.ParseFloat(fmt.Sprint(r.Value[1]), 64)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		values[r.Metric[label]] = v
	}
	return values
}

// askAsTheDashboard sends the dashboard's queries. What autorate alone does not
// tell, or not on a good day, may have no answer; all others have one.
func askAsTheDashboard(t *testing.T, prom prometheus, now time.Time) {
	t.Helper()
	text, err := os.ReadFile("../../configs/monitoring/wanctl-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	variables := strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*", "$daemon", ".*", "$wan", ".*")
	empty := regexp.MustCompile("steering|smoothed|failures")
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			query := variables.Replace(target.Expr)
			values := prom.ask(t, query, "wan", now)
			if values == nil || len(values) == 0 && !empty.MatchString(query) {
				t.Errorf("%s: %v to %s", p.Title, values, query)
			}
			for _, v := range values {
				if math.IsNaN(v) && !strings.Contains(query, "histogram_quantile") { // of nothing, e.g. no write in that time
					t.Errorf("%s: no number to %s", p.Title, query)
				}
			}
		}
	}
}

// TestPrometheusScrapesADaemon lets a real Prometheus scrape the daemon, and
// compares what it then knows with what the daemon recorded.
func TestPrometheusScrapesADaemon(t *testing.T) {
	t.Parallel()
	for name, native := range map[string]bool{"classic": false, "native": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := endpoint.Config{Enabled: true, Host: "127.0.0.1", Port: freePort(t)}
			prom := newPrometheus(t, at.Address(), native)
			h, _ := demoHouse(t, daemonOptions{}, endpoint.Config{}, at)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error)
			go func() { ended <- h.run(ctx) }()
			var now time.Time
			eventually(t, "three scrapes", func() bool {
				now = time.Now()
				return prom.ask(t, `count_over_time(wanctl_cycles_total{outcome="ok"}[1m])`, "wan", now)["wan1"] >= 3
			})
			one := func(query string) float64 {
				t.Helper()
				values := prom.ask(t, query, "daemon", now)
				v, ok := values["autorate"]
				if !ok {
					t.Errorf("%s: there is no such series: %v", query, values)
				}
				return v
			}
			cycles, ok, last := one("sum by (daemon) (wanctl_cycles_total)"), one(`wanctl_cycles_total{outcome="ok"}`), one("wanctl_last_cycle_timestamp_seconds")
			rtt, rate, zone := one("wanctl_rtt_seconds"), one(`wanctl_rate_limit_bits_per_second{direction="download"}`), one(`wanctl_zone{direction="download"}`)
			count := "wanctl_span_duration_seconds_count"
			bucket := `histogram_quantile(0.5, rate(wanctl_span_duration_seconds_bucket{label="autorate_cycle_total"}[1m]))`
			if native {
				count, bucket = "histogram_count(wanctl_span_duration_seconds)", `histogram_quantile(0.5, rate(wanctl_span_duration_seconds{label="autorate_cycle_total"}[1m]))`
			}
			askAsTheDashboard(t, prom, now)
			counts, median := prom.ask(t, "sum by (label) ("+count+")", "label", now), one(bucket)
			cancel()
			if err := <-ended; err != nil {
				t.Fatal(err)
			}

			// The counts of a scrape are those of one moment, that of its last cycle.
			var then []*cycle.Cycle
			good := 0.0
			for _, c := range recorded(t, h.opts.db) {
				if end := c.Start.Add(c.Total); float64(end.UnixMicro())/1e6 > last+3e-6 {
					break
				}
				if then = append(then, c); c.Outcome == cycle.OK {
					good++
				}
			}
			if float64(len(then)) != cycles || good != ok || len(then) < 40 {
				t.Fatalf("%v cycles, %v of them good; %d and %v are on record", cycles, ok, len(then), good)
			}
			d := then[len(then)-1].Decision
			if math.Abs(rtt-d.RTT.Value/1000) > 1e-12 || rate != float64(d.Download.Rate.Value) || zone != float64(d.Download.Zone) {
				t.Errorf("RTT %v s, rate %v bit/s, zone %v; on record: %+v", rtt, rate, zone, d)
			}
			// Histograms are read a moment before or after.
			for label, each := range map[string]float64{"autorate_cycle_total": 1, "autorate_rtt_measurement": 1, "autorate_cake_stats_read": 1, "autorate_adjust_state": 1, "autorate_probe": 3} {
				if got, want := counts[label], each*cycles; math.Abs(got-want) > 2*each {
					t.Errorf("%s: %v durations of %v cycles", label, got, cycles)
				}
			}
			if median <= 0 || median > 0.1 {
				t.Errorf("the median cycle takes %v s", median)
			}
		})
	}
}
