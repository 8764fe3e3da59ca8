package configs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"wanctl/cycle"
	"wanctl/cycle/autorate"
)

// numbers are what a WAN's configuration says, in Mbit/s and ms.
type numbers struct {
	Download, Upload     [7]float64 // floors red, soft red, yellow, green; ceiling, step, factor
	Baseline             float64
	Target, Warn, Hard   float64
	AlphaBase, AlphaLoad float64
	Update               float64
	Hosts                int
	Median               bool
	Command, State       string
}

func numbersOf(a *Autorate) numbers {
	all := func(d autorate.Direction) [7]float64 {
		f := d.Floors()
		return [...]float64{f[cycle.Red], f[cycle.SoftRed], f[cycle.Yellow], f[cycle.Green], d.Ceiling, d.StepUp, d.FactorDown}
	}
	d, t := a.Daemon, a.Daemon.Thresholds
	return numbers{
		all(d.Download), all(d.Upload),
		d.BaselineInitial, t.Target, t.Warn, t.HardRed, t.AlphaBaseline, t.AlphaLoad, t.BaselineUpdate,
		len(d.PingHosts), d.MedianOfThree, a.Router.Timeout.String(), d.StateFile(),
	}
}

// TestRecordedExamples loads the Python program's own files, and those that the
// laws' recordings were made with, unchanged.
func TestRecordedExamples(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]numbers{
		"wan1": {
			[7]float64{25, 50, 75, 100, 500, 5, 0.85},
			[7]float64{10, 10, 10, 10, 50, 1, 0.9},
			25, 15, 45, 80, 0.02, 0.2, 3, 3, true, "15s", "/run/wanctl/wan1_state.json",
		},
		"wan2": {
			[7]float64{25, 25, 25, 25, 100, 2, 0.9},
			[7]float64{5, 5, 5, 5, 20, 0.5, 0.95},
			30, 5, 15, 80, 0.02, 0.2, 3, 1, false, "15s", "/run/wanctl/wan2_state.json",
		},
		"cable": {
			[7]float64{200, 275, 350, 550, 940, 10, 0.85},
			[7]float64{8, 8, 8, 8, 38, 1, 0.9},
			24, 15, 45, 80, 0.02, 0.2, 3, 3, true, "15s", "/run/wanctl/cable_state.json",
		},
		"dsl": {
			[7]float64{25, 25, 25, 25, 95, 2, 0.9},
			[7]float64{6, 6, 6, 6, 18, 0.5, 0.95},
			31, 3, 10, 80, 0.015, 0.2, 3, 1, false, "15s", "/run/wanctl/dsl_state.json",
		},
		"fiber": {
			[7]float64{200, 400, 600, 800, 950, 20, 0.9},
			[7]float64{100, 100, 100, 100, 950, 10, 0.9},
			8, 5, 15, 30, 0.01, 0.15, 3, 1, false, "15s", "/run/wanctl/fiber_state.json",
		},
		"fractional": {
			[7]float64{4.1, 8.2, 16.4, 32.3, 64.6, 0.1, 0.777},
			[7]float64{1.001, 1.001, 1.001, 1.001, 8.2, 0.3, 0.955},
			27.3, 7.5, 22.25, 47.125, 0.0175, 0.17, 1.7, 1, false, "15s", "/run/wanctl-vec/frac_state.json",
		},
		"legacy": {
			[7]float64{30, 30, 30, 30, 220, 3, 0.88},
			[7]float64{4, 4, 4, 4, 22, 0.25, 0.93},
			18, 12, 36, 80, 0.02, 0.25, 3, 1, false, "15s", "/run/wanctl-vec/legacy_state.json",
		},
		"threestate": {
			[7]float64{60, 120, 120, 180, 400, 4, 0.8},
			[7]float64{8, 15, 15, 20, 35, 0.7, 0.9},
			22.5, 10, 30, 60, 0.03, 0.3, 3, 2, true, "15s", "/run/wanctl-vec/three_state.json",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(vectors(t), "configs", name+".yaml")
			a, findings := LoadAutorate(file, noEnv)
			if a == nil {
				t.Fatal(findings)
			}
			if diff := cmp.Diff(want, numbersOf(a)); diff != "" {
				t.Errorf("numbers (-want +got):\n%s", diff)
			}
			if kind, err := Kind(file); kind != cycle.Autorate || err != nil {
				t.Error(kind, err)
			}
		})
	}
	for name, cakeAware := range map[string]bool{"steering": true, "steering_fast": true, "steering_legacy": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(vectors(t), "configs", name+".yaml")
			s, findings := LoadSteering(file, noEnv)
			if s == nil {
				t.Fatal(findings)
			}
			if s.Daemon.CAKEAware != cakeAware || s.Daemon.DownloadQueue != "WAN-Download-1" || s.Router.Timeout.Seconds() != 30 {
				t.Errorf("%+v", s.Daemon)
			}
			if kind, err := Kind(file); kind != cycle.Steering || err != nil {
				t.Error(kind, err)
			}
		})
	}
}

// TestExamplesHaveTheRecordedKeys keeps every key of the Python program's examples
// in ours.
func TestExamplesHaveTheRecordedKeys(t *testing.T) {
	t.Parallel()
	for recorded, ours := range map[string]string{"wan1.yaml": wan1, "steering.yaml": steer} {
		text, err := os.ReadFile(filepath.Join(vectors(t), "configs", recorded))
		if err != nil {
			t.Fatal(err)
		}
		have := allKeys(t, example(t, ours))
		for key := range allKeys(t, text) {
			if !have[key] {
				t.Errorf("%s lacks %s", ours, key)
			}
		}
	}
}

// allKeys returns the dotted paths of every key of a text.
func allKeys(t *testing.T, text []byte) map[string]bool {
	root, bad := parse("F", text)
	if bad != nil {
		t.Fatal(bad)
	}
	keys := map[string]bool{}
	var walk func(n *yaml.Node, path string)
	walk = func(n *yaml.Node, path string) {
		for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
			key := join(path, n.Content[i].Value)
			keys[key] = true
			walk(n.Content[i+1], key)
		}
	}
	walk(root, "")
	return keys
}
