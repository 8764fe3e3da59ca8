package doctor

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// environments are files of NAME=value lines, with what systemd makes of them.
var environments = []struct {
	name, text string
	want       map[string]string
}{
	{"plain", "A=1\nB=two words\n", map[string]string{"A": "1", "B": "two words"}},
	{"no line break at the end", "A=1", map[string]string{"A": "1"}},
	{"the last of a name counts", "A=1\nA=2\n", map[string]string{"A": "2"}},
	{"nothing", "A=\nB=''\nC=\"\"\nD=  ", map[string]string{"A": "", "B": "", "C": "", "D": ""}},
	{"blanks around", " \tA \t= \t1 2 \t\nB='x' \n", map[string]string{"A": "1 2", "B": "x"}},
	{"comments", "# A=1\n  ; B=2\nC=3 # no\nD=#4\n", map[string]string{"C": "3 # no", "D": "#4"}},
	{"a comment that goes on", "# this \\\nA=1\nB=2\n", map[string]string{"B": "2"}},
	{"a backslash in a comment", "# this\\too\nA=1\n", map[string]string{"A": "1"}},
	{"a backslash", `A=pa\ss` + "\nB=a\\\\b\nC=\\\"q\\'\nD=\\$x\n", map[string]string{"A": "pass", "B": `a\b`, "C": `"q'`, "D": "$x"}},
	{"an escaped blank stays", "A=a\\ \nB=a \\  \nC=\\ a\n", map[string]string{"A": "a ", "B": "a  ", "C": " a"}},
	{"a line that goes on", "A=one \\\n two \nB=a\\\nb\nC=\\\n  x\n", map[string]string{"A": "one  two", "B": "ab", "C": "  x"}},
	{"a backslash at the very end", `A=a\`, map[string]string{"A": "a"}},
	{"single quotes", `A=' \ " $x # '` + "\nB='two\nlines'\n", map[string]string{"A": ` \ " $x # `, "B": "two\nlines"}},
	{"double quotes", `A="a \" \\ \` + "`" + ` \$x \z 'q'"` + "\n", map[string]string{"A": `a " \ ` + "`" + ` $x \z 'q'`}},
	{"a line break in double quotes", "A=\"two\nlines\"\nB=\"on\\\ne\"\n", map[string]string{"A": "two\nlines", "B": "one"}},
	{"text after quotes", `A="a"b` + "\nB='a' \"b\"  c d \nC='a'#b\nD=\"a\" \\\n'b'\n", map[string]string{"A": "ab", "B": "abc d", "C": "a#b", "D": "a'b'"}},
	{"quotes in the middle stand for themselves", `A=a"b"` + "\nB=it's\nC='a'b'c'\n", map[string]string{"A": `a"b"`, "B": "it's", "C": "ab'c'"}},
	{"double quotes that are not closed", "A=\"a\nB=1\n", map[string]string{"A": "a\nB=1\n"}},
	{"single quotes that are not closed", "A='a\nB=1", map[string]string{"A": "a\nB=1"}},
	{"not closed after a backslash", `A="a\`, map[string]string{"A": "a"}},
	{"lines of Windows", "A=1\r\nB='2'\r\n# c\r\nC=x\\\r\nD=\"e\\\r\n\"\r\n", map[string]string{"A": "1", "B": "2", "C": "x", "D": "e\\\r\n"}},
	{"other letters", "A=pässwörd\nB='日本'\n", map[string]string{"A": "pässwörd", "B": "日本"}},
}

func TestSecretsAreReadAsSystemdDoes(t *testing.T) {
	t.Parallel()
	for _, tc := range environments {
		got, _, err := parseSecrets([]byte(tc.text))
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s: %q (-want +got)\n%s", tc.name, tc.text, diff)
		}
	}
}

func TestSecretsThatSystemdPassesOver(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"A=1\nexport B=2\n":     "2: no NAME=value",
		"A=1\n\nB\n":            "3: no NAME=value",
		"A='\n\n'\nB":           "4: no NAME=value",
		"=1\n":                  "1: no NAME=value",
		"1A=1\n":                "1: no NAME=value",
		"Ä=1\n":                 "1: no NAME=value",
		"A=1\nB=\xff\n":         "2: not UTF-8",
		"A=1\n\xff=1\n":         "2: not UTF-8",
		"A=1\x00\n":             "NUL",
		"# \xff is fine\nA=1\n": "",
	} {
		_, _, err := parseSecrets([]byte(text))
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestSecretsThatNobodyMeant(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "secrets")
	e := &Examiner{Secrets: path}
	for text, want := range map[string]string{
		"A=1\nB='x\"\nC=3\n":            ":2: the quotes are not closed",
		"A=1\n# one\\\nB=1\n":           ":2: the comment ends in a backslash",
		"# install \\\n#   this\nA=1\n": "",
		"# install \\\n\nA=1\n":         "",
		"A=1\nB\n":                      ":2: no NAME=value",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got := e.secretsFile()
		if len(got) != 1 || (got[0].Status == OK) != (want == "") || !strings.Contains(got[0].Found, want) {
			t.Errorf("%q: %+v, want %q", text, got, want)
		}
	}
}

func TestASecretIsReplacedAndTheOthersStay(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ text, want string }{
		{"", "P=new\n"},
		{"A=1", "A=1\nP=new\n"},
		{"# of mine\nP=old\nA=1\n", "# of mine\nA=1\nP=new\n"},
		{"P = 'o\nP=l\nd'\nA=1\nP=old\\\nolder\n", "A=1\nP=new\n"},
		{"PP=1\nA=P=1\n", "PP=1\nA=P=1\nP=new\n"},
		{"A=1\nP=old\nB='x", ""},
		{"P=old\n# c \\", ""},
		{"A=1 \\\n", ""},
		{"A=1 \\", ""},
	} {
		got, err := WithSecret([]byte(tc.text), "P", "new")
		if (err != nil) != (tc.want == "") || string(got) != tc.want {
			t.Errorf("%q: %q, %v, want %q", tc.text, got, err, tc.want)
		}
	}
}

// generator is systemd's program that shows what its own reader makes of a file, but
// for values that are empty; and it replaces $NAME.
const generator = "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator"

// bySystemd reads an environment by systemd's own reader.
func bySystemd(t *testing.T, text string) map[string]string {
	t.Helper()
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, "environment.d"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "environment.d", "a.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), generator)
	c.Env = []string{"HOME=" + home, "XDG_CONFIG_HOME=" + home}
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		if strings.HasPrefix(value, `"`) {
			value = unescape(t, value)
		}
		values[name] = value
	}
	return values
}

// unescape takes the quotes off that the generator shows values in.
func unescape(t *testing.T, value string) string {
	t.Helper()
	value = strings.NewReplacer("\\`", "`", `\$`, "$", `\\`, `\\`).Replace(value)
	text, err := strconv.Unquote(value)
	if err != nil {
		t.Fatalf("%s: %v", value, err)
	}
	return text
}

// TestSystemdReadsTheSame asks systemd itself, also about files made at random.
func TestSystemdReadsTheSame(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(generator); err != nil {
		t.Skip("there is no systemd: ", err)
	}
	texts := make([]string, 0, 600)
	for _, tc := range environments {
		texts = append(texts, tc.text)
	}
	random := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"A", "B", "=", "=", "'", `"`, `\`, "\n", "\n", "\r", " ", "\t", "#", ";", "`", "x", "é", "\nA=", "\nB=", "\nC=\"", "\nC='"}
	for len(texts) < cap(texts) {
		b := new(bytes.Buffer)
		b.WriteString("A=")
		for range 1 + random.IntN(24) {
			b.WriteString(pieces[random.IntN(len(pieces))])
		}
		texts = append(texts, b.String())
	}
	asked := 0
	for _, text := range texts {
		got, env, err := parseSecrets([]byte(text))
		if err != nil || strings.Contains(text, "$") || env.extended != 0 || hasEmpty(env) { // systemd warns; replaces; differs by version; leaves as it was
			continue
		}
		want := bySystemd(t, text)
		for name := range want {
			if _, ours := got[name]; !ours && len(name) > 1 {
				delete(want, name) // of the generator's own
			}
		}
		asked++
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-systemd +ours)\n%s", text, diff)
		}
	}
	if asked < 100 {
		t.Errorf("systemd was asked about %d files only", asked)
	}
}

func hasEmpty(env *environment) bool {
	for _, a := range env.assignments {
		if a.value == "" {
			return true
		}
	}
	return false
}

// FuzzEnvironment reads any text: each assignment has its own stretch of it, and alone
// reads the same.
func FuzzEnvironment(f *testing.F) {
	for _, tc := range environments {
		f.Add([]byte(tc.text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		env, err := parseEnvironment(text)
		if err != nil {
			return
		}
		end := 0
		for _, a := range env.assignments {
			if a.from < end || a.to <= a.from || a.to > len(text) {
				t.Fatalf("%+v in %d bytes, after %d", a, len(text), end)
			}
			end = a.to
			alone, err := parseEnvironment(text[a.from:a.to])
			if err != nil || len(alone.assignments) != 1 || alone.assignments[0].value != a.value || alone.assignments[0].name != a.name {
				t.Errorf("%q alone: %+v, %v", text[a.from:a.to], alone, err)
			}
		}
	})
}
