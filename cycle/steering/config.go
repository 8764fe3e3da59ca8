package steering

import "time"

// Config is the steering daemon's part of a steering configuration file.
type Config struct {
	WAN              string // the name in logs, e.g. "steering"
	PrimaryWAN       string
	PrimaryWANConfig string
	AlternateWAN     string
	RuleComment      string // of the mangle rule that is switched
	BaselineFile     string // the primary WAN's autorate state file
	DownloadQueue    string // of the primary WAN, watched
	UploadQueue      string

	Interval    time.Duration // the cycle budget
	PingHost    string
	PingCount   int
	PingTimeout time.Duration // of one echo
	PingTotal   time.Duration // of all tries of a cycle

	CAKEAware  bool // three-state mode; false: RTT alone decides
	Thresholds Thresholds

	StateFile   string
	HistorySize int
	LockFile    string
	LockTimeout time.Duration
}

// Thresholds are the numbers of the steering law.
type Thresholds struct {
	GreenRTT             float64 // ms; decides nothing
	YellowRTT            float64 // ms of smoothed delta
	RedRTT               float64 // ms of smoothed delta
	MinDropsRed          int64   // packets in one cycle
	MinQueueYellow       int64   // packets
	MinQueueRed          int64   // packets
	RedSamples           int64   // RED cycles in a row before the rule goes on
	GreenSamples         int64   // GREEN cycles in a row before it goes off
	RTTAlpha, QueueAlpha float64
	BadThreshold         float64 // ms, RTT-only mode
	RecoveryThreshold    float64 // ms, RTT-only mode
	BadSamples           int64   // RTT-only mode
	GoodSamples          int64   // RTT-only mode
	BaselineMin          float64 // ms, inclusive
	BaselineMax          float64 // ms, inclusive
}

// DefaultConfig returns the defaults of the keys that have one.
func DefaultConfig() Config {
	return Config{
		Interval:    2 * time.Second,
		PingCount:   1,
		PingTimeout: 2 * time.Second,
		PingTotal:   10 * time.Second,
		CAKEAware:   true,
		HistorySize: 60,
		LockTimeout: 300 * time.Second,
		Thresholds: Thresholds{
			GreenRTT: 5, YellowRTT: 15, RedRTT: 15, MinDropsRed: 1, MinQueueYellow: 10, MinQueueRed: 50,
			RedSamples: 2, GreenSamples: 15, RTTAlpha: 0.3, QueueAlpha: 0.4,
			BadThreshold: 25, RecoveryThreshold: 12, BadSamples: 8, GoodSamples: 15, BaselineMin: 10, BaselineMax: 60,
		},
	}
}
