package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"wanctl/analyze"
	"wanctl/analyze/report/screen"
	"wanctl/cycle"
	"wanctl/store"
	"wanctl/store/storetest"
)

// ringFolder is a folder on a tmpfs, where daemons can keep their crash rings.
func ringFolder(t testing.TB) string {
	t.Helper()
	var fs unix.Statfs_t
	if unix.Statfs("/dev/shm", &fs) != nil || uint32(fs.Type) != unix.TMPFS_MAGIC {
		t.Skip("there is no tmpfs at /dev/shm")
	}
	dir, err := os.MkdirTemp("/dev/shm", "wanctl-top-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// daemonOf is a daemon's recorder, and a loop's cycles of the last seconds and on.
type daemonOf struct {
	*storetest.Sampler
	writer *store.Writer
	stop   func()
}

// startDaemon starts one that flushes once an hour, or so often.
func startDaemon(t testing.TB, path, runtime, wan string, flush time.Duration) *daemonOf {
	t.Helper()
	cfg := store.DefaultConfig()
	cfg.Path, cfg.Runtime, cfg.FlushInterval = path, runtime, flush
	w := store.NewWriter(cfg, nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx) }()
	stopped := false
	d := &daemonOf{storetest.NewSampler(wan, time.Now().Add(-time.Minute).Truncate(time.Second), 1), w, nil}
	d.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(d.stop)
	for w.Health().Flushed.IsZero() { // it flushes once at its start
		time.Sleep(time.Millisecond)
	}
	return d
}

func (d *daemonOf) run(n int) {
	for range n {
		d.writer.Record(d.Next())
	}
}

// until looks until a condition holds; the daemons flush in their own time.
func until(t *testing.T, w *lookout, what string, holds func(s screen.Snapshot) bool) screen.Snapshot {
	t.Helper()
	var s screen.Snapshot
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if s = w.Look(context.Background(), 5*time.Minute); holds(s) {
			return s
		}
	}
	t.Fatalf("not so in 20 s: %s\n%+v\n%s", what, s.Files, told(s))
	return s
}

// told is how many cycles of each loop a snapshot tells of.
func told(s screen.Snapshot) string {
	var b strings.Builder
	for _, l := range s.Loops {
		fmt.Fprintf(&b, "%s %d live=%v;", l.WAN, l.Cycles, l.Live)
	}
	return b.String()
}

func tells(want string) func(screen.Snapshot) bool {
	return func(s screen.Snapshot) bool { return told(s) == want }
}

// TestLookoutSeesACycleOnceWhereverItIs follows two daemons from before there is a file
// through a flush, a restart and a new file.
func TestLookoutSeesACycleOnceWhereverItIs(t *testing.T) {
	runtime := ringFolder(t)
	t.Setenv("RUNTIME_DIRECTORY", runtime)
	path := filepath.Join(t.TempDir(), "profile.db")
	w := newLookout(time.Now, analyze.Options{}, path)
	defer w.Close()
	s := w.Look(context.Background(), 5*time.Minute)
	if len(s.Loops) != 0 || !strings.Contains(s.Files[0].Trouble, "not there yet") {
		t.Fatalf("%+v", s)
	}
	a := startDaemon(t, path, runtime, "a", time.Hour)
	a.run(100)
	if s = w.Look(context.Background(), 5*time.Minute); !s.Files[0].Newest.IsZero() {
		t.Error("the test is wrong: a has flushed")
	}
	until(t, w, "a is seen before the file has it", tells("a 100 live=true;"))
	b := startDaemon(t, path, runtime, "b", 50*time.Millisecond)
	b.run(70)
	until(t, w, "b is seen too, and counted once when it is flushed", func(s screen.Snapshot) bool {
		return len(s.Loops) == 2 && s.Loops[1].Cycles == 70 && !s.Files[0].Newest.IsZero() && b.writer.Health().Waiting == 0
	})
	b.run(1)
	until(t, w, "not a second time", func(s screen.Snapshot) bool { return s.Loops[0].Cycles == 100 && s.Loops[1].Cycles == 71 })
	a.run(11)
	until(t, w, "a goes on", func(s screen.Snapshot) bool { return s.Loops[0].Cycles == 111 && s.Loops[0].Live })
	a.stop()
	until(t, w, "a is all in the file", func(s screen.Snapshot) bool { return s.Files[0].Rings == 1 })
	again := newLookout(time.Now, analyze.Options{WAN: "a"}, path)
	defer again.Close()
	until(t, again, "who comes later sees the same", tells("a 111 live=false;"))
	restarted := startDaemon(t, path, runtime, "a", time.Hour)
	restarted.Info.Started = time.Now().Truncate(time.Second)
	restarted.run(4)
	until(t, w, "the restarted loop is seen", func(s screen.Snapshot) bool { return s.Loops[0].Cycles == 115 })
	restarted.run(1)
	until(t, w, "it is seen as it runs", func(s screen.Snapshot) bool { return s.Loops[0].Cycles == 116 && s.Loops[0].Live })

	// The file is replaced under the daemon, which begins a new one.
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil {
			t.Fatal(err)
		}
	}
	b.run(3)
	until(t, w, "the new file is read", func(s screen.Snapshot) bool {
		return s.Loops[0].Cycles == 116 && s.Loops[1].Cycles == 74 && s.Files[0].Trouble == ""
	})
}

// TestLookoutReadsWhatOtherDaemonsFlushLater has two daemons without crash rings, one
// of which flushes when newer cycles of the other have long been read.
func TestLookoutReadsWhatOtherDaemonsFlushLater(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("RUNTIME_DIRECTORY", filepath.Join(dir, "none"))
	path := filepath.Join(dir, "profile.db")
	w := newLookout(time.Now, analyze.Options{}, path)
	defer w.Close()
	quick := startDaemon(t, path, dir, "quick", 50*time.Millisecond)
	slow := startDaemon(t, path, dir, "slow", time.Hour)
	slow.run(50)
	slow.stop()
	slow = &daemonOf{slow.Sampler, startDaemon(t, path, dir, "slow", time.Hour).writer, nil}
	quick.run(100)
	until(t, w, "both are seen", tells("quick 100 live=false;slow 50 live=false;"))
	slow.run(200) // they wait
	quick.run(300)
	until(t, w, "the quick one is ahead", tells("quick 400 live=false;slow 50 live=false;"))
	late := startDaemon(t, path, dir, "slow", 50*time.Millisecond)
	late.Sampler = storetest.NewSampler("slow", slow.Info.Started, 1)
	late.run(250)
	until(t, w, "what came late is read", tells("quick 400 live=false;slow 250 live=false;"))
}

// TestLookoutReadsALongRecordingInPieces has more on record than one look may read.
func TestLookoutReadsALongRecordingInPieces(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("RUNTIME_DIRECTORY", filepath.Join(dir, "none"))
	path := filepath.Join(dir, "profile.db")
	d := startDaemon(t, path, dir, "wan1", 50*time.Millisecond)
	d.Info.Started = time.Now().Add(-20 * time.Minute)
	for range 12 {
		d.run(2000)
		for d.writer.Health().Waiting > 0 {
			time.Sleep(5 * time.Millisecond)
		}
	}
	d.stop()
	w := newLookout(time.Now, analyze.Options{}, path)
	defer w.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if s := w.Look(ctx, time.Hour); !s.Loading() || s.Files[0].Trouble != "" {
		t.Errorf("an interrupted look: %+v", s.Files)
	}
	for _, tc := range []struct {
		window time.Duration
		want   int64 // or one more or less: cycles start a little late
	}{{time.Hour, 24000}, {10 * time.Minute, 12000}} {
		looks, s := 1, w.Look(context.Background(), tc.window)
		for ; looks < 100 && (s.Loading() || s.Files[0].Trouble != ""); looks++ { // a busy machine is tried again
			if s.Files[0].Trouble != "" {
				t.Logf("look %d: %s", looks, s.Files[0].Trouble)
			}
			s = w.Look(context.Background(), tc.window)
		}
		if got := s.Loops[0].Cycles; got < tc.want-1 || got > tc.want+1 {
			t.Errorf("%v: %d cycles after %d looks, want %d: %+v", tc.window, got, looks, tc.want, s.Files)
		}
		t.Logf("%v: %d looks", tc.window, looks)
	}
}

// TestLookoutOfTwoFilesOfOneLoop has the recording from before and that of today.
func TestLookoutOfTwoFilesOfOneLoop(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("RUNTIME_DIRECTORY", filepath.Join(dir, "none"))
	var paths []string
	for i, name := range []string{"today.db", "before.db"} {
		paths = append(paths, filepath.Join(dir, name))
		d := startDaemon(t, paths[i], dir, "wan1", 50*time.Millisecond)
		d.Info.Started = d.Info.Started.Add(time.Duration(-i) * time.Minute)
		d.run(100 + i)
		d.stop()
	}
	w := newLookout(time.Now, analyze.Options{}, paths...)
	defer w.Close()
	for range 3 {
		until(t, w, "the later run is told of", tells("wan1 100 live=false;"))
	}
}

func TestLookoutTakesAClockThatIsSetBack(t *testing.T) {
	t.Setenv("RUNTIME_DIRECTORY", t.TempDir())
	now := time.Date(2026, 1, 9, 14, 0, 0, 0, time.UTC)
	w := newLookout(func() time.Time { return now }, analyze.Options{}, filepath.Join(t.TempDir(), "none.db"))
	defer w.Close()
	w.Look(context.Background(), time.Minute)
	at := func(started time.Time, seq int64) *cycle.Cycle {
		return &cycle.Cycle{Run: &cycle.Run{Daemon: cycle.Autorate, WAN: "wan1", Started: started}, Seq: seq, Start: started.Add(time.Duration(seq) * time.Second)}
	}
	f := w.files[0]
	for seq := range int64(5) {
		w.take(f, at(now.Add(-5*time.Second), seq), true)
	}
	w.take(f, at(now.Add(-5*time.Second), 3), false) // again, from the file
	w.take(f, at(now.Add(-time.Minute), 9), false)   // of an earlier run
	if got := told(w.Look(context.Background(), time.Minute)); got != "wan1 5 live=true;" {
		t.Error(got)
	}
	now = now.Add(-time.Hour)
	w.take(f, at(now.Add(-2*time.Second), 1), true)
	if got := told(w.Look(context.Background(), time.Minute)); got != "wan1 1 live=true;" {
		t.Error("after the clock was set back:", got)
	}
}

// BenchmarkTop is a second of watching a loop of 20 Hz through its crash ring: a look
// and a picture. It tells the CPU that a minute of it takes.
func BenchmarkTop(b *testing.B) {
	runtime := ringFolder(b)
	b.Setenv("RUNTIME_DIRECTORY", runtime)
	path := filepath.Join(b.TempDir(), "profile.db")
	for _, window := range []time.Duration{time.Minute, 5 * time.Minute, time.Hour} {
		b.Run(window.String(), func(b *testing.B) {
			d := startDaemon(b, path+window.String(), runtime, "wan1", 20*time.Millisecond)
			w := newLookout(time.Now, analyze.Options{}, path+window.String())
			defer w.Close()
			s := screen.New(window, screen.Options{})
			second := func() {
				d.run(20)
				s.Show(w.Look(context.Background(), window))
				_ = s.Text(time.Now())
			}
			for range window / time.Second {
				d.run(20)
				w.Look(context.Background(), window)
			}
			before := cpu(b)
			b.ReportAllocs()
			for b.Loop() {
				second()
			}
			b.ReportMetric((cpu(b)-before).Seconds()*60/float64(b.N), "cpu-s/min")
		})
	}
}

// cpu is the processor time of this process so far.
func cpu(t testing.TB) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
