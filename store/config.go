package store

import (
	"fmt"
	"time"

	"wanctl/cycle"
)

// Config says where cycles are recorded and how much of them is kept.
type Config struct {
	Enabled       bool
	Path          string        // the SQLite file
	FlushInterval time.Duration // between two transactions
	KeepCycles    time.Duration // how long cycles are kept
	KeepMinutes   time.Duration // how long minutes are kept before they are merged into hours
	KeepHours     time.Duration // how long hours are kept
	MaxSize       int64         // bytes: database, WAL and shared memory together

	// Runtime is the folder of the crash ring. It is no setting: empty stands
	// for $RUNTIME_DIRECTORY, which systemd sets, else /run/wanctl.
	Runtime string
}

const (
	day  = 24 * time.Hour
	year = 365 * day
	mib  = 1 << 20

	// defaultPath is where the daemons write and the other verbs read unless told
	// otherwise.
	defaultPath = "/var/lib/wanctl/profile.db"
)

var _ cycle.Configurable = (*Config)(nil)

// DefaultConfig returns the configuration that holds where a file sets nothing.
func DefaultConfig() Config {
	return Config{
		Enabled:       true,
		Path:          defaultPath,
		FlushInterval: time.Minute,
		KeepCycles:    7 * day,
		KeepMinutes:   90 * day,
		KeepHours:     5 * year,
		MaxSize:       256 * mib,
	}
}

// Settings implements cycle.Configurable.
func (c *Config) Settings() []cycle.Setting {
	return []cycle.Setting{
		{Key: "recorder.enabled", Into: &c.Enabled, Doc: "Record every cycle's timing and decision in the file at recorder.path."},
		{Key: "recorder.path", Into: &c.Path, Range: cycle.Path, Doc: "The SQLite file. Several daemons may share one."},
		{
			Key: "recorder.flush_interval", Into: &c.FlushInterval, Unit: "s", Range: "[1, 3600]",
			Doc: "How long cycles wait in memory before they are written in one transaction. Longer wears flash less; a power cut loses at most this much.",
		},
		{
			Key: "recorder.keep_cycles", Into: &c.KeepCycles, Unit: "s", Range: "[60, 3153600000]",
			Doc: "How long single cycles are kept. Their minutes outlive them and answer exactly.",
		},
		{
			Key: "recorder.keep_minutes", Into: &c.KeepMinutes, Unit: "s", Range: "[3600, 3153600000]",
			Doc: "How long minutes are kept; then they are merged into hours, whose quantiles are good to 0.5 %.",
		},
		{
			Key: "recorder.keep_hours", Into: &c.KeepHours, Unit: "s", Range: "[3600, 3153600000]",
			Doc: "How long hours are kept.",
		},
		{
			Key: "recorder.max_size", Into: &c.MaxSize, Unit: "bytes", Range: "[4194304, 1099511627776]",
			Doc: "What the file, its WAL and its shared memory may take up together. Never passed: the oldest cycles make room first, then the oldest minutes, then the oldest hours.",
		},
	}
}

// Problems implements cycle.Configurable.
func (c *Config) Problems() (ps []cycle.Problem) {
	if c.KeepMinutes < c.KeepCycles {
		ps = append(ps, cycle.Problem{
			Key: "recorder.keep_minutes", Wrong: fmt.Sprintf("%v is less than recorder.keep_cycles", c.KeepMinutes),
			Allowed: fmt.Sprintf("at least %v", c.KeepCycles),
		})
	}
	if c.KeepHours < c.KeepMinutes {
		ps = append(ps, cycle.Problem{
			Key: "recorder.keep_hours", Wrong: fmt.Sprintf("%v is less than recorder.keep_minutes", c.KeepHours),
			Allowed: fmt.Sprintf("at least %v", c.KeepMinutes),
		})
	}
	return ps
}
