package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"wanctl/cycle"
)

// Check tells what is wrong with the file: whether SQLite finds it whole, and
// whether its minutes tell of exactly the cycles that are on record. Minutes whose
// cycles are gone are checked for themselves. It reads the whole file. progress,
// which may be nil, is told how many minutes are done and how many there are. At
// most maxFindings are returned.
func (r *Reader) Check(ctx context.Context, progress func(done, all int64)) (findings []string, err error) {
	err = r.use(ctx, func(c *conn) error {
		found, err := c.words("PRAGMA integrity_check(20)")
		if err != nil {
			return err
		}
		if len(found) != 1 || found[0] != "ok" {
			findings = append(findings, found...)
		}
		return nil
	})
	if err != nil || len(findings) > 0 {
		return findings, err
	}
	err = r.crossCheck(ctx, progress, func(format string, args ...any) bool {
		findings = append(findings, fmt.Sprintf(format, args...))
		return len(findings) < maxFindings
	})
	return findings, err
}

const maxFindings = 20

// crossCheck compares minutes with the cycles they are made of.
func (r *Reader) crossCheck(ctx context.Context, progress func(done, all int64), report func(string, ...any) bool) error {
	var first, last, oldest int64
	var any, cycles bool
	err := r.use(ctx, func(c *conn) (err error) {
		if first, any, err = c.find("SELECT minute FROM minute ORDER BY id LIMIT 1"); err != nil {
			return err
		}
		if last, _, err = c.find("SELECT minute FROM minute ORDER BY id DESC LIMIT 1"); err != nil {
			return err
		}
		oldest, cycles, err = c.find("SELECT start_us FROM cycle ORDER BY start_us LIMIT 1")
		return err
	})
	if err != nil || !any {
		return err
	}
	// The oldest cycle's minute may have lost others already, and the newest
	// may be written just now.
	for m := first; m <= last; {
		w := cycle.Window{Since: time.Unix(m*60, 0).UTC(), Until: time.Unix(m*60+60, 0).UTC()}
		whole := cycles && m > oldest/minuteUS && m < last
		if ok, err := r.checkMinute(ctx, w, whole, report); err != nil || !ok {
			return err
		}
		if progress != nil {
			progress(m-first+1, last-first+1)
		}
		if m, err = r.minuteAfter(ctx, m, last); err != nil {
			return err
		}
	}
	return nil
}

// minuteAfter returns the next minute that has a row or a cycle, up to last: there
// are years without any where a clock was wrong.
func (r *Reader) minuteAfter(ctx context.Context, m, last int64) (next int64, err error) {
	next = last + 1
	err = r.use(ctx, func(c *conn) error {
		row, ok, err := c.find("SELECT minute FROM minute WHERE id >= ? ORDER BY id LIMIT 1", series{}.key(m+1))
		if err != nil {
			return err
		}
		if ok {
			next = min(next, row)
		}
		start, ok, err := c.find("SELECT start_us FROM cycle WHERE start_us >= ? ORDER BY start_us LIMIT 1", (m+1)*minuteUS)
		if ok {
			next = min(next, start/minuteUS)
		}
		return err
	})
	return next, err
}

// tally is what a minute's row of a series should say.
type tally struct {
	failed, missed int64
	us             []int64
}

// checkMinute checks one minute, against its cycles if they are all there; ok is
// false when the report wants no more.
func (r *Reader) checkMinute(ctx context.Context, w cycle.Window, whole bool, report func(string, ...any) bool) (ok bool, err error) {
	want := map[cycle.Series]*tally{}
	if whole {
		for c, err := range r.Cycles(ctx, w) {
			if err != nil {
				return false, err
			}
			count(want, c)
		}
	}
	ok = true
	var us []int64
	for v, err := range r.Rollups(ctx, w) {
		if err != nil {
			return false, err
		}
		name := fmt.Sprintf("%s %s %s %s %s", v.Start.Format("2006-01-02 15:04"), v.Daemon, v.WAN, v.Label, v.Target)
		if us, err = v.Dist.Append(us[:0]); err != nil {
			ok = report("%s: its durations cannot be read: %v", name, err)
		} else if wrong := misfit(v, us); wrong != "" {
			ok = report("%s: %s", name, wrong)
		} else if t := want[v.Series]; whole {
			if t == nil {
				t = &tally{}
			}
			slices.Sort(t.us)
			if !slices.Equal(t.us, us) || t.failed != v.Failed || t.missed != v.Missed {
				ok = report("%s: %d timings (%d failed, %d missed) in the minute, %d (%d, %d) in its cycles", name,
					len(us), v.Failed, v.Missed, len(t.us), t.failed, t.missed)
			}
		}
		delete(want, v.Series)
		if !ok {
			return false, nil
		}
	}
	for s, t := range want {
		if !report("%s %s %s %s %s: no minute for %d timings in its cycles", w.Since.Format("2006-01-02 15:04"), s.Daemon, s.WAN, s.Label, s.Target, len(t.us)) {
			return false, nil
		}
	}
	return true, nil
}

// misfit tells where a minute's numbers are not those of its durations.
func misfit(v *cycle.Rollup, us []int64) string {
	sum := int64(0)
	for _, d := range us {
		sum += d
	}
	if int64(len(us)) != v.Count || sum != v.Sum || len(us) > 0 && (us[0] != v.Min || us[len(us)-1] != v.Max) {
		return fmt.Sprintf("count %d, sum %d us, min %d us, max %d us are not those of its %d durations", v.Count, v.Sum, v.Min, v.Max, len(us))
	}
	return ""
}

// count adds a cycle to what its minute should say.
func count(want map[cycle.Series]*tally, c *cycle.Cycle) {
	at := func(l cycle.Label, target string) *tally {
		s := cycle.Series{Daemon: c.Run.Daemon, WAN: c.Run.WAN, Label: l, Target: target}
		if want[s] == nil {
			want[s] = &tally{}
		}
		return want[s]
	}
	add := func(t *tally, us int64, o cycle.Outcome) {
		t.us = append(t.us, us)
		if o != cycle.OK {
			t.failed++
		}
	}
	add(at(c.Run.Daemon.Label(cycle.Total), ""), c.Total.Microseconds(), c.Outcome)
	at(c.Run.Daemon.Label(cycle.Total), "").missed += c.Missed
	add(at(c.Run.Daemon.Label(cycle.Late), ""), c.Late.Microseconds(), cycle.OK)
	for i := range c.Spans {
		s := &c.Spans[i]
		t := at(s.Label, s.Target)
		if s.Part == cycle.Probe && s.Outcome != cycle.OK {
			t.failed++
			continue
		}
		add(t, s.Duration.Microseconds(), s.Outcome)
	}
}
