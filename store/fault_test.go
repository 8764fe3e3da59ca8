package store

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"wanctl/cycle"
)

// fault is something that happens to the recording while a loop runs. What it does
// is in harm_test.go.
type fault struct {
	name  string
	mount string         // options of a tmpfs to be mounted
	set   func(s *scene) // prepares the scene; may be nil
	early bool           // it begins before the first flush
	short time.Duration  // how long it lasts; 0: 700 ms
	full  time.Duration  // the same in full length; 0: 10 s
	begin func(s *scene) (end func())
	logs  []string // what the log says of it, and when it is over: each once
	loses bool     // cycles committed before are not in the file any more
}

var (
	heldUp = []string{"held up; the loops run as before", "recording goes on"}
	gone   = []string{"deleted or replaced"}
	aside  = []string{"was set aside"}
)

var faults = []fault{
	{name: "none", begin: func(*scene) func() { return func() {} }},
	{name: "disk full before the first flush", mount: "size=2m", early: true, begin: fills, logs: heldUp},
	{name: "disk full during a flush", mount: "size=2m", begin: fills, logs: heldUp},
	{name: "read-only file system before the first flush", mount: "size=8m", early: true, begin: readOnly, logs: heldUp},
	{name: "an outsider holds the write lock", short: 3 * busyWait, full: time.Minute, begin: locks, logs: heldUp},
	{name: "a reader holds its transaction", full: 3 * time.Minute, begin: reads},
	{name: "the file is deleted", begin: deletes, logs: gone, loses: true},
	{name: "the file is cut in half", begin: cuts(2), logs: aside, loses: true},
	{name: "the file is cut to nothing", begin: cuts(0), logs: aside, loses: true},
	{name: "the file is written over with noise", begin: noise, logs: aside, loses: true},
	{name: "the shared memory is cut", begin: cutsShared, logs: heldUp},
	{name: "a foreign file in its place", begin: appears("PRAGMA application_id = 77; CREATE TABLE t (x)"), logs: slices.Concat(gone, heldUp), loses: true},
	{
		name: "a newer version's file in its place", begin: appears(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = 99; CREATE TABLE t (x)", 0x77616e63)),
		logs: slices.Concat(gone, heldUp), loses: true,
	},
	{name: "another recording in its place", begin: restores, logs: gone, loses: true},
	{name: "no permission before the first flush", set: nobodys, early: true, begin: forbids, logs: heldUp},
	{name: "permission withdrawn", set: nobodys, begin: forbids, logs: heldUp},
	{name: "the clock stepped back an hour", set: keepsLittle, begin: steps(-time.Hour), logs: []string{"step_s=-3600", "step_s=3600"}},
	{name: "the clock stepped forward a day", set: keepsLittle, begin: steps(day), logs: []string{"step_s=86400", "step_s=-86400"}},
	{name: "a commit takes long", short: slowFlush, full: 5 * time.Second, begin: slowCommit, logs: []string{"took long"}},
	{name: "200,000 cycles at once", begin: floods, logs: []string{"more cycles come than can wait", "all cycles find room again"}},
	{name: "another daemon in the file", begin: joins},
}

// inFull tells whether faults last as long as the issue has them.
var inFull = os.Getenv("WANCTL_FAULTS") == "full"

// TestFaultsHarmNoLoop lets each fault happen under a running loop, and holds the
// recorder to its promises: the loop keeps its schedule as one beside it does that
// records nothing, the log says it once and says when it is over, every cycle is
// either on record or counted as dropped, and recording resumes by itself. With
// WANCTL_FAULTS=full the faults last as long as in life, and one after the other;
// with -v there is a table.
func TestFaultsHarmNoLoop(t *testing.T) {
	t.Parallel()
	table := &damage{}
	t.Cleanup(func() { table.print() })
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			if !inFull {
				t.Parallel()
			}
			s := newScene(t, f)
			s.happen()
			table.add(s.judge())
		})
	}
	t.Run("the process is stopped", func(t *testing.T) {
		if !inFull {
			t.Parallel()
		}
		table.add(stopped(t))
	})
}

// scene is a fault's place: a folder of its own, the file in it, a loop that
// records into it, and one beside it that does not record.
type scene struct {
	fault
	t     *testing.T
	dir   string // on a small tmpfs where the fault needs one
	path  string
	w     *Writer
	run   func(context.Context) error // of the writer
	log   *logged
	lasts time.Duration
	slow  atomic.Bool  // the next commit
	gate  sync.Mutex   // held while no commit may go on
	step  atomic.Int64 // of the wall clock

	others       int64 // cycles of other loops that were handed over
	loop, beside *lateness
}

func newScene(t *testing.T, f fault) *scene {
	s := &scene{fault: f, t: t, dir: t.TempDir(), log: &logged{}, lasts: cmp.Or(f.short, 700*time.Millisecond)}
	if f.mount != "" {
		if err := unix.Mount("tmpfs", s.dir, "tmpfs", 0, f.mount); err != nil {
			t.Skipf("mounting a tmpfs: %v", err)
		}
		t.Cleanup(func() { _ = unix.Unmount(s.dir, unix.MNT_DETACH) })
	}
	cfg := testConfig(t)
	cfg.Path, cfg.FlushInterval = filepath.Join(s.dir, "profile.db"), 20*time.Millisecond
	if inFull {
		cfg.FlushInterval, s.lasts = time.Second, cmp.Or(f.full, 10*time.Second)
	}
	s.path, s.w = cfg.Path, NewWriter(cfg, s.log.logger())
	s.run = s.w.Run
	s.w.now = func() time.Time { return stepWall(time.Now(), time.Duration(s.step.Load())) }
	s.w.beforeCommit = func() {
		if s.slow.CompareAndSwap(true, false) {
			time.Sleep(s.lasts)
		}
		s.gate.Lock()
		defer s.gate.Unlock()
	}
	if f.set != nil {
		f.set(s)
	}
	return s
}

// keepsLittle lets retention drop all too much, were it to believe the clock.
func keepsLittle(s *scene) {
	s.w.cfg.KeepCycles, s.w.cfg.KeepMinutes, s.w.cfg.KeepHours = 10*time.Minute, time.Hour, time.Hour
}

// happen runs the loops, with the fault in their middle.
func (s *scene) happen() {
	before, after := 300*time.Millisecond, 400*time.Millisecond
	if inFull {
		before, after = 2*time.Second, 4*time.Second
	}
	var wg sync.WaitGroup
	begin := func(what func(context.Context) error) (end func()) {
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan error)
		wg.Go(func() { done <- what(ctx) })
		return func() {
			stop()
			if err := <-done; err != nil {
				s.t.Error(err)
			}
		}
	}
	var end func()
	if s.early {
		end = s.begin(s)
	}
	s.loop, s.beside = &lateness{next: &stepped{&s.step, s.w}}, &lateness{}
	s.w.Begin()
	ends := []func(){begin(s.run), begin(looping(s.beside).Run), begin(looping(s.loop).Run)}
	time.Sleep(before)
	if end == nil {
		for s.w.Health().Recorded == 0 { // a busy machine may be late
			time.Sleep(10 * time.Millisecond)
		}
		end = s.begin(s)
	}
	time.Sleep(s.lasts)
	end()
	time.Sleep(after)
	for _, end := range slices.Backward(ends) { // the writer last: it drains
		end()
	}
	wg.Wait()
}

// looping returns a loop of 10 ms that does nothing.
func looping(r cycle.Recorder) *cycle.Loop {
	return &cycle.Loop{
		Info:   &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Started: time.Now(), Budget: 10 * time.Millisecond, Reflectors: []string{"a"}},
		Daemon: idle{}, Recorder: r,
	}
}

// stepped is the way of cycles to a recorder when the wall clock is stepped.
type stepped struct {
	by   *atomic.Int64
	next cycle.Recorder
}

func (s *stepped) Record(c *cycle.Cycle) {
	v := *c
	v.Start = stepWall(c.Start, time.Duration(s.by.Load()))
	s.next.Record(&v)
}

// lateness keeps how late cycles were, on their way to a recorder, which may be nil:
// after the slot in which they started, or after the first of those passed over.
type lateness struct {
	next cycle.Recorder
	all  []time.Duration
}

func (l *lateness) Record(c *cycle.Cycle) {
	l.all = append(l.all, c.Late+time.Duration(c.Missed)*c.Run.Budget)
	if l.next != nil {
		l.next.Record(c)
	}
}

// high is the lateness's p99.9.
func (l *lateness) high() time.Duration {
	slices.Sort(l.all)
	return l.all[(len(l.all)*999+999)/1000-1]
}

// judge holds the recorder to its promises.
func (s *scene) judge() harm {
	t, cycles := s.t, int64(len(s.loop.all))
	h := s.w.Health()
	if h.Recorded+h.Dropped != cycles+s.others || h.Waiting != 0 || h.Trouble != "" {
		t.Errorf("of %d cycles and %d others: %+v", cycles, s.others, h)
	}
	r := reading(t, s.path)
	on := int64(0)
	for _, c := range cyclesOf(t, r) {
		if c.Run.WAN == "wan1" {
			on++
		}
	}
	drops, err := r.Drops(context.Background(), everything)
	if err != nil {
		t.Error(err)
	}
	ours, told := int64(0), int64(0)
	for _, d := range drops {
		told += d.Count
		if d.WAN == "wan1" {
			ours += d.Count
		}
	}
	if told != h.Dropped {
		t.Errorf("the file tells of %d dropped cycles, there were %d", told, h.Dropped)
	}
	lost := cycles - ours - on
	if lost != 0 && !s.loses || lost < 0 || on == 0 {
		t.Errorf("%d of %d cycles are not on record", lost, cycles)
	}
	if wrong, err := r.Check(context.Background(), nil); err != nil || len(wrong) > 0 {
		t.Errorf("check: %v, %v", wrong, err)
	}
	for _, word := range s.logs {
		if n := s.log.count(word); n != 1 {
			t.Errorf("the log says %q %d times:\n%s", word, n, s.log)
		}
	}
	// A busy machine's storage may be slow by itself.
	if n := s.log.count("level=WARN") + s.log.count("level=ERROR") - s.log.count("took long"); n > len(s.logs) {
		t.Errorf("the log:\n%s", s.log)
	}
	v := harm{s.name, s.lasts, cycles, lost, told, strings.Join(s.logs, "; "), s.loop.high(), s.beside.high()}
	if most := v.beside + 150*time.Millisecond; v.late > most {
		t.Errorf("the loop was late by %v, one beside it by %v", v.late, v.beside)
	}
	return v
}

// harm is what a fault did.
type harm struct {
	name                  string
	lasts                 time.Duration
	cycles, lost, dropped int64
	logged                string
	late, beside          time.Duration // p99.9
}

// damage is the harm of all faults.
type damage struct {
	mu   sync.Mutex
	rows []harm
}

func (d *damage) add(h harm) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rows = append(d.rows, h)
}

// print writes the table, for make faults.
func (d *damage) print() {
	fmt.Println("| fault | lasts | cycles | lost | dropped | the log says | lateness p99.9 | beside it |\n|---|---|---|---|---|---|---|---|")
	for _, h := range d.rows {
		fmt.Printf("| %s | %v | %d | %d | %d | %s | %.2f ms | %.2f ms |\n", h.name, h.lasts, h.cycles, h.lost, h.dropped, h.logged, cycle.Millis(h.late), cycle.Millis(h.beside))
	}
}
