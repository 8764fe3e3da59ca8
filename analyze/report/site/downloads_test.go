package site

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"wanctl/analyze"
	"wanctl/analyze/report"
	"wanctl/cycle"
)

// severalSlices is a window that several slices make up, with cycles in two of them.
const severalSlices = "since=2026-01-09T13:52:30Z&until=2026-01-09T14:12:31Z"

var severalWindow = cycle.Window{Since: time.Date(2026, 1, 9, 13, 52, 30, 0, time.UTC), Until: time.Date(2026, 1, 9, 14, 12, 31, 0, time.UTC)}

func TestDownloadsAreTheSameInSlices(t *testing.T) {
	t.Parallel()
	paths := []string{recorded(t), filepath.Join(t.TempDir(), "more.db")}
	record(t, paths[1], 2000, 3000) // beside the other's, and beyond
	s := New(of(paths...))
	rs, err := s.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer rs.close()
	cycles := analyze.Cycles(t.Context(), severalWindow, analyze.Options{}, rs.sources()...)
	for path, write := range map[string]func(io.Writer) error{
		"/spans.csv":  func(w io.Writer) error { return rowsOf("spans")(s, "", w, cycles) },
		"/cycles.csv": func(w io.Writer) error { return rowsOf("cycles")(s, "", w, cycles) },
		"/trace.json": func(w io.Writer) error { return report.Trace(w, cycles) },
	} {
		want := new(bytes.Buffer)
		if err := write(want); err != nil {
			t.Fatal(err)
		}
		got := ask(s, path+"?"+severalSlices)
		if !bytes.Equal(got.Body.Bytes(), want.Bytes()) || want.Len() < 100_000 {
			t.Errorf("%s: %d bytes, want %d", path, got.Body.Len(), want.Len())
		}
		name := got.Header().Get("Content-Disposition")
		if !strings.HasPrefix(name, `attachment; filename="wanctl-`) || !strings.Contains(name, "-20260109T135230Z-20260109T141231Z.") {
			t.Errorf("%s: %s", path, name)
		}
		head := ask(s, path+"?"+severalSlices, func(r *http.Request) { r.Method = http.MethodHead })
		if head.Code != 200 || head.Body.Len() != 0 || head.Header().Get("Content-Type") != got.Header().Get("Content-Type") {
			t.Errorf("HEAD of %s: %d, %d bytes, %v", path, head.Code, head.Body.Len(), head.Header())
		}
		if none := ask(s, path+"?wan=none&"+severalSlices); none.Code != http.StatusNotFound || none.Header().Get("Content-Disposition") != "" || !strings.Contains(none.Body.String(), "nothing recorded of WAN") {
			t.Errorf("%s of nothing: %d, %s", path, none.Code, none.Body)
		}
	}
}

func TestDownloadsOfALabel(t *testing.T) {
	t.Parallel()
	s := New(of(recorded(t)))
	all := ask(s, "/spans.csv?"+severalSlices).Body.String()
	for label, column := range map[string]string{"cake": ",autorate_cake_stats_read,,", "total": ",autorate_cycle_total,,", "192.0.2.2": ",autorate_probe,192.0.2.2,"} {
		want := ""
		for line := range strings.Lines(all) {
			if want == "" || strings.Contains(line, column) {
				want += line
			}
		}
		if got := ask(s, "/spans.csv?label="+label+"&"+severalSlices).Body.String(); got != want || strings.Count(want, "\n") < 500 {
			t.Errorf("%s: %d bytes, want %d", label, len(got), len(want))
		}
	}
	for _, path := range []string{"/spans.csv", "/cycles.csv", "/trace.json", "/summary.csv", "/api/analysis", "/report.html"} {
		got := ask(s, path+"?label=nosuch&"+severalSlices)
		if got.Code != http.StatusNotFound || got.Header().Get("Content-Disposition") != "" || !strings.Contains(got.Body.String(), "labels are total, rtt, ") {
			t.Errorf("%s of a label that is not known: %d, %s", path, got.Code, got.Body)
		}
	}
}

// watched tells whether a recording is being read.
type watched struct {
	Recording
	reading *bool
	after   int // so many cycles the file breaks; 0: it does not
}

func (w watched) Cycles(ctx context.Context, window cycle.Window) iter.Seq2[*cycle.Cycle, error] {
	return func(yield func(*cycle.Cycle, error) bool) {
		*w.reading = true
		defer func() { *w.reading = false }()
		n := 0
		for c, err := range w.Recording.Cycles(ctx, window) {
			if n++; n == w.after {
				yield(nil, errors.New("the disk is broken"))
				return
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

// slowClient looks whether the recording is being read while it is written to.
type slowClient struct {
	http.ResponseWriter
	reading *bool
	writes  int
	wrong   int
}

func (c *slowClient) Write(b []byte) (int, error) {
	c.writes++
	if *c.reading {
		c.wrong++
	}
	return len(b), nil
}

func TestNoReadIsOpenWhileAClientTakesItsTime(t *testing.T) {
	t.Parallel()
	reading := false
	config := of(recorded(t))
	config.Open = func(ctx context.Context, path string) (Recording, error) {
		r, err := openReader(ctx, path)
		return watched{Recording: r, reading: &reading}, err
	}
	s := New(config)
	for path := range downloads {
		r, err := http.NewRequest(http.MethodGet, "http://localhost"+path+"?"+severalSlices, nil)
		if err != nil {
			t.Fatal(err)
		}
		c := &slowClient{ResponseWriter: ask(s, "/favicon.svg"), reading: &reading}
		s.ServeHTTP(c, r)
		if c.writes < 3 || c.wrong > 0 {
			t.Errorf("%s: %d of %d writes while reading", path, c.wrong, c.writes)
		}
	}
}

func TestADownloadThatBreaksIsNotTakenForTheWhole(t *testing.T) {
	t.Parallel()
	reading := false
	config := of(recorded(t))
	config.Open = func(ctx context.Context, path string) (Recording, error) {
		r, err := openReader(ctx, path)
		return watched{r, &reading, 400}, err
	}
	base, _ := serving(t, New(config))
	// The second slice breaks; the first has been sent by then.
	answer, err := http.Get(base + "/spans.csv?since=2026-01-09T13:55:15Z&until=2026-01-09T14:12:31Z")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if b, err := io.ReadAll(answer.Body); err == nil {
		t.Errorf("%d bytes, and no error", len(b))
	}
	// Where nothing has been sent the error is said.
	answer, err = http.Get(base + "/spans.csv?" + fixed)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if b, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusInternalServerError || !strings.Contains(string(b), "the disk is broken") {
		t.Errorf("%d, %s, %v", answer.StatusCode, b, err)
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestJSONAndSummaryAreTheReports(t *testing.T) {
	t.Parallel()
	path := recorded(t)
	s := New(of(path))
	rs, err := s.open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer rs.close()
	a, err := analyze.Analyze(t.Context(), severalWindow, analyze.Options{Daemon: cycle.Autorate}, rs.sources()...)
	if err != nil {
		t.Fatal(err)
	}
	for address, layout := range map[string]func(io.Writer, *analyze.Analysis, report.Options) error{
		"/api/analysis": report.JSON, "/summary.csv": report.CSV,
	} {
		want := new(bytes.Buffer)
		if err := layout(want, a, report.Options{Databases: []string{path}}); err != nil {
			t.Fatal(err)
		}
		if got := ask(s, address+"?daemon=autorate&"+severalSlices); got.Body.String() != want.String() || want.Len() < 500 {
			t.Errorf("%s:\n%s\nwant\n%s", address, got.Body, want)
		}
		packed := ask(s, address+"?daemon=autorate&"+severalSlices, with("Accept-Encoding", "br;q=1, gzip"))
		if address == "/summary.csv" {
			continue // not worth it
		}
		z, err := gzip.NewReader(packed.Body)
		if err != nil || packed.Header().Get("Content-Encoding") != "gzip" {
			t.Fatalf("%v, %v", packed.Header(), err)
		}
		if b, err := io.ReadAll(z); err != nil || string(b) != want.String() {
			t.Errorf("unpacked: %v\n%s", err, b)
		}
	}
}

func TestWhoTakesGzip(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]bool{
		"": false, "gzip": true, "GZIP": true, "deflate, gzip;q=0.5": true, "br": false, "gzip;q=0": false, "gzip; q=0.000": false, "gzipped": false,
	} {
		if takesGzip(accept) != want {
			t.Errorf("%q: %v", accept, !want)
		}
	}
}
