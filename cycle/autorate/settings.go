package autorate

import (
	"fmt"
	"path/filepath"
	"strings"

	"wanctl/cycle"
)

var _ cycle.Configurable = (*Config)(nil)

// The sections of the file that most keys are in.
const (
	monitoring = "continuous_monitoring."
	thresholds = monitoring + "thresholds."
)

// Settings implements cycle.Configurable.
func (c *Config) Settings() []cycle.Setting {
	t := &c.Thresholds
	ss := []cycle.Setting{
		{
			Key: "wan_name", Into: &c.WAN, Required: true, Range: cycle.Name,
			Doc: "The WAN's name in logs, reports and file names, and in the queue types `cake-down-<name>` and `cake-up-<name>` (lower case).",
		},
		{Key: "queues.download", Into: &c.DownloadQueue, Required: true, Range: cycle.Name, Doc: "Name of the router's download queue; its max-limit is adjusted."},
		{Key: "queues.upload", Into: &c.UploadQueue, Required: true, Range: cycle.Name, Doc: "Name of the router's upload queue."},
		{Key: monitoring + "enabled", Into: &c.Enabled, Required: true, Doc: "`false` leaves this WAN alone. The Python program read the switch and controlled the WAN all the same."},
		{
			Key: monitoring + "interval_seconds", Into: &c.Interval, Unit: "s", Range: "[0.02, 60]",
			Doc: "Time from the start of one cycle to the next. New: the Python program's cycle is always 2 s.",
		},
		{Key: monitoring + "baseline_rtt_initial", Into: &c.BaselineInitial, Unit: "ms", Required: true, Range: "[1, 500]", Doc: "RTT of the idle line, where the baseline starts when there is no saved state."},
		{Key: monitoring + "ping_hosts", Into: &c.PingHosts, Required: true, Range: cycle.Host, Doc: "The reflectors. With `use_median_of_three` the first three are measured, else the first alone."},
		{
			Key: monitoring + "use_median_of_three", Into: &c.MedianOfThree,
			Doc: "Take the median RTT of the first three reflectors. With fewer than three hosts the first alone is measured.",
		},
		{Key: thresholds + "target_bloat_ms", Into: &t.Target, Unit: "ms", Required: true, Range: "(0, 1000]", Doc: "Bloat above it is YELLOW."},
		{Key: thresholds + "warn_bloat_ms", Into: &t.Warn, Unit: "ms", Required: true, Range: "(0, 10000]", Doc: "Bloat above it is SOFT_RED for download, RED for upload. More than `target_bloat_ms`."},
		{Key: thresholds + "hard_red_bloat_ms", Into: &t.HardRed, Unit: "ms", Range: "(0, 10000]", Doc: "Bloat above it is RED for download. More than `warn_bloat_ms`."},
		{Key: thresholds + "alpha_baseline", Into: &t.AlphaBaseline, Required: true, Range: "[0.001, 1]", Doc: "Weight of a new measurement in the baseline; lower follows more slowly."},
		{Key: thresholds + "alpha_load", Into: &t.AlphaLoad, Required: true, Range: "[0.01, 1]", Doc: "Weight of a new measurement in the load RTT; higher answers faster."},
		{
			Key: thresholds + "baseline_update_threshold_ms", Into: &t.BaselineUpdate, Unit: "ms", Range: "[0, 1000]",
			Doc: "The baseline follows the measured RTT only while load minus baseline is below this.",
		},
		{Key: "timeouts.ping", Into: &c.PingTimeout, Unit: "s", Range: "(0, 60]", Doc: "How long a reflector's answer is waited for."},
		{Key: "lock_file", Into: &c.LockFile, Range: cycle.Path, Default: "/run/wanctl/`wan_name`.lock", Doc: "Keeps a second daemon from the same WAN. The state file lies beside it: the same name with `_state.json` for its suffix."},
		{Key: "lock_timeout", Into: &c.LockTimeout, Unit: "s", Whole: true, Range: "[1, 3600]", Doc: "Decides nothing: a lock is free as soon as its process is gone, however long it was held."},
		{
			Key: "state_file", Into: &c.StateFileKey, Ignored: true,
			Doc: "Decides nothing, as in the Python program: the state file is named after `lock_file`, which is where existing state, and steering, look for it.",
		},
	}
	ss = append(ss, c.Download.settings("download", 10000)...)
	return append(ss, c.Upload.settings("upload", 1000)...)
}

// settings declares a direction's keys; ceiling is the most that is allowed, in
// Mbit/s.
func (d *Direction) settings(name string, ceiling int) []cycle.Setting {
	section, floor := monitoring+name+".", fmt.Sprintf("(0, %d]", ceiling)
	rate := func(key string, into any, doc string) cycle.Setting {
		return cycle.Setting{Key: section + key, Into: into, Unit: "Mbit/s", Range: floor, Doc: doc}
	}
	zones := "Floor in the %s zone."
	if name == "upload" {
		zones = "Floor in the %s zone. Checked for order; upload is only ever held above the RED one."
	}
	settings := []cycle.Setting{
		rate("floor_mbps", &d.Floor, "Floor in every zone, where the zones have none of their own."),
		rate("floor_green_mbps", &d.FloorGreen, fmt.Sprintf(zones, "GREEN")+" With it, yellow and red need theirs."),
		rate("floor_yellow_mbps", &d.FloorYellow, fmt.Sprintf(zones, "YELLOW")),
		rate("floor_soft_red_mbps", &d.FloorSoftRed, fmt.Sprintf(zones, "SOFT_RED")),
		rate("floor_red_mbps", &d.FloorRed, fmt.Sprintf(zones, "RED")),
		{Key: section + "ceiling_mbps", Into: &d.Ceiling, Unit: "Mbit/s", Required: true, Range: fmt.Sprintf("[1, %d]", ceiling), Doc: "The rate of the healthy line, and where it starts without saved state."},
		{Key: section + "step_up_mbps", Into: &d.StepUp, Unit: "Mbit/s", Required: true, Range: "[0.1, 100]", Doc: "Added in every GREEN cycle from the fifth on."},
		{Key: section + "factor_down", Into: &d.FactorDown, Required: true, Range: "[0.1, 1]", Doc: "The rate is multiplied by it in every RED cycle."},
	}
	settings[3].Default = "`floor_yellow_mbps`"
	return settings
}

// Problems implements cycle.Configurable. It fills in the defaults that follow
// from other keys.
func (c *Config) Problems() (ps []cycle.Problem) {
	if c.LockFile == "" {
		c.LockFile = "/run/wanctl/" + c.WAN + ".lock"
	}
	if c.DownloadQueue == c.UploadQueue {
		ps = append(ps, cycle.Problem{
			Key: "queues.upload", With: []string{"queues.download"},
			Wrong: "is the download queue too", Allowed: "one queue for each direction",
		})
	}
	if c.WAN == string(cycle.Steering) {
		ps = append(ps, cycle.Problem{
			Key: "wan_name", Warning: true,
			Wrong: "is the steering daemon's name: its lock, state and log files are named so too", Allowed: "another one, such as wan1",
		})
	}
	if !c.Enabled {
		ps = append(ps, cycle.Problem{Key: monitoring + "enabled", Wrong: "is false: this WAN is left alone", Allowed: "autorate does not start with it: true, or leave the file out", Warning: true})
	}
	if c.StateFileKey != "" && c.StateFileKey != c.StateFile() {
		ps = append(ps, cycle.Problem{
			Key: "state_file", With: []string{"lock_file"}, Warning: true,
			Wrong: "has no effect, as in the Python program", Allowed: "the state is in " + c.StateFile() + ", named after lock_file",
		})
	}
	ps = append(ps, c.Download.problems("download")...)
	ps = append(ps, c.Upload.problems("upload")...)
	t := c.Thresholds
	ps = append(ps, below(thresholds+"warn_bloat_ms", t.Warn, thresholds+"target_bloat_ms", t.Target)...)
	return append(ps, below(thresholds+"hard_red_bloat_ms", t.HardRed, thresholds+"warn_bloat_ms", t.Warn)...)
}

// below reports a threshold that is not above the one it must be above.
func below(key string, v float64, lowerKey string, lower float64) []cycle.Problem {
	if v > lower {
		return nil
	}
	return []cycle.Problem{{
		Key: key, With: []string{lowerKey}, Wrong: fmt.Sprintf("%v ms is not above %s", v, lastWord(lowerKey)),
		Allowed: fmt.Sprintf("above %v ms", lower),
	}}
}

func lastWord(key string) string { return key[strings.LastIndex(key, ".")+1:] }

// floor is one of a direction's floors with the key it is set by.
type floor struct {
	key  string
	rate cycle.Maybe[float64]
}

// Floors returns the direction's floors in Mbit/s, by zone.
func (d *Direction) Floors() [cycle.Red + 1]float64 {
	if !d.FloorGreen.Known {
		return everywhere(d.Floor.Value)
	}
	return [...]float64{
		cycle.Green:   d.FloorGreen.Value,
		cycle.Yellow:  d.FloorYellow.Value,
		cycle.SoftRed: d.FloorSoftRed.Or(d.FloorYellow.Value),
		cycle.Red:     d.FloorRed.Value,
	}
}

// problems checks that the floors are there, and that red <= soft red <= yellow
// <= green <= ceiling.
func (d *Direction) problems(name string) (ps []cycle.Problem) {
	section := monitoring + name + "."
	steps := []floor{
		{section + "floor_red_mbps", d.FloorRed},
		{section + "floor_soft_red_mbps", d.FloorSoftRed},
		{section + "floor_yellow_mbps", d.FloorYellow},
		{section + "floor_green_mbps", d.FloorGreen},
		{section + "ceiling_mbps", cycle.Known(d.Ceiling)},
	}
	switch {
	case d.FloorGreen.Known:
		for _, f := range []floor{steps[0], steps[2]} {
			if !f.rate.Known {
				ps = append(ps, cycle.Problem{Key: f.key, With: []string{steps[3].key}, Wrong: "is missing", Allowed: "floor_green_mbps wants floor_yellow_mbps and floor_red_mbps beside it"})
			}
		}
	case !d.Floor.Known:
		return []cycle.Problem{{Key: section + "floor_mbps", With: []string{steps[3].key}, Wrong: "is missing", Allowed: "floor_mbps, or floor_green_mbps, floor_yellow_mbps and floor_red_mbps"}}
	default:
		steps = []floor{{section + "floor_mbps", d.Floor}, steps[4]}
	}
	var last floor
	for _, f := range steps {
		if !f.rate.Known {
			continue
		}
		if last.rate.Known && f.rate.Value < last.rate.Value {
			ps = append(ps, cycle.Problem{
				Key: last.key, With: []string{f.key}, Wrong: fmt.Sprintf("%v Mbit/s is above %s", last.rate.Value, lastWord(f.key)),
				Allowed: fmt.Sprintf("at most %v Mbit/s; the order is red, soft red, yellow, green, ceiling", f.rate.Value),
			})
		}
		last = f
	}
	return ps
}

// StateFile returns where the law's state is kept between runs: beside the lock
// file, with its stem and "_state.json", as the Python program names it.
func (c *Config) StateFile() string {
	dir, name := filepath.Split(c.LockFile)
	if i := strings.LastIndexByte(name, '.'); i > 0 && i < len(name)-1 {
		name = name[:i]
	}
	return dir + name + "_state.json"
}
