package site

import (
	"bytes"
	"context"
	"crypto/rand"
	"embed"
	"html/template"
	"net/http"
	"sync"
	"time"

	"wanctl/analyze/report/page"
	"wanctl/cycle"
)

//go:embed assets/*.html
var templateFiles embed.FS

// templates are read when first shown: most verbs show none.
var templates = sync.OnceValue(func() *template.Template { return template.Must(template.ParseFS(templateFiles, "assets/*.html")) })

// render writes a page of ours, with a policy that lets it use its own script and
// style.
func (s *Site) render(w http.ResponseWriter, status int, name string, data map[string]any) error {
	nonce := rand.Text()
	data["Nonce"], data["Assets"] = nonce, assetLinks
	b := new(bytes.Buffer)
	if err := templates().ExecuteTemplate(b, name, data); err != nil {
		return err
	}
	allowPage(w.Header(), nonce)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = newPatient(w).Write(b.Bytes()) // who has gone needs no page
	return nil
}

// picture is what a page shows, and what else there is to choose.
type picture struct {
	main    template.HTML
	content *page.Content // nil: nothing was recorded
	nothing error         // why nothing is shown
	loops   []loopName
}

// loopName tells loops apart.
type loopName struct {
	daemon cycle.Daemon
	wan    string
}

// page is the live page. Where there is nothing to show it says why, and is a page
// all the same: one chooses another window, or waits for news.
func (s *Site) page(w http.ResponseWriter, r *http.Request) error {
	v := new(picture)
	q, window, err := s.asked(r)
	newest, unknown := s.newest(r.Context())
	if err == nil {
		err = unknown
	}
	if err == nil {
		if v, err = s.picture(r.Context(), q, window, newest); err != nil {
			v = new(picture)
		} else {
			err = v.nothing
		}
	}
	status, problem := http.StatusOK, ""
	if err != nil {
		why := s.refuse(r, err)
		status, problem = why.status, why.Error()
		why.announce(w)
	}
	return s.render(w, status, "page.html", map[string]any{
		"Title":   v.title(q),
		"Query":   q,
		"Presets": presets(q),
		"Daemons": v.daemons(q),
		"WANs":    v.wans(q),
		"Labels":  v.labels(q),
		"Links":   links(q),
		"Follows": q.follows(),
		"Newest":  rfc3339(newest),
		"Now":     rfc3339(s.now()),
		"Main":    v.main,
		"Problem": problem,
	})
}

func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// picture answers a question with everything that is drawn. Where nothing was
// recorded it still tells what there is to choose.
func (s *Site) picture(ctx context.Context, q query, w cycle.Window, newest time.Time) (*picture, error) {
	return s.pictures.ask(ctx, key(q, newest), func(ctx context.Context) (*picture, error) {
		rs, err := s.open(ctx)
		if err != nil {
			return nil, err
		}
		defer rs.close()
		v := new(picture)
		if v.loops, err = loopsOf(ctx, w, rs); err != nil {
			return nil, err
		}
		content, err := page.Gather(ctx, w, q.options(s.now()), rs.sources()...)
		if err != nil {
			return nil, err
		}
		if len(content.Analysis.Loops) == 0 {
			v.nothing = s.nothing(ctx, rs, w, q.options(s.now()))
			return v, nil
		}
		v.content = content
		if v.nothing = knownLabel(content.Analysis, q.Label); v.nothing != nil {
			return v, nil
		}
		b := new(bytes.Buffer)
		if err := page.Body(b, content, s.pageOptions(q)); err != nil {
			return nil, err
		}
		v.main = template.HTML(b.String()) // it escapes what it was given
		return v, nil
	})
}

func (s *Site) pageOptions(q query) page.Options {
	return page.Options{Databases: s.config.Databases, Zone: s.config.Zone, Now: s.now(), Version: s.config.Version, Label: q.Label}
}

// report is the page as a file of its own, to be kept or sent.
func (s *Site) report(w http.ResponseWriter, r *http.Request) error {
	q, window, err := s.asked(r)
	if err != nil {
		return err
	}
	newest, err := s.newest(r.Context())
	if err != nil {
		return err
	}
	v, err := s.picture(r.Context(), q, window, newest)
	if err != nil {
		return err
	}
	if v.nothing != nil {
		return v.nothing
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	attach(w.Header(), "wanctl-report", "html", v.content.Analysis.Window)
	return page.Write(newPatient(w), v.content, s.pageOptions(q))
}

// loopsOf returns the loops that ran in a window.
func loopsOf(ctx context.Context, w cycle.Window, rs recordings) (loops []loopName, err error) {
	for _, r := range rs {
		runs, err := r.Runs(ctx, w)
		if err != nil {
			return nil, err
		}
		for _, run := range runs {
			loops = append(loops, loopName{run.Daemon, run.WAN})
		}
	}
	return loops, nil
}
