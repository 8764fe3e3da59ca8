package configs

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
)

func TestVariables(t *testing.T) {
	t.Parallel()
	edit := []string{"ceiling_mbps: 500", "ceiling_mbps: ${RATE}", "host: 192.168.1.1", "host: ${HOST}.lan", "wan_name: wan1", `wan_name: "${NAME}"`}
	a, findings := ReadAutorate("F", example(t, wan1, edit...), env("RATE", "400", "HOST", "gw", "NAME", "fibre", "ROUTER_PASSWORD", "${HOST}"))
	if len(findings.Errors()) > 0 {
		t.Fatal(findings)
	}
	got := []any{a.Daemon.Download.Ceiling, a.Router.Host, a.Daemon.WAN, a.Router.Password.Reveal()}
	if diff := cmp.Diff([]any{400.0, "gw.lan", "fibre", "${HOST}"}, got); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}

	a, findings = ReadAutorate("F", example(t, wan1, edit...), noEnv)
	if len(findings.Errors()) > 0 || a == nil {
		t.Fatalf("unset variables are errors in a check:\n%s", findings)
	}
	var unset []string
	for _, f := range findings.ForStart().Errors() {
		unset = append(unset, f.Key)
	}
	want := []string{"wan_name", "router.host", "router.password", "continuous_monitoring.download.ceiling_mbps"}
	if diff := cmp.Diff(want, unset); diff != "" {
		t.Errorf("unset when a daemon starts (-want +got):\n%s", diff)
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain": "plain", "a${X}b${X}": "a<1>b<1>", "$X": "$X", "${": "${", "${1}": "${1}", "${X": "${X", "$${X}": "${X}",
		"${Y}": "${X}", "${}": "${}", "$$${X}": "$${X}", "${NONE}": "",
	} {
		got, _, unset := expand(in, env("X", "<1>", "Y", "${X}"))
		if got != want {
			t.Errorf("expand(%q) = %q, want %q", in, got, want)
		}
		if (len(unset) == 1) != (in == "${NONE}") {
			t.Errorf("expand(%q): unset %q", in, unset)
		}
		if back, _, _ := expand(escape(in), noEnv); back != in {
			t.Errorf("expand(escape(%q)) = %q", in, back)
		}
	}
}

// TestSecretsAreNeverPrinted gives the password in every wrong form, and looks for
// it in all that is said.
func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	const hidden = "s3cr3t"
	for name, tt := range map[string]struct {
		edit []string
		env  func(string) (string, bool)
	}{
		"right":             {nil, env("ROUTER_PASSWORD", hidden)},
		"written in a list": {[]string{`"${ROUTER_PASSWORD}"`, "[" + hidden + "]"}, noEnv},
		"a mapping":         {[]string{`"${ROUTER_PASSWORD}"`, "{a: " + hidden + "}"}, noEnv},
		"in another key":    {[]string{"user: wanctl", `user: "${OTHER}"`}, env("OTHER", hidden+"\n", "ROUTER_PASSWORD", hidden)},
		"as a number":       {[]string{"port: 443", "port: ${OTHER}"}, env("OTHER", hidden, "ROUTER_PASSWORD", hidden)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, findings := ReadAutorate("F", example(t, wan1, tt.edit...), tt.env)
			said := findings.String()
			if a != nil {
				said += a.Describe() + a.JSON() + fmt.Sprintf("%v %+v %#v", *a, *a, *a)
			}
			if strings.Contains(said, hidden) {
				t.Errorf("the secret is in what is said:\n%s", said)
			}
		})
	}
}

func TestPasswordMayBeUnsetWhereSSHNeedsNone(t *testing.T) {
	t.Parallel()
	_, findings := ReadAutorate("F", example(t, wan1, "transport: rest", "transport: ssh"), noEnv)
	if errors := findings.ForStart().Errors(); len(errors) > 0 {
		t.Errorf("errors:\n%s", errors)
	}
}

// TestJSONIsReadAgain keeps what a run records of its settings good for a replay.
func TestJSONIsReadAgain(t *testing.T) {
	t.Parallel()
	compare := cmp.Options{cmp.Comparer(func(a, b cycle.Secret) bool { return (a == "") == (b == "") })}
	a, findings := ReadAutorate("F", example(t, wan1, "alpha_load: 0.2", "alpha_load: 0.30000000000000004", "path: /var/lib/wanctl/profile.db", `path: "/srv/$${X}.db"`), secret)
	again, more := ReadAutorate("F", []byte(a.JSON()), noEnv)
	if len(more.Errors()) > 0 {
		t.Fatalf("%s\n%s\n%s", findings, more, a.JSON())
	}
	a.lines, again.lines, a.Daemon.StateFileKey = nil, nil, ""
	if diff := cmp.Diff(a, again, append(compare, cmp.AllowUnexported(Autorate{}))...); diff != "" {
		t.Errorf("read again (-first +second):\n%s", diff)
	}
	s, _ := ReadSteering("F", example(t, steer), secret)
	second, more := ReadSteering("F", []byte(s.JSON()), noEnv)
	s.lines, second.lines = nil, nil
	if diff := cmp.Diff(s, second, append(compare, cmp.AllowUnexported(Steering{}))...); diff != "" {
		t.Errorf("steering read again: %s (-first +second):\n%s", more, diff)
	}
}
