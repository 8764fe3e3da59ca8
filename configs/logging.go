package configs

import "wanctl/cycle"

// Logging says where the log goes beside stderr.
type Logging struct {
	MainLog  string // at info and above
	DebugLog string // everything, with --debug
}

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
	return ps
}
