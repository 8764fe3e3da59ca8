package analyze

import (
	"context"
	"iter"

	"wanctl/cycle"
)

// Cycles yields the cycles of all sources that start in w and that the options
// want, earliest first. The value is reused.
func Cycles(ctx context.Context, w cycle.Window, o Options, sources ...Source) iter.Seq2[*cycle.Cycle, error] {
	all := byTime(ctx, w, sources)
	return func(yield func(*cycle.Cycle, error) bool) {
		for c, err := range all {
			if err == nil && c.Run == nil {
				err = errNoRun
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if o.wants(c.Run.Daemon, c.Run.WAN) && (o.Keep == nil || o.Keep(c)) && !yield(c, nil) {
				return
			}
		}
	}
}

// byTime merges the sources; each keeps its own reused value.
func byTime(ctx context.Context, w cycle.Window, sources []Source) iter.Seq2[*cycle.Cycle, error] {
	if len(sources) == 1 {
		return sources[0].Cycles(ctx, w)
	}
	return func(yield func(*cycle.Cycle, error) bool) {
		type head struct {
			c    *cycle.Cycle
			next func() (*cycle.Cycle, error, bool)
		}
		var heads []*head
		for _, s := range sources {
			next, stop := iter.Pull2(s.Cycles(ctx, w))
			defer stop()
			heads = append(heads, &head{next: next})
		}
		advance := func(h *head) (err error) {
			var ok bool
			if h.c, err, ok = h.next(); !ok {
				h.c = nil
			}
			return err
		}
		for _, h := range heads {
			if err := advance(h); err != nil {
				yield(nil, err)
				return
			}
		}
		for {
			var first *head
			for _, h := range heads {
				if h.c != nil && (first == nil || h.c.Start.Before(first.c.Start)) {
					first = h
				}
			}
			if first == nil || !yield(first.c, nil) {
				return
			}
			if err := advance(first); err != nil {
				yield(nil, err)
				return
			}
		}
	}
}
