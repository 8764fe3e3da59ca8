package health

import (
	"fmt"
	"os"
	"strings"
	"time"

	"wanctl/cycle"
)

// The states of a daemon. Only a healthy one is answered with 200.
const (
	statusHealthy  = "healthy"
	statusStarting = "starting" // a loop has not ended its first cycle yet
	statusDegraded = "degraded"
)

// page is what is served. Its order, names and units are the Python program's,
// as far as it has them; what is not known is null.
type page struct {
	Status              string     `json:"status"`
	Reasons             []string   `json:"reasons,omitempty"` // why it is degraded
	UptimeSeconds       float64    `json:"uptime_seconds"`
	Version             string     `json:"version"`
	ConsecutiveFailures int        `json:"consecutive_failures"` // of the loop that has most
	WANCount            *int       `json:"wan_count,omitempty"`  // autorate
	WANs                []wan      `json:"wans,omitempty"`
	steering                       // steering
	PID                 int        `json:"pid,omitempty"`
	RouterReachable     bool       `json:"router_reachable"` // all of them
	DiskSpace           Disk       `json:"disk_space"`
	Recorder            []recorder `json:"recorder"` // a file each
	Cycle               []times    `json:"cycle"`    // a loop each
}

// wan is what autorate knows of a WAN.
type wan struct {
	Name        string       `json:"name"`
	BaselineRTT *float64     `json:"baseline_rtt_ms"`
	LoadRTT     *float64     `json:"load_rtt_ms"`
	Download    direction    `json:"download"`
	Upload      direction    `json:"upload"`
	Router      connectivity `json:"router_connectivity"`
}

type direction struct {
	Rate  *float64 `json:"current_rate_mbps"`
	State string   `json:"state"` // the last zone that was computed
}

type connectivity struct {
	Reachable     bool     `json:"is_reachable"`
	Failures      int      `json:"consecutive_failures"` // cycles
	LastFailure   *string  `json:"last_failure_type"`
	OutageSeconds *float64 `json:"outage_duration_seconds"`
	Transport     string   `json:"transport"`
	Fallbacks     int64    `json:"fallbacks"`
}

type recorder struct {
	Path      string     `json:"path"`
	LastFlush *time.Time `json:"last_flush"`
	Recorded  int64      `json:"recorded_cycles"`
	Queued    int        `json:"queued_cycles"`
	Dropped   int64      `json:"dropped_cycles"`
	Size      int64      `json:"size_bytes"`
	MaxSize   int64      `json:"max_size_bytes"`
	Trouble   *string    `json:"trouble"`
}

type times struct {
	Daemon              cycle.Daemon `json:"daemon"`
	WAN                 string       `json:"wan"`
	BudgetMS            float64      `json:"budget_ms"`
	Cycles              int64        `json:"cycles"` // since the start
	Failed              int64        `json:"failed"`
	ConsecutiveFailures int          `json:"consecutive_failures"`
	Overruns            int64        `json:"overruns"`
	Missed              int64        `json:"missed"`
	LastAgoSeconds      float64      `json:"last_ago_seconds"`
	Latest              int          `json:"latest"` // cycles that the quantiles are of
	P50                 *float64     `json:"p50_ms"`
	P95                 *float64     `json:"p95_ms"`
	P99                 *float64     `json:"p99_ms"`
}

// page puts down how things are.
func (h *Health) page(now time.Time) page {
	// What may wait for a disk goes first, while no loop can be kept waiting.
	files, disk := h.recorders(), h.disk()
	latest, routers := h.ask()
	p := page{
		Status: statusHealthy, UptimeSeconds: round(now.Sub(h.started).Seconds(), 1), Version: h.version,
		RouterReachable: true, DiskSpace: disk, Recorder: []recorder{}, Cycle: []times{},
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	starting := false
	for i, l := range h.loops {
		starting = starting || l.cycles == 0
		p.Reasons = append(p.Reasons, l.reasons(now)...)
		p.ConsecutiveFailures = max(p.ConsecutiveFailures, l.failed)
		p.RouterReachable = p.RouterReachable && l.unreached < Degraded
		p.Cycle = append(p.Cycle, l.times(now, latest[i]))
		if l.Run.Daemon == cycle.Steering {
			p.steering = l.steering(now, routers[i])
			p.PID = os.Getpid()
			continue
		}
		p.WANs = append(p.WANs, l.wan(now, routers[i]))
	}
	if n := len(p.WANs); n > 0 {
		p.WANCount = &n
	}
	for _, f := range files {
		p.Recorder = append(p.Recorder, f.json())
		if f.Trouble != "" {
			p.Reasons = append(p.Reasons, fmt.Sprintf("recorder %s: %s", f.Path, f.Trouble))
		}
	}
	if disk.Status == "warning" {
		p.Reasons = append(p.Reasons, fmt.Sprintf("disk: less than %d MiB are free at %s", leastFree>>20, disk.Path))
	}
	switch {
	case len(p.Reasons) > 0:
		p.Status = statusDegraded
	case starting:
		p.Status = statusStarting
	}
	return p
}

// ask asks for what others know, without holding up the loops.
func (h *Health) ask() (latest []Recent, routers []Router) {
	h.mu.Lock()
	loops := h.loops[:len(h.loops):len(h.loops)]
	h.mu.Unlock()
	for _, l := range loops {
		latest, routers = append(latest, l.Recent()), append(routers, l.Router())
	}
	return latest, routers
}

func (l *loop) wan(now time.Time, r Router) wan {
	return wan{
		Name: l.Run.WAN, BaselineRTT: rounded(l.last.Baseline, 2), LoadRTT: rounded(l.last.Load, 2),
		Download: l.direction(&l.last.Download, 0), Upload: l.direction(&l.last.Upload, 1), Router: l.connectivity(now, r),
	}
}

func (l *loop) direction(d *cycle.Direction, i int) direction {
	const mbit = 1e6
	state := direction{State: "UNKNOWN"}
	if d.Rate.Known {
		rate := round(float64(d.Rate.Value)/mbit, 1)
		state.Rate = &rate
	}
	if l.zones[i] != cycle.NoZone {
		state.State = l.zones[i].String()
	}
	return state
}

func (l *loop) connectivity(now time.Time, r Router) connectivity {
	c := connectivity{Reachable: l.unreached < Degraded, Failures: l.unreached, Transport: r.Transport, Fallbacks: r.Fallbacks}
	if l.unreached > 0 {
		kind, outage := l.unreachedAs.String(), round(now.Sub(l.unreachedSince).Seconds(), 1)
		c.LastFailure, c.OutageSeconds = &kind, &outage
	}
	return c
}

func (l *loop) times(now time.Time, latest Recent) times {
	t := times{
		Daemon: l.Run.Daemon, WAN: l.Run.WAN, BudgetMS: cycle.Millis(l.Run.Budget), Cycles: l.cycles, Failed: l.failedAll,
		ConsecutiveFailures: l.failed, Overruns: l.overruns, Missed: l.missed,
		LastAgoSeconds: round(now.Sub(l.at).Seconds(), 1), Latest: latest.Count,
	}
	// A quantile from fewer than 1/(1-q) values is thin, and not shown.
	for _, q := range []struct {
		into  **float64
		value time.Duration
		least int
	}{{&t.P50, latest.P50, 2}, {&t.P95, latest.P95, 20}, {&t.P99, latest.P99, 100}} {
		if latest.Count >= q.least {
			ms := cycle.Millis(q.value.Round(time.Microsecond))
			*q.into = &ms
		}
	}
	return t
}

func (r Recorder) json() recorder {
	j := recorder{Path: r.Path, Recorded: r.Recorded, Queued: r.Queued, Dropped: r.Dropped, Size: r.Size, MaxSize: r.MaxSize}
	if !r.Flushed.IsZero() {
		at := r.Flushed.UTC().Truncate(time.Second)
		j.LastFlush = &at
	}
	if r.Trouble != "" {
		j.Trouble = &r.Trouble
	}
	return j
}

func rounded(m cycle.Maybe[float64], decimals int) *float64 {
	if !m.Known {
		return nil
	}
	v := round(m.Value, decimals)
	return &v
}

// steering is what the steering daemon's page has of its own.
type steering struct {
	Steering   *steeringState  `json:"steering,omitempty"` // not before the first cycle
	Congestion *congestion     `json:"congestion,omitempty"`
	Decision   *decision       `json:"decision,omitempty"`
	Errors     *steeringErrors `json:"errors,omitempty"`
	Thresholds *SteeringLimits `json:"thresholds,omitempty"`
	Router     *connectivity   `json:"router_connectivity,omitempty"`
}

type steeringState struct {
	Enabled bool   `json:"enabled"` // the rule is on
	State   string `json:"state"`   // e.g. WAN1_GOOD
	Mode    string `json:"mode"`    // active, dry_run
}

type congestion struct {
	Primary struct {
		State string `json:"state"`
		Code  int    `json:"state_code"` // GREEN 0, YELLOW 1, RED 2, UNKNOWN 3
	} `json:"primary"`
}

type decision struct {
	LastTransition *time.Time `json:"last_transition_time"` // null: not since the start
	InStateSeconds float64    `json:"time_in_state_seconds"`
}

type steeringErrors struct {
	ConsecutiveFailures int `json:"consecutive_failures"`
	CAKEReadFailures    int `json:"cake_read_failures"` // in a row
}

// SteeringLimits are the thresholds that the page repeats.
type SteeringLimits struct {
	GreenRTT     float64 `json:"green_rtt_ms"`
	YellowRTT    float64 `json:"yellow_rtt_ms"`
	RedRTT       float64 `json:"red_rtt_ms"`
	RedSamples   int64   `json:"red_samples_required"`
	GreenSamples int64   `json:"green_samples_required"`
}

func (l *loop) steering(now time.Time, r Router) steering {
	s := steering{
		Congestion: new(congestion),
		Errors:     &steeringErrors{ConsecutiveFailures: l.failed, CAKEReadFailures: l.cakeFailed},
		Decision:   &decision{InStateSeconds: round(now.Sub(l.h.started).Seconds(), 1)},
		Thresholds: l.Limits,
	}
	if on := l.last.Degraded; on.Known {
		s.Steering = &steeringState{
			Enabled: on.Value, State: strings.ToUpper(l.Primary) + map[bool]string{false: "_GOOD", true: "_DEGRADED"}[on.Value],
			Mode: map[bool]string{false: "active", true: "dry_run"}[l.DryRun],
		}
	}
	if !l.switched.IsZero() {
		at := l.switched.UTC().Truncate(time.Second)
		s.Decision = &decision{LastTransition: &at, InStateSeconds: round(now.Sub(l.switched).Seconds(), 1)}
	}
	s.Congestion.Primary.State, s.Congestion.Primary.Code = "UNKNOWN", 3
	if z := l.zones[0]; z != cycle.NoZone {
		s.Congestion.Primary.State = z.String()
		s.Congestion.Primary.Code = map[cycle.Zone]int{cycle.Green: 0, cycle.Yellow: 1, cycle.SoftRed: 2, cycle.Red: 2}[z]
	}
	c := l.connectivity(now, r)
	s.Router = &c
	return s
}
