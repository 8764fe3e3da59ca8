package configs

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"wanctl/cycle"
)

// FuzzRead feeds any text: no panic, no configuration with an error, every finding
// on a line of the file and about a key that is in it or declared, and what was
// accepted can be told and read again.
func FuzzRead(f *testing.F) {
	f.Add(example(f, wan1))
	f.Add(example(f, steer))
	f.Add([]byte("a: &a [*a, {<<: *a, ? [x] : y}]\nqueues: {download: !!int ${X}, <<: [*a]}\n"))
	f.Add([]byte(mergeBomb()))
	f.Add([]byte("\xef\xbb\xbfwan_name: é\r\nrouter: {host: }\r\n"))
	files, _ := filepath.Glob(filepath.Join("testdata", "*.yaml"))
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		getenv := env("X", "5", "ROUTER_PASSWORD", "s3cr3t-of-the-router")
		a, findings := ReadAutorate("F", text, getenv)
		checkAll(t, text, findings, a == nil, newAutorate("").parts())
		if a != nil && len(findings.ForStart().Errors()) == 0 { // a daemon would start with it
			if again, more := ReadAutorate("F", []byte(a.JSON()), noEnv); again == nil {
				t.Errorf("accepted, but not read again:\n%s\n%s", more, a.JSON())
			} else if again.JSON() != a.JSON() {
				t.Errorf("reads again as something else:\n%s\n%s", a.JSON(), again.JSON())
			}
			findings = append(findings, Finding{Wrong: a.Describe()})
		}
		s, more := ReadSteering("F", text, getenv)
		checkAll(t, text, more, s == nil, newSteering("").parts())
		if s != nil {
			more = append(more, Finding{Wrong: s.Describe()})
		}
		if said := findings.String() + more.String(); strings.Contains(said, "s3cr3t") && !strings.Contains(string(text), "s3cr3t") {
			t.Errorf("the secret is in what is said:\n%s", said)
		}
	})
}

func checkAll(t *testing.T, text []byte, findings Findings, refused bool, parts []cycle.Configurable) {
	t.Helper()
	checkFindings(t, text, findings)
	if refused != (len(findings.Errors()) > 0) {
		t.Errorf("refused: %v, with errors:\n%s", refused, findings.Errors())
	}
	d := declare(parts)
	for _, f := range findings {
		if d.settings[f.Key] == nil && !d.sections[f.Key] && !strings.ContainsAny(string(text)+f.Key, `\'"`) {
			// Keys in quotes may be written with escapes, and those of several
			// lines are joined by blanks; the words of all others are in the file.
			for _, word := range strings.Fields(f.Key[strings.LastIndexByte(f.Key, '.')+1:]) {
				if !strings.Contains(string(text), word) {
					t.Errorf("%v: the key is neither declared nor in the file", f)
				}
			}
		}
		if strings.ContainsAny(f.String(), "\n\x00\x1b") {
			t.Errorf("%q has control characters", f.String())
		}
	}
}
