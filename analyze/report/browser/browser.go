// Package browser opens pages in a real browser, headless, for the tests of what
// people look at. It is Debian's chromium that does it; where there is none, the
// test is skipped and says so. Nothing but loopback and files is reached.
package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// deadline bounds a test's time in the browser.
const deadline = 3 * time.Minute

// programs are the names that the browser goes by.
var programs = []string{"chromium", "chromium-browser", "google-chrome"}

// Browser is a running browser.
type Browser struct {
	t   testing.TB
	ctx context.Context
}

// Open starts a browser that ends with the test.
func Open(t testing.TB) *Browser {
	t.Helper()
	i := slices.IndexFunc(programs, func(name string) bool { _, err := exec.LookPath(name); return err == nil })
	if i < 0 {
		t.Skip("no browser is installed: apt-get install chromium")
	}
	// --no-sandbox: Chromium refuses root otherwise, and what it opens here is ours.
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(programs[i]), chromedp.NoSandbox,
		chromedp.DisableGPU, chromedp.Flag("hide-scrollbars", true), chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"))
	ctx, cancelTime := context.WithTimeout(context.Background(), deadline)
	ctx, cancelProgram := chromedp.NewExecAllocator(ctx, options...)
	ctx, cancel := chromedp.NewContext(ctx)
	t.Cleanup(func() { cancel(); cancelProgram(); cancelTime() })
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start %s: %v", programs[i], err)
	}
	return &Browser{t: t, ctx: ctx}
}

// View is how a page is looked at.
type View struct {
	Width, Height int // of the window, CSS pixels
	Dark          bool
	Phone         bool // a touch screen
	NoScript      bool // JavaScript is off
}

// Page is a tab. Its methods fail the test when something goes wrong.
type Page struct {
	t     testing.TB
	ctx   context.Context
	url   string
	width int

	mu       sync.Mutex
	errors   []string
	requests []string
}

// Visit opens an address in a tab of its own.
func (b *Browser) Visit(url string, v View) *Page {
	b.t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	b.t.Cleanup(cancel)
	p := &Page{t: b.t, ctx: ctx, url: url, width: v.Width}
	if err := chromedp.Listen(ctx, p.listen); err != nil {
		b.t.Fatalf("listen to %s: %v", url, err)
	}
	scheme := "light"
	if v.Dark {
		scheme = "dark"
	}
	p.Do(
		command(network.Enable, network.EnableParams{}), command(log.Enable, cdp.Empty{}),
		command(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: int64(v.Width), Height: int64(v.Height), DeviceScaleFactor: 1, Mobile: v.Phone,
		}),
		command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		}),
		command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: v.NoScript}),
		chromedp.Navigate(url))
	return p
}

// command makes an action of a command of the protocol whose result says nothing.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

// listen notes what goes wrong on the page, and what it asks of the network.
func (p *Page) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.errors = append(p.errors, exception(e.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			text := string(e.Type)
			for _, a := range e.Args {
				text += " " + string(a.Value)
			}
			p.errors = append(p.errors, text)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			p.errors = append(p.errors, e.Entry.Text)
		}
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, "data:") {
			p.requests = append(p.requests, e.Request.URL)
		}
	}
}

// exception tells what a script threw.
func exception(d *runtime.ExceptionDetails) string {
	if d.Exception != nil {
		return d.Text + " " + d.Exception.Description
	}
	return d.Text
}

// Do runs actions of chromedp's on the page.
func (p *Page) Do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.t.Fatalf("%s: %v", p.url, err)
	}
}

// Eval evaluates JavaScript on a page, as a value of T by way of JSON.
func Eval[T any](p *Page, expression string, options ...chromedp.EvaluateOption) T {
	p.t.Helper()
	v, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, options...))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// Errors returns what the console told of: errors, warnings, violations of the
// content security policy.
func (p *Page) Errors() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.errors)
}

// Requests returns the addresses that the page asked for, its own first.
func (p *Page) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// overflowing finds the elements that make the page wider than the window. A phone
// zooms out until all is seen, so that its innerWidth is never too small: the width
// is that of the view.
const overflowing = `(width => {
	const wide = [];
	if (document.documentElement.scrollWidth > width) {
		for (const e of document.querySelectorAll("body *")) {
			const box = e.getBoundingClientRect();
			if (box.right > width + 1 && !e.closest(".scroll") && !e.closest("svg svg")) wide.push(e.tagName + "." + e.getAttribute("class") + "#" + e.id + " to " + Math.round(box.right));
		}
		wide.push("page is " + document.documentElement.scrollWidth + " wide");
	}
	return wide.slice(-20);
})(%d)`

// Overflow returns what makes the page wider than the window; nothing if it is not.
func (p *Page) Overflow() []string {
	p.t.Helper()
	return Eval[[]string](p, fmt.Sprintf(overflowing, p.width))
}

// overlapping finds texts that are printed over others: whose boxes, as far as they
// are not clipped, share more than half a line.
const overlapping = `(() => {
	const clips = new Map([[null, [-Infinity, -Infinity, Infinity, Infinity]]]);
	const cut = (a, b) => [Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])];
	const sides = b => [b.left, b.top, b.right, b.bottom];
	const clip = e => {
		if (!clips.has(e)) {
			const outer = clip(e.parentElement);
			const open = e instanceof SVGElement || e === document.body || e === document.documentElement || getComputedStyle(e).overflowX === "visible";
			clips.set(e, open ? outer : cut(outer, sides(e.getBoundingClientRect())));
		}
		return clips.get(e);
	};
	const boxes = [];
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n; n = texts.nextNode();) {
		if (!n.data.trim() || !n.parentElement.checkVisibility()) continue; // what is in closed details has boxes too
		const range = document.createRange();
		range.selectNodeContents(n);
		for (const r of range.getClientRects()) {
			const box = cut(sides(r), clip(n.parentElement));
			if (box[2] - box[0] > 1 && box[3] - box[1] > 1) boxes.push({n, box});
		}
	}
	boxes.sort((a, b) => a.box[1] - b.box[1]);
	const found = new Set();
	boxes.forEach((a, i) => {
		for (const b of boxes.slice(i + 1)) {
			if (b.box[1] >= a.box[3]) break;
			const [left, top, right, bottom] = cut(a.box, b.box);
			const lower = Math.min(a.box[3] - a.box[1], b.box[3] - b.box[1]);
			if (a.n !== b.n && right - left > 1 && bottom - top > lower / 2) found.add(a.n.data.trim() + " | " + b.n.data.trim());
		}
	});
	return [...found].slice(0, 20);
})()`

// Overlaps returns the texts of the page that are printed over one another, in pairs.
func (p *Page) Overlaps() []string {
	p.t.Helper()
	return Eval[[]string](p, overlapping)
}

// Screenshot keeps a picture of the whole page as NAME.png in the folder that
// WANCTL_ARTIFACTS names; without that it does nothing.
func (p *Page) Screenshot(name string) {
	p.t.Helper()
	folder := os.Getenv("WANCTL_ARTIFACTS")
	if folder == "" {
		return
	}
	picture, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		p.t.Fatalf("screenshot %s: %v", name, err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// File returns the address of a file.
func File(t testing.TB, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("file://%s", path)
}
