package store

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// as runs f as another user.
func as(t *testing.T, uid uintptr, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, uid, uid, uid); e != 0 {
			t.Error(e)
			return
		}
		f()
	}()
	<-done
}

const (
	daemonUser = 65533
	readerUser = 65534
)

// shared is a folder that every user may write.
func shared(t *testing.T) Config {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can act as another user")
	}
	cfg := testConfig(t)
	for dir, mode := range map[string]os.FileMode{filepath.Dir(cfg.Path): 0o777, filepath.Dir(filepath.Dir(cfg.Path)): 0o755, cfg.Runtime: 0o777} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
	}
	return cfg
}

// TestAReaderOfAnotherUserStopsNoRecording: it may write the folder, and comes when
// no daemon has the file open, and again beside one.
func TestAReaderOfAnotherUserStopsNoRecording(t *testing.T) {
	t.Parallel()
	cfg := shared(t)
	s := newSampler("wan1", at0)
	writes := func(w *Writer) {
		w.Record(s.Next())
		if err := w.flush(); err != nil {
			t.Error(err)
		}
	}
	var r *Reader
	reads := func(want int) {
		as(t, readerUser, func() {
			var err error
			if r == nil {
				if r, err = OpenReader(t.Context(), cfg.Path); err != nil {
					t.Error(err)
					return
				}
			}
			n := 0
			for _, e := range r.Cycles(t.Context(), everything) {
				if n++; e != nil {
					t.Error(e)
				}
			}
			if n != want {
				t.Errorf("%d cycles, want %d", n, want)
			}
		})
	}
	as(t, daemonUser, func() {
		w := NewWriter(cfg, nil)
		writes(w)
		w.close()
	})
	if err := os.Chmod(cfg.Path, 0o644); err != nil {
		t.Fatal(err)
	}
	reads(1)
	if names, _ := filepath.Glob(cfg.Path + "-*"); len(names) > 0 {
		t.Errorf("the reader left %q", names)
	}
	as(t, daemonUser, func() {
		w := NewWriter(cfg, nil)
		defer w.close()
		writes(w)
		reads(2)
		writes(w)
		reads(3)
	})
	if r != nil {
		_ = r.Close()
	}
}

func TestADaemonThatBeginsUnderAReaderIsTold(t *testing.T) {
	t.Parallel()
	cfg := shared(t)
	w := NewWriter(cfg, nil)
	s := newSampler("wan1", at0)
	fill(t, w, s, 100)
	w.close()
	if err := os.Chown(cfg.Path, daemonUser, -1); err != nil {
		t.Fatal(err)
	}
	as(t, readerUser, func() {
		r, err := OpenReader(t.Context(), cfg.Path)
		if err != nil {
			t.Error(err)
			return
		}
		defer r.Close()
		err = r.use(t.Context(), func(*conn) error {
			later := time.Now().Add(time.Second)
			done := make(chan struct{})
			go func() { // as root
				defer close(done)
				w := NewWriter(cfg, nil)
				fill(t, w, s, 100)
				w.close()
				_ = os.Chtimes(cfg.Path, later, later)
			}()
			<-done
			return nil
		})
		if !errors.Is(err, errBegun) {
			t.Errorf("got %v", err)
		}
		if newest, err := r.Newest(t.Context()); err != nil || newest.Before(at0) {
			t.Errorf("again: %v, %v", newest, err)
		}
	})
}

func TestTheLogNamesTheFileThatMayNotBeWritten(t *testing.T) {
	t.Parallel()
	cfg := shared(t)
	as(t, daemonUser, func() {
		w := NewWriter(cfg, nil)
		w.Record(newSampler("wan1", at0).Next())
		if err := w.flush(); err != nil {
			t.Error(err)
		}
		w.close()
	})
	if err := os.WriteFile(cfg.Path+"-shm", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(cfg.Path+"-shm", readerUser, -1); err != nil {
		t.Fatal(err)
	}
	as(t, daemonUser, func() {
		w := NewWriter(cfg, nil)
		defer w.close()
		c := newSampler("wan1", at0.Add(time.Hour)).Next()
		w.Record(c)
		err := w.flush()
		if said := w.Health().Trouble; err == nil || !strings.Contains(said, cfg.Path+"-shm belongs to ") || !strings.HasSuffix(said, "remove it while no daemon runs") {
			t.Errorf("%v, told as %q", err, said)
		} else {
			t.Log(said)
		}
		if err := os.Remove(cfg.Path + "-shm"); err != nil {
			t.Error(err)
		}
		if err := w.flush(); err != nil || w.Health().Recorded != 1 {
			t.Errorf("with the file away: %v", err)
		}
	})
}
