package analyze

import (
	"context"
	"fmt"
	"time"

	"wanctl/cycle"
)

// Short warns, source by source, of cycles in the window that are no longer kept
// one by one, though minutes or hours still count them: what is read cycle by
// cycle lacks them.
func Short(ctx context.Context, w cycle.Window, o Options, sources ...Source) (warnings []string, err error) {
	for _, s := range sources {
		from, gone, err := gone(ctx, s, w, o)
		if err != nil {
			return nil, err
		}
		switch {
		case gone && from.IsZero():
			warnings = append(warnings, "the cycles of the window are no longer kept one by one; they are left out")
		case gone:
			warnings = append(warnings, fmt.Sprintf("cycles are kept one by one from %s on only; those before are left out", from.UTC().Format(time.RFC3339)))
		}
	}
	return warnings, nil
}

// gone tells whether the source counts cycles in the window that it no longer
// keeps one by one, and from when on it keeps them; the zero time: none of them.
func gone(ctx context.Context, s Source, w cycle.Window, o Options) (from time.Time, gone bool, err error) {
	for c, err := range s.Cycles(ctx, cycle.Window{Since: time.Unix(0, 0), Until: w.Until}) {
		if err != nil {
			return from, false, err
		}
		from = c.Start // the oldest make room first
		break
	}
	lacks := cycle.Window{Since: w.Since, Until: w.Until}
	if !from.IsZero() {
		lacks.Until = from
	}
	if !lacks.Since.Before(lacks.Until) {
		return from, false, nil
	}
	wide := cycle.Window{Since: lacks.Since.Truncate(time.Hour), Until: lacks.Until.Add(time.Hour - 1).Truncate(time.Hour)}
	covered, err := s.Covered(ctx, wide)
	if err != nil {
		return from, false, err
	}
	for _, c := range covered {
		for r, err := range s.Rollups(ctx, c) {
			if err != nil {
				return from, false, err
			}
			if r.Start.After(lacks.Until) {
				break
			}
			_, some := common(cycle.Window{Since: r.Start, Until: r.Start.Add(r.Width)}, lacks)
			if !some || r.Label.Part() != cycle.Total || r.Count == 0 || !o.wants(r.Daemon, r.WAN) {
				continue
			}
			if lacks, err := lacking(ctx, s, r); err != nil || lacks {
				return from, lacks, err
			}
		}
	}
	return from, false, nil
}

// lacking tells whether fewer cycles are kept than a minute or hour counts.
func lacking(ctx context.Context, s Source, r *cycle.Rollup) (bool, error) {
	left, of := r.Count, r.Series
	for c, err := range s.Cycles(ctx, cycle.Window{Since: r.Start, Until: r.Start.Add(r.Width)}) {
		if err != nil {
			return false, err
		}
		if c.Run != nil && c.Run.Daemon == of.Daemon && c.Run.WAN == of.WAN {
			left--
		}
	}
	return left > 0, nil
}
