package store

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"wanctl/cycle"
)

// Reader reads a recording, also while daemons write it, and never writes. It is
// safe for concurrent use: every call under way has a connection of its own. A
// call keeps the WAL from being reused while it lasts, so it should not last
// longer than the reading takes.
type Reader struct {
	path string

	mu     sync.Mutex
	idle   []*conn
	runs   map[int64]*cycle.Run
	names  map[string]string // one copy of every label and target
	closed bool
}

// maxIdle bounds the connections kept for the next call.
const maxIdle = 4

// OpenReader opens the file for reading. It refuses what is not a recording of
// this version, and does not make a file that is not there.
func OpenReader(ctx context.Context, path string) (*Reader, error) {
	r := &Reader{path: path, runs: map[int64]*cycle.Run{}, names: map[string]string{}}
	c, _, err := r.take(ctx)
	if err != nil {
		return nil, err
	}
	r.put(c)
	return r, nil
}

// Path returns the file's path.
func (r *Reader) Path() string { return r.path }

// Close ends the Reader. Calls under way are finished first by their callers.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.idle {
		c.close()
	}
	r.idle, r.closed = nil, true
	return nil
}

// take returns a connection that fails when the context ends; stop ends that.
func (r *Reader) take(ctx context.Context) (c *conn, stop func() bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	r.mu.Lock()
	if n := len(r.idle); n > 0 {
		c, r.idle = r.idle[n-1], r.idle[:n-1]
	}
	r.mu.Unlock()
	if c == nil {
		if c, err = openForReading(r.path); err != nil {
			return nil, nil, r.wrap(err)
		}
	}
	return c, context.AfterFunc(ctx, c.interrupt), nil
}

// put gives a connection back. One that reads the file as it lies is of no use any
// more: a daemon may begin to write.
func (r *Reader) put(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed || len(r.idle) >= maxIdle || c.lies != nil {
		c.close()
		return
	}
	r.idle = append(r.idle, c)
}

func (r *Reader) wrap(err error) error { return fmt.Errorf("recording %q: %w", r.path, explain(err)) }

// use calls f with a connection. An error of SQLite's after the context has
// ended is the context's.
func (r *Reader) use(ctx context.Context, f func(c *conn) error) error {
	c, stop, err := r.take(ctx)
	if err != nil {
		return err
	}
	err = f(c)
	if c.lies != nil {
		if moved := c.lies.still(); moved != nil {
			err = moved // also of what looked broken
		}
	}
	if stop() && err == nil {
		r.put(c)
		return nil
	}
	c.close() // it was interrupted or has failed: a new one is sure to be well
	if ctx.Err() != nil && err != nil {
		return ctx.Err()
	}
	if err != nil {
		return r.wrap(err)
	}
	return nil
}

// query runs a query and calls each for its rows, until that returns false.
func (r *Reader) query(ctx context.Context, sql string, each func(s *stmt) bool, args ...int64) error {
	return r.use(ctx, func(c *conn) error {
		s, err := c.prepare(sql)
		if err != nil {
			return err
		}
		defer c.forget(s)
		for i, a := range args {
			s.int(i+1, a)
		}
		for {
			if ok, err := s.step(); err != nil || !ok {
				return err
			}
			if !each(s) {
				return nil
			}
		}
	})
}

// name returns the one copy of a name, without allocating for a known one.
func (r *Reader) name(b []byte) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s, ok := r.names[string(b)]; ok {
		return s
	}
	s := string(b)
	r.names[s] = s
	return s
}

const selectRun = `SELECT run.id, daemon, wan, started_us, version, budget_us, reflectors, config, state, router, sequential, source
	FROM run JOIN loop ON loop.id = loop_id`

// scanRun returns the run in a row of selectRun: always the same for one id.
func (r *Reader) scanRun(s *stmt) (*cycle.Run, error) {
	id := s.colInt(0)
	r.mu.Lock()
	defer r.mu.Unlock()
	if known := r.runs[id]; known != nil {
		return known, nil
	}
	v := &cycle.Run{
		Daemon: cycle.Daemon(s.colText(1)), WAN: s.colText(2), Started: time.UnixMicro(s.colInt(3)).UTC(), Version: s.colText(4),
		Budget: cycle.FromMicros(s.colInt(5)), Config: s.colText(7), State: s.colText(8), Router: s.colText(9),
		Sequential: s.colInt(10) != 0, Source: s.colText(11),
	}
	if err := json.Unmarshal(s.colBytes(6), &v.Reflectors); err != nil {
		return nil, fmt.Errorf("run %d: reflectors: %w", id, err)
	}
	if len(v.Reflectors) == 0 {
		v.Reflectors = nil
	}
	r.runs[id] = v
	return v, nil
}

// run returns the run of an id.
func (r *Reader) run(c *conn, id int64) (v *cycle.Run, err error) {
	r.mu.Lock()
	v = r.runs[id]
	r.mu.Unlock()
	if v != nil {
		return v, nil
	}
	s, err := c.prepare(selectRun + " WHERE run.id = ?")
	if err != nil {
		return nil, err
	}
	defer c.forget(s)
	s.int(1, id)
	ok, err := s.step()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("run %d is missing", id)
	}
	return r.scanRun(s)
}

// Runs returns the runs that may have cycles in the window, in the order they
// started.
func (r *Reader) Runs(ctx context.Context, w cycle.Window) (runs []*cycle.Run, err error) {
	var bad error
	err = r.query(ctx, selectRun+" WHERE started_us < ?2 AND last_us >= ?1 ORDER BY started_us, run.id",
		func(s *stmt) bool {
			var v *cycle.Run
			if v, bad = r.scanRun(s); bad != nil {
				return false
			}
			runs = append(runs, v)
			return true
		}, w.Since.UnixMicro()-tellUS, w.Until.UnixMicro())
	if err == nil && bad != nil {
		err = r.wrap(bad)
	}
	return runs, err
}

// Drops returns what was dropped in the window, in order.
func (r *Reader) Drops(ctx context.Context, w cycle.Window) (drops []cycle.Drop, err error) {
	err = r.query(ctx, `SELECT at_us, daemon, wan, count, reason FROM "drop" JOIN loop ON loop.id = loop_id
		WHERE at_us >= ? AND at_us < ? ORDER BY at_us, loop_id`,
		func(s *stmt) bool {
			drops = append(drops, cycle.Drop{
				At: time.UnixMicro(s.colInt(0)).UTC(), Daemon: cycle.Daemon(s.colText(1)), WAN: s.colText(2), Count: s.colInt(3), Reason: s.colText(4),
			})
			return true
		}, w.Since.UnixMicro(), w.Until.UnixMicro())
	return drops, err
}

// Newest returns the start of the newest cycle on record, or that of the newest
// minute or hour where the cycles are gone; the zero time for none.
func (r *Reader) Newest(ctx context.Context) (t time.Time, err error) {
	err = r.use(ctx, func(c *conn) error {
		t, err = c.newest()
		return err
	})
	return t, err
}

// newest is the answer to Reader.Newest.
func (c *conn) newest() (time.Time, error) {
	// Asked one by one: a query for two of them would scan the tables.
	for _, q := range []struct {
		sql  string
		unit int64 // us
	}{
		{"SELECT max(start_us) FROM cycle", 1},
		{"SELECT minute FROM minute ORDER BY id DESC LIMIT 1", minuteUS},
		{"SELECT hour FROM hour ORDER BY id DESC LIMIT 1", hourUS},
	} {
		if t, err := c.moment(q.unit, q.sql); err != nil || !t.IsZero() {
			return t, err
		}
	}
	return time.Time{}, nil
}
