package autorate

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
)

// scenario is a file of recorded cycles: what went into the Python program and
// what came out.
type scenario struct {
	name   string
	config string
	kind   string
	rows   []vector
}

// vector is one recorded cycle.
type vector struct {
	In     json.RawMessage `json:"in"`
	Out    recorded        `json:"out"`
	Note   string          `json:"note"`
	Faulty bool            `json:"incumbent_bug"`
}

// recorded is what came out, in the fields of Replay.AppendOut.
type recorded struct {
	RTT   *float64        `json:"rtt"`
	Load  *float64        `json:"load"`
	Base  *float64        `json:"base"`
	Delta *float64        `json:"delta"`
	DLZ   *string         `json:"dlz"`
	ULZ   *string         `json:"ulz"`
	DL    *int64          `json:"dl"`
	UL    *int64          `json:"ul"`
	Wr    []int64         `json:"wr"`
	Ret   bool            `json:"ret"` // null, it raised, reads as false
	DLS   []int64         `json:"dls"`
	ULS   []int64         `json:"uls"`
	State json.RawMessage `json:"state"`
	Log   [][2]string     `json:"log"`
}

// decided is recorded without what only some rows tell.
func (r recorded) decided() recorded {
	r.State, r.Log = nil, nil
	return r
}

// readScenario reads a file in the form of the vectors; faulty rows may hold
// anything, so of their output only what parses is kept.
func readScenario(t testing.TB, path string) scenario {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	var header struct {
		Name   string `json:"name"`
		Config string `json:"config_file"`
		Kind   string `json:"kind"`
	}
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &header) != nil {
		t.Fatalf("%s has no header", path)
	}
	s := scenario{name: header.Name, kind: header.Kind}
	s.config = strings.TrimSuffix(filepath.Base(header.Config), ".yaml")
	for lines.Scan() {
		var v vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil && !v.Faulty && !bytes.Contains(lines.Bytes(), []byte(`"incumbent_bug":true`)) {
			t.Fatalf("%s: row %d: %v", path, len(s.rows), err)
		}
		v.Faulty = v.Faulty || bytes.Contains(lines.Bytes(), []byte(`"incumbent_bug":true`))
		s.rows = append(s.rows, v)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return s
}

// vectorFiles returns the recordings of the Python program, which lie beside the
// module, or skips the test where they are not.
func vectorFiles(t testing.TB, pattern string) []string {
	t.Helper()
	root := os.Getenv("WANCTL_VECTORS")
	for dir, _ := os.Getwd(); root == ""; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			root = filepath.Join(dir, "..", "shared", "vectors")
		} else if dir == filepath.Dir(dir) {
			break
		}
	}
	files, _ := filepath.Glob(filepath.Join(root, pattern))
	if len(files) == 0 {
		t.Skipf("no vectors at %s (set WANCTL_VECTORS): only the extract in testdata is tested", root)
	}
	return files
}

// testConfigs returns the configurations that the scenarios name, as numbers.
func testConfigs(t testing.TB) map[string]Config {
	t.Helper()
	b, err := os.ReadFile("testdata/configs.json")
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		t.Fatal(err)
	}
	configs := map[string]Config{}
	for name, r := range raw {
		c := DefaultConfig()
		c.DownloadQueue, c.UploadQueue = "Down", "Up"
		if err := json.Unmarshal(r, &c); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		configs[name] = c
	}
	return configs
}

// score counts rows.
type score struct{ compared, equal, faults, right int }

func (s score) String() string {
	return fmt.Sprintf("%5d compared %5d equal %4d faults %4d right", s.compared, s.equal, s.faults, s.right)
}

func TestLawEqualsThePythonProgram(t *testing.T) {
	t.Parallel()
	testScenarios(t, vectorFiles(t, "autorate/*.jsonl"))
}

func TestLawEqualsTheExtract(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/law/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatalf("no extract: %v", err)
	}
	testScenarios(t, files)
}

// testScenarios runs scenarios through the law, once by Replay and once by the
// loop's Turn with everything around it, and logs a table of what was equal.
func testScenarios(t *testing.T, files []string) {
	configs := testConfigs(t)
	kinds := map[string]score{}
	for _, path := range files {
		s := readScenario(t, path)
		cfg, ok := configs[s.config]
		if !ok {
			t.Fatalf("%s: no configuration %q", path, s.config)
		}
		k := kinds[s.kind]
		replayed(t, s, cfg, &k)
		turned(t, s, cfg)
		kinds[s.kind] = k
	}
	var sum score
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		k := kinds[kind]
		t.Logf("%-10s %v", kind, k)
		sum = score{sum.compared + k.compared, sum.equal + k.equal, sum.faults + k.faults, sum.right + k.right}
	}
	t.Logf("%-10s %v", "all", sum)
	if sum.equal != sum.compared || sum.right != sum.faults {
		t.Errorf("not all rows are equal: %v", sum)
	}
}

// mended replays the faulty rows' inputs after the state file was put right by
// hand: what is wrong in it is left out. That is what the rows should be.
var mended = map[string]string{
	"download is a list": `{"upload":{"green_streak":0,"red_streak":0},"ewma":{"baseline_rtt":18,"load_rtt":18}}`,
	"upload is a list":   `{"download":{"green_streak":0,"soft_red_streak":0,"red_streak":0,"current_rate":123456789},"ewma":{"baseline_rtt":18,"load_rtt":18}}`,
	"rate null":          `{"download":{},"upload":{},"ewma":{"baseline_rtt":18,"load_rtt":18}}`,
	"rate string":        `{"download":{},"upload":{},"ewma":{"baseline_rtt":18,"load_rtt":18}}`,
	"streak string":      `{"download":{},"upload":{},"ewma":{"baseline_rtt":18,"load_rtt":18}}`,
	"baseline zero":      `{"download":{},"upload":{}}`,
	"baseline negative":  `{"download":{},"upload":{}}`,
	"baseline huge":      `{"download":{},"upload":{}}`,
	"baseline null":      `{"download":{},"upload":{},"ewma":{"load_rtt":18}}`,
	"baseline string":    `{"download":{},"upload":{},"ewma":{"load_rtt":18}}`,
	"baseline NaN":       `{"download":{},"upload":{},"ewma":{"load_rtt":18}}`,
	"load Infinity":      `{"download":{},"upload":{},"ewma":{"baseline_rtt":18}}`,
}

// replayed runs a scenario through Replay.
func replayed(t *testing.T, s scenario, cfg Config, k *score) {
	t.Helper()
	r, right := NewReplay(cfg), NewReplay(cfg)
	for i, v := range s.rows {
		got := runRow(t, r, v.In)
		want := v.Out.decided()
		if v.Faulty {
			k.faults++
			in := v.In
			if v.Note != "" {
				in = withState(t, in, mended[v.Note])
			}
			want = runRow(t, right, in)
		} else {
			k.compared++
		}
		diff := cmp.Diff(want, got)
		switch {
		case diff != "":
			t.Errorf("%s row %d (-want +got):\n%s", s.name, i, diff)
		case v.Faulty:
			k.right++
		default:
			k.equal++
		}
		if v.Out.State != nil && !v.Faulty {
			compareState(t, fmt.Sprintf("%s row %d", s.name, i), v.Out.State, r.good.Value)
		}
	}
}

func runRow(t *testing.T, r *Replay, in json.RawMessage) (out recorded) {
	t.Helper()
	if err := r.Row(in); err != nil {
		t.Fatalf("row %s: %v", in, err)
	}
	if err := json.Unmarshal(r.AppendOut(nil), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// withState returns a row's input with another state file.
func withState(t *testing.T, in json.RawMessage, state string) json.RawMessage {
	t.Helper()
	if state == "" {
		t.Fatalf("it is not written down what is right for %s", in)
	}
	var keys map[string]any
	if err := json.Unmarshal(in, &keys); err != nil {
		t.Fatal(err)
	}
	keys["restart"] = map[string]string{"raw": state}
	b, err := json.Marshal(keys)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func compareState(t *testing.T, where string, want json.RawMessage, s State) {
	t.Helper()
	var wanted, got map[string]any
	if err := errors.Join(json.Unmarshal(want, &wanted), json.Unmarshal(s.encode(time.Now()), &got)); err != nil {
		t.Fatal(err)
	}
	delete(wanted, "timestamp")
	delete(got, "timestamp")
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("%s: state file (-want +got):\n%s", where, diff)
	}
}

// turned runs a scenario through the loop's Turn, with a state file in memory.
func turned(t *testing.T, s scenario, cfg Config) {
	t.Helper()
	world := &world{cfg: cfg}
	a := New(cfg, world, world, world, false, slog.New(slog.DiscardHandler))
	timer := cycle.NewTimer(cycle.Autorate, nil)
	for i, v := range s.rows {
		if v.Faulty {
			continue // each group begins with a restart of its own
		}
		world.row = row{}
		if err := json.Unmarshal(v.In, &world.row); err != nil {
			t.Fatal(err)
		}
		if world.restart(t, a) {
			a = New(cfg, world, world, world, false, slog.New(slog.DiscardHandler))
			a.Restore()
		}
		world.wrote = nil
		timer.Begin(time.Now())
		d, err := a.Turn(t.Context(), timer)
		got := recorded{
			RTT: v.Out.RTT, Load: &d.Load.Value, Base: &d.Baseline.Value,
			DL: &d.Download.Rate.Value, UL: &d.Upload.Rate.Value, Wr: world.wrote, Ret: err == nil,
			DLS: []int64{a.state.Download.Green, a.state.Download.SoftRed, a.state.Download.Red},
			ULS: []int64{a.state.Upload.Green, a.state.Upload.Red},
		}
		if d.Delta.Known {
			dlz, ulz := d.Download.Zone.String(), d.Upload.Zone.String()
			got.Delta, got.DLZ, got.ULZ = &d.Delta.Value, &dlz, &ulz
		}
		if diff := cmp.Diff(v.Out.decided(), got); diff != "" {
			t.Fatalf("%s row %d by Turn (-want +got):\n%s", s.name, i, diff)
		}
		if v.Out.RTT != nil && *v.Out.RTT != d.RTT.Value {
			t.Fatalf("%s row %d: RTT %v, want %v", s.name, i, d.RTT.Value, *v.Out.RTT)
		}
	}
}
