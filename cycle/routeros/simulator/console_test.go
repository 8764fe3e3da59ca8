package simulator

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// lf is text as the console prints it, its CRLFs as line breaks.
func lf(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }

func TestConsoleLines(t *testing.T) {
	t.Parallel()
	k := newClock()
	cfg := usual(k)
	cfg.Uptime = 9*24*time.Hour + 3*time.Hour + 4*time.Second
	s := start(t, cfg)
	k.pass(time.Second)
	for _, tc := range []struct{ name, line, want string }{
		{"nothing", "", ""},
		{"text", `:put "a\"b\$c\\d\41\_e"`, "a\"b$c\\dA e\n"},
		{"inserted", `:local x 5; :put "x is $x, $[:len "abc"] and $($x + 1)"`, "x is 5, 3 and 6\n"},
		{"joined", `:put ("limit=" . [/queue tree get WAN-Upload-1 max-limit] . "!")`, "limit=20000000!\n"},
		{"types", `:put [:typeof [/queue tree get WAN-Upload-1 disabled]]; :put [:typeof [:tonum "5"]]; :put [:typeof $nothing]`, "bool\nnum\nnothing\n"},
		{"find", `:put [/queue tree find]`, "*1000000;*1000001\n"},
		{"find by name", `:put [/queue tree find name="WAN-Upload-1"]`, "*1000001\n"},
		{"find either", `:put [:len [/queue tree find where name="WAN-Upload-1" or name=WAN-Download-1]]`, "2\n"},
		{"find with and", `:put [/queue tree find where max-limit>30M and !disabled parent=bridge1]`, "*1000000\n"},
		{"find by id", `:put [/ip firewall mangle find where .id=*2]`, "*2\n"},
		{"find by expression", `:put [/ip firewall mangle find comment~"ADAPTIVE: .*WAN2"]`, "*2\n"},
		{"never written is off", `:put [/ip firewall mangle find disabled=no]`, "*1\n"},
		{"flag of a rule", `:put [/ip firewall mangle get *1 disabled]; :put [/ip firewall mangle get *2 disabled]`, "false\ntrue\n"},
		{
			"each", `:foreach i in=[/queue tree find where name="WAN-Download-1" or name="WAN-Upload-1"] do={:put ("N .id=" . $i); :put ("N bytes=" . [/queue tree get $i bytes])}; :put "N done"`,
			"N .id=*1000000\nN bytes=10000000\nN .id=*1000001\nN bytes=1000000\nN done\n",
		},
		{"caught", `:do {/queue tree get nobody name; :put "never"} on-error={:put "N failed"}`, "N failed\n"},
		{"silent no-op", `/queue tree set [find name="nobody"] max-limit=1; :put "N done"`, "N done\n"},
		{"chosen", `:if ([:len [/queue tree find]] = 2 && !(1 > 2)) do={:put yes} else={:put no}`, "true\n"},
		{"assigned", `:local a 1; :foreach i in={2;3} do={:set a ($a * $i)}; :put $a`, "6\n"},
		{"slashes", `:put [/queue/tree/get WAN-Upload-1 queue]; :put [/queue/tree get WAN-Upload-1 name]`, "cake-up-wan1\nWAN-Upload-1\n"},
		{"count", `/queue tree print count-only where name~"WAN"`, "2\n"},
		{"as value", `:put [/queue tree print as-value proplist=name,max-limit where name="WAN-Upload-1"]`, ".id=*1000001;name=WAN-Upload-1;max-limit=20000000\n"},
		{"resource", `:put ([/system resource get uptime] . " " . [/system resource get version])`, "1w2d3h5s 7.18.2 (stable)\n"},
		{"two sets", `/queue tree set [find name="WAN-Download-1"] queue=cake-down-wan1 max-limit=663650613; /queue tree set [find name="WAN-Upload-1"] max-limit=5M`, ""},
		{"set", `:put [/queue tree get [find name="WAN-Upload-1"] max-limit]`, "5000000\n"},
		{"enable", `/ip firewall mangle enable [find comment="ADAPTIVE: Steer latency-sensitive to WAN2"]; :put [/ip firewall mangle get *2 disabled]`, "false\n"},
		{"add and remove", `:local i [/queue tree add name=third parent=global]; :put $i; /queue tree remove $i; :put [:len [/queue tree find]]`, "*1000002\n2\n"},
	} {
		got, err := s.Console(tc.line)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		if diff := cmp.Diff(tc.want, lf(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
	if u := s.Unknown(); len(u) != 0 {
		t.Errorf("unknown: %q", u)
	}
}

func TestConsoleErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		version, line, want string
		unknown             bool
	}{
		{"7.18.2", `/queue forest print`, "bad command name forest (line 1 column 8)", true},
		{"7.18.2", `/queue tree polish`, "bad command name polish (line 1 column 13)", true},
		{"7.18.2", `:puts 5`, "bad command name puts (line 1 column 2)", true},
		{"6.48.6", `/queue/tree print`, "expected command name (line 1 column 7)", true},
		{"7.18.2", `/queue tree set WAN-Upload-1 speed=5`, "expected end of command (line 1 column 30)", true},
		{"7.18.2", `/queue tree set max-limit=5`, "missing value(s) of argument(s) numbers (line 1 column 28)", false},
		{"7.18.2", `/queue tree print where speed=5`, "bad parameter speed (line 1 column 25)", true},
		{"7.18.2", `:put "a`, "syntax error (line 1 column 8)", false},
		{"7.18.2", "\n:put (1 + ", "syntax error (line 2 column 11)", false},
		{"7.18.2", `:do {:put a`, "syntax error (line 1 column 12)", false},
		{"7.18.2", `:put a]`, "syntax error (line 1 column 7)", false},
		{"7.18.2", `/queue tree get nobody name`, "no such item", false},
		{"7.18.2", `/queue tree get [find name=nobody] name`, "no such item", false},
		{"6.30", `/queue tree get nobody name`, "no such item (4)", false},
		{"7.18.2", `/queue tree get [find] name`, "invalid internal item number", false},
		{"7.18.2", `/queue tree get WAN-Upload-1 speed`, "input does not match any value of value-name", true},
		{"7.18.2", `/queue tree set WAN-Upload-1 queue=none-such`, "input does not match any value of queue", false},
		{"7.18.2", `/queue tree set WAN-Upload-1 max-limit=fast`, "invalid value for argument max-limit", false},
		{"7.18.2", `:error "my own"`, "my own", false},
		{"7.18.2", `:if (5) do={}`, "conditional not boolean", false},
		{"7.18.2", `:put (5 / 0)`, "division by zero", false},
		{"7.18.2", `/ip firewall mangle find comment~"("`, "invalid regexp", false},
		{"7.18.2", `:set nothing 5`, "variable nothing is not defined", false},
		{"7.18.2", strings.Repeat("{", 100), "syntax error (line 1 column 65)", false},
	} {
		cfg := usual(newClock())
		cfg.Version = tc.version
		s := start(t, cfg)
		_, err := s.Console(tc.line)
		if err == nil || err.Error() != tc.want {
			t.Errorf("%s: %v, want %s", tc.line, err, tc.want)
		}
		if u := s.Unknown(); (len(u) > 0) != tc.unknown {
			t.Errorf("%s: unknown %q, want any: %v", tc.line, u, tc.unknown)
		}
	}
}

func TestConsolePrints(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, version, line, want string }{
		{
			"stats", "7.18.2", "/queue tree print stats", `
Flags: X - disabled, I - invalid·
 0   name="WAN-Download-1" parent=bridge1 packet-mark=no-mark rate=80000000·
     packet-rate=8000 queued-bytes=0 queued-packets=0 bytes=10000000·
     packets=8000 dropped=0·

 1   name="WAN-Upload-1" parent=ether1 packet-mark=no-mark rate=8000000·
     packet-rate=800 queued-bytes=0 queued-packets=0 bytes=1000000 packets=800·
     dropped=0·

`,
		},
		{
			"one in detail", "6.48.6", `/queue tree print stats detail where name="WAN-Upload-1"`, `
Flags: X - disabled, I - invalid·
 0   name="WAN-Upload-1" parent=ether1 packet-mark=no-mark limit-at=0·
     queue=cake-up-wan1 priority=8 max-limit=20M burst-limit=0·
     burst-threshold=0 burst-time=0s bucket-size=0.1 rate=8000000·
     packet-rate=800 queued-bytes=0 queued-packets=0 bytes=1000000 packets=800·
     dropped=0 lends=0 borrows=0 pcq-queues=0·

`,
		},
		{
			"rules", "7.18.2", "/ip firewall mangle print", `
Flags: X - disabled, I - invalid; D - dynamic·
 0    ;;; other rule
      chain=prerouting action=mark-routing new-routing-mark=to-alternate·
      passthrough=yes log=no log-prefix=""·

 1 X  ;;; ADAPTIVE: Steer latency-sensitive to WAN2
      chain=prerouting action=mark-routing new-routing-mark=to-alternate·
      passthrough=yes log=no log-prefix=""·

`,
		},
		{
			"a rule of v6", "6.48.6", `/ip firewall mangle print where comment~"ADAPTIVE"`, `
Flags: X - disabled, I - invalid, D - dynamic·
 0 X  ;;; ADAPTIVE: Steer latency-sensitive to WAN2
      chain=prerouting action=mark-routing new-routing-mark=to-alternate·
      passthrough=yes log=no log-prefix=""·

`,
		},
		{"none", "7.18.2", `/ip firewall mangle print where comment="none"`, "\nFlags: X - disabled, I - invalid; D - dynamic·\n"},
		{"terse", "7.18.2", `/queue tree print terse proplist=name,max-limit`, "\n 0   name=\"WAN-Download-1\" max-limit=100M·\n 1   name=\"WAN-Upload-1\" max-limit=20M·\n"},
		{"single", "7.18.2", "/system identity print", "\n  name: MikroTik\n"},
	} {
		k := newClock()
		cfg := usual(k)
		cfg.Version = tc.version
		s := start(t, cfg)
		k.pass(time.Second)
		got, err := s.Console(tc.line)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		if strings.Count(got, "\n") != strings.Count(got, "\r\n") {
			t.Errorf("%s: a line does not end in CRLF: %q", tc.name, got)
		}
		want := strings.ReplaceAll(strings.TrimPrefix(tc.want, "\n"), "·", " ")
		if diff := cmp.Diff(want, lf(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

func TestConsoleGroupsDigits(t *testing.T) {
	t.Parallel()
	cfg := usual(newClock())
	cfg.Grouped = true
	cfg.Queues[0].Counters = Counters{Bytes: 1234567, Packets: 890, Dropped: 12345}
	s := start(t, cfg)
	got, err := s.Console("/queue tree print stats terse where name=WAN-Download-1")
	if want := "bytes=1 234 567 packets=890 dropped=12 345 \r\n"; err != nil || !strings.HasSuffix(got, want) {
		t.Errorf("%q %v, want %q at the end", got, err, want)
	}
}

func TestConsoleScriptsEnd(t *testing.T) {
	t.Parallel()
	s := start(t, usual(newClock()))
	nested := "{0;1;2;3;4;5;6;7;8;9}"
	line := ":put x"
	for i := range 8 {
		line = ":foreach i" + string(rune('a'+i)) + " in=" + nested + " do={" + line + "}"
	}
	if _, err := s.Console(":do {" + line + "} on-error={:put caught}"); err == nil || err.Error() != "interrupted" {
		t.Errorf("ended with %v, want to be interrupted", err)
	}
}

func FuzzConsole(f *testing.F) {
	for _, line := range []string{
		`:do {:foreach i in=[/queue tree find where name="A" or name="B"] do={:put ("N .id=" . $i)}} on-error={:put "N failed"}`,
		`/queue tree set [find name="A"] queue=q max-limit=1M; /ip firewall mangle enable [find comment~"x"]`,
		`/queue/tree print stats detail where name="A"`, `:put "a$[:len "b"]$($c + 1)\41"`, `:if (!(1 = 2) && 3 <= 4) do={} else={}`,
	} {
		f.Add(line)
	}
	k := newClock()
	s := New(usual(k))
	f.Cleanup(func() { _ = s.Close() })
	f.Fuzz(func(t *testing.T, line string) {
		if strings.Contains(line, "add") && len(s.router.menus["/queue/tree"].items) > 100 {
			t.Skip("the router is full")
		}
		first, err := s.router.parse(line)
		again, errAgain := s.router.parse(line)
		if (err == nil) != (errAgain == nil) || !cmp.Equal(first.commands, again.commands) {
			t.Errorf("%q is read in two ways: %v, %v", line, err, errAgain)
		}
		if err == nil {
			_, _ = s.Console(line)
		}
	})
}
