package store

import (
	"encoding/json"
	"errors"
	"fmt"

	"wanctl/cycle"
)

// A minute's and an hour's row id is the time, then the ids of loop, label and
// target, so that rows lie in the order of time and need no index.
const (
	targetBits = 12
	labelBits  = 10
	loopBits   = 8
	labelShift = targetBits
	loopShift  = targetBits + labelBits
	timeShift  = targetBits + labelBits + loopBits

	maxLoops   = 1<<loopBits - 1
	maxLabels  = 1<<labelBits - 1
	maxTargets = 1<<targetBits - 1
)

// errTooManyLoops reports that no further loop can be told from the others.
var errTooManyLoops = fmt.Errorf("the file has %d daemons and WANs, which is all it can tell apart: use a file of its own", maxLoops)

// more stands for labels and targets beyond the bound.
const more = "(more)"

// series is what a distribution is of, in ids of the file.
type series struct {
	loop, label, target int64
}

func (s series) key(unit int64) int64 {
	return unit<<timeShift | s.loop<<loopShift | s.label<<labelShift | s.target
}

func unkey(key int64) (unit int64, s series) {
	return key >> timeShift, series{
		loop: key >> loopShift & maxLoops, label: key >> labelShift & maxLabels, target: key & maxTargets,
	}
}

// names gives loops, labels, targets and runs their ids in the file. It belongs
// to one transaction after the other; after a rollback it must be forgotten.
type names struct {
	c       *conn
	loops   map[loopName]int64
	labels  map[cycle.Label]int64
	targets map[string]int64
	runs    map[*cycle.Run]*run
}

type loopName struct {
	daemon cycle.Daemon
	wan    string
}

// run is a cycle.Run as the file knows it.
type run struct {
	*cycle.Run
	id      int64
	loop    int64
	parts   [cycle.NumParts]int64 // label ids
	targets []int64               // of the reflectors
	lastSeq int64                 // of its newest cycle in the file
	lastUS  int64
	toldUS  int64 // lastUS as the file knows it
}

func newNames(c *conn) *names {
	n := &names{c: c}
	n.forget()
	return n
}

// forget drops every id, for some may have been rolled back.
func (n *names) forget() {
	n.loops, n.labels = map[loopName]int64{}, map[cycle.Label]int64{}
	n.targets, n.runs = map[string]int64{"": 0}, map[*cycle.Run]*run{}
}

func (n *names) loop(d cycle.Daemon, wan string) (int64, error) {
	k := loopName{d, wan}
	if id, ok := n.loops[k]; ok {
		return id, nil
	}
	id, err := n.intern("SELECT id FROM loop WHERE daemon = ? AND wan = ?", "INSERT INTO loop (daemon, wan) VALUES (?, ?) RETURNING id", string(d), wan)
	if err == nil && id > maxLoops {
		err = errTooManyLoops
	}
	if err == nil {
		n.loops[k] = id
	}
	return id, err
}

func (n *names) label(l cycle.Label) (int64, error) {
	if id, ok := n.labels[l]; ok {
		return id, nil
	}
	id, err := n.bounded("label", string(l), maxLabels)
	if err == nil && len(n.labels) < maxLabels {
		n.labels[l] = id
	}
	return id, err
}

func (n *names) target(t string) (int64, error) {
	if id, ok := n.targets[t]; ok {
		return id, nil
	}
	id, err := n.bounded("target", t, maxTargets)
	if err == nil && len(n.targets) < maxTargets {
		n.targets[t] = id
	}
	return id, err
}

// bounded returns the id of a name in a table that holds so many; the names
// beyond share one.
func (n *names) bounded(table, name string, bound int64) (int64, error) {
	find := "SELECT id FROM " + table + " WHERE name = ?"
	id, err := n.find(find, name)
	if err != nil || id > 0 {
		return id, err
	}
	count, err := n.c.number("SELECT coalesce(max(id), 0) FROM " + table)
	if err != nil {
		return 0, err
	}
	if count >= bound-1 {
		name = more
	}
	return n.intern(find, "INSERT INTO "+table+" (name) VALUES (?) RETURNING id", name)
}

// find returns the id that a query gives; 0 if none.
func (n *names) find(query string, args ...string) (int64, error) {
	s, err := n.c.prepare(query)
	if err != nil {
		return 0, err
	}
	defer n.c.forget(s)
	for i, a := range args {
		s.text(i+1, a)
	}
	ok, err := s.step()
	if err != nil || !ok {
		return 0, err
	}
	return s.colInt(0), nil
}

func (n *names) intern(find, insert string, args ...string) (int64, error) {
	id, err := n.find(find, args...)
	if err != nil || id > 0 {
		return id, err
	}
	return n.find(insert, args...)
}

// errNoRun reports a cycle without a run; a loop never makes one.
var errNoRun = errors.New("a cycle without a run")

// run returns the file's view of a run, which it enters where it is new.
func (n *names) run(r *cycle.Run) (_ *run, err error) {
	if r == nil {
		return nil, errNoRun
	}
	if known, ok := n.runs[r]; ok {
		return known, nil
	}
	v := &run{Run: r}
	if v.loop, err = n.loop(r.Daemon, r.WAN); err != nil {
		return nil, err
	}
	for p := range v.parts {
		if v.parts[p], err = n.label(r.Daemon.Label(cycle.Part(p))); err != nil {
			return nil, err
		}
	}
	for _, t := range r.Reflectors {
		id, err := n.target(t)
		if err != nil {
			return nil, err
		}
		v.targets = append(v.targets, id)
	}
	if err := n.enter(v); err != nil {
		return nil, err
	}
	n.runs[r] = v
	return v, nil
}

// enter finds or inserts the run's row.
func (n *names) enter(v *run) error {
	find, err := n.c.prepare("SELECT id, last_seq, last_us FROM run WHERE loop_id = ? AND started_us = ? AND source = ?")
	if err != nil {
		return err
	}
	defer n.c.forget(find)
	find.int(1, v.loop)
	find.int(2, v.Started.UnixMicro())
	find.text(3, v.Source)
	if ok, err := find.step(); err != nil {
		return err
	} else if ok {
		v.id, v.lastSeq, v.lastUS, v.toldUS = find.colInt(0), find.colInt(1), find.colInt(2), find.colInt(2)
		return nil
	}
	reflectors, err := json.Marshal(append([]string{}, v.Reflectors...))
	if err != nil {
		return err
	}
	s, err := n.c.prepare(`INSERT INTO run (loop_id, started_us, version, budget_us, reflectors, config, state, router, sequential, source, last_seq, last_us)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0) RETURNING id`)
	if err != nil {
		return err
	}
	defer n.c.forget(s)
	s.int(1, v.loop)
	s.int(2, v.Started.UnixMicro())
	s.text(3, v.Version)
	s.int(4, v.Budget.Microseconds())
	s.textBytes(5, reflectors)
	s.text(6, v.Config)
	s.text(7, v.State)
	s.text(8, v.Router)
	s.bool(9, v.Sequential)
	s.text(10, v.Source)
	if _, err := s.step(); err != nil {
		return err
	}
	v.id = s.colInt(0)
	return nil
}

// verify makes sure, at the begin of a transaction, that no other daemon has
// dropped a run as old that this one still has cycles of.
func (n *names) verify() error {
	if len(n.runs) > maxRuns {
		n.forget()
	}
	for r, v := range n.runs {
		found, err := n.c.number("SELECT count(*) FROM run WHERE id = ?", v.id)
		if err != nil {
			return err
		}
		if found == 0 {
			delete(n.runs, r)
		}
	}
	return nil
}
