package routeros

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-routeros/routeros/v3/proto"
	"github.com/google/go-cmp/cmp"
)

func TestRESTRepliesAreRead(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		reply string
		want  []row
	}{
		"a list":                     {`[{"a":"1"},{"a":"2","b":""}]`, []row{{"a": "1"}, {"a": "2", "b": ""}}},
		"an empty list":              {` [ ] `, []row{}},
		"an object":                  {`{".id":"*A"}`, []row{{".id": "*A"}}},
		"numbers and booleans":       {`{"a":12,"b":true,"c":1.5e3}`, []row{{"a": "12", "b": "true", "c": "1.5e3"}}},
		"what is no value is absent": {`{"a":null,"b":[1],"c":{"d":"e"},"f":"g"}`, []row{{"f": "g"}}},
		"raw control bytes":          {"[{\"a\":\"x\x01\ty\r\nz\"},\n\t{\"b\":\"\\\\\"}]", []row{{"a": "x\x01\ty\r\nz"}, {"b": `\`}}},
		"a backslash before one":     {"{\"a\":\"x\\\x02\"}", []row{{"a": "x\\\x02"}}},
		"bytes that are no UTF-8":    {"{\"a\":\"x\xe9\"}", []row{{"a": "x\ufffd"}}},
		"unfinished":                 {`[{"a":"1"`, nil},
		"two of them":                {`{} {}`, nil},
		"a page":                     {`<html></html>`, nil},
		"nothing":                    {``, nil},
		"an item that is null":       {`[null]`, nil},
		"null":                       {`null`, nil},
		"a list of texts":            {`["a"]`, nil},
	} {
		got, err := decodeREST([]byte(tc.reply))
		if (err != nil) != (tc.want == nil) {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" && err == nil {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

// What a console prints of queues, with counters first or last, wrapped or not,
// flagged, commented, of v6 and v7.
func TestPrintedItemsAreRead(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want []row
	}{
		"v6, wrapped, counters after the queue's": {
			"Flags: X - disabled, I - invalid \r\n 0   name=\"Q\" parent=global packet-mark=\"\" rate=0 packet-rate=0 queued-bytes=10 queued-packets=1 \r\n     bytes=67887 packets=355 dropped=0 \r\n",
			[]row{{
				"disabled": "false", "name": "Q", "parent": "global", "packet-mark": "", "rate": "0", "packet-rate": "0",
				"queued-bytes": "10", "queued-packets": "1", "bytes": "67887", "packets": "355", "dropped": "0",
			}},
		},
		"flags and comments": {
			"Flags: X - disabled, I - invalid; D - dynamic\n 0 X  ;;; first = one; \"x\"\n      name=\"a\"\n\n 1 XI  name=\"b\"\n12  D ;;;bare\n  chain=x\n",
			[]row{
				{"disabled": "true", "comment": `first = one; "x"`, "name": "a"},
				{"disabled": "true", "name": "b"},
				{"disabled": "false", "comment": "bare", "chain": "x"},
			},
		},
		"numbers in groups": {
			" 0 name=\"a\" bytes=1 234 567 packets=12 345 dropped=7 queued-bytes=0\n",
			[]row{{"disabled": "false", "name": "a", "bytes": "1234567", "packets": "12345", "dropped": "7", "queued-bytes": "0"}},
		},
		"quotes within quotes": {
			` 0 name="a \"b\" \\ c=d" parent="x y" z=1`,
			[]row{{"disabled": "false", "name": `a "b" \ c=d`, "parent": "x y", "z": "1"}},
		},
		"no items": {"Flags: X - disabled, I - invalid\r\n\r\nno such item\r\n", nil},
	} {
		if diff := cmp.Diff(tc.want, parsePrint(tc.text)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
}

func TestScriptsAreReadToTheirEnd(t *testing.T) {
	t.Parallel()
	const n = "wanctl-0123456789ab"
	const counters = " 0 name=\"q\" bytes=5 packets=4 dropped=3 queued-bytes=2\r\n   queued-packets=1\r\n"
	for name, tc := range map[string]struct {
		text string
		want []row
		err  string
	}{
		"items": {
			n + " .id=*1\r\n" + n + " comment=a=b\r\n" + n + " .id=*2\r\n" + n + " comment=\r\n" + n + " done\r\n",
			[]row{{".id": "*1", "comment": "a=b"}, {".id": "*2", "comment": ""}},
			"",
		},
		"no items": {n + " done\r\n", nil, ""},
		"printed counters join the item of their name": {
			counters + n + " .id=*1\r\n" + n + " name=q\r\n" + n + " done\r\n",
			[]row{{".id": "*1", "name": "q", "bytes": "5", "packets": "4", "dropped": "3", "queued-bytes": "2", "queued-packets": "1"}},
			"",
		},
		"a value with line breaks":     {n + " .id=*1\r\n" + n + " comment=a\r\nb\r\n" + n + " done\r\n", []row{{".id": "*1", "comment": "a\nb"}}, ""},
		"a router that could not":      {"no such item\r\n" + n + " failed\r\n", nil, "could not"},
		"a script that was cut short":  {n + " .id=*1\r\n", nil, "to its end"},
		"an error instead of a script": {"syntax error (line 1 column 7)\r\n", nil, "to its end"},
		"another script's end":         {"wanctl-ffffffffffff done\r\n", nil, "to its end"},
		"a line that is no property":   {n + " nonsense\r\n" + n + " done\r\n", nil, "malformed"},
		"the same item printed twice":  {counters + counters + n + " done\r\n", nil, "twice"},
	} {
		got, err := parseConsole(tc.text, n)
		if tc.err == "" && err != nil || tc.err != "" && (err == nil || !strings.Contains(err.Error(), tc.err)) {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
		if !ended([]byte(tc.text), len(tc.text), n) != (tc.err == "to its end") {
			t.Errorf("%s: seen to end, or not", name)
		}
	}
}

func TestScriptsAreOfOneLine(t *testing.T) {
	t.Parallel()
	read, err := readScript(query{menu: queueTree, props: queueProps, key: "name", values: []string{"a", "b"}})("N")
	if err != nil {
		t.Fatal(err)
	}
	want := `:do {/queue tree print stats detail where name="a" or name="b"; :foreach i in=[/queue tree find where name="a" or name="b"] do={` +
		`:put ("N .id=" . $i); :put ("N name=" . [/queue tree get $i name]); :put ("N queue=" . [/queue tree get $i queue]); ` +
		`:put ("N max-limit=" . [/queue tree get $i max-limit])}; :put "N done"} on-error={:put "N failed"}`
	if diff := cmp.Diff(want, read); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	write, err := writeScript([]change{{mangle, ".id", "*1A", []property{{"disabled", "true"}, {"comment", `a"b$c`}}}})("N")
	if err != nil {
		t.Fatal(err)
	}
	want = `:do {/ip firewall mangle set [find where .id=*1A] disabled=true comment="a\"b\$c"; :foreach i in=[/ip firewall mangle find where .id=*1A] do={` +
		`:put ("N .id=" . $i); :put ("N disabled=" . [/ip firewall mangle get $i disabled]); :put ("N comment=" . [/ip firewall mangle get $i comment])}; ` +
		`:put "N done"} on-error={:put "N failed"}`
	if diff := cmp.Diff(want, write); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, evil := range []string{"a\nb", "a\rb", "\x00", "\x1b[2J"} {
		if _, err := readScript(query{menu: mangle, key: "comment", values: []string{evil}})("N"); err == nil {
			t.Errorf("%q was made part of a command", evil)
		}
	}
}

// tape is a connection that plays bytes, then ends.
type tape struct{ io.Reader }

func (tape) Write(p []byte) (int, error)      { return len(p), nil }
func (tape) Close() error                     { return nil }
func (tape) LocalAddr() net.Addr              { return nil }
func (tape) RemoteAddr() net.Addr             { return nil }
func (tape) SetDeadline(time.Time) error      { return nil }
func (tape) SetReadDeadline(time.Time) error  { return nil }
func (tape) SetWriteDeadline(time.Time) error { return nil }

// play reads a tape as the reply to one command, tagged 1.
func play(b []byte) *apiCall {
	s := &apiSession{
		conn: &wordGuard{Conn: tape{bytes.NewReader(b)}}, quoter: quoter{"secret"},
		calls: map[string]*apiCall{}, gone: make(chan struct{}),
	}
	_, calls, _ := s.register(1)
	s.read(proto.NewReader(s.conn))
	<-calls[0].done
	return calls[0]
}

// words encodes sentences; an empty word ends one.
func words(sentence ...string) []byte {
	var b bytes.Buffer
	w := proto.NewWriter(&b)
	w.BeginSentence()
	for _, s := range sentence {
		w.WriteWord(s)
	}
	if err := w.EndSentence(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func TestAPIRepliesAreRead(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 20_000)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, tc := range map[string]struct {
		tape []byte
		want []row
		err  string
	}{
		"rows": {
			join(words("!re", ".tag=1", "=a=b=c", "=d="), words(), words("!re", "=a="+long, ".tag=1"), words("!done", ".tag=1")),
			[]row{{"a": "b=c", "d": ""}, {"a": long}},
			"",
		},
		"nothing, since 7.18":      {join(words("!empty", ".tag=1"), words("!done", ".tag=1")), nil, ""},
		"a refusal after some":     {join(words("!re", ".tag=1", "=a=b"), words("!trap", ".tag=1", "=message=no such item (4)"), words("!done", ".tag=1")), []row{{"a": "b"}}, "no such item"},
		"a secret in a refusal":    {join(words("!trap", ".tag=1", "=message=bad secret"), words("!done", ".tag=1")), nil, "bad (secret)"},
		"a bare reason to go":      {words("!fatal", "too many commands before login"), nil, "too many commands"},
		"a reply nobody asked for": {words("!done", ".tag=2"), nil, "not sent"},
		"an unknown word":          {words("!what", ".tag=1"), nil, "unknown reply"},
		"an end in the middle":     {[]byte{5, '!', 'd'}, nil, "EOF"},
		"a reserved length":        {[]byte{0xf8, 0, 0}, nil, "length byte 0xf8"},
		"a length of 4 GiB":        {[]byte{0xf0, 0xff, 0xff, 0xff, 0xff}, nil, "length byte"},
		"HTTP":                     {[]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), nil, "EOF"},
	} {
		call := play(tc.tape)
		if diff := cmp.Diff(tc.want, call.rows); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
		if tc.err == "" && call.err != nil || tc.err != "" && (call.err == nil || !strings.Contains(call.err.Error(), tc.err)) {
			t.Errorf("%s: %v", name, call.err)
		}
	}
}

func FuzzAPISentences(f *testing.F) {
	f.Add(words("!re", ".tag=1", "=a=b"))
	f.Add(words("!done", ".tag=1"))
	f.Add([]byte{0xf0, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0xc0, 0x80, 0xe0})
	f.Fuzz(func(t *testing.T, b []byte) {
		call := play(b) // it always ends: done, with the tape, or before
		if call.err != nil && len(call.err.Error()) > 4*maxQuote {
			t.Errorf("an error of %d characters", len(call.err.Error()))
		}
	})
}

func FuzzRESTReply(f *testing.F) {
	f.Add([]byte(`[{"a":"1"},{"b":2}]`))
	f.Add([]byte("{\"a\":\"\x01\\\"\n\"}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		rows, err := decodeREST(b)
		for _, r := range rows {
			for k := range r {
				if r.shows(property{k, r[k]}) != true {
					t.Errorf("row %v does not show its own %q", r, k)
				}
			}
		}
		if err != nil && rows != nil {
			t.Error("rows and an error")
		}
	})
}

func FuzzConsole(f *testing.F) {
	f.Add("Flags: X - disabled, I - invalid \r\n 0   name=\"Q\" parent=global\r\n   bytes=67887 packets=1 234\r\n")
	f.Add("Flags: X - disabled, I - invalid; D - dynamic\n 0 X  ;;; a\n      name=\"a\"\n")
	f.Add("n .id=*1\r\nn name=q\r\nn done\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, r := range parsePrint(text) {
			if truth(r["disabled"]) == "" && !strings.Contains(text, "disabled=") {
				t.Errorf("row %v tells nothing of disabled", r)
			}
		}
		rows, err := parseConsole(text, "n")
		if err == nil && !ended([]byte(text), len(text), "n") {
			t.Errorf("%v out of a script that did not end", rows)
		}
	})
}

func FuzzConsoleStrings(f *testing.F) {
	f.Add(`a "b" \ $c ? [d] {e}; f`)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := quote(text)
		if err != nil {
			return
		}
		if got, rest := unquote(q + " rest"); got != text || rest != " rest" {
			t.Errorf("%q became %s, and then %q and %q", text, q, got, rest)
		}
		if e, err := url.QueryUnescape(escape(text)); err != nil || e != text {
			t.Errorf("%q became %q in a URL", text, e)
		}
	})
}
