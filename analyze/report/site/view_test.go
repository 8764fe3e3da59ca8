package site

import (
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestThePageShowsWhatItsAddressSays(t *testing.T) {
	t.Parallel()
	s := New(of(recorded(t)))
	text := ask(s, "/?"+fixed+"&label=rtt&wan=wan1").Body.String()
	for _, want := range []string{
		"<title>wanctl: wan1, rtt, 2026-01-09T14:00:00Z to 2026-01-09T14:10:00Z</title>",
		`value="2026-01-09T14:00:00Z"`, `<option value="rtt" selected>`, `<option value="wan1" selected>`, `<option value="192.0.2.2">`,
		`href="/?label=rtt&amp;since=6h&amp;wan=wan1"`,
		`href="/spans.csv?label=rtt&amp;since=2026-01-09T14%3A00%3A00Z&amp;until=2026-01-09T14%3A10%3A00Z&amp;wan=wan1"`,
		`data-follows="false"`, "a fixed window: it stands still", `data-newest="2026-01-09T14:02:59.`, "autorate wan1", "<svg",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for address, want := range map[string]string{
		"/":                     `data-follows="true"`,
		"/?since=24h":           `<a href="/?since=24h" aria-current="true">24h</a>`,
		"/?" + fixed + "&wan=x": `<option value="x" selected>`,
	} {
		if got := ask(s, address).Body.String(); !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", address, want)
		}
	}
}

// TestALabelLeadsWhereItMeansSomething reads the links of a page, and of one whose label
// is not known what there is to choose instead.
func TestALabelLeadsWhereItMeansSomething(t *testing.T) {
	t.Parallel()
	s := New(of(recorded(t)))
	text := ask(s, "/?"+fixed+"&label=rtt").Body.String()
	for path, labelled := range map[string]bool{
		"/report.html": true, "/spans.csv": true, "/summary.csv": false, "/cycles.csv": false, "/trace.json": false, "/api/analysis": false,
	} {
		_, link, _ := strings.Cut(text, `href="`+path+`?`)
		link, _, _ = strings.Cut(link, `"`)
		if link == "" || strings.Contains(link, "label=rtt") != labelled {
			t.Errorf("%s leads to %q", path, link)
		}
	}
	for _, label := range []string{"total", "autorate_rtt_measurement", "192.0.2.2"} {
		if got := ask(s, "/?"+fixed+"&label="+label); got.Code != http.StatusOK {
			t.Errorf("label %s is answered %d", label, got.Code)
		}
	}
	text = ask(s, "/?"+fixed+"&label=nosuch").Body.String()
	if !strings.Contains(text, `<option value="rtt">`) || !strings.Contains(text, `<option value="nosuch" selected>`) || strings.Contains(text, "<svg") {
		t.Errorf("a label that is not known shows\n%s", text)
	}
}

// TestWhatIsWrongIsSaid holds that a page says the same as the program does, and
// that one can go on from there.
func TestWhatIsWrongIsSaid(t *testing.T) {
	t.Parallel()
	path := recorded(t)
	s := New(of(path))
	for _, tc := range []struct {
		query  string
		status int
		want   string
	}{
		{"since=2026-01-09T15:00:00Z&until=2026-01-09T16:00:00Z", 404, "nothing recorded in " + path +
			" from 2026-01-09 15:00:00 UTC to 2026-01-09 16:00:00 UTC; the newest record is of 2026-01-09 14:02:59 UTC: use --since and --until to reach it"},
		{fixed + "&daemon=steering", 404, "nothing recorded of steering in " + path},
		{fixed + "&label=nosuch", 404, `label &#34;nosuch&#34;: nothing of that name was recorded in this window; labels are total, rtt, cake, rule, adjust, update, 192.0.2.1`},
		{"since=yesterday", 400, `since: &#34;yesterday&#34; is no time (use now, 90s,`},
		{"since=45d", 400, "the window is longer than 31d"},
		{"colour=red", 400, "there is no &#34;colour&#34; to ask for (use daemon, label, since, until, wan)"},
	} {
		got := ask(s, "/?"+tc.query)
		if text := got.Body.String(); got.Code != tc.status || !strings.Contains(text, tc.want) || !strings.Contains(text, `id="choose"`) || !strings.Contains(text, "data-newest=\"2026") {
			t.Errorf("%s is answered %d, want %d %s\n%s", tc.query, got.Code, tc.status, tc.want, text)
		}
		api := ask(s, "/api/analysis?"+tc.query)
		if api.Code != tc.status || !strings.HasPrefix(api.Body.String(), `{"error":"`) || api.Header().Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%s is answered %d: %s", tc.query, api.Code, api.Body)
		}
	}
	gone := New(of(filepath.Join(t.TempDir(), "profile.db")))
	for _, address := range []string{"/", "/api/analysis", "/spans.csv", "/report.html"} {
		if got := ask(gone, address); got.Code != http.StatusInternalServerError || !strings.Contains(got.Body.String(), "no such file") {
			t.Errorf("%s without a file is answered %d: %s", address, got.Code, got.Body)
		}
	}
}

func TestARelativeWindowFollowsTheClockAndTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "profile.db")
	record(t, path, 0, 1200)
	now := fourteen.Add(time.Minute)
	config := of(path)
	config.Now = func() time.Time { return now }
	s := New(config)
	s.pulses.keep = 0 // a test does not wait for the pulse
	cycles := regexp.MustCompile(`"cycles": (\d+)`)
	count := func(address string) string {
		m := cycles.FindStringSubmatch(ask(s, address).Body.String())
		if m == nil {
			t.Fatalf("%s: %s", address, ask(s, address).Body)
		}
		return m[1]
	}
	if got := count("/api/analysis?since=30s"); got != "600" {
		t.Errorf("%s cycles in the half minute", got)
	}
	record(t, path, 1200, 1200)
	now = now.Add(time.Minute)
	if got := count("/api/analysis?since=30s"); got != "600" {
		t.Errorf("%s cycles in the half minute after", got)
	}
	if got := count("/api/analysis?since=2026-01-09T14:00:00Z"); got != "2400" {
		t.Errorf("%s cycles since the begin", got)
	}
	if got := count("/api/analysis?since=2026-01-09T14:00:00Z&until=2026-01-09T14:01:00Z"); got != "1200" {
		t.Errorf("%s cycles in the first minute", got)
	}
}

// TestAReplacedFileIsSeen holds that nothing is kept open: a daemon sets a broken
// file aside and begins another.
func TestAReplacedFileIsSeen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "profile.db")
	record(t, path, 0, 600)
	s := New(of(path))
	s.pulses.keep = 0
	if got := ask(s, "/api/analysis?"+fixed).Body.String(); !strings.Contains(got, `"cycles": 600,`) {
		t.Fatal(got)
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := moveAside(path + suffix); err != nil {
			t.Fatal(err)
		}
	}
	record(t, path, 0, 900)
	if got := ask(s, "/api/analysis?"+fixed).Body.String(); !strings.Contains(got, `"cycles": 900,`) {
		t.Error(got)
	}
}
