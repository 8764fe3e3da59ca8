package site

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"wanctl/cycle"
)

func TestQueries(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		raw     string
		want    query
		encoded string
		follows bool
	}{
		{"", query{Since: "1h", Until: "now"}, "since=1h", true},
		{"since=&until=&daemon=&wan=&label=", query{Since: "1h", Until: "now"}, "since=1h", true},
		{"until=now&since=7d", query{Since: "7d", Until: "now"}, "since=7d", true},
		{"wan=wan+1&daemon=autorate&label=192.0.2.1", query{Since: "1h", Until: "now", Daemon: cycle.Autorate, WAN: "wan 1", Label: "192.0.2.1"}, "daemon=autorate&label=192.0.2.1&since=1h&wan=wan+1", true},
		{fixed, query{Since: "2026-01-09T14:00:00Z", Until: "2026-01-09T14:10:00Z"}, "since=2026-01-09T14%3A00%3A00Z&until=2026-01-09T14%3A10%3A00Z", false},
		{"since=2026-01-09+14:00&until=30m", query{Since: "2026-01-09 14:00", Until: "30m"}, "since=2026-01-09+14%3A00&until=30m", true},
	} {
		got, err := parseQuery(tc.raw)
		if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
			t.Errorf("%q: %v\n%s", tc.raw, err, diff)
		}
		if got.encode() != tc.encoded || got.follows() != tc.follows {
			t.Errorf("%q is %q again, and follows: %v", tc.raw, got.encode(), got.follows())
		}
	}
	for raw, want := range map[string]string{
		"since=1h&since=2h":               "twice",
		"sinze=1h":                        `no "sinze"`,
		"token=secret":                    `no "token"`,
		"daemon=both":                     "use autorate or steering",
		"wan=%00":                         "no text",
		"wan=a%0Ab":                       "no text",
		"wan=%ff":                         "no text",
		"wan=" + strings.Repeat("x", 201): "too long",
		"wan=%zz":                         "cannot be read",
		"a;b":                             "cannot be read",
	} {
		if q, err := parseQuery(raw); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q is read as %v: %v, want %q", raw, q, err, want)
		} else if refused(err).status != 400 {
			t.Errorf("%q is answered %d", raw, refused(err).status)
		}
	}
}

func TestWindows(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 9, 15, 0, 0, 0, time.UTC)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		raw  string
		want cycle.Window
	}{
		{"", cycle.Window{Since: now.Add(-time.Hour), Until: now}},
		{"since=31d", cycle.Window{Since: now.Add(-31 * 24 * time.Hour), Until: now}},
		{"since=2026-01-09+15:00&until=30m", cycle.Window{Since: now.Add(-time.Hour), Until: now.Add(-30 * time.Minute)}},
	} {
		q, err := parseQuery(tc.raw)
		if err != nil {
			t.Fatal(err)
		}
		got, err := q.window(now, berlin, 31*24*time.Hour)
		if err != nil || !got.Since.Equal(tc.want.Since) || !got.Until.Equal(tc.want.Until) {
			t.Errorf("%q is %v, %v", tc.raw, got, err)
		}
	}
	for raw, want := range map[string]string{
		"since=x":          "since: \"x\" is no time",
		"until=x":          "until: \"x\" is no time",
		"since=now":        "the window is empty",
		"until=2h":         "the window is empty: since 2026-01-09 15:00:00",
		"since=745h":       "longer than 31d, which is the most",
		"since=2000-01-01": "longer than 31d",
	} {
		q, err := parseQuery(raw)
		if err != nil {
			t.Fatal(err)
		}
		if w, err := q.window(now, berlin, 31*24*time.Hour); err == nil || !strings.Contains(err.Error(), want) || refused(err).status != 400 {
			t.Errorf("%q is %v: %v, want %q", raw, w, err, want)
		}
	}
}

// FuzzParseQuery holds that what is read is written to the same again, and that a
// window is never longer than allowed.
func FuzzParseQuery(f *testing.F) {
	for _, raw := range []string{"", fixed, "since=7d&until=1h&daemon=steering&wan=wan1&label=rtt", "since=%F0%9F%90%8C", "a=b&c", "wan=%00", "since=1h&&since", "daemon=\xff"} {
		f.Add(raw)
	}
	now := time.Date(2026, 1, 9, 15, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, raw string) {
		q, err := parseQuery(raw)
		if err != nil {
			if refused(err).status != 400 {
				t.Errorf("%q: %v", raw, err)
			}
			return
		}
		again, err := parseQuery(q.encode())
		if err != nil || again != q {
			t.Errorf("%q is %+v, then %+v, %v", raw, q, again, err)
		}
		if _, err := url.ParseRequestURI("/?" + q.encode()); err != nil {
			t.Errorf("%q: %v", raw, err)
		}
		w, err := q.window(now, time.UTC, time.Hour)
		if err == nil && (!w.Since.Before(w.Until) || w.Until.Sub(w.Since) > time.Hour) {
			t.Errorf("%q is %v", raw, w)
		}
	})
}
