package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/urfave/cli/v2"

	"wanctl/analyze"
	"wanctl/analyze/report"
	"wanctl/cycle"
	"wanctl/cycle/routeros/simulator"
)

// demoDB is the demo's file in the current folder; each demo begins it anew.
const demoDB = "wanctl-demo.db"

func (p *program) demoCommand() *cli.Command {
	return &cli.Command{
		Name: "demo", Usage: "the whole thing, end to end: simulator, real pings on loopback, both daemons, the report",
		Flags: []cli.Flag{
			&cli.DurationFlag{Name: "for", Value: 15 * time.Second, Usage: "how long the daemons run"},
			&cli.StringFlag{Name: "db", TakesFile: true, Usage: "record into this new file (default: " + demoDB + ", begun anew)"},
		},
		Action: func(c *cli.Context) error {
			length := c.Duration("for")
			if length < time.Second || length > 24*time.Hour {
				return misuse("--for wants 1s to 24h")
			}
			file := &demoFile{path: c.String("db")}
			if file.path == "" {
				file.path, file.anew = demoDB, true
			}
			return errors.Join(p.demo(c.Context, file, length), file.Close())
		},
	}
}

// Names in the demo's router.
const (
	demoDown     = "WAN-Download-1"
	demoUp       = "WAN-Upload-1"
	demoRule     = "ADAPTIVE: Steer latency-sensitive to WAN2"
	demoUser     = "wanctl"
	demoPassword = "demo" // of a simulator on loopback that lives for seconds
)

// The demo's configurations: those of the examples, cut down, with bounds that
// fit round trips on loopback. %[1]s is the folder, %[2]s the port, %[3]s the
// router's fingerprint.
const (
	demoAutorate = `wan_name: wan1
router:
  transport: rest
  host: 127.0.0.1
  port: %[2]s
  tls: true
  user: ` + demoUser + `
  password: ${WANCTL_DEMO_PASSWORD}
  tls_fingerprint: "%[3]s"
queues:
  download: ` + demoDown + `
  upload: ` + demoUp + `
continuous_monitoring:
  enabled: true
  interval_seconds: 0.05
  baseline_rtt_initial: 1
  download: {floor_green_mbps: 100, floor_yellow_mbps: 75, floor_soft_red_mbps: 50, floor_red_mbps: 25, ceiling_mbps: 500, step_up_mbps: 5, factor_down: 0.85}
  upload: {floor_mbps: 10, ceiling_mbps: 50, step_up_mbps: 1, factor_down: 0.9}
  thresholds: {target_bloat_ms: 15, warn_bloat_ms: 45, hard_red_bloat_ms: 80, alpha_baseline: 0.02, alpha_load: 0.2}
  ping_hosts: [127.0.0.1, 127.0.0.2, 127.0.0.3]
  use_median_of_three: true
lock_file: %[1]s/wan1.lock
logging: {main_log: "%[1]s/wan1.log", debug_log: "%[1]s/wan1_debug.log"}
`
	demoSteering = `wan_name: steering
topology: {primary_wan: wan1, primary_wan_config: "%[1]s/wan1.yaml", alternate_wan: wan2}
router:
  transport: rest
  host: 127.0.0.1
  port: %[2]s
  tls: true
  user: ` + demoUser + `
  password: ${WANCTL_DEMO_PASSWORD}
  tls_fingerprint: "%[3]s"
mangle_rule: {comment: "` + demoRule + `"}
cake_state_sources: {primary: "%[1]s/wan1_state.json"}
cake_queues: {primary_download: ` + demoDown + `, primary_upload: ` + demoUp + `}
measurement: {interval_seconds: 0.5, ping_host: 127.0.0.1, ping_count: 1}
thresholds: {green_rtt_ms: 5, yellow_rtt_ms: 15, red_rtt_ms: 15, baseline_rtt_bounds: {min: 0.001, max: 60}}
mode: {cake_aware: true}
state: {file: "%[1]s/steering_state.json", history_size: 60}
lock_file: %[1]s/steering.lock
logging: {main_log: "%[1]s/steering.log", debug_log: "%[1]s/steering_debug.log"}
`
)

// demoState is what autorate left behind some time ago: rates low enough to climb
// from, and the baseline that steering wants.
const demoState = `{"download": {"current_rate": 250e6}, "upload": {"current_rate": 20e6}, "ewma": {"baseline_rtt": 1, "load_rtt": 1}}`

// demo runs both daemons against a simulated router and shows what they recorded.
func (p *program) demo(ctx context.Context, file *demoFile, length time.Duration) error {
	dir, err := os.MkdirTemp("", "wanctl-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	router, endpoint, err := demoRouter()
	if err != nil {
		return err
	}
	defer router.Close()
	wan, steering, err := writeDemoFiles(dir, endpoint)
	if err != nil {
		return err
	}
	begun := p.now()
	if err := p.runDemo(ctx, wan, steering, file, length); err != nil {
		return err
	}
	for _, unknown := range router.Unknown() {
		fmt.Fprintf(p.stderr, "warning: the simulator did not know %s\n", unknown)
	}
	fmt.Fprintln(p.stdout)
	return errors.Join(p.demoReport(context.WithoutCancel(ctx), begun, file.path), p.demoNext(file.path))
}

// demoReport prints the report of what was recorded since the demo began.
func (p *program) demoReport(ctx context.Context, begun time.Time, db string) error {
	rs, err := openRecordings(ctx, db)
	if err != nil {
		return err
	}
	defer rs.Close()
	a, err := rs.analyze(ctx, cycle.Window{Since: begun, Until: p.now()}, analyze.Options{}, time.Local)
	if err != nil {
		return err
	}
	return report.Text(p.stdout, a, report.Options{Databases: rs.paths, Zone: time.Local})
}

// demoRouter starts the router: two queues under load, and the rule.
func demoRouter() (*simulator.Simulator, simulator.Endpoint, error) {
	router := simulator.New(simulator.Config{
		Users: []simulator.User{{Name: demoUser, Password: demoPassword}},
		Queues: []simulator.Queue{
			{Name: demoDown, Type: "cake-down-wan1", Limit: 100e6, Load: simulator.Constant(80e6)},
			{Name: demoUp, Type: "cake-up-wan1", Limit: 10e6, Load: simulator.Constant(8e6)},
		},
		Rules: []simulator.Rule{{Comment: demoRule, Disabled: true}},
	})
	// A small router takes a few milliseconds for an answer.
	router.Inject(simulator.Fault{Kind: simulator.Delay, Delay: 2 * time.Millisecond, Jitter: 3 * time.Millisecond})
	endpoint, err := router.ServeREST("127.0.0.1:0")
	if err != nil {
		return nil, endpoint, errors.Join(err, router.Close())
	}
	return router, endpoint, nil
}

// runDemo runs the daemons for a while, with a line of progress. The file is touched
// only once all that they need is there.
func (p *program) runDemo(ctx context.Context, wan, steering string, file *demoFile, length time.Duration) error {
	demo := *p
	demo.getenv = func(key string) (string, bool) {
		if key == "WANCTL_DEMO_PASSWORD" {
			return demoPassword, true
		}
		return p.getenv(key)
	}
	log := slog.New(slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	opts := daemonOptions{db: file.path}
	h, err := newHouse(opts, log)
	if err != nil {
		return err
	}
	defer h.Close()
	wans, err := demo.loadWANs([]string{wan}, opts)
	if err != nil {
		return err
	}
	config, err := demo.loadSteering(steering, opts)
	if err != nil {
		return err
	}
	if err := h.addAutorate(ctx, wans[0], log); err != nil {
		return err
	}
	if err := h.addSteering(ctx, config, log); err != nil {
		return err
	}
	if err := file.claim(); err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "A simulated router on loopback, real pings to 127.0.0.1-3: autorate every 50 ms and steering every\n"+
		"500 ms for %v, recorded into %s\n", length, file.path)
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	bar := p.countdown(length)
	shown := make(chan struct{})
	go func() {
		defer close(shown)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for begun := time.Now(); ; {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				_ = bar.Set64(int64(time.Since(begun)))
			}
		}
	}()
	err = h.run(ctx)
	cancel()
	<-shown
	_ = bar.Clear()
	return err
}

// countdown returns a line of progress over a stretch of time; it shows nothing
// where nobody looks on.
func (p *program) countdown(length time.Duration) *progressbar.ProgressBar {
	if !isTerminal(p.stderr) {
		return progressbar.DefaultSilent(int64(length))
	}
	return progressbar.NewOptions64(int64(length), progressbar.OptionSetWriter(p.stderr),
		progressbar.OptionSetDescription("measuring"), progressbar.OptionSetWidth(40), progressbar.OptionSetPredictTime(true))
}

// writeDemoFiles writes both daemons' configurations, whose paths it returns, and
// autorate's state.
func writeDemoFiles(dir string, router simulator.Endpoint) (autorate, steering string, err error) {
	_, port, _ := strings.Cut(router.Addr, ":")
	autorate, steering = filepath.Join(dir, "wan1.yaml"), filepath.Join(dir, "steering.yaml")
	return autorate, steering, errors.Join(
		os.WriteFile(autorate, fmt.Appendf(nil, demoAutorate, dir, port, router.Fingerprint), 0o600),
		os.WriteFile(steering, fmt.Appendf(nil, demoSteering, dir, port, router.Fingerprint), 0o600),
		os.WriteFile(filepath.Join(dir, "wan1_state.json"), []byte(demoState), 0o600))
}

// demoNext tells where the file is and what to type next.
func (p *program) demoNext(db string) error {
	info, err := os.Stat(db)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "\nAll of it is in %s (%d KiB). What to type next:\n\n", db, info.Size()/1024)
	db = shellWord(db)
	next := tabwriter.NewWriter(p.stdout, 0, 0, 3, ' ', 0)
	for _, to := range [][2]string{
		{"wanctl analyze --db " + db, "this report again"},
		{"wanctl analyze --db " + db + " --format html --output report.html", "the same as a page to look at"},
		{"wanctl why --db " + db, "the slowest cycles, and what made them slow"},
		{"wanctl export --db " + db + " --output spans.csv", "every span, for a spreadsheet"},
	} {
		fmt.Fprintf(next, "  %s\t%s\n", to[0], to[1])
	}
	fmt.Fprintf(next, "  sqlite3 %s \"select label, count(*), avg(duration_ms) from spans group by label\"\n", db)
	return next.Flush()
}
