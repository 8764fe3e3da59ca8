package analyze

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"wanctl/cycle"
)

// Source is where recorded cycles come from. It is asked from several
// goroutines at once, each with a window of its own.
type Source interface {
	// Runs returns the starts of daemons whose cycles lie in w.
	Runs(ctx context.Context, w cycle.Window) ([]*cycle.Run, error)
	// Cycles yields the cycles that start in w, earliest first; the value is reused.
	Cycles(ctx context.Context, w cycle.Window) iter.Seq2[*cycle.Cycle, error]
	// Covered returns the disjoint, ascending stretches inside w, of whole minutes
	// or hours, that Rollups answers for.
	Covered(ctx context.Context, w cycle.Window) ([]cycle.Window, error)
	// Rollups yields the minutes and hours that lie wholly inside w; the value is reused.
	Rollups(ctx context.Context, w cycle.Window) iter.Seq2[*cycle.Rollup, error]
	// Drops returns what was run in w but not recorded.
	Drops(ctx context.Context, w cycle.Window) ([]cycle.Drop, error)
}

// Options choose how an answer is found.
type Options struct {
	Rows   bool         // from the rows alone, as a cross-check of the minutes
	Exact  bool         // refuse hours, whose quantiles are not exact
	Daemon cycle.Daemon // only this daemon's loops; "": all
	WAN    string       // only this WAN's loops; "": all
	// Now bounds the moments of which something should be on record; the zero time:
	// all of them.
	Now time.Time
	// Keep tells which cycles count; nil: all. It takes the rows alone.
	Keep func(*cycle.Cycle) bool
}

func (o *Options) wants(d cycle.Daemon, wan string) bool {
	return (o.Daemon == "" || o.Daemon == d) && (o.WAN == "" || o.WAN == wan)
}

// Analysis is the answer for a window of time.
type Analysis struct {
	Window   cycle.Window
	Exact    bool // quantiles are exact; else they are within MaxRelativeError
	Loops    []Loop
	Short    bool // cycles are left out that are no longer kept one by one; a warning tells which
	Warnings []string
}

// Cycles returns how many cycles the answer rests on.
func (a *Analysis) Cycles() (n int64) {
	for i := range a.Loops {
		n += a.Loops[i].Cycles
	}
	return n
}

// InexactError refuses an exact answer.
type InexactError struct {
	Oldest time.Time // from here on answers can be exact
}

// Error implements error.
func (e *InexactError) Error() string {
	return fmt.Sprintf("the window reaches back into hours, whose quantiles are within %g %% and not exact; "+
		"the oldest moment that can be answered exactly is %s", MaxRelativeError*100, e.Oldest.UTC().Format(time.RFC3339))
}

// Analyze answers for the cycles that started in w, of all sources together:
// from minutes and hours where they cover w, from rows at its ragged edges. A
// window without any cycles is no error.
func Analyze(ctx context.Context, w cycle.Window, o Options, sources ...Source) (*Analysis, error) {
	ts, warnings, err := gather(ctx, w, o, sources)
	if err != nil {
		return nil, err
	}
	about, err := surroundings(ctx, w, o, sources)
	if err != nil {
		return nil, err
	}
	return conclude(ctx, w, o, ts, warnings, about, sources)
}

// conclude makes the answer of what was added up; lacks are warnings of what was not.
func conclude(ctx context.Context, w cycle.Window, o Options, ts *tallies, lacks []string, about *about, sources []Source) (*Analysis, error) {
	if o.Exact && ts.hours != 0 {
		return nil, &InexactError{Oldest: time.Unix(ts.hours, 0).UTC()}
	}
	ls := loops(ts, about)
	if err := findNewest(ctx, ls, ts, sources); err != nil {
		return nil, err
	}
	short := len(lacks) > 0
	warnings := slices.Concat(lacks, about.warnings, findSilence(ls, w, &o, about))
	return &Analysis{Window: w, Exact: ts.hours == 0, Short: short, Loops: ls, Warnings: warnings}, nil
}
