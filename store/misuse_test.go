package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"wanctl/cycle"
)

func TestWithoutPermissionItWaitsForIt(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can act as another user")
	}
	cfg := testConfig(t)
	dir := filepath.Dir(cfg.Path)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		if err := unix.Setfsuid(65534); err != nil {
			t.Error(err)
		}
		w := NewWriter(cfg, nil)
		defer w.close()
		w.Record(newSampler("wan1", at0).Next())
		if err := w.flush(); err == nil || w.Health().Trouble == "" {
			t.Errorf("a folder of root's was written to: %v", err)
		}
		if err := os.Chmod(dir, 0o777); err == nil {
			t.Error("nobody may change root's folder")
		}
	}()
	<-done
}

func TestReadersSayWhatIsNoRecording(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:                           "is a directory (--db names the file)",
		pipe:                          "is no regular file",
		filepath.Join(dir, "none.db"): "there is no recording there: no such file or directory (is a daemon running that records into it? --db names another)",
	} {
		want = fmt.Sprintf("recording %q: %s", path, want)
		_, read := OpenReader(t.Context(), path)
		_, inspected := Inspect(t.Context(), path)
		_, pruned := Prune(t.Context(), Config{Path: path})
		for how, err := range map[string]error{"read": read, "inspected": inspected, "pruned": pruned} {
			if err == nil || err.Error() != want {
				t.Errorf("%s: %v, want %s", how, err, want)
			}
		}
	}
	w := NewWriter(Config{Path: pipe}, nil)
	defer w.close()
	w.Record(newSampler("wan1", at0).Next())
	if err := w.flush(); !errors.Is(err, cycle.ErrNotPlain) {
		t.Errorf("a pipe written to: %v", err)
	}
}

func TestWhatIsNotOursIsLeftAlone(t *testing.T) {
	t.Parallel()
	sql := func(text string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			c, err := dial(path, forWriting, "")
			if err != nil {
				t.Fatal(err)
			}
			defer c.close()
			if err := c.exec(text); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, tc := range []struct {
		name string
		make func(t *testing.T, path string)
		want error
	}{
		{"another program's database", sql("CREATE TABLE t (x); INSERT INTO t VALUES (1)"), ErrForeign},
		{"another program's id", sql("PRAGMA application_id = 77; CREATE TABLE t (x)"), ErrForeign},
		{"a newer version's file", sql(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = 99; CREATE TABLE t (x)", 0x77616e63)), ErrNewer},
		{"a text", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("router:\n  host: 192.0.2.1\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, ErrForeign},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cfg := testConfig(t)
			tc.make(t, cfg.Path)
			before, err := os.ReadFile(cfg.Path)
			if err != nil {
				t.Fatal(err)
			}
			w := NewWriter(cfg, nil)
			defer w.close()
			w.Record(newSampler("wan1", at0).Next())
			if err := w.flush(); !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if _, err := OpenReader(context.Background(), cfg.Path); err == nil {
				t.Error("it could be read")
			}
			after, err := os.ReadFile(cfg.Path)
			if err != nil || !bytes.Equal(before, after) {
				t.Errorf("the file was changed (%v)", err)
			}
			if err := os.Rename(cfg.Path, cfg.Path+".away"); err != nil {
				t.Fatal(err)
			}
			if err := w.flush(); err != nil || w.Health().Recorded != 1 {
				t.Errorf("with the file out of the way: %v, %+v", err, w.Health())
			}
		})
	}
}

func TestTwoHundredThousandCyclesAtOnce(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	w := NewWriter(cfg, nil)
	s := newSampler("wan1", at0)
	const n = 200_000
	began := time.Now()
	c := s.Next()
	for range n {
		c.Seq++
		c.Start = c.Start.Add(50 * time.Millisecond)
		w.Record(c)
	}
	t.Logf("handed over in %v", time.Since(began))
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	h := w.Health()
	w.close()
	if h.Recorded+h.Dropped != n || h.Dropped == 0 {
		t.Errorf("%+v", h)
	}
	r := reading(t, cfg.Path)
	drops, err := r.Drops(context.Background(), everything)
	if err != nil || len(drops) != 1 || drops[0].Count != h.Dropped || drops[0].WAN != "wan1" {
		t.Errorf("drops %+v, %v; want %d of wan1", drops, err, h.Dropped)
	}
	if got := int64(len(cyclesOf(t, r))); got != h.Recorded {
		t.Errorf("%d cycles on record, want %d", got, h.Recorded)
	}
}

func TestDaemonsShareAFile(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	cfg.FlushInterval = 5 * time.Millisecond
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	var writers, loops sync.WaitGroup
	const n = 3000
	for i := range 3 {
		w := NewWriter(cfg, nil)
		s := newSampler(fmt.Sprintf("wan%d", i+1), at0)
		writers.Go(func() {
			if err := w.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		loops.Go(func() {
			for range n {
				w.Record(s.Next())
				if w.Health().Waiting >= 200 {
					time.Sleep(10 * time.Millisecond)
				}
			}
		})
	}
	loops.Wait()
	stop()
	writers.Wait()
	r := reading(t, cfg.Path)
	if got := len(cyclesOf(t, r)); got != 3*n {
		t.Errorf("%d cycles, want %d", got, 3*n)
	}
	if wrong, err := r.Check(context.Background(), nil); err != nil || len(wrong) > 0 {
		t.Errorf("check: %v, %v", wrong, err)
	}
}
