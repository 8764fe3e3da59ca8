package autorate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
	"wanctl/cycle/golden"
)

// lines is a slog.Handler that keeps level and text.
type lines struct{ kept *[][2]string }

func (l lines) Enabled(context.Context, slog.Level) bool { return true }
func (l lines) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l lines) WithGroup(string) slog.Handler            { return l }
func (l lines) Handle(_ context.Context, r slog.Record) error {
	level := r.Level.String()
	if r.Level == slog.LevelWarn {
		level = "WARNING"
	}
	*l.kept = append(*l.kept, [2]string{level, r.Message})
	return nil
}

// ours are the lines that the recordings cannot have: echo and router command
// were stand-ins there, and autorate did not read the queues.
func ours(line string) bool {
	return line == "CAKE stats" || line == "the router did not take the limits" || strings.HasPrefix(line, "Ping ") || strings.HasPrefix(line, "Setting limits") || strings.Contains(line, ": Setting limits ")
}

func TestLogLinesEqualThePythonProgram(t *testing.T) {
	t.Parallel()
	for _, path := range vectorFiles(t, "autorate/*loglines*.jsonl") {
		s := readScenario(t, path)
		synctest.Test(t, func(t *testing.T) {
			cfg := testConfigs(t)[s.config]
			var kept [][2]string
			w := &world{cfg: cfg}
			a := New(cfg, w, w, w, false, slog.New(lines{&kept}))
			timer := cycle.NewTimer(cycle.Autorate, nil)
			compared := 0
			for i, v := range s.rows {
				w.row, kept = row{}, nil
				if err := json.Unmarshal(v.In, &w.row); err != nil {
					t.Fatal(err)
				}
				timer.Begin(time.Now())
				_, _ = a.Turn(t.Context(), timer) // what became of it is compared elsewhere
				var got [][2]string
				for _, line := range kept {
					// A write that raised is told by the line of one refused: the
					// Python program's is not part of the cycle.
					raised := string(w.row.Write) == `"exc"` && line[1] == "wan1: Failed to apply limits"
					if !raised && !ours(line[1]) {
						line[1] = strings.Replace(line[1], "to memory", "to <dir>/wan1_state.json", 1)
						got = append(got, line)
					}
				}
				if diff := cmp.Diff(v.Out.Log, got); diff != "" {
					t.Fatalf("%s row %d (-want +got):\n%s", s.name, i, diff)
				}
				compared += len(got)
				time.Sleep(cfg.Interval)
			}
			t.Logf("%s: %d lines of %d cycles equal", s.name, compared, len(s.rows))
		})
	}
}

// TestLogLines keeps the lines of some cycles, text and values, as they are.
func TestLogLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		log := slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}}))
		cfg := testConfigs(t)["wan1"]
		w := &world{cfg: cfg}
		a := New(cfg, w, w, w, false, log)
		for _, in := range []string{
			`{"hosts":[25.317,24.1,26]}`, `{"hosts":[24,null,25.5]}`, `{"hosts":[null,31.25,null]}`, `{"rtt":null}`,
			`{"rtt":200}`, `{"rtt":200,"wr":false}`,
		} {
			w.row = row{}
			if err := json.Unmarshal([]byte(in), &w.row); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "%s\n", in)
			timer := cycle.NewTimer(cycle.Autorate, nil)
			timer.Begin(time.Now())
			_, _ = a.Turn(t.Context(), timer)
			time.Sleep(cfg.Interval)
		}
		golden.Equal(t, "testdata/loglines.golden", b.String())
	})
}
