package site

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"wanctl/analyze"
	"wanctl/analyze/report"
	"wanctl/cycle"
)

// query is what a page shows, as its URL says it: a page can be kept as a bookmark
// and handed on.
type query struct {
	Since, Until string       // as analyze.ParseTime reads them
	Daemon       cycle.Daemon // "": both
	WAN          string       // "": all
	Label        string       // whose latency is drawn and whose timings are handed out; "": the whole cycle's, all
}

// Where a URL says nothing.
const (
	defaultSince = "1h"
	defaultUntil = "now"
)

// maxText bounds a value, in bytes; no name or time is nearly as long.
const maxText = 200

// parseQuery reads a URL's query. What it does not know is an error, and the value
// of that is not repeated: somebody may have put a secret there.
func parseQuery(raw string) (q query, err error) {
	bad := func(format string, args ...any) (query, error) {
		return query{Since: defaultSince, Until: defaultUntil}, &refusal{status: http.StatusBadRequest, err: fmt.Errorf(format, args...)}
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return bad("the query of this address cannot be read")
	}
	q = query{Since: defaultSince, Until: defaultUntil}
	into := map[string]*string{"since": &q.Since, "until": &q.Until, "daemon": (*string)(&q.Daemon), "wan": &q.WAN, "label": &q.Label}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		vs := values[name]
		v := into[name]
		switch {
		case v == nil:
			return bad("there is no %.40q to ask for (use %s)", name, strings.Join(slices.Sorted(maps.Keys(into)), ", "))
		case len(vs) > 1:
			return bad("%s is given twice", name)
		case len(vs[0]) > maxText || !utf8.ValidString(vs[0]) || strings.ContainsFunc(vs[0], func(r rune) bool { return r < ' ' || r == 0x7f }):
			return bad("%s is too long, or no text", name)
		case vs[0] != "":
			*v = vs[0]
		}
	}
	switch q.Daemon {
	case "", cycle.Autorate, cycle.Steering:
	default:
		return bad("daemon %q is none (use autorate or steering)", q.Daemon)
	}
	return q, nil
}

// encode returns the query as part of a URL, always the same for the same query.
func (q query) encode() string {
	v := url.Values{"since": {q.Since}}
	for name, text := range map[string]string{"until": q.Until, "daemon": string(q.Daemon), "wan": q.WAN, "label": q.Label} {
		if text != "" && (name != "until" || text != defaultUntil) {
			v.Set(name, text)
		}
	}
	return v.Encode()
}

// window returns the stretch of time that is asked for.
func (q query) window(now time.Time, loc *time.Location, longest time.Duration) (w cycle.Window, err error) {
	bad := func(format string, args ...any) (cycle.Window, error) {
		return cycle.Window{}, &refusal{status: http.StatusBadRequest, err: fmt.Errorf(format, args...)}
	}
	if w.Since, err = analyze.ParseTime(q.Since, now, loc); err != nil {
		return bad("since: %w", err)
	}
	if w.Until, err = analyze.ParseTime(q.Until, now, loc); err != nil {
		return bad("until: %w", err)
	}
	if !w.Since.Before(w.Until) {
		return bad("the window is empty: since %s is not before until %s", w.Since.In(loc).Format(time.DateTime), w.Until.In(loc).Format(time.DateTime))
	}
	if length := w.Until.Sub(w.Since); length > longest {
		return bad("the window is longer than %s, which is the most this page answers for (wanctl serve --max-window): choose a shorter one, or ask wanctl analyze",
			report.Stretch(longest))
	}
	return w, nil
}

// follows tells whether the window goes with the clock; one between two fixed
// moments stands still.
func (q query) follows() bool {
	return analyze.FollowsTheClock(q.Since) || analyze.FollowsTheClock(q.Until)
}

// options are what analyze needs to know.
func (q query) options(now time.Time) analyze.Options {
	return analyze.Options{Daemon: q.Daemon, WAN: q.WAN, Now: now}
}
