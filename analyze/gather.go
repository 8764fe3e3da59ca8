package analyze

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"wanctl/cycle"
)

// job is a piece of the window that one core reads on its own.
type job struct {
	source  Source
	window  cycle.Window
	rollups bool
}

// gather reads the window on all cores.
func gather(ctx context.Context, w cycle.Window, o Options, sources []Source) (*tallies, []string, error) {
	stretches, edges, err := plan(ctx, w, o, sources)
	if err != nil {
		return nil, nil, err
	}
	var jobs []job
	for _, j := range stretches {
		jobs = append(jobs, split(j, runtime.GOMAXPROCS(0))...)
	}
	ts, err := work(ctx, len(jobs), func(ctx context.Context, i int, ts *tallies) error { return jobs[i].do(ctx, ts, o) })
	if err != nil {
		return nil, nil, err
	}
	warnings, err := lost(ctx, w, o, sources, edges)
	return ts, warnings, err
}

// plan divides the window into stretches that rollups answer for, of each source,
// and stretches that only its rows do, of which the ragged edges are told apart.
func plan(ctx context.Context, w cycle.Window, o Options, sources []Source) (jobs []job, edges []edge, err error) {
	for _, s := range sources {
		covered, err := covered(ctx, s, w, o)
		if err != nil {
			return nil, nil, err
		}
		for _, c := range covered {
			jobs = append(jobs, job{source: s, window: c, rollups: true})
		}
		for _, g := range gaps(w, covered) {
			edges = append(edges, edge{source: s, window: g})
			jobs = append(jobs, job{source: s, window: g})
		}
	}
	return jobs, edges, nil
}

// lost warns of the cycles that the answer lacks, for they are gone: of the edges
// between and beside rollups, or of the whole window where it is read from rows.
func lost(ctx context.Context, w cycle.Window, o Options, sources []Source, edges []edge) (warnings []string, err error) {
	if o.rows() {
		return Short(ctx, w, o, sources...)
	}
	for _, e := range edges {
		_, lost, err := gone(ctx, e.source, e.window, o)
		if err != nil {
			return nil, err
		}
		if lost {
			warnings = append(warnings, fmt.Sprintf("the cycles from %s to %s are no longer kept one by one; they are left out, "+
				"for the window does not begin and end with a minute or hour that is kept",
				e.window.Since.UTC().Format(time.RFC3339), e.window.Until.UTC().Format(time.RFC3339)))
		}
	}
	return warnings, nil
}

func (o *Options) rows() bool { return o.Rows || o.Keep != nil }

func covered(ctx context.Context, s Source, w cycle.Window, o Options) ([]cycle.Window, error) {
	if o.rows() {
		return nil, nil
	}
	return s.Covered(ctx, w)
}

// gaps returns what of w is not covered.
func gaps(w cycle.Window, covered []cycle.Window) (gaps []cycle.Window) {
	from := w.Since
	for _, c := range covered {
		if from.Before(c.Since) {
			gaps = append(gaps, cycle.Window{Since: from, Until: c.Since})
		}
		from = c.Until
	}
	if from.Before(w.Until) {
		gaps = append(gaps, cycle.Window{Since: from, Until: w.Until})
	}
	return gaps
}

// split cuts a job at whole hours, so that no minute or hour is cut, into several
// pieces per worker where it is long enough for that.
func split(j job, workers int) (jobs []job) {
	const pieces = 4 // per worker, so that none waits long for the last
	w := j.window
	length := w.Until.Sub(w.Since) / time.Duration(workers*pieces)
	length = max(length.Truncate(time.Hour), time.Hour)
	for w.Since.Before(w.Until) {
		j.window.Since = w.Since
		j.window.Until = w.Since.Truncate(time.Hour).Add(length)
		if j.window.Until.After(w.Until) {
			j.window.Until = w.Until
		}
		jobs = append(jobs, j)
		w.Since = j.window.Until
	}
	return jobs
}

// work does n pieces of work on all cores and adds up what they found.
func work(ctx context.Context, n int, do func(ctx context.Context, i int, ts *tallies) error) (*tallies, error) {
	g, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	found := make([]*tallies, min(runtime.GOMAXPROCS(0), n))
	for i := range found {
		found[i] = newTallies()
		g.Go(func() error {
			for {
				piece := int(next.Add(1)) - 1
				if piece >= n {
					return nil
				}
				if err := do(ctx, piece, found[i]); err != nil {
					return err
				}
			}
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	all := newTallies()
	for _, ts := range found {
		if err := all.merge(ts); err != nil {
			return nil, err
		}
	}
	return all, nil
}

var errNoRun = errors.New("a cycle without a run")

// do reads the job's window into ts.
func (j *job) do(ctx context.Context, ts *tallies, o Options) error {
	if j.rollups {
		for r, err := range j.source.Rollups(ctx, j.window) {
			if err != nil {
				return err
			}
			if !o.wants(r.Daemon, r.WAN) {
				continue
			}
			if err := ts.rollup(r); err != nil {
				return err
			}
		}
		return nil
	}
	for c, err := range j.source.Cycles(ctx, j.window) {
		if err != nil {
			return err
		}
		if c.Run == nil {
			return errNoRun
		}
		if !o.wants(c.Run.Daemon, c.Run.WAN) || o.Keep != nil && !o.Keep(c) {
			continue
		}
		if err := ts.cycle(c); err != nil {
			return err
		}
	}
	return nil
}

// edge is a stretch of the window that no rollup lies in.
type edge struct {
	source Source
	window cycle.Window
}
