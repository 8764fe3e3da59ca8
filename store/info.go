package store

import (
	"context"
	"time"
)

// Info is what there is to know about a file without reading its rows.
type Info struct {
	Path        string
	Version     int   // of the schema
	Database    int64 // bytes on disk
	WAL         int64
	Shared      int64 // memory of the WAL, also a file
	Free        int64 // bytes of the database that hold nothing at present
	Cycles      int64
	Spans       int64 // beside those in the cycles
	Minutes     int64 // rows: one per minute, label and target
	Hours       int64
	Loops       []LoopInfo
	CyclesSince time.Time // the oldest cycle; zero if there is none
	ExactSince  time.Time // from here on quantiles are exact; zero if all are
	Since       time.Time // the oldest of all
	Newest      time.Time // the newest of all
	Dropped     int64
	DroppedLast time.Time
	Written     []DayWritten // the days on record, oldest first
}

// LoopInfo is what is known of one loop.
type LoopInfo struct {
	Daemon, WAN string
	Budget      time.Duration // of its newest run
	Runs        int64
	Dropped     int64
}

// DayWritten is how much the daemons sent to storage on a day (UTC) to record.
type DayWritten struct {
	Day   time.Time
	Bytes int64
}

// Size is what the three files take up together.
func (i *Info) Size() int64 { return i.Database + i.WAL + i.Shared }

// Info returns what there is to know about the file.
func (r *Reader) Info(ctx context.Context) (i Info, err error) {
	i = Info{Path: r.path}
	if i.Newest, err = r.Newest(ctx); err != nil {
		return i, err
	}
	if i.ExactSince, err = r.mergedUntil(ctx); err != nil {
		return i, err
	}
	i.Database, i.WAL, i.Shared = sizes(r.path)
	err = r.use(ctx, func(c *conn) error {
		var version, pages int64
		for _, q := range []struct {
			into *int64
			sql  string
		}{
			{&version, "PRAGMA user_version"},
			{&pages, "PRAGMA freelist_count"},
			{&i.Cycles, "SELECT count(*) FROM cycle"},
			{&i.Spans, "SELECT count(*) FROM span"},
			{&i.Minutes, "SELECT count(*) FROM minute"},
			{&i.Hours, "SELECT count(*) FROM hour"},
			{&i.Dropped, `SELECT sum(count) FROM "drop"`},
		} {
			if *q.into, err = c.number(q.sql); err != nil {
				return err
			}
		}
		i.Version, i.Free = int(version), pages*pageSize
		var minute, hour time.Time
		for _, q := range []struct {
			into *time.Time
			unit int64 // us
			sql  string
		}{
			{&i.CyclesSince, 1, "SELECT min(start_us) FROM cycle"},
			{&minute, minuteUS, "SELECT minute FROM minute ORDER BY id LIMIT 1"},
			{&hour, hourUS, "SELECT hour FROM hour ORDER BY id LIMIT 1"},
			{&i.DroppedLast, 1, `SELECT max(at_us) FROM "drop"`},
		} {
			if *q.into, err = c.moment(q.unit, q.sql); err != nil {
				return err
			}
		}
		for _, t := range []time.Time{i.CyclesSince, minute, hour} {
			if !t.IsZero() && (i.Since.IsZero() || t.Before(i.Since)) {
				i.Since = t
			}
		}
		if err := i.loops(c); err != nil {
			return err
		}
		return i.written(c)
	})
	return i, err
}

// moment returns the time that a query gives in so many microseconds; the zero
// time where it gives none.
func (c *conn) moment(unit int64, sql string) (time.Time, error) {
	v, ok, err := c.find(sql)
	if err != nil || !ok {
		return time.Time{}, err
	}
	return time.UnixMicro(v * unit).UTC(), nil
}

func (i *Info) loops(c *conn) error {
	s, err := c.prepare(`SELECT daemon, wan, (SELECT budget_us FROM run WHERE loop_id = loop.id ORDER BY started_us DESC LIMIT 1),
		(SELECT count(*) FROM run WHERE loop_id = loop.id), (SELECT sum(count) FROM "drop" WHERE loop_id = loop.id) FROM loop ORDER BY daemon, wan`)
	if err != nil {
		return err
	}
	defer c.forget(s)
	for {
		if ok, err := s.step(); err != nil || !ok {
			return err
		}
		i.Loops = append(i.Loops, LoopInfo{
			Daemon: s.colText(0), WAN: s.colText(1), Budget: time.Duration(s.colInt(2)) * time.Microsecond, Runs: s.colInt(3), Dropped: s.colInt(4),
		})
	}
}

func (i *Info) written(c *conn) error {
	s, err := c.prepare("SELECT day, bytes FROM written ORDER BY day")
	if err != nil {
		return err
	}
	defer c.forget(s)
	for {
		if ok, err := s.step(); err != nil || !ok {
			return err
		}
		i.Written = append(i.Written, DayWritten{Day: time.Unix(s.colInt(0)*86400, 0).UTC(), Bytes: s.colInt(1)})
	}
}

// Outlook is how the present rate of recording and a configuration go together. It
// is the zero Outlook where too little is recorded to tell a rate.
type Outlook struct {
	CyclesPerDay  float64
	MinutesPerDay float64       // rows
	WrittenPerDay int64         // bytes, of the last full day; 0 if it is not known
	BytesPerDay   float64       // kept of a day while its cycles are there
	Cycles        time.Duration // how long cycles will be kept
	Minutes       time.Duration // how long minutes will be kept, and answers be exact
	Bounded       bool          // recorder.max_size shortens one of them
}

// What a row takes up on average: measured, with decisions and three probes, and
// for a minute's or an hour's row beside its durations.
const (
	cycleRowBytes  = 93
	minuteRowBytes = 90
	hourRowBytes   = 500
)

// leastSpan is what must be on record before a rate is told.
const leastSpan = 5 * time.Minute

// Outlook works out how long the configuration will keep what, at the rate of the
// last day on record.
func (r *Reader) Outlook(ctx context.Context, cfg Config, i *Info) (o Outlook, err error) {
	if i.Newest.IsZero() {
		return o, nil
	}
	since := i.Newest.Add(-day)
	if i.Since.After(since) {
		since = i.Since
		if i.CyclesSince.Sub(since) < time.Minute && i.CyclesSince.After(since) {
			since = i.CyclesSince // the minute began before the recording
		}
	}
	span := i.Newest.Sub(since)
	if span < leastSpan {
		return o, nil
	}
	perDay := float64(day) / float64(span)
	var cycles, rows, distBytes int64
	err = r.query(ctx, `SELECT coalesce(sum(CASE WHEN label.name LIKE '%\_cycle\_total' ESCAPE '\' THEN n END), 0), count(*), coalesce(sum(length(dist)), 0)
		FROM minute JOIN label ON label.id = label_id WHERE minute.id >= ?`, func(s *stmt) bool {
		cycles, rows, distBytes = s.colInt(0), s.colInt(1), s.colInt(2)
		return false
	}, since.Unix()/60<<timeShift)
	if err != nil {
		return o, err
	}
	o.CyclesPerDay, o.MinutesPerDay = float64(cycles)*perDay, float64(rows)*perDay
	cycleDay := o.CyclesPerDay * cycleRowBytes
	minuteDay := float64(distBytes)*perDay + o.MinutesPerDay*minuteRowBytes
	hourDay := o.MinutesPerDay / 60 * hourRowBytes
	o.BytesPerDay = cycleDay + minuteDay
	o.fit(float64(newBound(cfg.MaxSize).pages)*pageSize, cfg, cycleDay, minuteDay, hourDay)
	if n := len(i.Written); n > 1 {
		o.WrittenPerDay = i.Written[n-2].Bytes
	} else if n == 1 {
		o.WrittenPerDay = int64(float64(i.Written[0].Bytes) * perDay)
	}
	return o, nil
}

// fit shares out the space in the order in which it is taken away again: the
// cycles go first, but for the last hour's.
func (o *Outlook) fit(space float64, cfg Config, cycleDay, minuteDay, hourDay float64) {
	days := func(d time.Duration) float64 { return float64(d) / float64(day) }
	o.Cycles, o.Minutes = cfg.KeepCycles, cfg.KeepMinutes
	if minuteDay == 0 || cycleDay == 0 {
		return
	}
	space -= min(hourDay*max(days(cfg.KeepHours)-days(cfg.KeepMinutes), 0), space/2)
	if most := max(space-cycleDay*days(spare(cfg.MaxSize)), 0) / minuteDay; most < days(cfg.KeepMinutes) {
		o.Minutes, o.Bounded = time.Duration(most*float64(day)), true
	}
	if most := (space - minuteDay*days(o.Minutes)) / cycleDay; most < days(cfg.KeepCycles) {
		o.Cycles, o.Bounded = time.Duration(max(most, days(spare(cfg.MaxSize)))*float64(day)), true
	}
}
