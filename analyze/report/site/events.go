package site

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// How live pages are told of news.
const (
	pulse      = 2 * time.Second  // between two looks at the file, shared by all who listen
	heartbeat  = 15 * time.Second // between two signs of life where there is no news
	streamLife = time.Hour        // then the browser comes again, and is looked at again
	maxStreams = 32
)

// news tells what is the newest in the recordings: a page whose answer is of other
// news asks again. Times are this machine's, so that the page can tell an age
// whatever its own clock says.
type news struct {
	Newest time.Time `json:"newest"` // of the newest record; the zero time for none
	Now    time.Time `json:"now"`
}

// events sends news as server-sent events: once at the beginning, then whenever
// the file has new records, and a comment now and then so that a broken line is
// noticed. What changed is not sent: the page fetches what it shows, if anybody
// is looking, by the ways that are bounded, compressed and shared already.
func (s *Site) events(w http.ResponseWriter, r *http.Request) error {
	select {
	case s.streams <- struct{}{}:
		defer func() { <-s.streams }()
	default:
		return &refusal{
			status: http.StatusServiceUnavailable, retry: heartbeat,
			err: fmt.Errorf("there are %d live pages already: close one", cap(s.streams)),
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), streamLife)
	defer cancel()
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("X-Accel-Buffering", "no") // a proxy would hold them back
	if r.Method == http.MethodHead {
		return nil
	}
	return s.tell(ctx, newPatient(w))
}

// tell writes news until the context ends or the client takes no more.
func (s *Site) tell(ctx context.Context, w *patient) error {
	tick := time.NewTicker(pulse)
	defer tick.Stop()
	var told, last time.Time
	for first := true; ; first = false {
		newest, err := s.newest(ctx)
		line := ""
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil: // it is said where the page asks; here the line is kept
		case first || !newest.Equal(told):
			b, err := json.Marshal(news{newest, s.now().UTC()})
			if err != nil {
				return err
			}
			told, line = newest, fmt.Sprintf("event: news\ndata: %s\n\n", b)
		}
		if line == "" && (first || time.Since(last) >= heartbeat) {
			line = ":\n\n"
		}
		if line != "" {
			last = time.Now()
			if _, err := w.Write([]byte(line)); err != nil {
				return nil // the client has gone, or is too slow
			}
			if err := w.control.Flush(); err != nil {
				return nil // likewise
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.ending:
			return nil
		case <-tick.C:
		}
	}
}

// newest returns the time of the newest record of all recordings.
func (s *Site) newest(ctx context.Context) (time.Time, error) {
	return s.pulses.ask(ctx, "", func(ctx context.Context) (newest time.Time, err error) {
		rs, err := s.open(ctx)
		if err != nil {
			return newest, err
		}
		defer rs.close()
		return rs.newest(ctx)
	})
}
