package site

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"wanctl/analyze/report"
)

// refusal is an answer that is none: what is wrong, for people, and how HTTP says it.
type refusal struct {
	status int
	retry  time.Duration // when to come back; 0: that would not help
	err    error
}

// Error implements error.
func (r *refusal) Error() string { return r.err.Error() }

// Unwrap returns what went wrong.
func (r *refusal) Unwrap() error { return r.err }

// errBusy says that too many are asking.
var errBusy = &refusal{
	status: http.StatusServiceUnavailable, retry: 2 * time.Second,
	err: errors.New("too many questions at once: the daemons go first; try again in a moment"),
}

// errUnknown says that an address leads nowhere.
var errUnknown = &refusal{status: http.StatusNotFound, err: errors.New("there is nothing at this address: the page is at /")}

// refused says how HTTP tells an error.
func refused(err error) *refusal {
	var r *refusal
	switch {
	case errors.As(err, &r):
		return r
	case errors.Is(err, report.ErrNothing):
		return &refusal{status: http.StatusNotFound, err: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &refusal{
			status: http.StatusServiceUnavailable, retry: time.Minute,
			err: errors.New("the answer took too long and was given up, so that the daemons are not slowed: choose a shorter window, or ask wanctl analyze"),
		}
	case errors.Is(err, context.Canceled):
		return &refusal{status: http.StatusServiceUnavailable, retry: time.Second, err: errors.New("this program is ending")}
	}
	return &refusal{status: http.StatusInternalServerError, err: err}
}

// announce sets what every refusal has in its head.
func (r *refusal) announce(w http.ResponseWriter) {
	if r.retry > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(r.retry/time.Second)))
	}
	if r.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="wanctl"`)
	}
}

// json writes the refusal for programs.
func (r *refusal) json(w http.ResponseWriter) {
	r.announce(w)
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(r.status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": r.Error()}) // who has gone needs no answer
}

// text writes the refusal for people.
func (r *refusal) text(w http.ResponseWriter) {
	r.announce(w)
	http.Error(w, r.Error(), r.status)
}
