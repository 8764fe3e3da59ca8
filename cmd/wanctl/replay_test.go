package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// vectorRoot returns the folder of the Python program's recordings, or skips.
func vectorRoot(t *testing.T) string {
	t.Helper()
	root := os.Getenv("WANCTL_VECTORS")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared", "vectors")
	}
	if _, err := os.Stat(root); err != nil {
		t.Skipf("no vectors at %s (set WANCTL_VECTORS)", root)
	}
	return root
}

// TestReplayEqualsThePythonProgram runs whole files through the verb's own path:
// the loader, the line reader, the law, the rows.
func TestReplayEqualsThePythonProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("much to compute for one goroutine")
	}
	t.Parallel()
	root := vectorRoot(t)
	for _, area := range []string{"autorate", "steering"} {
		files, err := filepath.Glob(filepath.Join(root, area, "*.jsonl"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no files of %s: %v", area, err)
		}
		t.Run(area, func(t *testing.T) {
			t.Parallel()
			compared, equal, faults := 0, 0, 0
			for _, path := range files {
				c, e, f := replayVectors(t, root, path)
				compared, equal, faults = compared+c, equal+e, faults+f
			}
			t.Logf("%s: %d rows compared, %d equal, %d faults not compared", area, compared, equal, faults)
			if compared != equal {
				t.Errorf("%d rows differ", compared-equal)
			}
		})
	}
}

func replayVectors(t *testing.T, root, path string) (compared, equal, faults int) {
	t.Helper()
	series, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(series), []byte("\n"))
	var head struct {
		Config  string `json:"config_file"`
		Faulty  bool   `json:"incumbent_bug"`
		BugFrom *int   `json:"bug_from"`
	}
	if err := json.Unmarshal(lines[0], &head); err != nil {
		t.Fatal(err)
	}
	p := &program{stderr: io.Discard, getenv: func(string) (string, bool) { return "", false }}
	daemon, _, law, err := p.loadLaw(filepath.Join(root, head.Config))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := replaySeries(bytes.NewReader(series), path, daemon, law, newRows(&out, "jsonl", nil)); err != nil {
		t.Fatal(err)
	}
	got := bufio.NewScanner(&out)
	for i, line := range lines[1:] {
		if !got.Scan() {
			t.Fatalf("%s: only %d rows", path, i)
		}
		var v struct {
			Out    map[string]any `json:"out"`
			Faulty bool           `json:"incumbent_bug"`
		}
		var g map[string]any
		if err := errors.Join(json.Unmarshal(line, &v), json.Unmarshal(got.Bytes(), &g)); err != nil {
			t.Fatal(err)
		}
		if v.Faulty || head.BugFrom != nil && i >= *head.BugFrom || head.Faulty && head.BugFrom == nil {
			faults++
			continue
		}
		compared++
		for _, notReplayed := range []string{"state", "log", "exc", "hist"} {
			delete(v.Out, notReplayed)
			delete(g, notReplayed)
		}
		if v.Out["ret"] == nil {
			v.Out["ret"] = false // it raised
		}
		if diff := cmp.Diff(v.Out, g); diff != "" {
			t.Errorf("%s row %d (-want +got):\n%s", path, i, diff)
			continue
		}
		equal++
	}
	return compared, equal, faults
}

func TestInputOfALine(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		line, want string
		bad        bool
	}{
		"a vector row":            {line: `{"i":0,"in":{"rtt":24.5,"wr":false},"out":{"load":1}}`, want: `{"rtt":24.5,"wr":false}`},
		"spaced":                  {line: `{ "in" : { "rtt" : null } , "i" : 1 }`, want: `{ "rtt" : null }`},
		"the input itself":        {line: `{"rtt":24.5}`, want: `{"rtt":24.5}`},
		"braces in text":          {line: `{"note":"}{\"in\":1","in":{"rtt":1}}`, want: `{"rtt":1}`},
		"a header":                {line: `{"area":"autorate","rows":3}`},
		"cut short":               {line: `{"i":0,"in":{"rtt":24.5}`, bad: true},
		"cut in text":             {line: `{"i":0,"note":"abc}`, bad: true},
		"a list":                  {line: `[1,2]`, bad: true},
		"text":                    {line: `rtt,wr`, bad: true},
		"two objects":             {line: `{"rtt":1}{"rtt":2}`, bad: true},
		"a comma before the end":  {line: `{"rtt":1,}`, bad: true},
		"no value":                {line: `{"rtt":}`, bad: true},
		"a backslash at the end":  {line: `{"a\`, bad: true},
		"no colon":                {line: `{"rtt"}`, bad: true},
		"closed by another brace": {line: `{"rtt":[1}`, bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := inputOf([]byte(tc.line))
			if (err != nil) != tc.bad || string(got) != tc.want {
				t.Errorf("inputOf(%s) = %q, %v; want %q, bad %v", tc.line, got, err, tc.want, tc.bad)
			}
		})
	}
}

// FuzzMembers: what encoding/json reads as an object, members reads alike; on
// anything else it may say what it likes, but comes back.
func FuzzMembers(f *testing.F) {
	for _, s := range []string{`{}`, `{"a":1,"b":[1,{"c":"}"}]}`, `{"a\"b":"\\"}`, `{"a":`, `{"a":1 ,  "b":null}`, `{"":"" }`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		b = bytes.TrimSpace(b)
		got := map[string]string{}
		err := members(b, func(key, value []byte) bool {
			var name string
			if json.Unmarshal(slices.Concat([]byte(`"`), key, []byte(`"`)), &name) == nil {
				got[name] = string(value)
			}
			return true
		})
		var want map[string]json.RawMessage
		if !json.Valid(b) || json.Unmarshal(b, &want) != nil || want == nil {
			return
		}
		if err != nil {
			t.Fatalf("members(%q): %v", b, err)
		}
		for name, value := range want {
			if got[name] != string(value) {
				t.Errorf("%q of %q is %q, want %q", name, b, got[name], value)
			}
		}
	})
}

func TestTableSettlesItsWidths(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	r := newRows(&b, "table", []string{"i", "delta", "wr"})
	for i, row := range []string{`{"delta":-0.09540000000000148,"wr":[5,1]}`, `{"delta":null,"wr":null}`, `{"delta":101.5,"wr":[500,100]}`} {
		if err := r.put([]byte(row), int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.flush(); err != nil {
		t.Fatal(err)
	}
	want := "i    delta       wr\n" +
		"0   -0.095      5 1\n" +
		"1        -        -\n" +
		"2  101.500  500 100\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
