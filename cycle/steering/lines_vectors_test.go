package steering

import (
	"encoding/json"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
)

// contract is the lines that existing tools parse.
var contract = regexp.MustCompile(`^(DEBUG|INFO|WARNING|ERROR) (` + strings.Join([]string{
	`\[WAN1_(GOOD|DEGRADED)\] .*`, `WAN1 (DEGRADED detected|RECOVERED) - .*`, `State transition: .*`, `Assessment: .*`,
	`Loaded baseline RTT .*`, `Initialized baseline RTT: .*`, `Baseline RTT updated: .*`,
	`ping failed on attempt .*`, `ping exhausted - attempting fallback`, `Using last known RTT from state: .*`, `CAKE stats .*`,
}, "|") + `)$`)

var stamp = regexp.MustCompile(`\(last transition: .*\)`)

// contractual returns those of the lines that are in the contract, in an order
// that does not hang on what ran side by side.
func contractual(all []string) (kept []string) {
	for _, l := range all {
		if contract.MatchString(l) {
			kept = append(kept, stamp.ReplaceAllString(l, "(last transition: *)"))
		}
	}
	slices.Sort(kept)
	return kept
}

// TestLogLineVectors runs the daemon itself through the recorded scenarios and
// compares the log line by line, with level and numbers.
func TestLogLineVectors(t *testing.T) {
	t.Parallel()
	dir := vectors(t)
	for _, name := range []string{"steering_log_persistent", "steering_legacy_log_persistent"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := readVectors(t, filepath.Join(dir, "steering", name+".jsonl"))
			synctest.Test(t, func(t *testing.T) { compareLines(t, f) })
		})
	}
}

func compareLines(t *testing.T, f *vectorFile) {
	cfg := vectorConfig(t, f.Config)
	cfg.PingCount = 1
	cfg.BaselineFile = filepath.Join(t.TempDir(), "wan1_state.json")
	w, log := new(world), new(lines)
	var s *Steering
	compared := 0
	for _, row := range f.rows {
		in, err := parseInput(row.In)
		if err != nil {
			t.Fatal(err)
		}
		if in.restart != nil {
			if s != nil {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if !in.restart.keep {
				w.stored = in.restart.text
			}
			s = New(cfg, w, w, w, false, slog.New(log))
			s.Restore()
			w.rule = cycle.Known(s.law.Degraded)
		}
		w.measures(t, cfg, row.In, in)
		if _, _, err := turn(s); err != nil {
			t.Errorf("row %d: %v", row.I, err)
		}
		var out struct{ Log [][2]string }
		if err := json.Unmarshal(row.Out, &out); err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, l := range out.Log {
			want = append(want, l[0]+" "+l[1])
		}
		want = contractual(want)
		if diff := cmp.Diff(want, contractual(log.take())); diff != "" {
			t.Errorf("row %d (-want +got):\n%s", row.I, diff)
		}
		compared += len(want)
	}
	t.Logf("%s: %d lines of %d cycles compared", f.Name, compared, len(f.rows))
}

// measures makes the world as a recorded row has it.
func (w *world) measures(t *testing.T, cfg Config, raw json.RawMessage, in input) {
	t.Helper()
	var given struct {
		RTT  json.RawMessage
		Base json.RawMessage
	}
	if err := json.Unmarshal(raw, &given); err != nil {
		t.Fatal(err)
	}
	w.tries, w.attempt = []float64{-1}, 0
	if in.rtt.Known {
		w.tries = append(slices.Repeat([]float64{-1}, int(in.pings)-1), in.rtt.Value)
	}
	if w.queue = (cycle.Maybe[cycle.Queue]{}); in.queue.Known {
		w.queue = cycle.Known(cycle.Queue{
			QueuedPackets: uint64(in.queue.Value.Queued),
			Counted:       cycle.Known(cycle.Counted{Dropped: uint64(in.queue.Value.Drops)}),
		})
	}
	w.deny = nil
	if !in.enable && !w.rule.Value || !in.disable && w.rule.Value {
		w.deny = errFake
	}
	switch base := string(given.Base); {
	case base == "":
	case strings.HasPrefix(base, "{"):
		writeBaseline(t, cfg, "{")
	default:
		writeBaseline(t, cfg, `{"ewma":{"baseline_rtt":`+base+`}}`)
	}
}
