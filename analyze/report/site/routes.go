package site

import (
	"net/http"
	"time"

	"wanctl/cycle"
)

// handler answers a request, or says why not; then it has written nothing.
type handler func(w http.ResponseWriter, r *http.Request) error

// routes is the map of the site.
func (s *Site) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/{$}", s.forPeople(compressed(s.page)))
	mux.Handle("/events", s.forPeople(s.events))
	mux.Handle("/report.html", s.forPeople(compressed(s.report)))
	mux.Handle("/summary.csv", s.forPeople(s.summary))
	for path, d := range downloads {
		mux.Handle(path, s.forPeople(func(w http.ResponseWriter, r *http.Request) error { return d.serve(s, w, r) }))
	}
	mux.Handle("/api/analysis", s.forPrograms(compressed(s.api)))
	mux.Handle(assetsPath, s.forPeople(compressed(s.asset)))
	mux.Handle("/", s.forPeople(func(http.ResponseWriter, *http.Request) error { return errUnknown }))
	mux.Handle(iconPath, s.forPeople(s.icon))
	if s.sessions != nil {
		mux.Handle(loginPath, s.forPeople(s.login))
	}
	return mux
}

// forPeople answers errors in plain words, forPrograms as JSON.
func (s *Site) forPeople(h handler) http.Handler   { return s.answering(h, (*refusal).text) }
func (s *Site) forPrograms(h handler) http.Handler { return s.answering(h, (*refusal).json) }

func (s *Site) answering(h handler, say func(*refusal, http.ResponseWriter)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		why := s.refuse(r, err)
		w.Header().Del("Content-Disposition")
		say(why, w)
	})
}

// refuse says how HTTP tells an error, and logs one that nobody is used to.
func (s *Site) refuse(r *http.Request, err error) *refusal {
	why := refused(err)
	if why.status == http.StatusInternalServerError {
		s.config.Log.Error("a question could not be answered", "path", r.URL.Path, "error", err)
	}
	return why
}

// asked reads what a request asks for.
func (s *Site) asked(r *http.Request) (q query, w cycle.Window, err error) {
	if q, err = parseQuery(r.URL.RawQuery); err != nil {
		return q, w, err
	}
	w, err = q.window(s.now(), s.config.Zone, s.config.MaxWindow)
	return q, w, err
}

// key names a question together with the news it is of: once there are new
// records it is another one.
func key(q query, newest time.Time) string { return rfc3339(newest) + " " + q.encode() }
