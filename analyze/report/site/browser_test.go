package site

import (
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"wanctl/analyze/report/browser"
)

var (
	desktop = browser.View{Width: 1280, Height: 900}
	phone   = browser.View{Width: 390, Height: 844, Phone: true}
)

func dark(v browser.View) browser.View {
	v.Dark = true
	return v
}

// eventually waits until an expression is true on the page.
func eventually(t *testing.T, p *browser.Page, what, expression string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if browser.Eval[bool](p, "Boolean("+expression+")") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: it does not come true: %s; the page says %s", what, expression,
				browser.Eval[string](p, `document.getElementById("state").textContent + " | " + location.search + " | " + document.querySelector("main").innerText.slice(0, 300)`))
		}
	}
}

func quiet(t *testing.T, what string, p *browser.Page) {
	t.Helper()
	if errs := p.Errors(); len(errs) > 0 {
		t.Errorf("%s: the console says %s", what, strings.Join(errs, "\n"))
	}
	if wide := p.Overflow(); len(wide) > 0 {
		t.Errorf("%s: wider than the window:\n%s", what, strings.Join(wide, "\n"))
	}
}

// visit opens an address in a tab that the subtest leaves: a browser has six
// connections to a site, and each live page keeps one.
func visit(t *testing.T, b *browser.Browser, address string, v browser.View) *browser.Page {
	t.Helper()
	p := b.Visit(address, v)
	t.Cleanup(func() { p.Do(chromedp.Navigate("about:blank")) })
	return p
}

func asked(p *browser.Page, path string) (n int) {
	for _, r := range p.Requests() {
		if _, after, ok := strings.Cut(strings.TrimPrefix(r, "http://"), "/"); ok && (after == path || strings.HasPrefix(after, path+"?")) {
			n++
		}
	}
	return n
}

// TestInABrowser opens the page of a recording that grows in a real browser.
func TestInABrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("what happens is in the browser")
	}
	t.Parallel()
	b := browser.Open(t)
	path := filepath.Join(t.TempDir(), "profile.db")
	began := time.Now().Add(-10 * time.Minute).Truncate(time.Second)
	recordSince(t, path, began, 0, 6000)
	base, _ := serving(t, New(of(path)))
	const cycles = `document.querySelector('dd[data-k="cycles"]')?.dataset.v`

	t.Run("it looks again where nothing is new", func(t *testing.T) {
		p := visit(t, b, base+"/?since=15m", desktop)
		eventually(t, p, "first", `document.getElementById("state").classList.contains("live")`)
		browser.Eval[bool](p, `(() => {
			const fetched = window.fetch, now = Date.now;
			window.fetch = (...all) => { window.again = (window.again || 0) + 1; return fetched(...all); };
			Date.now = () => now() + 100000;
			return true;
		})()`)
		eventually(t, p, "later", `window.again`)
		quiet(t, "later", p)
	})
	for name, v := range map[string]browser.View{
		"desktop-light": desktop, "desktop-dark": dark(desktop), "phone-light": phone, "phone-dark": dark(phone), "small-phone": {Width: 360, Height: 640, Phone: true},
	} {
		t.Run("it looks well: "+name, func(t *testing.T) {
			p := visit(t, b, base+"/?since=15m", v)
			eventually(t, p, name, `document.getElementById("state").classList.contains("live")`)
			quiet(t, name, p)
			p.Screenshot("site-" + name)
			p.Do(chromedp.Click("#take > summary"))
			quiet(t, name+" with downloads", p)
			if v == desktop || v == dark(phone) {
				p.Screenshot("site-" + name + "-downloads")
			}
		})
	}

	t.Run("it needs no script", func(t *testing.T) {
		v := desktop
		v.NoScript = true
		p := visit(t, b, base+"/?since=15m", v)
		quiet(t, "without script", p)
		if asked(p, "events") > 0 {
			t.Error("a script runs")
		}
		p.Screenshot("site-noscript")
	})

	t.Run("it follows the file without being loaded again", func(t *testing.T) {
		p := visit(t, b, base+"/?since=15m", desktop)
		eventually(t, p, "the begin", cycles+` === "6000"`)
		eventually(t, p, "the state", `document.getElementById("state").textContent.startsWith("live, newest ")`)
		// What somebody has done to the page stays.
		browser.Eval[bool](p, `(window.mark = 1, document.querySelector("main details").open = true)`)
		p.Do(chromedp.Click(`main table.summary thead th:nth-child(5)`))
		way := browser.Eval[string](p, `document.querySelector("main table.summary thead th:nth-child(5)").ariaSort`)
		p.Do(chromedp.Focus(`main details > summary`))
		place := browser.Eval[float64](p, `scrollY`)
		recordSince(t, path, began, 6000, 1200)
		eventually(t, p, "the news", cycles+` === "7200"`)
		if !browser.Eval[bool](p, `window.mark === 1 && performance.getEntriesByType("navigation").length === 1`) {
			t.Error("the page was loaded again")
		}
		if !browser.Eval[bool](p, `document.querySelector("main details").open`) {
			t.Error("what was open is closed")
		}
		if at := browser.Eval[float64](p, `scrollY`); at != place || place == 0 {
			t.Errorf("the page has moved from %v to %v", place, at)
		}
		if !browser.Eval[bool](p, `document.activeElement === document.querySelector("main details > summary")`) {
			t.Errorf("the keyboard is at %s", browser.Eval[string](p, `document.activeElement.outerHTML.slice(0, 200)`))
		}
		if got := browser.Eval[string](p, `document.querySelector("main table.summary thead th:nth-child(5)").ariaSort`); got != way || way == "" {
			t.Errorf("the table was sorted %q, and is %q", way, got)
		}
		if n := asked(p, ""); n != 2 {
			t.Errorf("the page was asked for %d times, want 2: %v", n, p.Requests())
		}
		for _, r := range p.Requests() {
			if !strings.HasPrefix(r, base) {
				t.Errorf("it asked for %s", r)
			}
		}
		quiet(t, "after the news", p)
	})

	t.Run("window and label are chosen in place, by keyboard too", func(t *testing.T) {
		p := visit(t, b, base+"/?since=15m", desktop)
		eventually(t, p, "the begin", cycles)
		browser.Eval[bool](p, `(window.mark = 1, true)`)
		p.Do(chromedp.Focus(`select[name="label"]`), chromedp.KeyEvent("r"))
		eventually(t, p, "the label", `location.search === "?since=15m&label=rtt" && document.querySelector("main").innerText.includes("rtt")`)
		if !browser.Eval[bool](p, `document.activeElement === document.querySelector("select[name=label]") && document.activeElement.value === "rtt"`) {
			t.Error("the choice has lost the keyboard")
		}
		p.Do(chromedp.Click(`#presets a:nth-child(3)`))
		eventually(t, p, "the window", `location.search === "?since=6h&label=rtt" && document.querySelector("#presets [aria-current=true]")?.textContent === "6h" && document.title.endsWith("last 6h")`)
		browser.Eval[bool](p, `(document.querySelector("input[name=since]").select(), true)`)
		p.Do(chromedp.SendKeys(`input[name="since"]`, "12m"+kb.Enter))
		eventually(t, p, "a window of one's own", `location.search === "?since=12m&label=rtt" && document.title.endsWith("last 12m") && !document.querySelector("#presets [aria-current]")`)
		if !browser.Eval[bool](p, `[...document.querySelectorAll("#links a")].every((a) => new URL(a.href).searchParams.get("since") === "12m")`) {
			t.Error("the downloads are of another window")
		}
		browser.Eval[bool](p, `(history.back(), true)`)
		eventually(t, p, "back", `location.search === "?since=6h&label=rtt" && document.querySelector("input[name=since]").value === "6h"`)
		if !browser.Eval[bool](p, `window.mark === 1`) {
			t.Error("the page was loaded again")
		}
		quiet(t, "after choosing", p)
	})

	t.Run("a loop is chosen where there are several", func(t *testing.T) {
		both := filepath.Join(t.TempDir(), "both.db")
		recordTwo(t, both, began)
		base, _ := serving(t, New(of(both)))
		p := visit(t, b, base+"/?since=15m", phone)
		eventually(t, p, "both", `document.querySelectorAll("main .loop").length === 2`)
		p.Screenshot("site-two-loops")
		p.Do(chromedp.Focus(`select[name="wan"]`), chromedp.KeyEvent(kb.ArrowDown))
		eventually(t, p, "one", `location.search === "?since=15m&wan=fibre" && document.querySelectorAll("main .loop").length === 1`)
		if n := browser.Eval[int](p, `document.querySelector("select[name=wan]").options.length`); n != 3 {
			t.Errorf("%d WANs to choose from", n)
		}
		if !browser.Eval[bool](p, `document.querySelector("select[name=daemon]").closest("label").hidden`) {
			t.Error("there is one daemon, and a choice of daemons")
		}
		quiet(t, "after choosing", p)
	})

	t.Run("a fixed window stands still and says so", func(t *testing.T) {
		p := visit(t, b, fmt.Sprintf("%s/?since=%s&until=%s", base, began.UTC().Format(time.RFC3339), began.Add(time.Minute).UTC().Format(time.RFC3339)), desktop)
		eventually(t, p, "the page", cycles+` === "1200"`)
		if got := browser.Eval[string](p, `document.getElementById("state").textContent`); got != "a fixed window: it stands still" {
			t.Errorf("it says %q", got)
		}
		if asked(p, "events") > 0 {
			t.Error("it listens for news")
		}
		quiet(t, "a fixed window", p)
	})

	t.Run("where nothing was recorded it says so, and one goes on", func(t *testing.T) {
		p := visit(t, b, base+"/?since=2026-01-01&until=2026-01-02", desktop)
		eventually(t, p, "the page", `document.querySelector("main [role=alert]").innerText.includes("nothing recorded in")`)
		p.Screenshot("site-nothing")
		p.Do(chromedp.Click(`#presets a:nth-child(2)`))
		eventually(t, p, "another window", cycles)
	})

	t.Run("it says when there is no answer, and comes back", func(t *testing.T) {
		s := New(of(path))
		away, end := serving(t, s)
		p := visit(t, b, away+"/?since=15m", desktop)
		eventually(t, p, "the begin", `document.getElementById("state").classList.contains("live")`)
		quiet(t, "at first", p)
		end()
		eventually(t, p, "the end", `document.getElementById("state").textContent.startsWith("not live: connecting") && !document.getElementById("state").classList.contains("live")`)
		if !browser.Eval[bool](p, cycles+` > 0`) {
			t.Error("what it showed is gone")
		}
	})

	t.Run("one logs in", func(t *testing.T) {
		config := of(path)
		config.Token = secret
		base, _ := serving(t, New(config))
		p := visit(t, b, base+"/?since=15m", phone)
		p.Screenshot("site-login")
		quiet(t, "the way in", p)
		p.Do(chromedp.SendKeys(`input[name="token"]`, secret+kb.Enter))
		eventually(t, p, "in", `location.search === "?since=15m" && `+cycles)
		eventually(t, p, "live", `document.getElementById("state").classList.contains("live")`)
		quiet(t, "inside", p)
		if slices.ContainsFunc(p.Requests(), func(r string) bool { return strings.Contains(r, "token") }) {
			t.Errorf("the token is in an address: %v", p.Requests())
		}
	})
	http.DefaultClient.CloseIdleConnections()
}
