package store

import (
	"fmt"
	"slices"

	"wanctl/cycle"
)

// minutes gathers the durations of cycles by minute and series until they are
// merged into the file's minutes, in the transaction that also holds the cycles:
// so the minutes tell of exactly the cycles committed, whenever a cycle comes in,
// and nothing must be caught up with after a crash.
type minutes struct {
	get, put *stmt
	rows     map[int64]*minute // by key
	order    []int64           // keys, to be sorted
	spare    []*minute
	dist     cycle.Durations
}

// minute is what a row of the table minute is made of.
type minute struct {
	failed, over, missed, critical, budget int64
	us                                     []int64
}

func newMinutes(c *conn) (m *minutes, err error) {
	m = &minutes{rows: map[int64]*minute{}}
	if m.get, err = c.prepare("SELECT failed, over, missed, critical_us, budget_us, dist FROM minute WHERE id = ?"); err != nil {
		return nil, err
	}
	m.put, err = c.prepare("INSERT OR REPLACE INTO minute VALUES (?,?,?,?,?, ?,?,?,?, ?,?,?, ?,?,?, ?,?,?)")
	return m, err
}

// at returns the gathered minute of a series.
func (m *minutes) at(unit int64, s series) *minute {
	k := s.key(unit)
	if v := m.rows[k]; v != nil {
		return v
	}
	v := &minute{}
	if n := len(m.spare); n > 0 {
		v, m.spare = m.spare[n-1], m.spare[:n-1]
	}
	m.rows[k] = v
	m.order = append(m.order, k)
	return v
}

// How long a row's stretch of time is, in microseconds.
const (
	minuteUS = 60e6
	hourUS   = 3600e6
)

// add takes in a cycle.
func (m *minutes) add(f *flat, c *cycle.Cycle) {
	r := f.run
	unit := f.start / minuteUS
	critical, _ := cycle.Critical(&f.us, r.Sequential)
	for p := range f.us {
		if f.us[p] < 0 {
			continue
		}
		v := m.at(unit, series{r.loop, r.parts[p], 0})
		v.us = append(v.us, f.us[p])
		v.critical += critical[p]
		if f.outcomes[p] != cycle.OK {
			v.failed++
		}
		if cycle.Part(p) == cycle.Total {
			v.missed += c.Missed
			v.budget += r.Budget.Microseconds()
			if c.Overrun() {
				v.over++
			}
		}
	}
	for i, us := range f.probes {
		m.echo(m.at(unit, series{r.loop, r.parts[cycle.Probe], r.targets[i]}), us, us == lostEcho)
	}
	for _, o := range f.others {
		v := m.at(unit, series{r.loop, o.label, o.target})
		if o.label == r.parts[cycle.Probe] {
			m.echo(v, o.us, o.outcome != cycle.OK)
			continue
		}
		v.us = append(v.us, o.us)
		if o.outcome != cycle.OK {
			v.failed++
		}
	}
}

// echo takes in a reflector's answer. A lost one has no duration: it is counted
// as failed and nothing else.
func (m *minutes) echo(v *minute, us int64, lost bool) {
	if lost {
		v.failed++
	} else {
		v.us = append(v.us, us)
	}
}

// merge writes what was gathered into the file and forgets it.
func (m *minutes) merge() error {
	defer m.forget()
	slices.Sort(m.order)
	for _, k := range m.order {
		if err := m.mergeOne(k, m.rows[k]); err != nil {
			return err
		}
	}
	return nil
}

func (m *minutes) forget() {
	for _, v := range m.rows {
		*v = minute{us: v.us[:0]}
		if len(m.spare) < 64 && cap(v.us) <= 1<<14 {
			m.spare = append(m.spare, v)
		}
	}
	clear(m.rows)
	m.order = m.order[:0]
}

func (m *minutes) mergeOne(key int64, v *minute) (err error) {
	unit, s := unkey(key)
	m.get.int(1, key)
	found, err := m.get.step()
	if err != nil {
		return err
	}
	if found {
		g := m.get
		v.failed, v.over, v.missed = v.failed+g.colInt(0), v.over+g.colInt(1), v.missed+g.colInt(2)
		v.critical, v.budget = v.critical+g.colInt(3), v.budget+g.colInt(4)
		v.us, err = cycle.Durations(g.colBytes(5)).Append(v.us)
		g.reset()
		if err != nil {
			return fmt.Errorf("minute %d: %w", key, err)
		}
	}
	slices.Sort(v.us)
	sum := int64(0)
	for _, us := range v.us {
		sum += us
	}
	m.dist = cycle.AppendDurations(m.dist[:0], v.us)
	p := m.put
	p.int(1, key)
	p.int(2, unit)
	p.int(3, s.loop)
	p.int(4, s.label)
	p.int(5, s.target)
	p.int(6, int64(len(v.us)))
	p.int(7, v.failed)
	p.int(8, v.over)
	p.int(9, v.missed)
	if n := len(v.us); n > 0 {
		p.int(10, v.us[0])
		p.int(11, v.us[n-1])
		for i, percent := range [...]int{50, 95, 99} {
			p.int(13+i, v.us[rank(n, percent)])
		}
	} else {
		for _, i := range [...]int{10, 11, 13, 14, 15} {
			p.null(i)
		}
	}
	p.int(12, sum)
	p.int(16, v.critical)
	p.int(17, v.budget)
	p.blob(18, m.dist)
	return p.run()
}

// rank is the index of a percentile by nearest rank among n sorted values.
func rank(n, percent int) int { return (n*percent+99)/100 - 1 }
