package steering

import (
	"fmt"
	"strings"

	"wanctl/cycle"
)

var _ cycle.Configurable = (*Config)(nil)

// Settings implements cycle.Configurable.
func (c *Config) Settings() []cycle.Setting {
	return append(c.own(), c.Thresholds.settings()...)
}

func (c *Config) own() []cycle.Setting {
	return []cycle.Setting{
		{Key: "wan_name", Into: &c.WAN, Required: true, Range: cycle.Name, Doc: "The name in logs, reports and file names."},
		{Key: "topology.primary_wan", Into: &c.PrimaryWAN, Required: true, Range: cycle.Name, Doc: "The WAN that is watched; its name in capitals is part of the state names."},
		{
			Key: "topology.primary_wan_config", Into: &c.PrimaryWANConfig, Required: true, Range: cycle.Path,
			Doc: "Its autorate configuration, for the reader's sake: nothing is read from it.",
		},
		{Key: "topology.alternate_wan", Into: &c.AlternateWAN, Required: true, Range: cycle.Name, Doc: "The WAN that traffic is steered to; not `primary_wan`."},
		{
			Key: "mangle_rule.comment", Into: &c.RuleComment, Required: true, Range: cycle.Comment,
			Doc: "Comment of the mangle rule that is switched on and off. Compared as a whole, and exactly one rule must have it.",
		},
		{
			Key: "cake_state_sources.primary", Former: "cake_state_sources.spectrum", Into: &c.BaselineFile, Range: cycle.Path,
			Default: "/var/lib/wanctl/`primary_wan`_state.json", Doc: "The primary WAN's autorate state file, which the baseline RTT is read from.",
		},
		{
			Key: "cake_queues.primary_download", Former: "cake_queues.spectrum_download", Into: &c.DownloadQueue, Range: cycle.Name,
			Default: "WAN-Download-`Primary_wan`", Doc: "The primary WAN's download queue, whose drops and depth are watched.",
		},
		{
			Key: "cake_queues.primary_upload", Former: "cake_queues.spectrum_upload", Into: &c.UploadQueue, Range: cycle.Name,
			Default: "WAN-Upload-`Primary_wan`", Doc: "The primary WAN's upload queue.",
		},
		{
			Key: "measurement.interval_seconds", Into: &c.Interval, Unit: "s", Required: true, Range: "[0.02, 60]",
			Doc: "Time from the start of one cycle to the next. The Python program allows 1 s at the least.",
		},
		{Key: "measurement.ping_host", Into: &c.PingHost, Required: true, Range: cycle.Host, Doc: "The reflector."},
		{Key: "measurement.ping_count", Into: &c.PingCount, Required: true, Range: "[1, 20]", Doc: "Echoes of one try; their median counts."},
		{Key: "mode.cake_aware", Into: &c.CAKEAware, Doc: "Three states from RTT, drops and queue depth; `false`: the RTT alone decides."},
		{Key: "mode.reset_counters", Into: new(bool), Ignored: true, Doc: "Decides nothing, as in the Python program: counters are never reset, differences are taken."},
		{Key: "mode.enable_yellow_state", Into: new(bool), Ignored: true, Doc: "Decides nothing, as in the Python program: YELLOW is always a state."},
		{Key: "timeouts.ping", Into: &c.PingTimeout, Unit: "s", Range: "(0, 60]", Doc: "How long an echo's answer is waited for."},
		{Key: "timeouts.ping_total", Into: &c.PingTotal, Unit: "s", Range: "(0, 600]", Doc: "How long all the tries of a cycle may take together."},
		{Key: "state.file", Into: &c.StateFile, Required: true, Range: cycle.Path, Doc: "Where the state is kept between runs."},
		{Key: "state.history_size", Into: &c.HistorySize, Required: true, Range: "[1, 1000]", Doc: "How many of the newest values the histories in the state keep."},
		{Key: "lock_file", Into: &c.LockFile, Range: cycle.Path, Default: "/run/wanctl/`wan_name`.lock", Doc: "Keeps a second daemon from the same rule."},
		{Key: "lock_timeout", Into: &c.LockTimeout, Unit: "s", Whole: true, Range: "[1, 3600]", Doc: "Decides nothing: a lock is free as soon as its process is gone, however long it was held."},
	}
}

const section = "thresholds."

func (t *Thresholds) settings() []cycle.Setting {
	ms := func(key string, into *float64, doc string) cycle.Setting {
		return cycle.Setting{Key: section + key, Into: into, Unit: "ms", Range: "[0, 10000]", Doc: doc}
	}
	packets := func(key string, into *int64, from, doc string) cycle.Setting {
		return cycle.Setting{Key: section + key, Into: into, Unit: "packets", Range: from, Doc: doc}
	}
	samples := func(key string, into *int64, doc string) cycle.Setting {
		return cycle.Setting{Key: section + key, Into: into, Unit: "cycles", Range: "[1, 100000]", Doc: doc}
	}
	return []cycle.Setting{
		{Key: "thresholds", Required: true, Doc: "The section must be there; it may be empty (`{}`): every key in it has a default."},
		ms("green_rtt_ms", &t.GreenRTT, "Decides nothing; less than `yellow_rtt_ms` all the same."),
		ms("yellow_rtt_ms", &t.YellowRTT, "Smoothed delta above it is YELLOW."),
		ms("red_rtt_ms", &t.RedRTT, "Smoothed delta above it is RED, if drops and queue depth agree. At least `yellow_rtt_ms`."),
		packets("min_drops_red", &t.MinDropsRed, "[1, inf)", "Drops in one cycle that RED needs."),
		packets("min_queue_yellow", &t.MinQueueYellow, "[0, inf)", "Queue depth from which it is YELLOW."),
		packets("min_queue_red", &t.MinQueueRed, "[0, inf)", "Queue depth that RED needs. At least `min_queue_yellow`."),
		samples("red_samples_required", &t.RedSamples, "RED cycles in a row before the rule goes on."),
		samples("green_samples_required", &t.GreenSamples, "GREEN cycles in a row before it goes off."),
		{Key: section + "rtt_ewma_alpha", Into: &t.RTTAlpha, Range: "[0, 1]", Doc: "Weight of a new delta in its average."},
		{Key: section + "queue_ewma_alpha", Into: &t.QueueAlpha, Range: "[0, 1]", Doc: "Weight of a new queue depth in its average."},
		ms("bad_threshold_ms", &t.BadThreshold, "RTT alone: a delta above it is bad."),
		ms("recovery_threshold_ms", &t.RecoveryThreshold, "RTT alone: a delta below it is good. Less than `bad_threshold_ms`."),
		samples("bad_samples", &t.BadSamples, "RTT alone: bad cycles in a row before the rule goes on."),
		samples("good_samples", &t.GoodSamples, "RTT alone: good cycles in a row before it goes off."),
		{Key: section + "baseline_rtt_bounds.min", Into: &t.BaselineMin, Unit: "ms", Range: "[0, 10000]", Doc: "A baseline below it is not believed."},
		{Key: section + "baseline_rtt_bounds.max", Into: &t.BaselineMax, Unit: "ms", Range: "(0, 10000]", Doc: "A baseline above it is not believed. More than `min`."},
	}
}

// Problems implements cycle.Configurable. It fills in the defaults that follow
// from other keys.
func (c *Config) Problems() (ps []cycle.Problem) {
	c.fill()
	if c.AlternateWAN == c.PrimaryWAN {
		ps = append(ps, cycle.Problem{
			Key: "topology.alternate_wan", With: []string{"topology.primary_wan"},
			Wrong: "is the primary WAN too", Allowed: "another WAN",
		})
	}
	t := c.Thresholds
	order := []struct {
		key, than string
		wrong     bool
		allowed   string
	}{
		{"green_rtt_ms", "yellow_rtt_ms", c.CAKEAware && t.GreenRTT >= t.YellowRTT, "less than yellow_rtt_ms"},
		{"red_rtt_ms", "yellow_rtt_ms", c.CAKEAware && t.RedRTT < t.YellowRTT, "at least yellow_rtt_ms"},
		{"min_queue_red", "min_queue_yellow", c.CAKEAware && t.MinQueueRed < t.MinQueueYellow, "at least min_queue_yellow"},
		{"recovery_threshold_ms", "bad_threshold_ms", !c.CAKEAware && t.RecoveryThreshold >= t.BadThreshold, "less than bad_threshold_ms"},
		{"baseline_rtt_bounds.min", "baseline_rtt_bounds.max", t.BaselineMin >= t.BaselineMax, "less than baseline_rtt_bounds.max"},
	}
	for _, o := range order {
		if o.wrong {
			ps = append(ps, cycle.Problem{
				Key: section + o.key, With: []string{section + o.than, "mode.cake_aware"},
				Wrong: fmt.Sprintf("does not fit %s", o.than), Allowed: o.allowed,
			})
		}
	}
	return ps
}

func (c *Config) fill() {
	for _, d := range []struct {
		into  *string
		value string
	}{
		{&c.LockFile, "/run/wanctl/" + c.WAN + ".lock"},
		{&c.BaselineFile, "/var/lib/wanctl/" + c.PrimaryWAN + "_state.json"},
		{&c.DownloadQueue, "WAN-Download-" + capitalized(c.PrimaryWAN)},
		{&c.UploadQueue, "WAN-Upload-" + capitalized(c.PrimaryWAN)},
	} {
		if *d.into == "" {
			*d.into = d.value
		}
	}
}

// capitalized gives "Wan1" for "wan1" and "Spectrum" for "SPECTRUM", as the
// Python program names the queues it is not told of.
func capitalized(name string) string {
	if name == "" {
		return ""
	}
	return strings.ToUpper(name[:1]) + strings.ToLower(name[1:])
}
