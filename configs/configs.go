package configs

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"wanctl/cycle"
	"wanctl/cycle/autorate"
	"wanctl/cycle/endpoint"
	"wanctl/cycle/routeros"
	"wanctl/cycle/steering"
	"wanctl/store"
)

// Examples holds wan1.yaml.example and steering.yaml.example.
//
//go:embed *.yaml.example
var Examples embed.FS

// Autorate is one WAN's configuration file.
type Autorate struct {
	Path     string
	Daemon   autorate.Config
	Router   routeros.Config
	Recorder store.Config
	Logging  Logging
	Health   endpoint.Config
	Metrics  endpoint.Config
	lines    map[string]entry
}

// Steering is the steering daemon's configuration file.
type Steering struct {
	Path     string
	Daemon   steering.Config
	Router   routeros.Config
	Recorder store.Config
	Logging  Logging
	Health   endpoint.Config
	Metrics  endpoint.Config
	lines    map[string]entry
}

func (a *Autorate) parts() []cycle.Configurable {
	return append([]cycle.Configurable{&a.Daemon, &a.Router, logging{&a.Logging, cycle.Autorate, &a.Daemon.WAN}, &a.Recorder}, pages(&a.Health, &a.Metrics)...)
}

func (s *Steering) parts() []cycle.Configurable {
	return append([]cycle.Configurable{&s.Daemon, &s.Router, logging{&s.Logging, cycle.Steering, &s.Daemon.WAN}, &s.Recorder}, pages(&s.Health, &s.Metrics)...)
}

func newAutorate(path string) *Autorate {
	return &Autorate{
		Path: path, Daemon: autorate.DefaultConfig(), Router: routeros.DefaultConfig(), Recorder: store.DefaultConfig(),
		Logging: defaultLogging(), Health: endpoint.Default(autorateHealth), Metrics: endpoint.Default(autorateMetrics),
	}
}

func newSteering(path string) *Steering {
	s := &Steering{
		Path: path, Daemon: steering.DefaultConfig(), Router: routeros.DefaultConfig(), Recorder: store.DefaultConfig(),
		Logging: defaultLogging(), Health: endpoint.Default(steeringHealth), Metrics: endpoint.Default(steeringMetrics),
	}
	s.Router.Timeout = 30 * time.Second // autorate: 15
	return s
}

// Ports of the pages: where the Python program's daemons have theirs, and the next
// one that is free.
const (
	autorateMetrics = 9100
	autorateHealth  = 9101
	steeringHealth  = 9102
	steeringMetrics = 9103
)

// pages are the sections of what is served.
func pages(health, metrics *endpoint.Config) []cycle.Configurable {
	return []cycle.Configurable{
		endpoint.Section{Config: health, Name: "health_check", Serves: "`/health`, JSON that tells whether the daemon is well (status 200) or not (503)"},
		endpoint.Section{Config: metrics, Name: "metrics", Serves: "`/metrics` for Prometheus"},
	}
}

// LoadAutorate reads a WAN's configuration file. getenv looks up ${VAR}, as
// os.LookupEnv does. With errors among the findings there is no configuration;
// values that a variable that is not set stands for are left at their defaults.
func LoadAutorate(path string, getenv func(string) (string, bool)) (*Autorate, Findings) {
	text, mode, unreadable := contents(path)
	if unreadable != nil {
		return nil, unreadable
	}
	return readAutorate(path, text, mode, getenv)
}

// ReadAutorate is LoadAutorate for a text that is known by a name.
func ReadAutorate(name string, text []byte, getenv func(string) (string, bool)) (*Autorate, Findings) {
	return readAutorate(name, text, 0, getenv)
}

func readAutorate(name string, text []byte, mode fs.FileMode, getenv func(string) (string, bool)) (*Autorate, Findings) {
	a := newAutorate(name)
	r, findings := read(name, text, getenv, cycle.Autorate, a.parts()...)
	findings = append(findings, r.exposed(mode, a.parts())...)
	if len(findings.Errors()) > 0 {
		return nil, findings
	}
	a.lines = r.keys
	return a, findings
}

// LoadSteering reads the steering daemon's configuration file, as LoadAutorate
// does a WAN's.
func LoadSteering(path string, getenv func(string) (string, bool)) (*Steering, Findings) {
	text, mode, unreadable := contents(path)
	if unreadable != nil {
		return nil, unreadable
	}
	return readSteering(path, text, mode, getenv)
}

// ReadSteering is LoadSteering for a text that is known by a name.
func ReadSteering(name string, text []byte, getenv func(string) (string, bool)) (*Steering, Findings) {
	return readSteering(name, text, 0, getenv)
}

func readSteering(name string, text []byte, mode fs.FileMode, getenv func(string) (string, bool)) (*Steering, Findings) {
	s := newSteering(name)
	r, findings := read(name, text, getenv, cycle.Steering, s.parts()...)
	findings = append(findings, r.exposed(mode, s.parts())...)
	if len(findings.Errors()) > 0 {
		return nil, findings
	}
	s.lines = r.keys
	return s, findings
}

// Recorder returns where the daemon of a configuration file records, and what is
// wrong with that alone: the rest of the file matters to the daemon.
func Recorder(daemon cycle.Daemon, path string, getenv func(string) (string, bool)) (string, Findings) {
	text, _, unreadable := contents(path)
	if unreadable != nil {
		return "", unreadable
	}
	var recorder *store.Config
	var parts []cycle.Configurable
	if daemon == cycle.Steering {
		s := newSteering(path)
		recorder, parts = &s.Recorder, s.parts()
	} else {
		a := newAutorate(path)
		recorder, parts = &a.Recorder, a.parts()
	}
	_, findings := read(path, text, getenv, daemon, parts...)
	findings = slices.DeleteFunc(findings.ForStart(), func(f Finding) bool {
		return f.Key != "" && f.Key != "recorder" && f.Key != "recorder.path"
	})
	return recorder.Path, findings
}

// contents returns a file's bytes and mode, or the finding that says why it has none.
func contents(path string) ([]byte, fs.FileMode, Findings) {
	text, mode, err := load(path)
	if err == nil {
		return text, mode, nil
	}
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		err = pathError.Err
	}
	return nil, 0, Findings{{File: path, Line: 1, Wrong: fmt.Sprintf("cannot be read: %v", err)}}
}

// Kind tells which daemon a configuration file is for.
func Kind(path string) (cycle.Daemon, error) {
	text, _, err := load(path)
	if err != nil {
		return "", fmt.Errorf("read configuration: %w", err)
	}
	root, bad := parse(path, text)
	if bad != nil {
		return "", errors.New(bad.String())
	}
	daemon, err := kindOf(root)
	if err != nil {
		return "", fmt.Errorf("%s %w", path, err)
	}
	return daemon, nil
}
