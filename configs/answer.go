package configs

import (
	"errors"
	"fmt"

	"gopkg.in/yaml.v3"

	"wanctl/cycle"
)

// declaration returns how a key of a daemon's configuration is declared; nothing reads
// what it points into.
func declaration(daemon cycle.Daemon, key string) (cycle.Setting, error) {
	parts := newAutorate("").parts()
	if daemon == cycle.Steering {
		parts = newSteering("").parts()
	}
	s := declare(parts).settings[key]
	if s == nil {
		return cycle.Setting{}, fmt.Errorf("there is no key %q", key)
	}
	return *s, nil
}

// Refused says why the loader would not take a value for a key, and what it would take;
// nil if it would. The value is as Fill has it; rules that span keys are not asked.
func Refused(daemon cycle.Daemon, key string, v any) error {
	s, err := declaration(daemon, key)
	if err != nil {
		return err
	}
	text, err := written(v)
	if err != nil {
		return err
	}
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return errors.New("that cannot be written into a configuration")
	}
	r := &reading{getenv: func(string) (string, bool) { return "", false }}
	_, bad := r.assign(s, document.Content[0])
	for _, b := range bad {
		switch {
		case b.unset || b.what == "":
			continue
		case b.allowed == "":
			return errors.New(b.what)
		}
		return fmt.Errorf("%s (%s)", b.what, b.allowed)
	}
	return nil
}

// Bounds returns the least and the most that a number of the configuration may be, in
// the key's unit.
func Bounds(daemon cycle.Daemon, key string) (least, most float64, err error) {
	s, err := declaration(daemon, key)
	if err != nil {
		return 0, 0, err
	}
	r, ok := parseInterval(s.Range)
	if !ok {
		return 0, 0, fmt.Errorf("%s has no bounds", key)
	}
	return r.low, r.high, nil
}
