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
	var first, last int64
	var any bool
	err := r.use(ctx, func(c *conn) (err error) {
		if first, any, err = c.find("SELECT minute FROM minute ORDER BY id LIMIT 1"); err != nil {
			return err
		}
		last, _, err = c.find("SELECT minute FROM minute ORDER BY id DESC LIMIT 1")
		return err
	})
	if err != nil || !any {
		return err
	}
	for m := first; m <= last; {
		if ok, err := r.checkMinute(ctx, m, report); err != nil || !ok {
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

// checkMinute checks one minute; ok is false when the report wants no more.
func (r *Reader) checkMinute(ctx context.Context, m int64, report func(string, ...any) bool) (ok bool, err error) {
	err = r.use(ctx, func(c *conn) (err error) {
		// One transaction: daemons may be adding to the minute, and dropping its
		// cycles.
		if err := c.exec("BEGIN"); err != nil {
			return err
		}
		defer c.rollback()
		ok, err = r.compare(c, m, report)
		return err
	})
	return ok, err
}

// compare checks a minute against its cycles if they are all there.
func (r *Reader) compare(c *conn, m int64, report func(string, ...any) bool) (ok bool, err error) {
	w := cycle.Window{Since: time.Unix(m*60, 0).UTC(), Until: time.Unix(m*60+60, 0).UTC()}
	oldest, whole, err := c.find("SELECT start_us FROM cycle ORDER BY start_us LIMIT 1")
	if err != nil {
		return false, err
	}
	merged, err := c.number("SELECT count(*) FROM hour WHERE id >= ? AND id < ?", series{}.key(m/60), series{}.key(m/60+1))
	if err != nil {
		return false, err
	}
	// The oldest cycle's minute may have lost others already.
	whole = whole && m > oldest/minuteUS && merged == 0
	want := map[cycle.Series]*tally{}
	if whole {
		scan := cycleScan{reader: r, conn: c}
		if err := scan.all(w, func(c *cycle.Cycle) bool {
			count(want, c)
			return true
		}); err != nil {
			return false, err
		}
	}
	ok = true
	scan := rollupScan{reader: r, conn: c, known: map[series]cycle.Series{}}
	var us []int64
	err = scan.all("minute", time.Minute, w, func(v *cycle.Rollup) bool {
		var bad error
		us, bad = v.Dist.Append(us[:0])
		ok = compareRow(v, us, bad, want[v.Series], whole, report)
		delete(want, v.Series)
		return ok
	})
	if err != nil || !ok {
		return false, err
	}
	for s, t := range want {
		if !report("%s %s %s %s %s: no minute for %d timings in its cycles", w.Since.Format("2006-01-02 15:04"), s.Daemon, s.WAN, s.Label, s.Target, len(t.us)) {
			return false, nil
		}
	}
	return true, nil
}

// compareRow checks a minute's row, whose durations are us or bad, for itself, and
// if its cycles are all there against what they say; that is nil where they say
// nothing of the series.
func compareRow(v *cycle.Rollup, us []int64, bad error, t *tally, whole bool, report func(string, ...any) bool) (ok bool) {
	name := fmt.Sprintf("%s %s %s %s %s", v.Start.Format("2006-01-02 15:04"), v.Daemon, v.WAN, v.Label, v.Target)
	if bad != nil {
		return report("%s: its durations cannot be read: %v", name, bad)
	}
	if wrong := misfit(v, us); wrong != "" {
		return report("%s: %s", name, wrong)
	}
	if !whole {
		return true
	}
	if t == nil {
		t = &tally{}
	}
	slices.Sort(t.us)
	if !slices.Equal(t.us, us) || t.failed != v.Failed || t.missed != v.Missed {
		return report("%s: %d timings (%d failed, %d missed) in the minute, %d (%d, %d) in its cycles", name,
			len(us), v.Failed, v.Missed, len(t.us), t.failed, t.missed)
	}
	return true
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
