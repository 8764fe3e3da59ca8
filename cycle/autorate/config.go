package autorate

import (
	"strings"
	"time"

	"wanctl/cycle"
)

// Config is one WAN's part of an autorate configuration file.
type Config struct {
	WAN           string
	DownloadQueue string
	UploadQueue   string

	Enabled         bool          // false: the daemon refuses to control this WAN
	Interval        time.Duration // the cycle budget
	BaselineInitial float64       // ms
	Download        Direction
	Upload          Direction
	Thresholds      Thresholds
	PingHosts       []string // reflectors
	MedianOfThree   bool
	PingTimeout     time.Duration

	LockFile    string
	LockTimeout time.Duration

	StateFileKey string // what the file's state_file key says: no effect, see StateFile
}

// Direction is the settings of download or upload. Rates are Mbit/s as written
// in the file; the law multiplies them by 1e6 in double precision, without
// rounding, as the Python program does.
type Direction struct {
	Floor        cycle.Maybe[float64] // for every zone, where the zones have none of their own
	FloorGreen   cycle.Maybe[float64]
	FloorYellow  cycle.Maybe[float64]
	FloorSoftRed cycle.Maybe[float64] // defaults to FloorYellow
	FloorRed     cycle.Maybe[float64]
	Ceiling      float64
	StepUp       float64
	FactorDown   float64
}

// Thresholds are the bloat levels between the zones and the weights of the
// averages.
type Thresholds struct {
	Target         float64 // ms of bloat: above is YELLOW
	Warn           float64 // ms: above is SOFT_RED (download), RED (upload)
	HardRed        float64 // ms: above is RED (download)
	AlphaBaseline  float64
	AlphaLoad      float64
	BaselineUpdate float64 // ms: the baseline follows while load - baseline is below
}

// QueueTypes returns the names of the queue types that every write of a limit names
// too: the router must have them.
func (c *Config) QueueTypes() (down, up string) {
	wan := strings.ToLower(c.WAN)
	return "cake-down-" + wan, "cake-up-" + wan
}

// DefaultConfig returns the defaults of the keys that have one.
func DefaultConfig() Config {
	return Config{
		Enabled:     true,
		Interval:    2 * time.Second,
		PingTimeout: time.Second,
		LockTimeout: 300 * time.Second,
		Thresholds:  Thresholds{HardRed: 80, BaselineUpdate: 3},
	}
}
