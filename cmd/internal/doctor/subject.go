package doctor

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"time"

	"wanctl/configs"
	"wanctl/cycle"
	"wanctl/cycle/routeros"
	"wanctl/store"
)

// subject is a configuration as the checks see it, whichever daemon's it is.
type subject struct {
	path, name string
	daemon     cycle.Daemon

	reflectors  []string
	pingTimeout time.Duration

	router routeros.Config
	queues []string
	types  []string // queue types that are set together with limits
	rule   string   // comment; "" for none

	recorder  store.Config
	logs      []string
	lock      string
	states    []string // state files that are written
	baseline  string   // another daemon's state file that is read; "" for none
	listeners []listener

	mends   []string // commands that let the service's user have its files; "" among them is none
	unknown string   // why the router cannot be asked: the key that is not known
}

// listener is a port that the daemon is to listen at.
type listener struct {
	section string // health_check, metrics
	host    string
	port    string
}

// load reads a configuration, and tells what is wrong with it.
func (e *Examiner) load(path string) (*subject, []Check) {
	about := filepath.Base(path)
	daemon, err := configs.Kind(path)
	if err != nil {
		return nil, []Check{{Fail, about, "configuration", err.Error(), "write one with: wanctl setup"}}
	}
	var s *subject
	var found configs.Findings
	if daemon == cycle.Steering {
		var c *configs.Steering
		if c, found = configs.LoadSteering(path, e.Getenv); c != nil {
			s = ofSteering(c)
		}
	} else {
		var c *configs.Autorate
		if c, found = configs.LoadAutorate(path, e.Getenv); c != nil {
			s = ofAutorate(c)
		}
	}
	if s == nil {
		return nil, findings(about, found)
	}
	checks := findings(s.name, found)
	s.lacks(found)
	if len(found.ForStart().Errors()) == 0 {
		ok := Check{OK, s.name, "configuration", string(daemon) + ", understood: " + path, ""}
		checks = append([]Check{ok}, checks...)
	}
	return s, append(checks, e.modes(s)...)
}

// lacks notes whether something about the router is not known, for want of a variable.
func (s *subject) lacks(found configs.Findings) {
	for _, f := range found.ForStart().Errors() {
		if strings.HasPrefix(f.Key, "router.") {
			s.unknown = f.Key
		}
	}
}

// secret is the password; none where the file's reference to it stands in its place.
func (s *subject) secret() cycle.Secret {
	if s.unknown != "" {
		return ""
	}
	return s.router.Password
}

func ofAutorate(c *configs.Autorate) *subject {
	d := &c.Daemon
	s := &subject{
		path: c.Path, name: d.WAN, daemon: cycle.Autorate,
		reflectors: d.Reflectors(), pingTimeout: d.PingTimeout,
		router: c.Router, queues: []string{d.DownloadQueue, d.UploadQueue},
		recorder: c.Recorder, lock: d.LockFile, states: []string{d.StateFile()},
		logs: []string{c.Logging.MainLog, c.Logging.DebugLog},
	}
	down, up := d.QueueTypes()
	s.types = []string{down, up}
	s.listeners = listeners(c.JSON())
	return s
}

func ofSteering(c *configs.Steering) *subject {
	d := &c.Daemon
	return &subject{
		path: c.Path, name: d.WAN, daemon: cycle.Steering,
		reflectors: d.Reflectors(), pingTimeout: d.PingTimeout,
		router: c.Router, queues: []string{d.DownloadQueue}, rule: d.RuleComment,
		recorder: c.Recorder, lock: d.LockFile, states: []string{d.StateFile}, baseline: d.BaselineFile,
		logs:      []string{c.Logging.MainLog, c.Logging.DebugLog},
		listeners: listeners(c.JSON()),
	}
}

// listeners finds the ports that the settings in force open, given as JSON.
func listeners(settings string) (ls []listener) {
	var all map[string]json.RawMessage
	if json.Unmarshal([]byte(settings), &all) != nil {
		return nil
	}
	for _, section := range []string{"health_check", "metrics"} {
		var l struct {
			Enabled bool        `json:"enabled"`
			Host    string      `json:"host"`
			Port    json.Number `json:"port"`
		}
		if json.Unmarshal(all[section], &l) == nil && l.Enabled && l.Port != "" {
			ls = append(ls, listener{section, l.Host, l.Port.String()})
		}
	}
	return ls
}

// tasksOf are the checks of one configuration.
func (e *Examiner) tasksOf(s *subject) []task {
	return []task{
		{s.name, "router", 12 * time.Second, s.examineRouter},
		{s.name, "lock", fileTime, e.of(s, e.lockFile)},
		{s.name, "state", fileTime, e.of(s, e.stateFiles)},
		{s.name, "logs", fileTime, e.of(s, e.logFiles)},
	}
}
