package page

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"wanctl/analyze"
	"wanctl/analyze/report"
	"wanctl/cycle"
	"wanctl/cycle/golden"
)

// hostile is a name that would do harm as markup, in an attribute or in a script.
const hostile = `"><script>alert(1)</script>'&<b onmouseover="x">`

// shown gathers an evening and returns its page.
func shown(t *testing.T, length time.Duration, wan, reflector string, o Options) (*Content, []byte) {
	t.Helper()
	e := newEvening(t, length, wan, reflector)
	c, err := Gather(t.Context(), cycle.Window{Since: dusk, Until: dusk.Add(length)}, analyze.Options{}, e)
	if err != nil {
		t.Fatal(err)
	}
	b := new(bytes.Buffer)
	if err := Write(b, c, o); err != nil {
		t.Fatal(err)
	}
	return c, b.Bytes()
}

// fixed are options of which nothing changes from run to run.
func fixed(t *testing.T) Options {
	t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return Options{Databases: []string{"evening.db"}, Zone: berlin, Now: dusk.Add(4 * time.Hour), Version: "v1.2.0"}
}

func TestTheBodyOfASmallPage(t *testing.T) {
	t.Parallel()
	e := newEvening(t, 3*time.Minute, "wan1", "reflector.example")
	c, err := Gather(t.Context(), cycle.Window{Since: dusk, Until: dusk.Add(3 * time.Minute)}, analyze.Options{Daemon: cycle.Autorate}, e)
	if err != nil {
		t.Fatal(err)
	}
	b := new(bytes.Buffer)
	if err := Body(b, c, fixed(t)); err != nil {
		t.Fatal(err)
	}
	golden.Equal(t, filepath.Join("testdata", "small.html"), b.String())
}

// void are the elements that have no end.
var void = []string{"meta", "link", "br"}

// checkMarkup reads a page as a browser does and complains of elements that are not
// closed, ids that are given twice, and references that lead nowhere; it returns
// the names of all elements and all text.
func checkMarkup(t *testing.T, text []byte) (elements map[string]int, words string) {
	t.Helper()
	elements = map[string]int{}
	var open, refs []string
	ids := map[string]bool{}
	z := html.NewTokenizer(bytes.NewReader(text))
	all := new(strings.Builder)
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			if len(open) > 0 {
				t.Errorf("not closed at the end: %v", open)
			}
			for _, r := range refs {
				if !ids[r] {
					t.Errorf("#%s leads nowhere", r)
				}
			}
			return elements, all.String()
		case html.TextToken:
			all.Write(z.Text())
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			elements[token.Data]++
			if kind == html.StartTagToken && !slices.Contains(void, token.Data) {
				open = append(open, token.Data)
			}
			seen := map[string]bool{}
			for _, a := range token.Attr {
				if seen[a.Key] {
					t.Errorf("<%s> has two attributes %s", token.Data, a.Key)
				}
				seen[a.Key] = true
				switch {
				case strings.HasPrefix(a.Key, "on") || a.Key == "style":
					t.Errorf("<%s %s=%q>: a strict content security policy forbids that", token.Data, a.Key, a.Val)
				case a.Key == "id" && ids[a.Val]:
					t.Errorf("two elements have the id %q", a.Val)
				case a.Key == "id":
					ids[a.Val] = true
				case a.Key == "href" && strings.HasPrefix(a.Val, "#"):
					refs = append(refs, a.Val[1:])
				case a.Key == "data-numbers" || a.Key == "aria-labelledby":
					refs = append(refs, a.Val)
				case (a.Key == "href" || a.Key == "src") && a.Val != "data:,":
					t.Errorf("<%s %s=%q> needs something from elsewhere", token.Data, a.Key, a.Val)
				}
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				t.Fatalf("</%s> closes %v", name, open)
			}
			open = open[:len(open)-1]
		}
	}
}

func TestThePageIsWellFormedAndNeedsNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	_, text := shown(t, time.Hour, "wan1", "reflector.example", fixed(t))
	elements, _ := checkMarkup(t, text)
	for name, want := range map[string]int{"html": 1, "main": 1, "script": 1, "style": 1, "h1": 1} {
		if elements[name] != want {
			t.Errorf("%d <%s>, want %d", elements[name], name, want)
		}
	}
	if bytes.Contains(text, []byte("url(")) || bytes.Contains(text, []byte("@import")) {
		t.Error("the style sheet asks for something from elsewhere")
	}
}

func TestHostileNamesAreText(t *testing.T) {
	t.Parallel()
	o := fixed(t)
	o.Databases, o.Version, o.Nonce = []string{hostile}, hostile, "r4nd0m"
	_, text := shown(t, 20*time.Minute, hostile, hostile+"\x1b[31m", o)
	elements, words := checkMarkup(t, text)
	if elements["script"] != 1 || strings.Contains(words, "\x1b") {
		t.Errorf("names became markup: %v", elements)
	}
	if n := strings.Count(html.UnescapeString(words), hostile); n < 8 {
		t.Errorf("the names are shown %d times", n)
	}
	for _, want := range []string{`<style nonce="r4nd0m">`, `<script nonce="r4nd0m">`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("there is no %s", want)
		}
	}
}

func TestTwoRendersHaveTheSameIDs(t *testing.T) {
	t.Parallel()
	e := newEvening(t, 30*time.Minute, "Büro 1", "reflector.example")
	ids := func(w cycle.Window) (ids []string) {
		c, err := Gather(t.Context(), w, analyze.Options{}, e)
		if err != nil {
			t.Fatal(err)
		}
		b := new(bytes.Buffer)
		if err := Body(b, c, fixed(t)); err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(b.String(), ` id="`)[1:] {
			id, _, _ := strings.Cut(part, `"`)
			ids = append(ids, id)
		}
		return ids
	}
	first := ids(cycle.Window{Since: dusk, Until: dusk.Add(20 * time.Minute)})
	later := ids(cycle.Window{Since: dusk.Add(5 * time.Minute), Until: dusk.Add(28 * time.Minute)})
	if diff := cmp.Diff(first, later); diff != "" || len(first) < 6 {
		t.Errorf("%v, (-first +later):\n%s", first, diff)
	}
}

func TestTheNumbersOfThePageAreThoseOfTheAnalysis(t *testing.T) {
	t.Parallel()
	e := newEvening(t, 90*time.Minute, "wan1", "reflector.example")
	w := cycle.Window{Since: dusk.Add(13 * time.Second), Until: dusk.Add(80*time.Minute + 7*time.Second)}
	c, err := Gather(t.Context(), w, analyze.Options{}, e)
	if err != nil {
		t.Fatal(err)
	}
	a, err := analyze.Analyze(t.Context(), w, analyze.Options{}, e)
	if err != nil {
		t.Fatal(err)
	}
	var page, plain bytes.Buffer
	if err := report.JSON(&page, c.Analysis, report.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := report.JSON(&plain, a, report.Options{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plain.String(), page.String()); diff != "" {
		t.Errorf("(-analyze +page):\n%s", diff)
	}
}

// TestThinNumbersAreMarked reads the tables behind the pictures over time, which is
// what shows under the pointer: a step has few values.
func TestThinNumbersAreMarked(t *testing.T) {
	t.Parallel()
	c, _ := shown(t, 20*time.Minute, "wan1", "reflector.example", fixed(t))
	o := fixed(t)
	h := newHistory(c, 0, &o, "x")
	d := new(drawing)
	h.partNumbers(d, []*analyze.Trend{h.total})
	thin := 0
	for _, column := range h.latencyColumns() {
		name, _, _ := strings.Cut(column.head, " ms")
		least := map[string]int64{"p50": 2, "p95": 20, "p99": 100}[name]
		for i := range h.total.Steps {
			n := h.total.Steps[i].Count
			cell := column.cell(i)
			if want := n > 0 && n < least; strings.HasSuffix(cell, "?") != want {
				t.Errorf("%s of %d values is shown as %q", column.head, n, cell)
			}
			if strings.HasSuffix(cell, "?") {
				thin++
			}
		}
	}
	if few := strings.Count(string(d.html()), "?"); thin == 0 || few != thin {
		t.Errorf("%d numbers of the picture are marked, and %d of the small one", thin, few)
	}
}

func TestAPageOfNothingSaysSo(t *testing.T) {
	t.Parallel()
	c, err := Gather(t.Context(), cycle.Window{Since: dusk, Until: dusk.Add(time.Hour)}, analyze.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := new(bytes.Buffer)
	if err := Write(b, c, Options{}); err != nil || !bytes.Contains(b.Bytes(), []byte("Nothing was recorded in this window.")) {
		t.Errorf("%v\n%s", err, b)
	}
	checkMarkup(t, b.Bytes())
}
