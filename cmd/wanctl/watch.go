package main

import (
	"context"
	"maps"
	"path/filepath"
	"slices"

	"wanctl/analyze"
	"wanctl/configs"
	"wanctl/cycle"
	"wanctl/cycle/endpoint"
	"wanctl/cycle/health"
	"wanctl/cycle/metrics"
	"wanctl/cycle/notify"
	"wanctl/cycle/routeros"
)

// watched is what those who watch a loop want to know of it.
type watched struct {
	router          *routeros.Client
	health, metrics endpoint.Config
	steering        *configs.Steering // nil for autorate
}

// watcher tells the outside how the loops are doing. Run returns when its context
// ends.
type watcher interface {
	Run(ctx context.Context) error
	String() string
}

// watchers returns those who watch the loops: systemd's notifier, and the servers
// of the pages that any of the configurations asks for. A page is about all loops
// of the process.
func (h *house) watchers() []watcher {
	notifier := notify.New(h.dropped, h.log)
	for _, l := range h.loops {
		l.recorders = append(l.recorders, notifier.Loop(l.Info, l.Deadline))
	}
	all := []watcher{notifier}
	if h.opts.oneshot {
		return all
	}
	for _, server := range h.servers() {
		all = append(all, server)
	}
	return all
}

// servers returns the servers of the pages, one for each address.
func (h *house) servers() map[string]*endpoint.Server {
	servers := map[string]*endpoint.Server{}
	at := func(c endpoint.Config) *endpoint.Server {
		if servers[c.Address()] == nil {
			servers[c.Address()] = endpoint.New(c.Address(), h.log)
		}
		return servers[c.Address()]
	}
	if wanted := h.wanted(func(l *member) endpoint.Config { return l.health }); len(wanted) > 0 {
		page := h.healthPage()
		for _, c := range wanted {
			at(c).Handle("GET /health", page)
			at(c).Handle("GET /{$}", page)
		}
	}
	if wanted := h.wanted(func(l *member) endpoint.Config { return l.metrics }); len(wanted) > 0 {
		page := h.metricsPage()
		for _, c := range wanted {
			at(c).Handle("GET /metrics", page)
		}
	}
	return servers
}

// wanted returns where the configurations want a page, each address once.
func (h *house) wanted(of func(*member) endpoint.Config) (wanted []endpoint.Config) {
	for _, l := range h.loops {
		if c := of(l); c.Enabled && !slices.Contains(wanted, c) {
			wanted = append(wanted, c)
		}
	}
	return wanted
}

// watch runs a watcher. One that panics is gone; the loops go on.
func (h *house) watch(ctx context.Context, w watcher) error {
	err := cycle.Guard(func() error { return w.Run(ctx) })
	if err != nil {
		h.log.Error("nobody watches here any more; the loops go on", "watcher", w.String(), "error", err)
	}
	return nil
}

// healthPage returns the page of /health, and lets it watch the loops.
func (h *house) healthPage() *health.Health {
	page := health.New(thisBuild().Version, h.disk(), h.recorderHealth)
	for _, l := range h.loops {
		recent := new(totals)
		as := health.Loop{
			Run: l.Info, Longest: l.Deadline, DryRun: h.opts.dryRun, Recent: recent.of(l.Info),
			Router: func() health.Router {
				s := l.router.Status()
				return health.Router{Transport: s.Transport, Fallbacks: s.Fallbacks}
			},
		}
		if s := l.steering; s != nil {
			t := s.Daemon.Thresholds
			as.Primary = s.Daemon.PrimaryWAN
			as.Limits = &health.SteeringLimits{
				GreenRTT: t.GreenRTT, YellowRTT: t.YellowRTT, RedRTT: t.RedRTT, RedSamples: t.RedSamples, GreenSamples: t.GreenSamples,
			}
		}
		l.recorders = append(l.recorders, recent, page.Loop(as))
	}
	return page
}

// metricsPage returns the page of /metrics, and lets it watch the loops.
func (h *house) metricsPage() *metrics.Metrics {
	b := thisBuild()
	page := metrics.New(metrics.Build{Version: b.Version, Commit: b.Commit, Go: b.Go}, h.recorderMetrics, h.log)
	for _, l := range h.loops {
		l.recorders = append(l.recorders, page.Loop(l.Info, func() metrics.Router {
			s := l.router.Status()
			return metrics.Router{Transport: s.Transport, Connected: s.Connected, Logins: s.Logins, RoundTrips: s.RoundTrips, Fallbacks: s.Fallbacks}
		}))
	}
	return page
}

// latestCycles is how many cycles' times the quantiles of /health are of.
const latestCycles = 1000

// totals keeps the latest times of a loop's cycles.
type totals struct{ analyze.Profiler }

var _ cycle.Recorder = (*totals)(nil)

// Record implements cycle.Recorder.
func (t *totals) Record(c *cycle.Cycle) { t.Profiler.Record(c.Run.Daemon.Label(cycle.Total), c.Total) }

// of returns the quantiles of a run's latest cycles.
func (t *totals) of(run *cycle.Run) func() health.Recent {
	t.Samples = latestCycles
	return func() health.Recent {
		s, _ := t.Stats(run.Daemon.Label(cycle.Total))
		return health.Recent{Count: s.Count, P50: s.P50, P95: s.P95, P99: s.P99}
	}
}

// files returns the files that are recorded into, by their paths.
func (h *house) files() (files []recording) {
	for _, path := range slices.Sorted(maps.Keys(h.recorders)) {
		files = append(files, h.recorders[path])
	}
	return files
}

// disk returns the folder whose free space counts: the recording's.
func (h *house) disk() string {
	for _, r := range h.files() {
		if path, err := filepath.Abs(r.config.Path); err == nil {
			return filepath.Dir(path)
		}
	}
	return "/var/lib/wanctl"
}

// dropped returns how many cycles found no room to be recorded.
func (h *house) dropped() (n int64) {
	for _, r := range h.recorders {
		n += r.writer.Health().Dropped
	}
	return n
}

func (h *house) recorderHealth() (all []health.Recorder) {
	for _, r := range h.files() {
		w := r.writer.Health()
		all = append(all, health.Recorder{
			Path: r.config.Path, Flushed: w.Flushed, Recorded: w.Recorded, Queued: w.Waiting, Dropped: w.Dropped,
			Size: r.writer.Size(), MaxSize: r.config.MaxSize, Trouble: w.Trouble,
		})
	}
	return all
}

func (h *house) recorderMetrics() (all []metrics.Recorder) {
	for _, r := range h.files() {
		w := r.writer.Health()
		all = append(all, metrics.Recorder{
			Path: r.config.Path, Recorded: w.Recorded, Dropped: w.Dropped, Queued: w.Waiting, Flushes: w.Flushes, Flushed: w.Flushed,
			Size: r.writer.Size(), MaxSize: r.config.MaxSize, Troubled: w.Trouble != "",
		})
	}
	return all
}
