package store

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

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

// slowCommit makes one commit take as long as the fault lasts; newScene has put the
// stop into its way.
func slowCommit(s *scene) func() {
	s.slow.Store(true)
	return func() {}
}

// steps steps the wall clock, and back again.
func steps(by time.Duration) func(s *scene) func() {
	return func(s *scene) func() {
		s.step.Store(int64(by))
		return func() { s.step.Store(0) }
	}
}

// appears puts a database of other make in the recording's place, as somebody
// does who restores the wrong file.
func appears(sql string) func(s *scene) func() {
	return func(s *scene) func() {
		other := s.path + ".other"
		c, err := dial(other, forWriting, "")
		if err == nil {
			err = c.exec(sql)
			c.close()
		}
		if err != nil {
			s.t.Error(err)
			return func() {}
		}
		before, _ := os.ReadFile(other)
		if err := os.Rename(other, s.path); err != nil {
			s.t.Error(err)
		}
		return func() {
			if after, err := os.ReadFile(s.path); err != nil || !bytes.Equal(before, after) {
				s.t.Errorf("the other program's file was changed (%v)", err)
			}
			if err := os.Rename(s.path, other); err != nil {
				s.t.Error(err)
			}
		}
	}
}

// restores puts an older recording in its place, which must not suffer from what
// the one before has left beside it.
func restores(s *scene) func() {
	cfg := s.w.cfg
	cfg.Path += ".older"
	const n = 1000
	record(s.t, cfg, func(w *Writer) {
		sampler := newSampler("wan3", at0)
		for range n {
			w.Record(sampler.Next())
		}
	})
	if err := os.Rename(cfg.Path, s.path); err != nil {
		s.t.Error(err)
	}
	return func() {
		older := 0
		for _, c := range cyclesOf(s.t, reading(s.t, s.path)) {
			if c.Run.WAN == "wan3" {
				older++
			}
		}
		if older != n {
			s.t.Errorf("of the older recording's %d cycles %d are left", n, older)
		}
	}
}

// forbids takes the folder's rights from the user that nobodys writer runs as.
func forbids(s *scene) func() {
	change := func(mode os.FileMode) {
		if err := os.Chmod(s.dir, mode); err != nil {
			s.t.Error(err)
		}
	}
	change(0o700)
	return func() { change(0o777) }
}

// nobodys runs the writer with the rights of nobody in the scene's folder.
func nobodys(s *scene) {
	if os.Getuid() != 0 {
		s.t.Skip("only root can act as another user")
	}
	for _, dir := range []string{s.dir, filepath.Dir(s.dir)} {
		if err := os.Chmod(dir, 0o777); err != nil {
			s.t.Fatal(err)
		}
	}
	s.run = func(ctx context.Context) error {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Setfsuid(65534); err != nil {
			return err
		}
		return s.w.Run(ctx)
	}
}

// floods hands over 200,000 cycles of another loop while one flush lasts.
func floods(s *scene) func() {
	const n = 200_000
	s.gate.Lock()
	defer s.gate.Unlock()
	c := newSampler("wan2", time.Now()).Next()
	for range n {
		c.Seq++
		c.Start = c.Start.Add(50 * time.Millisecond)
		s.w.Record(c)
	}
	s.others = n
	return func() {}
}

// joins lets another daemon record into the same file.
func joins(s *scene) func() {
	w := NewWriter(s.w.cfg, nil)
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	n := int64(0)
	wg.Go(func() {
		if err := w.Run(ctx); err != nil {
			s.t.Error(err)
		}
	})
	wg.Go(func() {
		for sampler := newSampler("wan2", time.Now()); ctx.Err() == nil; n++ {
			w.Record(sampler.Next())
			time.Sleep(time.Millisecond)
		}
	})
	return func() {
		stop()
		wg.Wait()
		if h := w.Health(); h.Recorded != n || h.Dropped != 0 {
			s.t.Errorf("the other daemon, of %d cycles: %+v", n, h)
		}
	}
}
