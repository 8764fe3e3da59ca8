package store

import (
	"context"
	"iter"
	"time"

	"wanctl/cycle"
)

const rollupColumns = "id, n, failed, over, missed, min_us, max_us, sum_us, critical_us, budget_us, dist"

// Covered returns the stretches of the window that rollups answer for: whole
// hours as far as minutes have been merged into hours, whole minutes after that.
// They are disjoint and ascending, and complete: minutes are committed together
// with their cycles. What of the window is not in them only cycles can answer.
func (r *Reader) Covered(ctx context.Context, w cycle.Window) (stretches []cycle.Window, err error) {
	merged, err := r.mergedUntil(ctx)
	if err != nil {
		return nil, err
	}
	add := func(since, until time.Time) {
		if since.Before(until) {
			stretches = append(stretches, cycle.Window{Since: since, Until: until})
		}
	}
	add(up(w.Since, time.Hour), earlier(w.Until.UTC().Truncate(time.Hour), merged))
	since := up(w.Since, time.Minute)
	if since.Before(merged) {
		since = merged
	}
	add(since, w.Until.UTC().Truncate(time.Minute))
	return stretches, nil
}

// mergedUntil is the end of the newest hour; before it there are hours instead of
// minutes. The zero time if there are no hours.
func (r *Reader) mergedUntil(ctx context.Context) (t time.Time, err error) {
	err = r.query(ctx, "SELECT hour FROM hour ORDER BY id DESC LIMIT 1", func(s *stmt) bool {
		t = time.Unix((s.colInt(0)+1)*3600, 0).UTC()
		return true
	})
	return t, err
}

func up(t time.Time, width time.Duration) time.Time {
	return t.UTC().Add(width - 1).Truncate(width)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Rollups returns the hours and then the minutes that lie wholly inside the
// window, each in the order of time. The value and what it points at are used
// again for the next one.
func (r *Reader) Rollups(ctx context.Context, w cycle.Window) iter.Seq2[*cycle.Rollup, error] {
	return func(yield func(*cycle.Rollup, error) bool) {
		stopped := false
		each := func(v *cycle.Rollup) bool {
			stopped = !yield(v, nil)
			return !stopped
		}
		err := r.use(ctx, func(c *conn) error {
			// One transaction: an hour and its minutes are never both there.
			if err := c.exec("BEGIN"); err != nil {
				return err
			}
			defer c.rollback()
			scan := rollupScan{reader: r, conn: c, known: map[series]cycle.Series{}}
			if err := scan.all("hour", time.Hour, w, each); err != nil || stopped {
				return err
			}
			return scan.all("minute", time.Minute, w, each)
		})
		if err != nil && !stopped {
			yield(nil, err)
		}
	}
}

type rollupScan struct {
	reader *Reader
	conn   *conn
	known  map[series]cycle.Series
	rollup cycle.Rollup
}

// all calls each for a table's rows wholly inside the window.
func (s *rollupScan) all(table string, width time.Duration, w cycle.Window, each func(*cycle.Rollup) bool) error {
	seconds := int64(width / time.Second)
	row, err := s.conn.prepare("SELECT " + rollupColumns + " FROM " + table + " WHERE id >= ? AND id < ? ORDER BY id")
	if err != nil {
		return err
	}
	defer s.conn.forget(row)
	row.int(1, up(w.Since, width).Unix()/seconds<<timeShift)
	row.int(2, w.Until.UTC().Truncate(width).Unix()/seconds<<timeShift)
	for {
		if ok, err := row.step(); err != nil || !ok {
			return err
		}
		unit, id := unkey(row.colInt(0))
		v := &s.rollup
		*v = cycle.Rollup{
			Start: time.Unix(unit*seconds, 0).UTC(), Width: width,
			Count: row.colInt(1), Failed: row.colInt(2), Over: row.colInt(3), Missed: row.colInt(4), Min: row.colInt(5), Max: row.colInt(6),
			Sum: row.colInt(7), Critical: row.colInt(8), Budget: row.colInt(9),
		}
		if width == time.Minute {
			v.Dist = row.colBytes(10)
		} else {
			v.Sketch = row.colBytes(10)
		}
		if v.Series, err = s.series(id); err != nil {
			return err
		}
		if !each(v) {
			return nil
		}
	}
}

// series names what a row is of.
func (s *rollupScan) series(id series) (v cycle.Series, err error) {
	if v, ok := s.known[id]; ok {
		return v, nil
	}
	row, err := s.conn.prepare(`SELECT daemon, wan, label.name, target.name FROM loop, label, target
		WHERE loop.id = ? AND label.id = ? AND target.id = ?`)
	if err != nil {
		return v, err
	}
	defer s.conn.forget(row)
	row.int(1, id.loop)
	row.int(2, id.label)
	row.int(3, id.target)
	if ok, err := row.step(); err != nil || !ok {
		return v, err
	}
	v = cycle.Series{Daemon: cycle.Daemon(row.colText(0)), WAN: row.colText(1), Label: cycle.Label(row.colText(2)), Target: row.colText(3)}
	s.known[id] = v
	return v, nil
}
