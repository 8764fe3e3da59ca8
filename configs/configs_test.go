package configs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
)

// example returns a shipped example with some of its text replaced, pairwise.
func example(t testing.TB, name string, oldnew ...string) []byte {
	t.Helper()
	text, err := Examples.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(oldnew); i += 2 {
		if strings.Count(string(text), oldnew[i]) != 1 {
			t.Fatalf("%q is in %s %d times, want once", oldnew[i], name, strings.Count(string(text), oldnew[i]))
		}
		text = []byte(strings.ReplaceAll(string(text), oldnew[i], oldnew[i+1]))
	}
	return text
}

const (
	wan1  = "wan1.yaml.example"
	steer = "steering.yaml.example"
)

func env(pairs ...string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1], true
			}
		}
		return "", false
	}
}

var secret = env("ROUTER_PASSWORD", "correct horse")

func TestExamplesLoadInAnEmptyEnvironment(t *testing.T) {
	t.Parallel()
	_, a := ReadAutorate(wan1, example(t, wan1), noEnv)
	_, s := ReadSteering(steer, example(t, steer), noEnv)
	for _, fs := range []Findings{a, s} {
		if len(fs.Errors()) > 0 {
			t.Errorf("errors:\n%s", fs.Errors())
		}
		unset := slices.DeleteFunc(fs.Warnings(), func(f Finding) bool { return !f.Unset })
		if len(unset) != 1 || unset[0].Key != "router.password" {
			t.Errorf("unset variables:\n%s", unset)
		}
		if errors := fs.ForStart().Errors(); len(errors) != 1 || errors[0].Key != "router.password" {
			t.Errorf("errors when a daemon starts:\n%s", errors)
		}
	}
}

// TestFindings tells, by whole lines, what is said of files with something wrong.
func TestFindings(t *testing.T) {
	t.Parallel()
	const hosts = "a list, of which each is an IP address or a host name: letters, digits, dots, hyphens"
	listed := func(what string) string {
		return `[ping_hosts: ["${H1}", 5, 1.1.1.1, "${H2}", 5, [9.9.9.9]]] continuous_monitoring.ping_hosts: ` + what + "\n"
	}
	ceiling := func(v string) []string { return []string{"ceiling_mbps: 500", "ceiling_mbps: " + v} }
	for name, tt := range map[string]struct {
		edit []string
		want string // all findings but those of the unedited example
	}{
		"number out of range": {
			ceiling("10001"), "[ceiling_mbps: 10001] continuous_monitoring.download.ceiling_mbps: 10001 is out of range (1 to 10000 Mbit/s)\n",
		},
		"quoted number": {
			ceiling(`"500"`), `[ceiling_mbps: "500"] continuous_monitoring.download.ceiling_mbps: "500" is text, not a number: take the quotes away (1 to 10000 Mbit/s)` + "\n",
		},
		"number that YAML 1.1 reads as text": {
			ceiling("5e2"), `[ceiling_mbps: 5e2] continuous_monitoring.download.ceiling_mbps: "5e2" is text to a YAML 1.1 reader, not a number: write it in plain digits (1 to 10000 Mbit/s)` + "\n",
		},
		"octal number": {
			ceiling("0764"), "[ceiling_mbps: 0764] continuous_monitoring.download.ceiling_mbps: 0764 reads as 500; write it so\n",
		},
		"sexagesimal number": {
			ceiling("8:20"), "[ceiling_mbps: 8:20] continuous_monitoring.download.ceiling_mbps: 8:20 reads as 500; write it so\n",
		},
		"not a number": {
			ceiling(".nan"), "[ceiling_mbps: .nan] continuous_monitoring.download.ceiling_mbps: .nan is no finite number (1 to 10000 Mbit/s)\n",
		},
		"empty value": {
			ceiling(""), "[ceiling_mbps:] continuous_monitoring.download.ceiling_mbps: is empty (1 to 10000 Mbit/s)\n",
		},
		"list for a number": {
			ceiling("[500]"), "[ceiling_mbps: [500]] continuous_monitoring.download.ceiling_mbps: is a list (1 to 10000 Mbit/s)\n",
		},
		"misspelt key": {
			[]string{"hard_red_bloat_ms: 80", "hard_red_bloat: 80"},
			"[hard_red_bloat: 80] continuous_monitoring.thresholds.hard_red_bloat: is no known key (did you mean continuous_monitoring.thresholds.hard_red_bloat_ms?)\n",
		},
		"key in the wrong section": {
			[]string{"  target_bloat_ms: 15", "  target_bloat_ms: 15\n    step_up_mbps: 1"},
			"[step_up_mbps: 1] continuous_monitoring.thresholds.step_up_mbps: is no known key (did you mean continuous_monitoring.download.step_up_mbps?)\n",
		},
		"misspelt section": {
			[]string{"wan_name: wan1", "wan_name: wan1\nrecorderr: {path: a.db}"}, "[recorderr: {path: a.db}] recorderr: is no known key (did you mean recorder?)\n",
		},
		"misspelt section in a section": {
			[]string{"continuous_monitoring:\n", "continuous_monitoring:\n  uplod: {step_up_mbps: 1}\n"},
			"[uplod: {step_up_mbps: 1}] continuous_monitoring.uplod: is no known key (did you mean continuous_monitoring.upload?)\n",
		},
		"section in the wrong section": {
			[]string{"wan_name: wan1", "wan_name: wan1\nthresholds: {a: 1}"}, "[thresholds: {a: 1}] thresholds: is no known key (did you mean continuous_monitoring.thresholds?)\n",
		},
		"a value is no misspelt section": {
			[]string{"wan_name: wan1", "wan_name: wan1\nrecorderr: 5"}, "[recorderr: 5] recorderr: is no known key\n",
		},
		"key like no other": {
			[]string{"wan_name: wan1", "wan_name: wan1\ncolour: blue"}, "[colour: blue] colour: is no known key\n",
		},
		"key given twice": {
			[]string{"wan_name: wan1", "wan_name: wan1\nwan_name: wan1"}, "[wan_name: wan1] wan_name: is given twice, first on line 11 (once)\n",
		},
		"key with a dot is no path": {
			[]string{"wan_name: wan1", "wan_name: wan1\nrouter.host: 10.0.0.1"}, `[router.host: 10.0.0.1] "router.host": is no known key (did you mean router.host?)` + "\n",
		},
		"key with a line break": {
			[]string{"wan_name: wan1", "wan_name: wan1\n\"a\\nb\": 1"}, `["a\nb": 1] "a\nb": is no known key` + "\n",
		},
		"every item of a list": {
			[]string{"ping_hosts: [1.1.1.1, 8.8.8.8, 9.9.9.9]", `ping_hosts: ["${H1}", 5, 1.1.1.1, "${H2}", 5, [9.9.9.9]]`},
			listed("${H1} is not set in the environment (set it, or write the value here)") +
				listed("${H2} is not set in the environment (set it, or write the value here)") +
				listed("is a list ("+hosts+")") +
				listed("5 is a whole number, not text: put it in quotes ("+hosts+")"),
		},
		"every item of a list, at its line": {
			[]string{"  ping_hosts: [1.1.1.1, 8.8.8.8, 9.9.9.9]", "  ping_hosts:\n    - -f\n    - 1.1.1.1\n    - a b"},
			`[- -f] continuous_monitoring.ping_hosts: "-f" has a part that begins or ends with a hyphen (` + hosts + ")\n" +
				`[- a b] continuous_monitoring.ping_hosts: "a b" holds ' ' (` + hosts + ")\n",
		},
		"everything at once, in the order of lines": {
			[]string{"wan_name: wan1", "wan_name: my wan", "target_bloat_ms: 15", "target_bloat_ms: 45", "floor_yellow_mbps: 75", "floor_yellow_mbps: 175"},
			`[wan_name: my wan] wan_name: "my wan" holds ' ' (1 to 64 letters, digits or any of . _ -)` + "\n" +
				"[floor_yellow_mbps: 175] continuous_monitoring.download.floor_yellow_mbps: 175 Mbit/s is above floor_green_mbps (at most 100 Mbit/s; the order is red, soft red, yellow, green, ceiling)\n" +
				"[warn_bloat_ms: 45] continuous_monitoring.thresholds.warn_bloat_ms: 45 ms is not above target_bloat_ms (above 45 ms)\n",
		},
		"a value that cannot be read makes no second error": {
			[]string{"target_bloat_ms: 15", "target_bloat_ms: soon"},
			`[target_bloat_ms: soon] continuous_monitoring.thresholds.target_bloat_ms: "soon" is text, not a number (above 0, at most 1000 ms)` + "\n",
		},
		"missing key, at its section": {
			[]string{"    alpha_load: 0.2\n", ""}, "[thresholds:] continuous_monitoring.thresholds.alpha_load: is missing (0.01 to 1)\n",
		},
		"section that is none": {
			[]string{"queues:\n  download: WAN-Download-1\n  upload: WAN-Upload-1", "queues: two"},
			"[queues: two] queues: is text (a section: keys below it, indented)\n",
		},
		"one of the choices": {
			[]string{"transport: rest", "transport: telnet"}, `[transport: telnet] router.transport: "telnet" is not one of the choices (api, rest or ssh)` + "\n",
		},
		"reflector that is an option": {
			[]string{"ping_hosts: [1.1.1.1, 8.8.8.8, 9.9.9.9]", "ping_hosts: [-f]"},
			`[ping_hosts: [-f]] continuous_monitoring.ping_hosts: "-f" has a part that begins or ends with a hyphen (a list, of which each is an IP address or a host name: letters, digits, dots, hyphens)` + "\n",
		},
		"reflector that is no address": {
			[]string{"ping_hosts: [1.1.1.1, 8.8.8.8, 9.9.9.9]", "ping_hosts: [1.1.1.256]"},
			`[ping_hosts: [1.1.1.256]] continuous_monitoring.ping_hosts: "1.1.1.256" looks like an IP address and is none` + "\n",
		},
		"line break at the end of a name": {
			[]string{"download: WAN-Download-1", `download: "WAN-Download-1\n"`},
			`[download: "WAN-Download-1\n"] queues.download: "WAN-Download-1\n" ends in a line break (1 to 64 letters, digits or any of . _ -)` + "\n",
		},
		"switched off": {
			[]string{"enabled: true\n\n", "enabled: off\n\n"}, "[enabled: off] continuous_monitoring.enabled: is false: this WAN is left alone (autorate does not start with it: true, or leave the file out)\n",
		},
		"a WAN that has steering's name": {
			[]string{"wan_name: wan1", "wan_name: steering"},
			"[wan_name: steering] wan_name: is the steering daemon's name: its lock, state and log files are named so too (another one, such as wan1)\n",
		},
		"state file elsewhere": {
			[]string{"state_file: /run", "state_file: /var"},
			"[state_file: /var/wanctl/wan1_state.json] state_file: has no effect, as in the Python program (the state is in /run/wanctl/wan1_state.json, named after lock_file)\n",
		},
		"foreign tag": {
			ceiling("!!python/name:os.system 5"),
			"[ceiling_mbps: !!python/name:os.system 5] continuous_monitoring.download.ceiling_mbps: carries the tag !!python/name:os.system (plain values alone)\n",
		},
		"length of time without a unit it knows": {
			[]string{"flush_interval: 60s", "flush_interval: 1 fortnight"},
			`[flush_interval: 1 fortnight] recorder.flush_interval: "1 fortnight" is text, not a length of time (1 s to 1 h)` + "\n",
		},
		"size out of range": {
			[]string{"max_size: 256 MiB", "max_size: 1 MiB"}, `[max_size: 1 MiB] recorder.max_size: "1 MiB" is out of range (4 MiB to 1 TiB)` + "\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, usual := ReadAutorate("F", example(t, wan1), secret)
			text := example(t, wan1, tt.edit...)
			_, findings := ReadAutorate("F", text, secret)
			checkFindings(t, text, findings)
			findings = slices.DeleteFunc(findings, func(f Finding) bool {
				return slices.ContainsFunc(usual, func(u Finding) bool { return u.Key == f.Key && u.Wrong == f.Wrong })
			})
			if diff := cmp.Diff(tt.want, atTheirLines(findings, text)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// atTheirLines prints findings with the line they point at instead of its number.
func atTheirLines(findings Findings, text []byte) string {
	b := new(strings.Builder)
	lines := strings.Split(string(text), "\n")
	for _, f := range findings {
		_, rest, _ := strings.Cut(f.String(), ": ")
		fmt.Fprintf(b, "[%s] %s\n", strings.TrimSpace(lines[f.Line-1]), rest)
	}
	return b.String()
}

// TestUnusableFiles tells what is said of files that are no configuration at all:
// one finding.
func TestUnusableFiles(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ text, want string }{
		"empty":          {"", "F:1: holds no keys (start from the example configuration)"},
		"only a comment": {"# nothing\n", "F:1: holds no keys (start from the example configuration)"},
		"only null":      {"~\n", "F:1: holds no keys (start from the example configuration)"},
		"list":           {"\n- a\n", "F:2: is no mapping of keys to values (start from the example configuration)"},
		"binary":         {"wan_name: a\n\x00", "F:2: is no UTF-8 text: byte 0x00 (save the file as UTF-8)"},
		"latin-1":        {"wan_name: a\n# caf\xe9\n", "F:2: is no UTF-8 text: byte 0xe9 (save the file as UTF-8)"},
		"tab":            {"a: 1\nb:\n\tc: 1\n", "F:3: is no valid YAML: found character that cannot start any token"},
		"two documents":  {"a: 1\n---\nb: 1\n", "F:2: a second document begins here (one document a file)"},
		"huge":           {strings.Repeat("#", maxSize+1), "F:1: is larger than a configuration can be (at most 256 KiB)"},
		"steering's":     {string(example(t, steer)), "F:12: is a configuration for steering, not for autorate (use it with: wanctl steering)"},
		"deep nesting":   {"a: " + strings.Repeat("[", 200_000), "F:1: is no valid YAML: exceeded max depth of 10000"},
		"merge bomb":     {mergeBomb(), "F:1: stands for too many keys, once its anchors are followed (at most 10000)"},
		"endless merge":  {"queues: &q\n  <<: *q\n", "F:1: stands for too many keys, once its anchors are followed (at most 10000)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			a, findings := ReadAutorate("F", []byte(tt.text), noEnv)
			if a != nil {
				t.Error("there is a configuration all the same")
			}
			if diff := cmp.Diff(tt.want+"\n", findings.String()); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// mergeBomb is a few lines that stand for 10^9 keys.
func mergeBomb() string {
	b := new(strings.Builder)
	b.WriteString("a0: &a0 {x: 1}\n")
	for i := 1; i < 10; i++ {
		fmt.Fprintf(b, "a%d: &a%d {<<: [%s]}\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	b.WriteString("queues:\n  <<: *a9\n")
	return b.String()
}

func TestFilesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		pipe:                            "cannot be read: is no regular file",
		filepath.Join(dir, "none.yaml"): "cannot be read: no such file or directory",
		dir:                             "cannot be read: is no regular file",
		"/dev/zero":                     "cannot be read: is no regular file",
	} {
		a, findings := LoadAutorate(path, noEnv)
		if a != nil || len(findings) != 1 || findings[0].Wrong != want || findings[0].File != path {
			t.Errorf("%s: %v, want %s", path, findings, want)
		}
		if _, err := Kind(path); err == nil {
			t.Errorf("%s has a kind", path)
		}
	}
}

func TestKind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, tt := range map[string]struct {
		text []byte
		want cycle.Daemon
	}{
		"wan.yaml":      {example(t, wan1), cycle.Autorate},
		"steering.yaml": {example(t, steer), cycle.Steering},
		"neither.yaml":  {[]byte("a: 1\n"), ""},
		"both.yaml":     {[]byte("queues: {}\ntopology: {}\n"), ""},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, tt.text, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Kind(path)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%s: %q, %v, want %q", name, got, err, tt.want)
		}
		if err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("%v does not name the file", err)
		}
	}
}

func TestConflicts(t *testing.T) {
	t.Parallel()
	load := func(path string, oldnew ...string) *Autorate {
		a, findings := ReadAutorate(path, example(t, wan1, oldnew...), secret)
		if a == nil {
			t.Fatal(findings)
		}
		return a
	}
	own := []string{
		"wan_name: wan1", "wan_name: wan2", "download: WAN-Download-1", "download: WAN-Download-2", "upload: WAN-Upload-1", "upload: WAN-Upload-2",
	}
	lock := func(path string) []string { return []string{"lock_file: /run/wanctl/wan1.lock", "lock_file: " + path} }
	const (
		otherLock = "/run/wanctl/wan2.lock"
		section   = "recorder:\n  enabled: true\n  path: /var/lib/wanctl/profile.db\n"
		kept      = ", which records into the same file /var/lib/wanctl/profile.db (the same for all WANs of a file)\n"
	)
	for name, tt := range map[string]struct {
		edit []string // beside what each WAN has of its own
		want string
	}{
		"nothing shared":   {lock(otherLock), ""},
		"queue":            {append(lock(otherLock), "upload: WAN-Upload-2", "upload: WAN-Upload-1"), "29: queues.upload: \"WAN-Upload-1\" is taken by a.yaml (one of its own for each WAN)\n"},
		"lock file":        {lock("/run/wanctl/../wanctl/wan1.lock"), "88: lock_file: \"/run/wanctl/wan1.lock\" is taken by a.yaml (one of its own for each WAN)\n"},
		"state file":       {lock("/run/wanctl/wan1.pid"), "88: lock_file: stands for the state file \"/run/wanctl/wan1_state.json\", which is taken by a.yaml (one of its own for each WAN)\n"},
		"another recorder": {append(lock(otherLock), "path: /var/lib/wanctl/profile.db", "path: b.db", "keep_cycles: 7d", "keep_cycles: 1d"), ""},
		"no recorder":      {append(lock(otherLock), section, strings.Replace(section, "true", "false", 1), "keep_cycles: 7d", "keep_cycles: 1d"), ""},
		"recorder": {
			append(lock(otherLock), "path: /var/lib/wanctl/profile.db", "path: /var/lib//wanctl/profile.db",
				"flush_interval: 60s", "flush_interval: 30s", "keep_cycles: 7d", "keep_cycles: 1d", "keep_minutes: 90d", "keep_minutes: 30d", "keep_hours: 5y", "keep_hours: 1y", "max_size: 256 MiB", "max_size: 1 GiB"),
			strings.ReplaceAll("102: recorder.flush_interval: is 30 s, but 1 min in a.yaml"+kept+
				"103: recorder.keep_cycles: is 1 d, but 7 d in a.yaml"+kept+
				"104: recorder.keep_minutes: is 30 d, but 90 d in a.yaml"+kept+
				"105: recorder.keep_hours: is 1 y, but 5 y in a.yaml"+kept+
				"106: recorder.max_size: is 1 GiB, but 256 MiB in a.yaml"+kept, "file /var/lib/", "file /var/lib//"),
		},
		"recorder, by a default": {
			append(lock(otherLock), "  flush_interval: 60s\n  keep_cycles: 7d\n  keep_minutes: 90d\n  keep_hours: 5y\n  max_size: 256 MiB\n", "  keep_cycles: 1d\n"),
			"102: recorder.keep_cycles: is 1 d, but 7 d in a.yaml" + kept,
		},
	} {
		other := load("b.yaml", append(slices.Clone(own), tt.edit...)...)
		want := tt.want
		if want != "" {
			want = "b.yaml:" + strings.ReplaceAll(strings.TrimSuffix(want, "\n"), "\n", "\nb.yaml:") + "\n"
		}
		if diff := cmp.Diff(want, Conflicts(load("a.yaml"), other).String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := Conflicts(load("a.yaml")); got != nil {
		t.Errorf("a single WAN is in conflict with itself: %s", got)
	}
	// What follows from the section's defaults is told at the section.
	a, b := load("a.yaml", "keep_cycles: 7d", "keep_cycles: 1d"), load("b.yaml", append(append(slices.Clone(own), lock(otherLock)...), "  keep_cycles: 7d\n", "")...)
	if diff := cmp.Diff("b.yaml:98: recorder.keep_cycles: is 7 d, but 1 d in a.yaml"+kept, Conflicts(a, b).String()); diff != "" {
		t.Errorf("defaults (-want +got):\n%s", diff)
	}
}

// TestEveryRecorderSettingIsCompared keeps a new setting of the recorder among
// those that WANs of one recording must agree on.
func TestEveryRecorderSettingIsCompared(t *testing.T) {
	t.Parallel()
	for _, s := range (&newAutorate("").Recorder).Settings() {
		if s.Key != "recorder.enabled" && s.Key != "recorder.path" && amount(s) == "" {
			t.Errorf("%s is not compared", s.Key)
		}
	}
}

// TestRecorder finds where a daemon records, whatever else is wrong with its file.
func TestRecorder(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		edit []string
		want string // findings
	}{
		"another key is wrong": {[]string{"ceiling_mbps: 500", "ceiling_mbps: x", "path: /var/lib/wanctl/profile.db", "path: a.db"}, ""},
		"no section":           {[]string{"recorder:\n  enabled: true\n  path: /var/lib/wanctl/profile.db\n", "unknown:\n"}, ""},
		"the path is wrong":    {[]string{"path: /var/lib/wanctl/profile.db", "path: 5"}, "recorder.path: 5 is a whole number, not text: put it in quotes (a path without control characters)"},
		"the path is unset":    {[]string{"path: /var/lib/wanctl/profile.db", "path: ${NONE}"}, "recorder.path: ${NONE} is not set in the environment (set it, or write the value here)"},
	} {
		path := filepath.Join(t.TempDir(), "wan1.yaml")
		if err := os.WriteFile(path, example(t, wan1, tt.edit...), 0o600); err != nil {
			t.Fatal(err)
		}
		got, findings := Recorder(cycle.Autorate, path, noEnv)
		if tt.want == "" {
			want := "a.db"
			if name == "no section" {
				want = "/var/lib/wanctl/profile.db"
			}
			if err := findings.Err(); err != nil || got != want {
				t.Errorf("%s: %q, %v", name, got, err)
			}
		} else if err := findings.Errors().Err(); err == nil || !strings.HasSuffix(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
}

func TestOldKeyNamesAreRead(t *testing.T) {
	t.Parallel()
	s, findings := ReadSteering("F", example(t, steer, "primary_download: WAN-Download-1", "spectrum_download: Old"), secret)
	if s == nil || s.Daemon.DownloadQueue != "Old" {
		t.Fatal(findings)
	}
	s, findings = ReadSteering("F", example(t, steer, "primary_download: WAN-Download-1", "spectrum_download: Old\n  primary_download: New"), secret)
	if s == nil || s.Daemon.DownloadQueue != "New" {
		t.Fatal(findings)
	}
}

func TestAnchorsAndMergeKeys(t *testing.T) {
	t.Parallel()
	text := example(t, wan1, "\nwan_name: wan1", "\nshared: &shared {ceiling_mbps: 33, step_up_mbps: 2}\nwan_name: wan1",
		"    ceiling_mbps: 50\n    step_up_mbps: 1\n", "    <<: *shared\n    step_up_mbps: 1\n", "ping_hosts: [1.1.1.1, 8.8.8.8, 9.9.9.9]", "ping_hosts: [&h 1.1.1.1, *h]")
	a, findings := ReadAutorate("F", text, secret)
	if a == nil {
		t.Fatal(findings)
	}
	if d := a.Daemon; d.Upload.Ceiling != 33 || d.Upload.StepUp != 1 || !slices.Equal(d.PingHosts, []string{"1.1.1.1", "1.1.1.1"}) {
		t.Errorf("%+v %q", d.Upload, d.PingHosts)
	}
}

// TestDeclarations keeps what the rooms declare readable by this package.
func TestDeclarations(t *testing.T) {
	t.Parallel()
	for _, parts := range [][]cycle.Configurable{newAutorate("").parts(), newSteering("").parts()} {
		seen := map[string]bool{}
		for _, s := range declare(parts).order {
			_, isNamed := named[s.Range]
			_, isInterval := parseInterval(s.Range)
			if s.Range != "" && !isNamed && !isInterval && alternatives(s.Range) == nil {
				t.Errorf("%s: range %q cannot be read", s.Key, s.Range)
			}
			if s.Into != nil && typeWords(s) == "" || s.Into == nil && !s.Required {
				t.Errorf("%s: type %T cannot be read", s.Key, s.Into)
			}
			if !regexp.MustCompile(`^[a-z0-9_]+(\.[a-z0-9_]+)*$`).MatchString(s.Key) || s.Doc == "" || seen[s.Key] {
				t.Errorf("%q: an odd name, no documentation, or declared twice", s.Key)
			}
			seen[s.Key] = true
		}
	}
}
