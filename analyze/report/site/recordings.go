package site

import (
	"context"
	"iter"
	"time"

	"wanctl/analyze"
	"wanctl/analyze/report"
	"wanctl/cycle"
)

// Recording is a file of recorded cycles, open for reading.
type Recording interface {
	analyze.Source
	// Newest returns the time of the newest record; the zero time if there is none.
	Newest(ctx context.Context) (time.Time, error)
	Close() error
}

// recordings are all the files, open for one answer. They are not kept open: a
// file may be replaced while we serve, and what is open holds on to the old one.
type recordings []Recording

func (s *Site) open(ctx context.Context) (rs recordings, err error) {
	for _, path := range s.config.Databases {
		r, err := s.config.Open(ctx, path)
		if err != nil {
			rs.close()
			return nil, err
		}
		rs = append(rs, r)
	}
	return rs, nil
}

func (rs recordings) close() {
	for _, r := range rs {
		_ = r.Close() // it only read
	}
}

func (rs recordings) sources() []analyze.Source {
	ss := make([]analyze.Source, len(rs))
	for i, r := range rs {
		ss[i] = r
	}
	return ss
}

func (rs recordings) newest(ctx context.Context) (newest time.Time, err error) {
	for _, r := range rs {
		t, err := r.Newest(ctx)
		if err != nil {
			return newest, err
		}
		if t.After(newest) {
			newest = t
		}
	}
	return newest, nil
}

// nothing says that nothing was recorded, and when something was.
func (s *Site) nothing(ctx context.Context, rs recordings, w cycle.Window, o analyze.Options) error {
	newest, err := rs.newest(ctx)
	if err != nil {
		return err
	}
	return report.Nothing(w, o, newest, s.shown())
}

// sliceLength is how much of a window is read at once where cycles are handed out
// one by one: 6000 of them at 20 Hz, some 6 MB.
const sliceLength = 5 * time.Minute

// inSlices yields the cycles of a window as analyze.Cycles does, but reads a slice
// of it, lets go of the files, and hands it out only then: while a file is read its
// WAL grows, and how long handing out takes is for the client to decide. The value
// is reused.
func inSlices(ctx context.Context, w cycle.Window, o analyze.Options, sources []analyze.Source) iter.Seq2[*cycle.Cycle, error] {
	return func(yield func(*cycle.Cycle, error) bool) {
		var kept []cycle.Cycle // their spans are used again too
		for since := w.Since; since.Before(w.Until); {
			until := since.Add(sliceLength)
			if until.After(w.Until) {
				until = w.Until
			}
			n := 0
			for c, err := range analyze.Cycles(ctx, cycle.Window{Since: since, Until: until}, o, sources...) {
				if err != nil {
					yield(nil, err)
					return
				}
				if n == len(kept) {
					kept = append(kept, cycle.Cycle{})
				}
				spans := append(kept[n].Spans[:0], c.Spans...)
				kept[n] = *c
				kept[n].Spans = spans
				n++
			}
			for i := range kept[:n] {
				if !yield(&kept[i], nil) {
					return
				}
			}
			since = until
		}
	}
}
