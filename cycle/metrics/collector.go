package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"wanctl/cycle"
)

// collector makes what a scrape is told of the loops and the recorders from what
// is known at that moment. What is not known is left out: an old RTT would pass
// for a new one.
type collector struct {
	recorders func() []Recorder
	loops     []*loop
}

var _ prometheus.Collector = (*collector)(nil)

// add adds a loop. All are there before the first scrape.
func (c *collector) add(l *loop) { c.loops = append(c.loops, l) }

// desc describes a metric of the loops, each of which has its daemon and WAN.
func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("wanctl_"+name, help, append([]string{"daemon", "wan"}, labels...), nil)
}

// ofRecorder describes a metric of the recorders, each of which has its file.
func ofRecorder(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("wanctl_recorder_"+name, help, []string{"path"}, nil)
}

// The metrics that a scrape makes.
var (
	budget    = desc("cycle_budget_seconds", "The loop's interval.")
	cycles    = desc("cycles_total", "Cycles, by outcome.", "outcome")
	inARow    = desc("consecutive_failures", "Cycles that failed in a row, up to now.")
	overruns  = desc("cycle_overruns_total", "Cycles that took longer than their budget.")
	missed    = desc("cycle_missed_slots_total", "Scheduled slots that no cycle started in.")
	lastCycle = desc("last_cycle_timestamp_seconds", "When the last cycle ended.")

	rtt      = desc("rtt_seconds", "Measured RTT of the last cycle, as the law was given it.")
	baseline = desc("rtt_baseline_seconds", "Baseline RTT.")
	load     = desc("rtt_load_seconds", "Autorate: smoothed RTT.")
	delta    = desc("rtt_delta_seconds", "Bloat. Autorate: smoothed RTT minus baseline; steering: RTT minus baseline.")
	smoothed = desc("rtt_delta_smoothed_seconds", "Steering: smoothed RTT minus baseline.")
	zone     = desc("zone", "Congestion zone of the last cycle: 1 GREEN, 2 YELLOW, 3 SOFT_RED, 4 RED.", "direction")
	rate     = desc("rate_limit_bits_per_second", "The queue's limit.", "direction")
	queued   = desc("queue_packets", "Packets in the queue when it was last read.", "direction")
	dropped  = desc("queue_dropped_packets_total", "Packets that the queue dropped.", "direction")
	depth    = desc("queue_smoothed_packets", "Steering: smoothed packets in the queue.")
	steered  = desc("steering_enabled", "Steering: whether the rule is on.")
	writes   = desc("router_writes_total", "What became of what was decided to be written: written, failed, dry (--dry-run) or held (to spare the flash).", "fate")

	connected  = desc("router_connected", "Whether there is a connection; its label tells by which transport.", "transport")
	logins     = desc("router_logins_total", "Logins to the router.")
	roundTrips = desc("router_round_trips_total", "Requests that the router answered.")
	fallbacks  = desc("router_fallbacks_total", "Changes to a less preferred transport.")

	recorded   = ofRecorder("cycles_total", "Cycles written to the file.")
	lost       = ofRecorder("dropped_cycles_total", "Cycles that were run but found no room to be recorded.")
	waiting    = ofRecorder("queued_cycles", "Cycles that wait to be written.")
	flushes    = ofRecorder("flushes_total", "Transactions.")
	lastFlush  = ofRecorder("last_flush_timestamp_seconds", "When the last transaction was.")
	recordSize = ofRecorder("size_bytes", "What the file, its WAL and its shared memory take up.")
	sizeLimit  = ofRecorder("size_limit_bytes", "What they may take up.")
	troubled   = ofRecorder("troubled", "Whether nothing can be written at present.")
)

// Describe implements prometheus.Collector.
func (c *collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		budget, cycles, inARow, overruns, missed, lastCycle,
		rtt, baseline, load, delta, smoothed, zone, rate, queued, dropped, depth, steered, writes,
		connected, logins, roundTrips, fallbacks,
		recorded, lost, waiting, flushes, lastFlush, recordSize, sizeLimit, troubled,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(to chan<- prometheus.Metric) {
	for _, l := range c.loops {
		l.collect(to)
	}
	for _, r := range c.recorders() {
		r.collect(to)
	}
}

// out sends metrics that share their first labels.
type out struct {
	to     chan<- prometheus.Metric
	labels []string
}

func (o out) send(d *prometheus.Desc, kind prometheus.ValueType, v float64, more ...string) {
	o.to <- prometheus.MustNewConstMetric(d, kind, v, append(o.labels[:len(o.labels):len(o.labels)], more...)...)
}

func (o out) gauge(d *prometheus.Desc, v float64, more ...string) {
	o.send(d, prometheus.GaugeValue, v, more...)
}

func (o out) count(d *prometheus.Desc, n int64, more ...string) {
	o.send(d, prometheus.CounterValue, float64(n), more...)
}

// millis sends a time of the law's, which counts in milliseconds.
func (o out) millis(d *prometheus.Desc, m cycle.Maybe[float64]) {
	if m.Known {
		o.gauge(d, m.Value/1000)
	}
}

func (o out) whole(d *prometheus.Desc, m cycle.Maybe[int64], more ...string) {
	if m.Known {
		o.gauge(d, float64(m.Value), more...)
	}
}

func (o out) moment(d *prometheus.Desc, t time.Time) {
	if !t.IsZero() {
		o.gauge(d, float64(t.UnixMicro())/1e6)
	}
}

func truth(v bool) float64 {
	if v {
		return 1
	}
	return 0
}

func (l *loop) collect(to chan<- prometheus.Metric) {
	o, n, r := out{to, []string{string(l.run.Daemon), l.run.WAN}}, l.snapshot(), l.router()
	o.gauge(budget, l.run.Budget.Seconds())
	for outcome, count := range n.outcomes {
		o.count(cycles, count, cycle.Outcome(outcome).String())
	}
	o.gauge(inARow, float64(n.failuresInARow))
	o.count(overruns, n.overruns)
	o.count(missed, n.missed)
	o.moment(lastCycle, n.lastEnded)
	for fate, count := range n.writes {
		if w := cycle.Write(fate); w != cycle.NotWritten {
			o.count(writes, count, w.String())
		}
	}
	o.decision(l.run.Daemon, &n)
	o.gauge(connected, truth(r.Connected), r.Transport)
	o.count(logins, r.Logins)
	o.count(roundTrips, r.RoundTrips)
	o.count(fallbacks, r.Fallbacks)
}

// decision sends what the last cycle measured and decided.
func (o out) decision(daemon cycle.Daemon, n *counts) {
	d := &n.last
	o.millis(rtt, d.RTT)
	o.millis(baseline, d.Baseline)
	o.millis(delta, d.Delta)
	directions := []*cycle.Direction{&d.Download, &d.Upload}
	if daemon == cycle.Steering {
		directions = directions[:1]
		o.millis(smoothed, d.Load)
		if d.Queue.Known {
			o.gauge(depth, d.Queue.Value)
		}
		if d.Degraded.Known {
			o.gauge(steered, truth(d.Degraded.Value))
		}
	} else {
		o.millis(load, d.Load)
	}
	for i, one := range directions {
		name := [...]string{"download", "upload"}[i]
		if one.Zone != cycle.NoZone {
			o.gauge(zone, float64(one.Zone), name)
		}
		o.whole(rate, one.Rate, name)
		o.whole(queued, one.Queued, name)
		o.count(dropped, n.drops[i], name)
	}
}

func (r *Recorder) collect(to chan<- prometheus.Metric) {
	o := out{to, []string{r.Path}}
	o.count(recorded, r.Recorded)
	o.count(lost, r.Dropped)
	o.gauge(waiting, float64(r.Queued))
	o.count(flushes, r.Flushes)
	o.moment(lastFlush, r.Flushed)
	o.gauge(recordSize, float64(r.Size))
	o.gauge(sizeLimit, float64(r.MaxSize))
	o.gauge(troubled, truth(r.Troubled))
}
