package configs

import "wanctl/cycle"

// Logging says where the log goes beside stderr.
type Logging struct {
	MainLog  string // at info and above
	DebugLog string // everything, with --debug
	MaxSize  int64  // bytes of one file; 0: it grows for ever
	Keep     int    // full files beside it
}

const mib = 1 << 20

// leastLog keeps a log from being rotated every other line.
const leastLog = mib / 16

func defaultLogging() Logging { return Logging{MaxSize: 32 * mib, Keep: 3} }

// logging is Logging as a part of one configuration.
type logging struct {
	*Logging
	daemon cycle.Daemon
	wan    *string
}

var _ cycle.Configurable = logging{}

// Settings implements cycle.Configurable.
func (l logging) Settings() []cycle.Setting {
	ss := []cycle.Setting{
		{
			Key: "logging.main_log", Into: &l.MainLog, Range: cycle.Path, Default: "/var/log/wanctl/`wan_name`.log",
			Doc: "Gets the lines at info and above. Where it cannot be written there is one warning, and stderr alone.",
		},
		{
			Key: "logging.debug_log", Into: &l.DebugLog, Range: cycle.Path, Default: "/var/log/wanctl/`wan_name`_debug.log",
			Doc: "Gets every line when the daemon runs with `--debug`.",
		},
		{
			Key: "logging.max_size", Into: &l.MaxSize, Unit: "bytes", Range: "[0, 1099511627776]",
			Doc: "How long each of the two files may become; then it is renamed to the same name with `.1`, and a new one is begun. " +
				"`0` leaves that to others: a file that logrotate moved is opened anew within a second.",
		},
		{
			Key: "logging.keep", Into: &l.Keep, Range: "[0, 100]",
			Doc: "How many full files are kept beside each of the two, as `.1` (the newest), `.2` and so on.",
		},
	}
	if l.daemon == cycle.Steering {
		ss = append(ss, cycle.Setting{
			Key: "logging.log_cake_stats", Into: new(bool), Ignored: true,
			Doc: "Decides nothing, as in the Python program: queue readings are in the cycle's line.",
		})
	}
	return ss
}

// Problems implements cycle.Configurable. It fills in the defaults, which are
// named after the WAN.
func (l logging) Problems() (ps []cycle.Problem) {
	if l.MainLog == "" {
		l.MainLog = "/var/log/wanctl/" + *l.wan + ".log"
	}
	if l.DebugLog == "" {
		l.DebugLog = "/var/log/wanctl/" + *l.wan + "_debug.log"
	}
	if l.MainLog == l.DebugLog {
		ps = append(ps, cycle.Problem{
			Key: "logging.debug_log", With: []string{"logging.main_log"},
			Wrong: "is the main log too", Allowed: "another file",
		})
	}
	if l.MaxSize > 0 && l.MaxSize < leastLog {
		ps = append(ps, cycle.Problem{
			Key: "logging.max_size", Wrong: quantity(float64(l.MaxSize), "bytes") + " is soon full",
			Allowed: "0, or at least " + quantity(leastLog, "bytes"),
		})
	}
	return ps
}
