package site

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"time"

	"wanctl/analyze"
	"wanctl/analyze/report"
	"wanctl/cycle"
)

// downloadLength is the longest that one download may take: at the end of it the
// connection is broken, so that nobody takes the beginning for the whole.
const downloadLength = 30 * time.Minute

// download hands out the cycles of what is shown, one by one.
type download struct {
	name    string // of the file, before the window
	ext     string
	content string
	write   func(s *Site, label string, out io.Writer, cycles iter.Seq2[*cycle.Cycle, error]) error
}

// downloads are what there is to take home, by path. They are the same, byte for
// byte, as wanctl export writes; of the timings those of a label can be had alone.
var downloads = map[string]download{
	"/spans.csv":  {"wanctl-spans", "csv", "text/csv; charset=utf-8", rowsOf("spans")},
	"/cycles.csv": {"wanctl-cycles", "csv", "text/csv; charset=utf-8", rowsOf("cycles")},
	"/trace.json": {"wanctl-trace", "json", "application/json", func(_ *Site, _ string, out io.Writer, cycles iter.Seq2[*cycle.Cycle, error]) error {
		return report.Trace(out, cycles)
	}},
}

func rowsOf(table string) func(*Site, string, io.Writer, iter.Seq2[*cycle.Cycle, error]) error {
	return func(s *Site, label string, out io.Writer, cycles iter.Seq2[*cycle.Cycle, error]) error {
		rows, err := report.NewRows(table)
		if err != nil {
			return err
		}
		rows.Zone, rows.Label = s.config.Zone, label
		return rows.Write(out, cycles)
	}
}

// serve answers with the download.
func (d download) serve(s *Site, w http.ResponseWriter, r *http.Request) error {
	q, window, err := s.asked(r)
	if err != nil {
		return err
	}
	if q.Label != "" { // is there one of that name?
		if _, err := s.analysis(r.Context(), q, window); err != nil {
			return err
		}
	}
	w.Header().Set("Content-Type", d.content)
	attach(w.Header(), d.name, d.ext, window)
	if r.Method == http.MethodHead {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), downloadLength)
	defer cancel()
	leave, err := s.carrying.enter(ctx)
	if err != nil {
		return err
	}
	defer leave()
	rs, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer rs.close()
	out := &counted{Writer: newPatient(w)}
	err = d.write(s, q.Label, out, inSlices(ctx, window, q.options(s.now()), rs.sources()))
	switch {
	case errors.Is(err, report.ErrNothing):
		return s.nothing(ctx, rs, window, q.options(s.now()))
	case err != nil && out.n > 0:
		if ctx.Err() == nil {
			s.config.Log.Warn("a download was broken off", "path", r.URL.Path, "error", err)
		}
		panic(http.ErrAbortHandler) // the client sees that it is not whole
	}
	return err
}

// counted counts what was written.
type counted struct {
	io.Writer
	n int64
}

// Write implements io.Writer.
func (c *counted) Write(b []byte) (int, error) {
	n, err := c.Writer.Write(b)
	c.n += int64(n)
	return n, err
}

// attach names a download after its window, in UTC.
func attach(h http.Header, name, ext string, w cycle.Window) {
	const layout = "20060102T150405Z"
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%s-%s.%s"`, name, w.Since.UTC().Format(layout), w.Until.UTC().Format(layout), ext))
}

// api answers with the contract's JSON, to the byte as wanctl analyze does.
func (s *Site) api(w http.ResponseWriter, r *http.Request) error {
	q, window, err := s.asked(r)
	if err != nil {
		return err
	}
	a, err := s.analysis(r.Context(), q, window)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	return report.JSON(newPatient(w), a, s.shown())
}

// summary answers with the table of the report as CSV.
func (s *Site) summary(w http.ResponseWriter, r *http.Request) error {
	q, window, err := s.asked(r)
	if err != nil {
		return err
	}
	a, err := s.analysis(r.Context(), q, window)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	attach(w.Header(), "wanctl-summary", "csv", a.Window)
	return report.CSV(newPatient(w), a, s.shown())
}

// analysis answers a question without its pictures. It is the same whatever the label,
// of which there must be one.
func (s *Site) analysis(ctx context.Context, q query, window cycle.Window) (*analyze.Analysis, error) {
	newest, err := s.newest(ctx)
	if err != nil {
		return nil, err
	}
	label := q.Label
	q.Label = ""
	a, err := s.analyses.ask(ctx, key(q, newest), func(ctx context.Context) (*analyze.Analysis, error) {
		rs, err := s.open(ctx)
		if err != nil {
			return nil, err
		}
		defer rs.close()
		a, err := analyze.Analyze(ctx, window, q.options(s.now()), rs.sources()...)
		if err == nil && len(a.Loops) == 0 {
			err = s.nothing(ctx, rs, window, q.options(s.now()))
		}
		return a, err
	})
	if err != nil {
		return nil, err
	}
	return a, knownLabel(a, label)
}
