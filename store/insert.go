package store

import (
	"errors"
	"fmt"

	"wanctl/cycle"
)

// inserter puts cycles into the file, and into its minutes, inside a transaction
// of the caller's. The flush, the recovery after a crash and the import share it.
type inserter struct {
	names   *names
	minutes *minutes
	cycle   *stmt
	span    *stmt
	there   *stmt
	last    *stmt
	flat    flat
}

func newInserter(c *conn) (in *inserter, err error) {
	in = &inserter{names: newNames(c)}
	if in.minutes, err = newMinutes(c); err != nil {
		return nil, err
	}
	for _, p := range []struct {
		into **stmt
		sql  string
	}{
		{&in.cycle, insertCycle},
		{&in.span, "INSERT OR REPLACE INTO span VALUES (?, ?, ?, ?, ?, ?, ?)"},
		{&in.there, "SELECT run_id, seq FROM cycle WHERE start_us = ?"},
		{&in.last, "UPDATE run SET last_seq = ?, last_us = ? WHERE id = ?"},
	} {
		if *p.into, err = c.prepare(p.sql); err != nil {
			return nil, err
		}
	}
	return in, nil
}

// errBeforeTime reports a clock that stands before 1970.
var errBeforeTime = errors.New("a cycle that started before 1970")

// add enters a cycle and tells whether it was new: one that the file has already
// changes nothing.
func (in *inserter) add(c *cycle.Cycle) (added bool, err error) {
	r, err := in.names.run(c.Run)
	if err != nil {
		return false, err
	}
	if r.Source != "" && c.Seq <= r.lastSeq {
		return false, nil
	}
	f := &in.flat
	if err := f.set(r, c, in.names); err != nil {
		return false, err
	}
	if f.start < 0 {
		return false, errBeforeTime
	}
	for ; ; f.start++ { // where two cycles coincide, the later one moves on
		if err := f.bind(in.cycle, c); err != nil {
			return false, err
		}
		if err := in.cycle.run(); err != nil {
			return false, err
		}
		if in.names.c.changed() > 0 {
			break
		}
		if same, err := in.same(f.start, r.id, c.Seq); err != nil || same {
			return false, err
		}
	}
	for i, o := range f.others {
		for j, v := range [...]int64{f.start, int64(i), o.label, o.target, o.offset, o.us, int64(o.outcome)} {
			in.span.int(j+1, v)
		}
		if err := in.span.run(); err != nil {
			return false, err
		}
	}
	r.lastSeq, r.lastUS = max(r.lastSeq, c.Seq), max(r.lastUS, f.start)
	in.minutes.add(f, c)
	return true, nil
}

// same tells whether the cycle at a moment is the one of that run and number.
func (in *inserter) same(start, run, seq int64) (bool, error) {
	in.there.int(1, start)
	ok, err := in.there.step()
	if err != nil || !ok {
		return false, err
	}
	same := in.there.colInt(0) == run && in.there.colInt(1) == seq
	in.there.reset()
	return same, nil
}

// tellUS is how far a run's last_us may be behind: to tell it costs a page. An
// import is told of at once, for last_seq decides what is new in it.
const tellUS = hourUS

// finish writes what is told once per transaction: the minutes, and how far the
// runs have come.
func (in *inserter) finish() error {
	for _, r := range in.names.runs {
		if r.lastUS == r.toldUS || r.Source == "" && r.toldUS > 0 && r.lastUS-r.toldUS < tellUS {
			continue
		}
		r.toldUS = r.lastUS
		in.last.int(1, r.lastSeq)
		in.last.int(2, r.lastUS)
		in.last.int(3, r.id)
		if err := in.last.run(); err != nil {
			return fmt.Errorf("run %d: %w", r.id, err)
		}
	}
	return in.minutes.merge()
}

// forget drops what a transaction that was rolled back has left in memory.
func (in *inserter) forget() {
	in.names.forget()
	in.minutes.forget()
}
