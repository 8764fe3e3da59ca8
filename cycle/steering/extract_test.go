package steering

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"wanctl/cycle"
	"wanctl/cycle/golden"
)

// The extract holds numbers of recorded cycles, so that a clone without the
// vectors tests the law too. `go test -run Extract -update` takes them anew from
// the vectors.
var extract = filepath.Join("testdata", "law.csv")

// extracted says which cycles of which recordings are in the extract, and under
// which of its configurations.
var extracted = []struct {
	config, recording string
	rows              int
}{
	{"three", "steering_episodes_persistent", 300},
	{"three", "steering_cakefail_persistent", 120},
	{"three", "steering_routerfail_persistent", 345},
	{"three", "steering_pingfail_fresh_right", 140},
	{"fast", "steering_fast_flap_persistent", 110},
	{"rtt", "steering_legacy_routerfail_persistent", 270},
}

// extractConfig returns the configuration behind a name of the extract.
func extractConfig(t *testing.T, name string) Config {
	t.Helper()
	cfg := DefaultConfig()
	cfg.PrimaryWAN = "wan1"
	switch name {
	case "three":
	case "fast":
		cfg.HistorySize = 5
		cfg.Thresholds.RedSamples, cfg.Thresholds.GreenSamples = 1, 2
		cfg.Thresholds.RTTAlpha, cfg.Thresholds.QueueAlpha = 1, 0.5
	case "rtt":
		cfg.CAKEAware = false
	default:
		t.Fatalf("no configuration %q", name)
	}
	return cfg
}

var extractColumns = []string{
	"config", "rtt", "drops", "queued", "base", "confirmed",
	"bloat", "depth", "zone", "degraded", "red", "good", "bad", "failures", "baseline", "switch", "decided",
}

func TestLawExtract(t *testing.T) {
	t.Parallel()
	if golden.Updating() {
		writeExtract(t)
	}
	b, err := os.ReadFile(extract)
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var r *Replay
	n := 0
	for i, rec := range records[1:] {
		if rec[0] != "" { // a new process
			r = NewReplay(extractConfig(t, rec[0]))
		}
		r.next(extractInput(t, rec))
		if got, want := r.extractOutput(), rec[6:]; !slices.Equal(got, want) {
			t.Fatalf("line %d: %v\n got %v\nwant %v", i+2, extractColumns[6:], got, want)
		}
		n++
	}
	if n < 1000 {
		t.Errorf("only %d cycles", n)
	}
}

func extractInput(t *testing.T, rec []string) (in input) {
	t.Helper()
	read := func(s string) float64 {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if rec[1] != "" {
		in.rtt = cycle.Known(read(rec[1]))
	}
	if rec[3] != "" {
		in.queue = cycle.Known(Queue{Drops: int64(read(rec[2])), Queued: int64(read(rec[3]))})
	}
	if rec[4] != "" {
		base := cycle.Known(read(rec[4]))
		in.base = &base
	}
	in.enable = rec[5] != "no"
	in.disable = in.enable
	return in
}

func (r *Replay) extractOutput() []string {
	l := r.law
	base := ""
	if l.Baseline.Known {
		base = shortest(l.Baseline.Value)
	}
	text := fmt.Sprintf("%s %s %s %t %d %d %d %d", shortest(l.Bloat), shortest(l.Depth), l.Assessment, l.Degraded, l.RedCount, l.GoodCount, l.BadCount, l.CAKEFailures)
	return append(strings.Fields(text), base, strconv.Itoa(int(r.last.Switch)), strconv.FormatBool(r.last.OK))
}

func shortest(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// writeExtract takes the extract from the vectors; its outputs are theirs.
func writeExtract(t *testing.T) {
	t.Helper()
	dir := vectors(t)
	out := new(bytes.Buffer)
	w := csv.NewWriter(out)
	_ = w.Write(extractColumns)
	for _, e := range extracted {
		f := readVectors(t, filepath.Join(dir, "steering", e.recording+".jsonl"))
		for i, row := range f.rows[:e.rows] {
			in, err := parseInput(row.In)
			if err != nil || in.restart != nil && i > 0 {
				t.Fatalf("%s row %d does not fit the extract: %v", e.recording, i, err)
			}
			rec := make([]string, 6, len(extractColumns))
			if i == 0 {
				rec[0] = e.config
			}
			if in.rtt.Known {
				rec[1] = shortest(in.rtt.Value)
			}
			if q := in.queue; q.Known {
				rec[2], rec[3] = strconv.FormatInt(q.Value.Drops, 10), strconv.FormatInt(q.Value.Queued, 10)
			}
			if in.base != nil {
				rec[4] = shortest(in.base.Value)
			}
			v := values(t, row.Out)
			calls := v["calls"].([]any)
			if slices.Contains(calls, any("enable")) && !in.enable || slices.Contains(calls, any("disable")) && !in.disable {
				rec[5] = "no"
			}
			_ = w.Write(append(rec, recordedOutput(v, calls)...))
		}
	}
	w.Flush()
	if err := os.WriteFile(extract, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func recordedOutput(v map[string]any, calls []any) (rec []string) {
	n := func(k string) string {
		if f, ok := v[k].(float64); ok {
			return shortest(f)
		}
		return ""
	}
	s := Leave
	switch {
	case slices.Contains(calls, any("enable")):
		s = Enable
	case slices.Contains(calls, any("disable")):
		s = Disable
	}
	return []string{
		n("rewma"), n("qewma"), v["cong"].(string), strconv.FormatBool(strings.HasSuffix(v["st"].(string), "_DEGRADED")),
		n("red"), n("good"), n("bad"), n("cf"), n("base"), strconv.Itoa(int(s)), fmt.Sprint(v["ret"]),
	}
}
