package steering_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"wanctl/cycle"
	"wanctl/cycle/state"
	"wanctl/cycle/steering"
)

var _ steering.StateFile = (*state.Saver)(nil)

// line is a WAN that is always the same, with its router.
type line struct{ on bool }

func (line) Probe(_ context.Context, reflectors []string, _ time.Duration) []cycle.Echo {
	return []cycle.Echo{{Reflector: reflectors[0], RTT: 90 * time.Millisecond}}
}

func (line) Queues(_ context.Context, names ...string) ([]cycle.Queue, error) {
	return []cycle.Queue{{Name: names[0], QueuedPackets: 200, Counted: cycle.Known(cycle.Counted{Dropped: 5})}}, nil
}

func (l *line) Rule(context.Context, string) (bool, error) { return l.on, nil }

func (l *line) SetRule(_ context.Context, _ string, on bool) error {
	l.on = on
	return nil
}

// TestFilesOnDisk runs the daemon over real files: the state, its backup, and
// the copy of one that could not be used.
func TestFilesOnDisk(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := steering.DefaultConfig()
	cfg.WAN, cfg.PrimaryWAN, cfg.RuleComment, cfg.PingHost = "steering", "wan1", "steer", "192.0.2.1"
	cfg.BaselineFile, cfg.StateFile = filepath.Join(dir, "wan1_state.json"), filepath.Join(dir, "steering_state.json")
	const broken = `{"current_state": "WAN1_DEGRADED", "bad_c`
	for path, text := range map[string]string{cfg.BaselineFile: `{"ewma":{"baseline_rtt":20}}`, cfg.StateFile: broken} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := state.NewSaver(state.File{Path: cfg.StateFile, Backup: true, Lock: true})
	l := new(line)
	s := steering.New(cfg, l, l, file, false, nil)
	s.Restore()
	for range 2 {
		if _, err := s.Turn(t.Context(), cycle.NewTimer(cycle.Steering, nil)); err != nil {
			t.Fatal(err)
		}
	}
	if !l.on {
		t.Error("two RED cycles did not switch the rule on")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(cfg.StateFile + ".corrupt"); err != nil || string(got) != broken {
		t.Errorf("kept aside: %q, %v", got, err)
	}
	saved, err := os.ReadFile(cfg.StateFile)
	if err != nil {
		t.Fatal(err)
	}
	if backup, err := os.ReadFile(cfg.StateFile + ".backup"); err != nil || string(backup) != string(saved) {
		t.Errorf("backup: %q, %v", backup, err)
	}
	if info, err := os.Stat(cfg.StateFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}

	again := steering.New(cfg, l, l, file, false, nil)
	if text := again.Restore(); !containsAll(text, `"current_state":"WAN1_DEGRADED"`, `"baseline_rtt":20`) {
		t.Errorf("restored: %s", text)
	}
	if err := again.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text := steering.New(cfg, l, l, file, false, nil).Restore(); !containsAll(text, `"current_state":"WAN1_GOOD"`, `"history_rtt":[]`) || l.on {
		t.Errorf("after a reset: %s, rule on: %t", text, l.on)
	}
	if err := os.Remove(cfg.StateFile + ".corrupt"); errors.Is(err, os.ErrNotExist) {
		t.Error("the copy was removed by a later run")
	}
}

func containsAll(text string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(text, p) })
}
