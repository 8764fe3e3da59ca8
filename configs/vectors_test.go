package configs

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
	"wanctl/cycle/autorate"
)

// vectors returns the folder of recorded cases; the test is skipped without it.
func vectors(t testing.TB) string {
	t.Helper()
	if dir := os.Getenv("WANCTL_VECTORS"); dir != "" {
		return dir
	}
	dir, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "..", "shared", "vectors")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no vectors at %s: set WANCTL_VECTORS to the folder of recorded cases", dir)
	}
	return dir
}

// recorded is one case: a file's text, and what the Python program made of it.
type recorded struct {
	I  *int
	In struct {
		YAML *string `json:"yaml"`
		Hex  string  `json:"yaml_hex"`
	}
	Out struct {
		Verdict string
		Loaded  map[string]any
	}
	Note  string
	Right string
}

func (r recorded) text(t *testing.T) []byte {
	if r.In.YAML != nil {
		return []byte(*r.In.YAML)
	}
	b, err := hex.DecodeString(r.In.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func recordings(t *testing.T, file string) (rows []recorded) {
	f, err := os.Open(filepath.Join(vectors(t), "config", file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r recorded
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		if r.I != nil {
			rows = append(rows, r)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}

func noEnv(string) (string, bool) { return "", false }

// lenient are the cases that the Python program refuses and that are taken on
// purpose: keys with defaults, keys the transport does not need, short intervals.
var lenient = map[string][]string{
	"autorate_wan1.jsonl": {
		"missing router.ssh_key", "missing logging", "missing logging.main_log", "missing logging.debug_log",
		"missing lock_file", "missing lock_timeout", "wrong type logging = None",
	},
	"steering.jsonl": {
		"missing logging.main_log", "missing lock_file", "missing lock_timeout", "measurement.interval_seconds = 0.5",
	},
}

func TestRecordedVerdicts(t *testing.T) {
	t.Parallel()
	for file, load := range map[string]func([]byte) (map[string]any, Findings){
		"autorate_wan1.jsonl": func(text []byte) (map[string]any, Findings) {
			a, fs := ReadAutorate("config", text, noEnv)
			return autorateLoaded(a), fs
		},
		"steering.jsonl": func(text []byte) (map[string]any, Findings) {
			s, fs := ReadSteering("config", text, noEnv)
			return steeringLoaded(s), fs
		},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			equal, onPurpose, valued, either := 0, 0, 0, 0
			rows := recordings(t, file)
			for _, r := range rows {
				want := r.Out.Verdict
				if r.Right != "" {
					want = r.Right
				}
				if slices.Contains(lenient[file], r.Note) {
					want = "accept"
					onPurpose++
				}
				loaded, findings := load(r.text(t))
				checkFindings(t, r.text(t), findings)
				got := "accept"
				if len(findings.Errors()) > 0 {
					got = "reject"
				}
				if want == "either" {
					either++
				} else if got != want {
					t.Errorf("row %d, %s: %s, want %s\n%s", *r.I, r.Note, got, want, findings)
					continue
				}
				equal++
				if got == "accept" && r.Out.Verdict == "accept" {
					// Names that the steering law makes, and a switch that decides nothing.
					for _, key := range []string{"state_good", "state_degraded", "enable_yellow_state"} {
						delete(r.Out.Loaded, key)
					}
					if diff := cmp.Diff(normal(r.Out.Loaded), normal(loaded)); diff != "" {
						t.Errorf("row %d, %s: loaded (-want +got):\n%s", *r.I, r.Note, diff)
					}
					valued++
				}
			}
			t.Logf("%d rows compared, %d with the verdict they deserve (%d lenient on purpose, %d where either is right); loaded values of %d compared",
				len(rows), equal, onPurpose, either, valued)
		})
	}
}

// normal makes values comparable: numbers are float64.
func normal(m map[string]any) map[string]any {
	m = maps.Clone(m)
	for k, v := range m {
		switch v := v.(type) {
		case int:
			m[k] = float64(v)
		case int64:
			m[k] = float64(v)
		case []string:
			list := make([]any, len(v))
			for i := range v {
				list[i] = v[i]
			}
			m[k] = list
		}
	}
	return m
}

func autorateLoaded(a *Autorate) map[string]any {
	if a == nil {
		return nil
	}
	d, t := a.Daemon, a.Daemon.Thresholds
	m := map[string]any{
		"wan_name": d.WAN, "queue_down": d.DownloadQueue, "queue_up": d.UploadQueue, "enabled": d.Enabled,
		"baseline_rtt_initial": d.BaselineInitial,
		"target_bloat_ms":      t.Target, "warn_bloat_ms": t.Warn, "hard_red_bloat_ms": t.HardRed,
		"alpha_baseline": t.AlphaBaseline, "alpha_load": t.AlphaLoad, "baseline_update_threshold_ms": t.BaselineUpdate,
		"ping_hosts": d.PingHosts, "use_median_of_three": d.MedianOfThree, "timeout_ping": d.PingTimeout.Seconds(),
		"lock_file": d.LockFile, "lock_timeout": d.LockTimeout.Seconds(), "state_file": d.StateFile(),
	}
	routerLoaded(m, a.parts())
	for name, dir := range map[string]autorate.Direction{"download": d.Download, "upload": d.Upload} {
		f := dir.Floors()
		m[name+"_floor_red"], m[name+"_floor_yellow"], m[name+"_floor_green"] = f[cycle.Red]*1e6, f[cycle.Yellow]*1e6, f[cycle.Green]*1e6
		if name == "download" { // the Python program knows no such floor for upload
			m[name+"_floor_soft_red"] = f[cycle.SoftRed] * 1e6
		}
		m[name+"_ceiling"], m[name+"_step_up"], m[name+"_factor_down"] = dir.Ceiling*1e6, dir.StepUp*1e6, dir.FactorDown
	}
	return m
}

// routerLoaded adds what both daemons have.
func routerLoaded(m map[string]any, parts []cycle.Configurable) {
	for _, p := range parts {
		for _, s := range p.Settings() {
			v, _ := plainValue(s)
			if j, ok := v.(json.Number); ok {
				v, _ = j.Float64()
			}
			switch s.Key {
			case "router.transport":
				m["router_transport"] = v
			case "router.host":
				m["router_host"] = v
			case "router.user":
				m["router_user"] = v
			case "router.password":
				m["router_password"] = s.Into.(*cycle.Secret).Reveal()
			case "router.port":
				m["router_port"] = s.Into.(*cycle.Maybe[int]).Or(443)
			case "router.ssh_key":
				m["ssh_key"] = v
			case "router.verify_ssl":
				m["router_verify_ssl"] = *s.Into.(*bool)
			case "timeouts.ssh_command":
				m["timeout_ssh_command"] = v
			case "logging.main_log":
				m["main_log"] = v
			case "logging.debug_log":
				m["debug_log"] = v
			}
		}
	}
}

func steeringLoaded(c *Steering) map[string]any {
	if c == nil {
		return nil
	}
	d, t := c.Daemon, c.Daemon.Thresholds
	m := map[string]any{
		"wan_name": d.WAN, "primary_wan": d.PrimaryWAN, "primary_wan_config": d.PrimaryWANConfig, "alternate_wan": d.AlternateWAN,
		"primary_state_file": d.BaselineFile, "mangle_rule_comment": d.RuleComment,
		"measurement_interval": d.Interval.Seconds(), "ping_host": d.PingHost, "ping_count": d.PingCount,
		"primary_download_queue": d.DownloadQueue, "primary_upload_queue": d.UploadQueue, "cake_aware": d.CAKEAware,
		"bad_threshold_ms": t.BadThreshold, "recovery_threshold_ms": t.RecoveryThreshold, "bad_samples": t.BadSamples, "good_samples": t.GoodSamples,
		"green_rtt_ms": t.GreenRTT, "yellow_rtt_ms": t.YellowRTT, "red_rtt_ms": t.RedRTT,
		"min_drops_red": t.MinDropsRed, "min_queue_yellow": t.MinQueueYellow, "min_queue_red": t.MinQueueRed,
		"rtt_ewma_alpha": t.RTTAlpha, "queue_ewma_alpha": t.QueueAlpha,
		"red_samples_required": t.RedSamples, "green_samples_required": t.GreenSamples,
		"baseline_rtt_min": t.BaselineMin, "baseline_rtt_max": t.BaselineMax,
		"state_file": d.StateFile, "history_size": d.HistorySize, "lock_file": d.LockFile, "lock_timeout": d.LockTimeout.Seconds(),
		"timeout_ping": d.PingTimeout.Seconds(), "timeout_ping_total": d.PingTotal.Seconds(),
	}
	routerLoaded(m, c.parts())
	return m
}

// checkFindings asserts what holds of every finding: its line is in the file, and
// its key is in it, or declared.
func checkFindings(t *testing.T, text []byte, findings Findings) {
	t.Helper()
	lines := 1
	for _, b := range text {
		if b == '\n' {
			lines++
		}
	}
	for _, f := range findings {
		if f.Line < 1 || f.Line > lines {
			t.Errorf("%v: line %d of %d", f, f.Line, lines)
		}
		if f.Wrong == "" || f.Unset && !f.Warning {
			t.Errorf("%#v: says nothing, or an unset variable is no warning", f)
		}
	}
}
