// Package metrics tells Prometheus what the loops of a process do: histograms of
// every label's durations, and what the last cycle measured and decided.
//
//	loop  --Record-->  histograms, counts, the last decision  --GET /metrics-->  Prometheus
//
// The number of series is bounded by the configuration: loops, labels of our own,
// and the reflectors that a loop is configured to ask.
package metrics

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"wanctl/cycle"
)

// Metrics keeps the metrics of one process. It is an http.Handler.
type Metrics struct {
	http.Handler
	registry *prometheus.Registry
	loops    collector

	spans, lateness *prometheus.HistogramVec
	failures        *prometheus.CounterVec
}

// Build is what the program knows of its own making.
type Build struct{ Version, Commit, Go string }

// Router is how a connection to the router is doing. All but Transport and
// Connected count from the start.
type Router struct {
	Transport  string // in use
	Connected  bool
	Logins     int64
	RoundTrips int64
	Fallbacks  int64 // changes to a less preferred transport
}

// Recorder is how one file's recording is doing. Counts are from the start.
type Recorder struct {
	Path              string
	Recorded, Dropped int64 // cycles
	Queued            int   // cycles
	Flushes           int64
	Flushed           time.Time // the last one; zero if there was none
	Size, MaxSize     int64     // bytes
	Troubled          bool      // nothing can be written
}

// Bounds of the classic buckets, in seconds. Cycles take some milliseconds to
// some seconds; how late one starts is mostly far below a millisecond.
var (
	durationBuckets = []float64{.0005, .001, .0025, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10}
	latenessBuckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .5, 1}
)

// Native histograms: neighbouring buckets grow by at most a tenth, so that a
// quantile is within 5 %; one that gets too many becomes coarser, or begins anew
// when the last time was long ago.
const (
	nativeGrowth     = 1.1
	nativeMaxBuckets = 100
	nativeMinReset   = time.Hour
)

// maxScrapes bounds the scrapes that are answered at the same time.
const maxScrapes = 2

// New returns the Metrics of a process, without loops.
func New(build Build, recorders func() []Recorder, log *slog.Logger) *Metrics {
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: name, Help: help, Buckets: buckets,
			NativeHistogramBucketFactor: nativeGrowth, NativeHistogramMaxBucketNumber: nativeMaxBuckets, NativeHistogramMinResetDuration: nativeMinReset,
		}, labels)
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		loops:    collector{recorders: recorders},
		spans: histogram("wanctl_span_duration_seconds",
			"Time that a part of a cycle took; an echo without an answer took none.", durationBuckets, "daemon", "wan", "label", "target"),
		lateness: histogram("wanctl_cycle_lateness_seconds", "How long after its scheduled moment a cycle started.", latenessBuckets, "daemon", "wan"),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wanctl_span_failures_total", Help: "Parts of cycles that failed, by outcome.",
		}, []string{"daemon", "wan", "label", "target", "outcome"}),
	}
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "wanctl_build_info", Help: "Always 1; its labels tell what is running.",
		ConstLabels: prometheus.Labels{"version": build.Version, "commit": build.Commit, "goversion": build.Go},
	})
	info.Set(1)
	m.registry.MustRegister(&m.loops, m.spans, m.lateness, m.failures, info,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.Handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: maxScrapes,
	})
	return m
}

// maxTargets bounds the reflectors that have series of their own.
const maxTargets = 16

// outcomes of a span that failed.
var failed = [...]cycle.Outcome{cycle.Failed, cycle.TimedOut, cycle.Panicked}

// series are a label's: those of one target, or of all where the label has none.
type series struct {
	duration prometheus.Observer
	failures [len(failed) + 1]prometheus.Counter // by outcome
}

// count adds a span.
func (s *series) count(d time.Duration, o cycle.Outcome, lost bool) {
	if !lost {
		s.duration.Observe(d.Seconds())
	}
	if o != cycle.OK {
		s.failures[min(int(o), len(failed))].Inc()
	}
}

func (m *Metrics) series(run *cycle.Run, label cycle.Label, target string) *series {
	values := []string{string(run.Daemon), run.WAN, string(label), target}
	s := &series{duration: m.spans.WithLabelValues(values...)}
	for _, o := range failed {
		s.failures[o] = m.failures.WithLabelValues(append(values, o.String())...)
	}
	return s
}

// Loop returns the recorder of one more loop. router tells of its connection.
func (m *Metrics) Loop(run *cycle.Run, router func() Router) cycle.Recorder {
	l := &loop{run: run, router: router, late: m.lateness.WithLabelValues(string(run.Daemon), run.WAN), probes: map[string]*series{}}
	parts := []cycle.Part{cycle.RTT, cycle.CAKE, cycle.Adjust, cycle.Update, cycle.Total, cycle.Other}
	if run.Daemon == cycle.Steering {
		parts = append(parts, cycle.Rule)
	}
	for _, p := range parts {
		l.parts[p] = m.series(run, run.Daemon.Label(p), "")
	}
	for _, reflector := range run.Reflectors[:min(len(run.Reflectors), maxTargets)] {
		l.probes[reflector] = m.series(run, run.Daemon.Label(cycle.Probe), reflector)
	}
	m.loops.add(l)
	return l
}
