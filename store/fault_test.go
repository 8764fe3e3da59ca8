package store

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
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

// scene is a fault's place: a folder of its own, the file in it, a loop that
// records into it.
type scene struct {
	t    *testing.T
	dir  string // on a small tmpfs where the fault needs one
	path string
	w    *Writer
	slow atomic.Bool // the next commit
}

// fault is something that happens to the recording while a loop runs.
type fault struct {
	name  string
	mount string // options of a tmpfs to be mounted
	begin func(s *scene) (end func())
	logs  string // what the log says of it
	over  string // and when it is over; "" if it is at once
	loses bool   // cycles committed before are not in the file any more
}

var faults = []fault{
	{name: "none", begin: func(*scene) func() { return func() {} }},
	{name: "disk full before the first flush", mount: "size=2m", begin: fills, logs: "held up", over: "recording goes on"},
	{name: "disk full during a flush", mount: "size=2m", begin: fills, logs: "held up", over: "recording goes on"},
	{name: "read-only file system before the first flush", mount: "size=8m", begin: readOnly, logs: "held up", over: "recording goes on"},
	{name: "an outsider holds the write lock", begin: locks, logs: "held up", over: "recording goes on"},
	{name: "a reader holds its transaction", begin: reads},
	{name: "the file is deleted", begin: deletes, logs: "deleted or replaced", loses: true},
	{name: "the file is cut in half", begin: cuts(2), logs: "set aside", loses: true},
	{name: "the file is cut to nothing", begin: cuts(0), logs: "set aside", loses: true},
	{name: "the file is written over with noise", begin: noise, logs: "set aside", loses: true},
	{name: "the shared memory is cut", begin: cutsShared, logs: "held up", over: "recording goes on"},
	{name: "a commit takes long", begin: slowCommit},
}

// TestFaultsHarmNoLoop lets each fault happen under a running loop, and holds the
// recorder to its promises: the loop keeps its schedule, the log says it once and
// says when it is over, every cycle is either on record or counted as dropped,
// and recording resumes by itself. With -v it prints the table.
func TestFaultsHarmNoLoop(t *testing.T) {
	t.Parallel()
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, f)
			log := &logged{}
			s.w.log = log.logger()
			late, cycles := s.run(f)
			h := s.w.Health()
			on := int64(len(cyclesOf(t, reading(t, s.path))))
			t.Logf("%-42s cycles %4d, on record %4d, dropped %d, lateness p99.9 %v", f.name, cycles, on, h.Dropped, late)
			if h.Recorded+h.Dropped != cycles || h.Waiting != 0 || h.Trouble != "" {
				t.Errorf("of %d cycles: %+v", cycles, h)
			}
			if lost := cycles - h.Dropped - on; lost != 0 && !f.loses || on == 0 {
				t.Errorf("%d cycles are not on record", lost)
			}
			for _, word := range []string{f.logs, f.over} {
				if n := log.count(word); word != "" && n != 1 {
					t.Errorf("the log says %q %d times:\n%s", word, n, log)
				}
			}
			if f.logs == "" && log.count("level=WARN")+log.count("level=ERROR") > 0 {
				t.Errorf("the log:\n%s", log)
			}
			if late > 100*time.Millisecond {
				t.Errorf("the loop was late by %v", late)
			}
		})
	}
}

func newScene(t *testing.T, f fault) *scene {
	dir := t.TempDir()
	if f.mount != "" {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, f.mount); err != nil {
			t.Skipf("mounting a tmpfs: %v", err)
		}
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	}
	cfg := testConfig(t)
	cfg.Path, cfg.FlushInterval = filepath.Join(dir, "profile.db"), 20*time.Millisecond
	s := &scene{t: t, dir: dir, path: cfg.Path, w: NewWriter(cfg, nil)}
	s.w.beforeCommit = func() {
		if s.slow.CompareAndSwap(true, false) {
			time.Sleep(800 * time.Millisecond)
		}
	}
	return s
}

// run runs a loop, with the fault in its middle third, and returns how late its
// cycles were and how many there were.
func (s *scene) run(f fault) (late time.Duration, n int64) {
	writing, stop := context.WithCancel(context.Background())
	done := make(chan error)
	var end func()
	if strings.Contains(f.name, "before") {
		end = f.begin(s)
	}
	go func() { done <- s.w.Run(writing) }()
	lates := &lateness{next: s.w}
	loop := &cycle.Loop{
		Info:   &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Started: time.Now(), Budget: 10 * time.Millisecond, Reflectors: []string{"a"}},
		Daemon: idle{}, Recorder: lates,
	}
	ctx, cancel := context.WithCancel(context.Background())
	looping := make(chan error)
	go func() { looping <- loop.Run(ctx) }()
	time.Sleep(300 * time.Millisecond)
	if end == nil {
		end = f.begin(s)
	}
	time.Sleep(900 * time.Millisecond)
	end()
	time.Sleep(500 * time.Millisecond)
	cancel()
	if err := <-looping; err != nil {
		s.t.Error(err)
	}
	stop()
	if err := <-done; err != nil {
		s.t.Error(err)
	}
	return lates.high(), int64(len(lates.all))
}

// lateness keeps how late cycles were, on their way to a recorder.
type lateness struct {
	next cycle.Recorder
	all  []time.Duration
}

func (l *lateness) Record(c *cycle.Cycle) {
	l.all = append(l.all, c.Late)
	l.next.Record(c)
}

func (l *lateness) high() time.Duration {
	slices.Sort(l.all)
	return l.all[(len(l.all)*999+999)/1000-1]
}

// logged keeps what is logged.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func (l *logged) count(word string) int { return strings.Count(l.String(), word) }

// fills takes all the room there is.
func fills(s *scene) (end func()) {
	name := filepath.Join(s.dir, "filler")
	f, err := os.Create(name)
	if err != nil {
		s.t.Error(err)
		return func() {}
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, pageSize))
	}
	return func() { _ = os.Remove(name) }
}

func readOnly(s *scene) func() {
	remount := func(flags uintptr) {
		if err := unix.Mount("", s.dir, "", unix.MS_REMOUNT|flags, ""); err != nil {
			s.t.Error(err)
		}
	}
	remount(unix.MS_RDONLY)
	return func() { remount(0) }
}

func locks(s *scene) func() {
	c, err := dial(s.path, forUpdate, "")
	if err == nil {
		for range 100 {
			if err = c.begin(); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
	}
	if err != nil {
		s.t.Error(err)
	}
	return func() {
		c.rollback()
		c.close()
	}
}

func reads(s *scene) func() {
	c, err := openForReading(s.path)
	if err != nil {
		s.t.Error(err)
		return func() {}
	}
	_ = c.exec("BEGIN")
	if _, err := c.number("SELECT count(*) FROM cycle"); err != nil {
		s.t.Error(err)
	}
	return func() {
		c.rollback()
		c.close()
	}
}

func deletes(s *scene) func() {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(s.path + suffix)
	}
	return func() {}
}

func cuts(part int64) func(s *scene) func() {
	return func(s *scene) func() {
		size := int64(0)
		if part > 0 {
			fi, err := os.Stat(s.path)
			if err != nil {
				s.t.Error(err)
				return func() {}
			}
			size = fi.Size() / part
		}
		if err := os.Truncate(s.path, size); err != nil {
			s.t.Error(err)
		}
		return func() {}
	}
}

func noise(s *scene) func() {
	b := make([]byte, 300<<10)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b)
	f, err := os.OpenFile(s.path, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt(b, 0)
		_ = f.Close()
	}
	if err != nil {
		s.t.Error(err)
	}
	return func() {}
}

func cutsShared(s *scene) func() {
	if err := os.Truncate(s.path+"-shm", 0); err != nil {
		s.t.Error(err)
	}
	return func() {}
}

// slowCommit makes one commit take long; newScene has put the stop into its way.
func slowCommit(s *scene) func() {
	s.slow.Store(true)
	return func() {}
}
