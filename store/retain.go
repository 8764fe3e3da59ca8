package store

import (
	"fmt"
	"time"

	sqlite3 "modernc.org/sqlite/lib"
)

// retention drops what is too old, and what the bound has no room for, a little in
// every transaction: statements that delete a day at once hold up other writers
// for half a second.
type retention struct {
	next    time.Time     // when to look again though nothing is written
	longest time.Duration // that a transaction was held up
}

const (
	trimFor    = 20 * time.Millisecond // for one transaction
	trimCycles = 500                   // rows of one step: a millisecond's work
	trimHours  = 500
	idleTrim   = 10 * time.Minute
)

// due tells whether to trim though there is nothing to write.
func (r *retention) due(now time.Time) bool { return !now.Before(r.next) }

// trim takes steps until there is no more to drop or its time is up, and tells
// whether there is room for need bytes.
func (r *retention) trim(f *file, cfg *Config, now time.Time, need int64) (room bool, err error) {
	began := time.Now()
	r.next = now.Add(idleTrim)
	defer func() { r.longest = max(r.longest, time.Since(began)) }()
	for {
		tight, err := f.tight(need)
		if err != nil {
			return false, err
		}
		did, err := f.drops(cfg, now, tight)
		if err != nil {
			return false, err
		}
		if !did {
			if tight {
				return false, &sqliteError{sqlite3.SQLITE_FULL, fmt.Sprintf("recorder.max_size of %d bytes leaves no room for what must be kept", cfg.MaxSize)}
			}
			return true, nil
		}
		if time.Since(began) > trimFor {
			r.next = now // there may be more
			tight, err = f.tight(need)
			return !tight, err
		}
	}
}

// spare is for how long the newest cycles are kept before minutes and hours must
// go for them: an hour of 256 MiB, which at 20 Hz is 3 % of it. Else the minutes
// of a fast loop would in the end leave no cycle to look at.
func spare(maxSize int64) time.Duration {
	return max(5*time.Minute, time.Duration(float64(time.Hour)*float64(maxSize)/(256*mib)))
}

// drops takes one step: what is past its time; or, where space is tight, the
// oldest cycles but for the spare ones, then the oldest minutes but for the hour
// under way, then the oldest hours, then the spare cycles.
func (f *file) drops(cfg *Config, now time.Time, tight bool) (did bool, err error) {
	before := func(d time.Duration) int64 { return now.Add(-d).UnixMicro() }
	steps := []func() (bool, error){
		func() (bool, error) { return f.dropCycles(before(cfg.KeepCycles)) },
		func() (bool, error) { return f.mergeMinutes(before(cfg.KeepMinutes)) },
		func() (bool, error) { return f.dropHours(before(cfg.KeepHours)) },
		func() (bool, error) { return f.dropRuns(before(cfg.KeepCycles), before(cfg.KeepHours)) },
	}
	if tight {
		const always = 1<<63 - 1
		end, err := f.end(now.UnixMicro())
		if err != nil {
			return false, err
		}
		newest, err := f.c.number("SELECT max(start_us) FROM cycle WHERE start_us <= ?", end)
		if err != nil {
			return false, err
		}
		steps = append(
			steps,
			func() (bool, error) { return f.dropCycles(newest - spare(cfg.MaxSize).Microseconds()) },
			func() (bool, error) { return f.mergeMinutes(end / hourUS * hourUS) },
			func() (bool, error) { return f.dropHours(always) },
			func() (bool, error) { return f.dropCycles(always) },
		)
	}
	for _, step := range steps {
		if did, err := step(); did || err != nil {
			return did, err
		}
	}
	return false, nil
}

// end returns the moment at which the record ends when space is tight: the present
// as the clock has it, for what lies after that is of a clock that was ahead. But
// where the longer part of the record lies after it, the clock is behind, as that
// of a machine that has just booted, and the record ends with what is newest in it.
func (f *file) end(now int64) (int64, error) {
	next, last, ok, err := f.reach(now+1, farAway)
	if err != nil || !ok {
		return now, err
	}
	first, before, ok, err := f.reach(0, now)
	if err != nil || ok && before-first >= last-next {
		return now, err
	}
	return last, nil
}

// farAway is later than any cycle, and small enough to be a minute's key.
const farAway = 1 << 55 // us: the year 3111

// reach returns the first and the last moment on record from one to another.
func (f *file) reach(since, until int64) (first, last int64, ok bool, err error) {
	for _, table := range []struct {
		id, name   string
		unit, keys int64 // us, and row ids of so much time
	}{{"start_us", "cycle", 1, 1}, {"id", "minute", minuteUS, 1 << timeShift}, {"id", "hour", hourUS, 1 << timeShift}} {
		from := (since + table.unit - 1) / table.unit * table.keys
		to := (until/table.unit + 1) * table.keys
		where := fmt.Sprintf("SELECT %s FROM %s WHERE %[1]s >= ? AND %[1]s < ? ORDER BY %[1]s", table.id, table.name)
		low, some, err := f.c.find(where+" LIMIT 1", from, to)
		if err != nil {
			return 0, 0, false, err
		}
		if !some {
			continue
		}
		high, _, err := f.c.find(where+" DESC LIMIT 1", from, to)
		if err != nil {
			return 0, 0, false, err
		}
		low, high = low/table.keys*table.unit, high/table.keys*table.unit
		if !ok {
			first, last, ok = low, high, true
		}
		first, last = min(first, low), max(last, high)
	}
	return first, last, ok, nil
}

// dropCycles deletes some of the oldest cycles that started before a moment.
func (f *file) dropCycles(before int64) (bool, error) {
	oldest, ok, err := f.c.find("SELECT start_us FROM cycle ORDER BY start_us LIMIT 1")
	if err != nil || !ok || oldest >= before {
		return false, err
	}
	next, ok, err := f.c.find("SELECT start_us FROM cycle ORDER BY start_us LIMIT 1 OFFSET ?", trimCycles)
	if err != nil {
		return false, err
	}
	if !ok || next > before {
		next = before
	}
	for _, sql := range []string{"DELETE FROM cycle WHERE start_us < ?", "DELETE FROM span WHERE cycle_us < ?"} {
		if _, err := f.c.number(sql, next); err != nil {
			return false, err
		}
	}
	return true, nil
}

// dropHours deletes some of the oldest hours that ended before a moment.
func (f *file) dropHours(before int64) (bool, error) {
	oldest, ok, err := f.c.find("SELECT hour FROM hour ORDER BY id LIMIT 1")
	if err != nil || !ok || oldest >= before/hourUS {
		return false, err
	}
	key, more, err := f.c.find("SELECT id FROM hour ORDER BY id LIMIT 1 OFFSET ?", trimHours)
	if err != nil {
		return false, err
	}
	limit := series{}.key(before / hourUS)
	if more {
		limit = min(limit, key)
	}
	_, err = f.c.number("DELETE FROM hour WHERE id < ?", limit)
	return true, err
}

// dropRuns deletes runs that have no cycles any more, and drops as old as hours. The
// newest run stays: SQLite would give its id to another, and readers keep runs by
// their ids.
func (f *file) dropRuns(cycles, hours int64) (bool, error) {
	oldest, ok, err := f.c.find("SELECT start_us FROM cycle ORDER BY start_us LIMIT 1")
	if err != nil {
		return false, err
	}
	if !ok || oldest > cycles {
		oldest = cycles
	}
	if _, err := f.c.number("DELETE FROM run WHERE last_us < CASE source WHEN '' THEN ? ELSE ? END AND id < (SELECT max(id) FROM run)", oldest-tellUS, hours); err != nil {
		return false, err
	}
	_, err = f.c.number(`DELETE FROM "drop" WHERE at_us < ?`, hours)
	return false, err
}
