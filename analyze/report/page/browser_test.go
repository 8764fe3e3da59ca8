package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"wanctl/analyze/report"
	"wanctl/analyze/report/browser"
	"wanctl/cycle"
)

// evenings are the numbers of a page as JSON has them, by loop.
type evenings struct {
	Loops []struct {
		Daemon string           `json:"daemon"`
		WAN    string           `json:"wan"`
		Spans  []map[string]any `json:"spans"`
		Other  float64          `json:"other_critical_share"`
	} `json:"loops"`
}

// TestInABrowser shows one page, of a file, in a real browser.
func TestInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("what happens is in the browser")
	}
	t.Parallel()
	b := browser.Open(t)
	c, text := shown(t, 4*time.Hour, "wan1", "reflector.example", fixed(t))
	path := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	url := browser.File(t, path)
	t.Run("it is quiet, fits and asks for nothing", func(t *testing.T) { quiet(t, b, url) })
	p := b.Visit(url, browser.View{Width: 1280, Height: 900})
	t.Run("its numbers are those of JSON", func(t *testing.T) { sameNumbers(t, p, c) })
	t.Run("its tables sort", func(t *testing.T) { sorts(t, p) })
	t.Run("values show under the pointer and by keyboard", func(t *testing.T) { hovers(t, p) })
	t.Run("what was chosen outlives a new body", func(t *testing.T) { renews(t, p) })
	if errs := p.Errors(); len(errs) > 0 {
		t.Errorf("the console says %s", strings.Join(errs, "\n"))
	}
	t.Run("the longest words fit on a phone", func(t *testing.T) { longest(t, b) })
	t.Run("it works under a strict content security policy", func(t *testing.T) { strict(t, b, c) })
}

// longest shows a page whose names are as long as they may be, and whose slowest cycles
// ended in all ways.
func longest(t *testing.T, b *browser.Browser) {
	c, _ := shown(t, 3*time.Minute, strings.Repeat("W", 64), strings.Repeat("m", 63)+".example", fixed(t))
	for i, es := range c.Slowest {
		for k := range es {
			for n := range es[k].Cycle.Spans {
				es[k].Cycle.Spans[n].Outcome = cycle.Outcome((i + k + n) % 4)
			}
			for n := range es[k].Parts {
				es[k].Parts[n].Duration = []time.Duration{201400 * time.Microsecond, 34560 * time.Microsecond, 12345 * time.Millisecond}[n%3]
				es[k].Parts[n].P50 = 61230 * time.Microsecond
			}
		}
	}
	text := new(bytes.Buffer)
	if err := Write(text, c, fixed(t)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "longest.html")
	if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]browser.View{
		"report-longest-desktop":     {Width: 1280, Height: 900},
		"report-longest-phone-light": {Width: 390, Height: 844, Phone: true},
		"report-longest-phone-dark":  {Width: 390, Height: 844, Phone: true, Dark: true},
		"report-longest-small-phone": {Width: 360, Height: 640, Phone: true},
	} {
		fits(t, name, b.Visit(browser.File(t, path), v))
	}
}

// fits complains of what is wider than the window or printed over something else.
func fits(t *testing.T, name string, p *browser.Page) {
	t.Helper()
	if wide := p.Overflow(); len(wide) > 0 {
		t.Errorf("%s: wider than the window:\n%s", name, strings.Join(wide, "\n"))
	}
	if over := p.Overlaps(); len(over) > 0 {
		t.Errorf("%s: texts over one another:\n%s", name, strings.Join(over, "\n"))
	}
	p.Screenshot(name)
}

// renews replaces the body, as a live page does.
func renews(t *testing.T, p *browser.Page) {
	state := browser.Eval[[]string](p, `new Promise(done => {
		const report = document.getElementById("report");
		document.getElementById("autorate-wan1-parts-box").open = true;
		setTimeout(() => { // the event of it comes later
			report.innerHTML = report.innerHTML.replaceAll(" open=\"\"", "").replaceAll(/ aria-sort="\w+"/g, "");
			setTimeout(() => done([
				String(document.getElementById("autorate-wan1-parts-box").open),
				document.querySelector("#autorate-wan1-summary thead th:nth-child(10)").ariaSort,
				String(document.querySelectorAll("#autorate-wan1-summary thead th:nth-child(10) button").length),
			]), 50);
		}, 50);
	})`, chromedp.EvalAwaitPromise)
	if want := []string{"true", "ascending", "1"}; !slices.Equal(state, want) {
		t.Errorf("open, sorted, with so many buttons: %v, want %v", state, want)
	}
}

// strict serves the page under a policy that allows nothing but what has the nonce.
func strict(t *testing.T, b *browser.Browser, c *Content) {
	const nonce = "bm90IHJhbmRvbSBoZXJl"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'nonce-"+nonce+"'; script-src 'nonce-"+nonce+"'; base-uri 'none'; form-action 'none'")
		o := fixed(t)
		o.Nonce = nonce
		if err := Write(w, c, o); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	p := b.Visit(server.URL+"/", browser.View{Width: 1280, Height: 900})
	if n := browser.Eval[int](p, `document.querySelectorAll("#autorate-wan1-summary thead button").length`); n != len(summaryHeads) {
		t.Errorf("%d buttons: the script does not run", n)
	}
	if color := browser.Eval[string](p, `getComputedStyle(document.querySelector("#autorate-wan1 .plot .median")).stroke`); color != "rgb(0, 80, 127)" {
		t.Errorf("the median is drawn in %s: the style sheet is not taken", color)
	}
	hovers(t, p)
	if errs := p.Errors(); len(errs) > 0 {
		t.Errorf("the console says %s", strings.Join(errs, "\n"))
	}
}

func quiet(t *testing.T, b *browser.Browser, url string) {
	for _, v := range []struct {
		name string
		view browser.View
	}{
		{"report-desktop-light", browser.View{Width: 1280, Height: 900}},
		{"report-desktop-dark", browser.View{Width: 1280, Height: 900, Dark: true}},
		{"report-phone-light", browser.View{Width: 390, Height: 844, Phone: true}},
		{"report-phone-dark", browser.View{Width: 390, Height: 844, Phone: true, Dark: true}},
		{"report-small-phone", browser.View{Width: 360, Height: 640, Phone: true}},
		{"report-noscript", browser.View{Width: 1280, Height: 900, NoScript: true}},
	} {
		p := b.Visit(url, v.view)
		if errs := p.Errors(); len(errs) > 0 {
			t.Errorf("%s: the console says %s", v.name, strings.Join(errs, "\n"))
		}
		if got := p.Requests(); len(got) != 1 || got[0] != url {
			t.Errorf("%s: it asked for %v", v.name, got)
		}
		fits(t, v.name, p)
	}
}

// onPage are the figures of a summary table, by label, target and key of the JSON.
const onPage = `Object.fromEntries([...document.querySelectorAll("#%s-summary tbody tr")].flatMap(tr =>
	[...tr.querySelectorAll("[data-k]")].map(td => [[tr.dataset.label, tr.dataset.target, td.dataset.k].join(" "), [td.dataset.v, td.innerText]])))`

func sameNumbers(t *testing.T, p *browser.Page, c *Content) {
	var text bytes.Buffer
	if err := report.JSON(&text, c.Analysis, report.Options{}); err != nil {
		t.Fatal(err)
	}
	var want evenings
	if err := json.Unmarshal(text.Bytes(), &want); err != nil {
		t.Fatal(err)
	}
	for _, l := range want.Loops {
		got := browser.Eval[map[string][2]string](p, fmt.Sprintf(onPage, l.Daemon+"-"+l.WAN))
		checked := 0
		for _, s := range l.Spans {
			target, _ := s["target"].(string)
			for key, v := range s {
				number, ok := v.(float64)
				if !ok {
					continue
				}
				cell, shown := got[fmt.Sprint(s["label"], " ", target, " ", key)]
				if !shown {
					if part := s["part"]; key == "critical_share" && (part == "probe" || part == "total" || part == "other") {
						continue // no share of what a cycle waits on
					}
					t.Errorf("%v %s: no %s on the page", s["label"], target, key)
					continue
				}
				checked++
				if exactly, err := strconv.ParseFloat(cell[0], 64); err != nil || exactly != number {
					t.Errorf("%v %s %s: the page has %q, JSON %v", s["label"], target, key, cell, number)
				}
				plain := strings.Trim(strings.ReplaceAll(cell[1], narrow, ""), "?")
				if read, err := strconv.ParseFloat(plain, 64); err == nil && fmt.Sprintf("%.3f", read) != fmt.Sprintf("%.3f", number) {
					t.Errorf("%v %s %s: the page shows %q, JSON says %v", s["label"], target, key, cell[1], number)
				}
			}
		}
		if other := got["  other_critical_share"][0]; other != exact(l.Other) {
			t.Errorf("other_critical_share is %q, want %v", other, l.Other)
		}
		if checked < 40 {
			t.Errorf("%s: only %d numbers were compared", l.Daemon, checked)
		}
	}
}

func sorts(t *testing.T, p *browser.Page) {
	column := func(key string) (values []float64) {
		for _, v := range browser.Eval[[]string](p, `[...document.querySelectorAll("#autorate-wan1-summary tbody [data-k=`+key+`]")].map(td => td.dataset.v)`) {
			f, err := strconv.ParseFloat(v, 64)
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, f)
		}
		return values
	}
	head := `#autorate-wan1-summary thead th:nth-child(10) button` // p99
	p.Do(chromedp.Click(head))
	down := column("p99_ms")
	if sorted := slices.Sorted(slices.Values(down)); len(down) < 5 || !slices.IsSortedFunc(down, func(a, b float64) int { return int(b*1000 - a*1000) }) {
		t.Errorf("sorted by p99 once: %v, want %v from its end", down, sorted)
	}
	p.Do(chromedp.Click(head))
	if up := column("p99_ms"); !slices.IsSorted(up) {
		t.Errorf("sorted by p99 twice: %v", up)
	}
	if sort := browser.Eval[string](p, `document.querySelector("#autorate-wan1-summary thead th:nth-child(10)").ariaSort`); sort != "ascending" {
		t.Errorf("aria-sort is %q", sort)
	}
}

func hovers(t *testing.T, p *browser.Page) {
	const plot = `[...document.querySelectorAll("#autorate-wan1 .time .plot[data-steps]")].find(p => p.clientHeight > 150)`
	row := browser.Eval[string](p, `document.querySelector("#autorate-wan1-numbers tbody tr:nth-child(2) th").textContent`)
	tip := ""
	for range 50 { // scrolling to it takes a moment, and hides what was shown
		place := browser.Eval[[]float64](p, `(plot => {
			plot.scrollIntoView({block: "center"});
			const box = plot.getBoundingClientRect();
			return [box.left + 1.5 * box.width / plot.dataset.steps, box.top + 50];
		})(`+plot+`)`)
		p.Do(chromedp.MouseEvent(input.DispatchMouseEventTypeMouseMoved, place[0], place[1]))
		if tip = browser.Eval[string](p, `(tip => tip.hidden ? "" : tip.innerText)(document.getElementById("tip"))`); tip != "" {
			break
		}
	}
	if !strings.HasPrefix(tip, row) || !strings.Contains(tip, "p99 ms") || !strings.Contains(tip, "?") {
		t.Errorf("the pointer on the second step, %s, shows %q", row, tip)
	}
	tip = browser.Eval[string](p, `(() => {
		const plot = document.querySelector("#autorate-wan1 .heat .plot");
		plot.focus();
		plot.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true}));
		return document.getElementById("tip").innerText;
	})()`)
	if !strings.Contains(tip, " to ") || !strings.Contains(tip, "ms") {
		t.Errorf("the first step of the heat map, by keyboard, shows %q", tip)
	}
}
