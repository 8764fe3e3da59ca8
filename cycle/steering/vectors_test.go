package steering

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"wanctl/cycle"
)

// vectors returns the folder of the recorded inputs and outputs of the Python
// program; without it the test is skipped.
func vectors(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("WANCTL_VECTORS")
	if dir == "" {
		root, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for ; !exists(filepath.Join(root, "go.mod")); root = filepath.Dir(root) {
			if root == filepath.Dir(root) {
				t.Fatal("no go.mod above the package")
			}
		}
		dir = filepath.Join(root, "..", "shared", "vectors")
	}
	if !exists(filepath.Join(dir, "README.md")) {
		t.Skipf("no vectors in %s: set WANCTL_VECTORS to their folder", dir)
	}
	return dir
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// vectorRow is one recorded cycle, or one case of another area.
type vectorRow struct {
	I   int             `json:"i"`
	In  json.RawMessage `json:"in"`
	Out json.RawMessage `json:"out"`
	Bug bool            `json:"incumbent_bug"`
}

type vectorFile struct {
	Name    string `json:"name"`
	Config  string `json:"config_file"`
	Mode    string `json:"mode"`
	Primed  bool   `json:"primed"`
	BugFrom *int   `json:"bug_from"`
	Rows    int    `json:"rows"`
	header  []byte
	rows    []vectorRow
}

func readVectors(t *testing.T, path string) *vectorFile {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f := new(vectorFile)
	for line := range bytes.Lines(b) {
		if f.header == nil {
			if f.header = line; json.Unmarshal(line, f) != nil {
				t.Fatalf("%s: bad header", path)
			}
			continue
		}
		var r vectorRow
		if err := json.Unmarshal(line, &r); err != nil {
			t.Fatalf("%s: row %d: %v", path, len(f.rows), err)
		}
		f.rows = append(f.rows, r)
	}
	if len(f.rows) != f.Rows {
		t.Fatalf("%s: %d rows, the header says %d", path, len(f.rows), f.Rows)
	}
	return f
}

// vectorConfig returns the configuration a vector file was made with: the
// numbers of the three steering configurations of the vectors.
func vectorConfig(t *testing.T, file string) Config {
	t.Helper()
	cfg := DefaultConfig()
	cfg.WAN, cfg.PrimaryWAN, cfg.AlternateWAN = "steering", "wan1", "wan2"
	cfg.PingHost, cfg.PingCount = "1.1.1.1", 3
	cfg.DownloadQueue, cfg.UploadQueue = "WAN-Download-1", "WAN-Upload-1"
	switch filepath.Base(file) {
	case "steering.yaml":
	case "steering_fast.yaml":
		cfg.HistorySize = 5
		th := &cfg.Thresholds
		th.RedSamples, th.GreenSamples, th.RTTAlpha, th.QueueAlpha = 1, 2, 1, 0.5
	case "steering_legacy.yaml":
		cfg.CAKEAware = false
	default:
		t.Fatalf("unknown configuration %q", file)
	}
	return cfg
}

// same compares two JSON values, numbers by their exact float64.
func same(a, b any) bool {
	switch x := a.(type) {
	case float64:
		y, ok := b.(float64)
		return ok && math.Float64bits(x) == math.Float64bits(y)
	case []any:
		y, ok := b.([]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for i := range x {
			if !same(x[i], y[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		y, ok := b.(map[string]any)
		if !ok || len(x) != len(y) {
			return false
		}
		for k := range x {
			if !same(x[k], y[k]) {
				return false
			}
		}
		return true
	}
	return a == b
}

// tally counts rows, for the table at the end.
type tally struct {
	name                  string
	rows, compared, equal int
	states, hists, faulty int
}

// TestSteeringVectors runs every recorded cycle through the law.
func TestSteeringVectors(t *testing.T) {
	t.Parallel()
	paths, err := filepath.Glob(filepath.Join(vectors(t), "steering", "*.jsonl"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no steering vectors: %v", err)
	}
	sum := tally{name: "all"}
	for _, path := range paths {
		f := readVectors(t, path)
		c := compareSteering(t, f)
		t.Logf("%-46s %5d rows, %4d compared, %4d equal (%d histories, %d state files), %3d marked as faults",
			c.name, c.rows, c.compared, c.equal, c.hists, c.states, c.faulty)
		sum.rows, sum.compared, sum.equal, sum.faulty = sum.rows+c.rows, sum.compared+c.compared, sum.equal+c.equal, sum.faulty+c.faulty
	}
	t.Logf("%-46s %5d rows, %4d compared, %4d equal, %3d marked as faults", sum.name, sum.rows, sum.compared, sum.equal, sum.faulty)
	if sum.compared+sum.faulty != sum.rows || sum.compared < 7000 {
		t.Errorf("%d of %d rows were compared", sum.compared, sum.rows)
	}
}

func compareSteering(t *testing.T, f *vectorFile) (c tally) {
	t.Helper()
	c = tally{name: f.Name, rows: len(f.rows)}
	r := NewReplay(vectorConfig(t, f.Config))
	primed := f.Primed
	for i, row := range f.rows {
		in, err := parseInput(row.In)
		if err != nil {
			t.Fatalf("%s row %d: %v", f.Name, row.I, err)
		}
		if in.restart == nil && f.Mode == "oneshot" && i > 0 {
			in.restart = &restart{keep: true}
		}
		if s := in.restart; s != nil && !s.keep {
			// The Python program loses RTTs it did not begin with a state file for.
			primed = json.Valid(s.text) && bytes.HasPrefix(s.text, []byte("{"))
		}
		r.next(in)
		if row.Bug || f.BugFrom != nil && row.I >= *f.BugFrom {
			c.faulty++
			continue
		}
		c.compared++
		got, want := values(t, r.AppendOut(nil)), values(t, row.Out)
		if state, ok := want["state"]; ok {
			c.states++
			got["state"] = stateValues(t, r.law, state.(map[string]any), primed)
			stamps(state)
		}
		if !primed {
			delete(want, "hist")
		} else {
			c.hists++
		}
		delete(want, "log")
		if diff := differing(got, want); diff != "" {
			t.Errorf("%s row %d: %s\n got %s\nwant %s", f.Name, row.I, diff, r.AppendOut(nil), row.Out)
			continue
		}
		c.equal++
	}
	return c
}

func values(t *testing.T, b []byte) (v map[string]any) {
	t.Helper()
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return v
}

// differing names the fields of want that got has not, bit for bit.
func differing(got, want map[string]any) string {
	var keys []string
	for k := range want {
		if !same(got[k], want[k]) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return strings.Join(keys, ", ")
}

// stateValues returns our state file's values in a form that compares with the
// recorded one: times apart and, where the recorded process had begun without a
// state file, only as much of the RTTs as it kept.
func stateValues(t *testing.T, l *Law, want map[string]any, primed bool) map[string]any {
	t.Helper()
	text, err := l.encode()
	if err != nil {
		t.Fatal(err)
	}
	got := values(t, text)
	stamps(got)
	if !primed {
		for _, k := range []string{"history_rtt", "history_delta"} {
			ours, theirs := got[k].([]any), want[k].([]any)
			got[k] = ours[max(0, len(ours)-len(theirs)):]
		}
	}
	return got
}

// stamps makes all times of a state alike.
func stamps(state any) {
	s := state.(map[string]any)
	if s["last_transition_time"] != nil {
		s["last_transition_time"] = ""
	}
	for _, e := range s["transitions"].([]any) {
		e.(map[string]any)["timestamp"] = ""
	}
}

// TestFaultVectors runs the rows in which the Python program trips over its own
// state file. A field it cannot use has to count as missing, so that every row
// is as it would be without the field, and the field is named.
func TestFaultVectors(t *testing.T) {
	t.Parallel()
	dir := vectors(t)
	f := readVectors(t, filepath.Join(dir, "steering", "steering_badstate_persistent.jsonl"))
	fields := map[int]string{
		112: "red_count", 120: "rtt_delta_ewma", 128: "cake_read_failures", 136: "baseline_rtt",
		144: "transitions", 152: "current_state", 168: "rtt_delta_ewma", 176: "baseline_rtt",
	}
	cfg := vectorConfig(t, f.Config)
	r, without := NewReplay(cfg), NewReplay(cfg)
	rows, field := 0, ""
	for _, row := range f.rows {
		if !row.Bug {
			continue
		}
		rows++
		in, err := parseInput(row.In)
		if err != nil {
			t.Fatal(err)
		}
		r.next(in)
		if in.restart != nil {
			field = fields[row.I]
			if bad, err := NewLaw(&cfg).Load(in.restart.text); err != nil || !slices.Equal(bad, []string{field}) {
				t.Errorf("row %d: Load told of %q (%v), not of %s alone", row.I, bad, err, field)
			}
			in.restart = &restart{text: withoutField(t, in.restart.text, field)}
		}
		without.next(in)
		if got, want := r.AppendOut(nil), without.AppendOut(nil); !bytes.Equal(got, want) {
			t.Errorf("row %d, %s:\n got %s\nwant %s", row.I, field, got, want)
		}
		if decided := field != "baseline_rtt"; r.last.OK != decided {
			t.Errorf("row %d, %s: decided is %t", row.I, field, r.last.OK)
		}
	}
	t.Logf("%d rows marked as faults do as if the field were missing", rows)
	if rows != 64 {
		t.Errorf("%d rows, not 64", rows)
	}
}

func withoutField(t *testing.T, text []byte, field string) []byte {
	t.Helper()
	v := values(t, cycle.FiniteJSON(text))
	delete(v, field)
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCongestionVectors compares single assessments and smoothing steps.
func TestCongestionVectors(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(vectors(t), "congestion")

	f := readVectors(t, filepath.Join(dir, "assess.jsonl"))
	var header struct {
		Thresholds []struct {
			Yellow float64 `json:"yellow_rtt"`
			Red    float64 `json:"red_rtt"`
			Drops  int64   `json:"min_drops_red"`
			QueueY int64   `json:"min_queue_yellow"`
			QueueR int64   `json:"min_queue_red"`
		} `json:"thresholds"`
	}
	if err := json.Unmarshal(f.header, &header); err != nil {
		t.Fatal(err)
	}
	equal := 0
	for _, row := range f.rows {
		var in struct {
			T            int
			EWMA         float
			Drops, Queue int64
		}
		var want string
		if json.Unmarshal(row.In, &in) != nil || json.Unmarshal(row.Out, &want) != nil {
			t.Fatalf("row %d: %s", row.I, row.In)
		}
		h := header.Thresholds[in.T]
		th := Thresholds{YellowRTT: h.Yellow, RedRTT: h.Red, MinDropsRed: h.Drops, MinQueueYellow: h.QueueY, MinQueueRed: h.QueueR}
		if got := th.Assess(float64(in.EWMA), Queue{in.Drops, in.Queue}).String(); got != want {
			t.Errorf("assess row %d: %s, want %s", row.I, got, want)
			continue
		}
		equal++
	}
	t.Logf("assess: %d rows, %d equal", len(f.rows), equal)

	f = readVectors(t, filepath.Join(dir, "ewma.jsonl"))
	equal = 0
	refused := 0
	for _, row := range f.rows {
		var in struct{ Current, New, Alpha float }
		var out struct {
			Value float
			Error string
		}
		if json.Unmarshal(row.In, &in) != nil || json.Unmarshal(row.Out, &out) != nil {
			t.Fatalf("row %d: %s", row.I, row.In)
		}
		if out.Error != "" { // such an alpha is refused when the configuration is read
			if a := float64(in.Alpha); a >= 0 && a <= 1 {
				t.Errorf("ewma row %d: alpha %v is allowed", row.I, a)
			}
			refused++
			continue
		}
		got, want := smooth(float64(in.Current), float64(in.New), float64(in.Alpha)), float64(out.Value)
		if math.Float64bits(got) != math.Float64bits(want) && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("ewma row %d: %v, want %v", row.I, got, want)
			continue
		}
		equal++
	}
	t.Logf("ewma: %d rows, %d equal, %d refused by the configuration", len(f.rows), equal, refused)
}

// float is a number, or "nan", "inf", "-inf" as text.
type float float64

func (f *float) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	*f = float(v)
	return err
}
