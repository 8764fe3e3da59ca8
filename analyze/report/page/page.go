package page

import (
	"context"
	_ "embed"
	"html/template"
	"io"
	"sync"
	"time"

	"wanctl/analyze"
	"wanctl/cycle"
)

// Content is all that a page shows.
type Content struct {
	Analysis *analyze.Analysis
	Timeline *analyze.Timeline
	Courses  []analyze.Course      // by loop of the analysis
	Slowest  [][]analyze.Explained // likewise
}

// steps is into how many stretches a window is divided, more or less: as many as
// can be told apart on a small screen.
const steps = 200

// slowest is how many of a loop's slowest cycles are shown.
const slowest = 10

// Gather reads all that a page shows. A window without any cycles gives a Content
// without loops.
func Gather(ctx context.Context, w cycle.Window, o analyze.Options, sources ...analyze.Source) (c *Content, err error) {
	c = new(Content)
	if c.Analysis, c.Timeline, err = analyze.Over(ctx, w, steps, o, sources...); err != nil {
		return nil, err
	}
	if c.Courses, err = analyze.Courses(ctx, c.Analysis, c.Timeline, o, sources...); err != nil {
		return nil, err
	}
	c.Slowest, err = analyze.Slowest(ctx, c.Analysis, c.Timeline, slowest, o, sources...)
	return c, err
}

// Options say how a page is laid out.
type Options struct {
	Databases []string       // the files it is about, as they were named
	Zone      *time.Location // of the times shown; nil: UTC
	Now       time.Time      // when the page was made; the zero time is not shown
	Version   string         // of the program; "" is not shown
	Nonce     string         // of the style and script elements, for a content security policy; "" in a file
	Label     string         // the part, label or reflector whose latency is drawn over time; "": the whole cycle
}

func (o *Options) zone() *time.Location {
	if o.Zone == nil {
		return time.UTC
	}
	return o.Zone
}

// clock shows a moment to the second.
func (o *Options) clock(t time.Time) string {
	return t.In(o.zone()).Format("2006-01-02 15:04:05 MST")
}

// short shows a moment to the second, without its day where that is the day of end.
func (o *Options) short(t, end time.Time) string {
	t, end = t.In(o.zone()), end.In(o.zone())
	if t.Format(time.DateOnly) == end.Format(time.DateOnly) {
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateTime)
}

// Style is the page's style sheet, for a server that hands it out by itself.
//
//go:embed style.css
var Style string

// Script is the page's script: it sorts tables and shows values under the pointer,
// of what Body wrote as well as of what replaces it later. Without it the page
// tells the same.
//
//go:embed script.js
var Script string

//go:embed page.tmpl
var pageText string

// pages are read when first written: most verbs write none.
var pages = sync.OnceValue(func() *template.Template { return template.Must(template.New("page").Parse(pageText)) })

// document is what the template shows.
type document struct {
	*view
	Nonce  string
	Style  template.CSS
	Script template.JS
}

// Write writes the whole self-contained document.
func Write(out io.Writer, c *Content, o Options) error {
	return pages().ExecuteTemplate(out, "document", document{newView(c, &o), o.Nonce, template.CSS(Style), template.JS(Script)})
}

// Body writes only what lies inside <main>: a live page replaces that without
// being loaded again. The ids of its elements depend on the names of the loops
// alone.
func Body(out io.Writer, c *Content, o Options) error {
	return pages().ExecuteTemplate(out, "body", newView(c, &o))
}
